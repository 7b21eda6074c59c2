//! Installed problems: every upload is a revision known by its digest, one of them is active.

use proto::http::ProblemView;
use proto::id::Digest;

use super::db::{Row, args};
use super::{Millis, Store, StoreError, to_json};

/// A revision to install.
#[derive(Debug, Clone)]
pub(crate) struct NewProblem {
    pub(crate) view: ProblemView,
    pub(crate) blob: Digest,
    pub(crate) languages: Option<Vec<String>>,
    /// Bytes on disk when it is unpacked; 0 when nobody knows.
    pub(crate) unpacked: u64,
}

/// An installed revision.
#[derive(Debug, Clone)]
pub(crate) struct ProblemRow {
    pub(crate) view: ProblemView,
    pub(crate) blob: Digest,
    pub(crate) languages: Option<Vec<String>>,
}

fn problem(row: &Row) -> Result<ProblemRow, StoreError> {
    let languages = match row.opt_text(2)? {
        Some(_) => Some(row.json(2, "problems.languages")?),
        None => None,
    };
    Ok(ProblemRow { view: row.json(0, "problems.view")?, blob: row.parse(1, "problems.blob")?, languages })
}

impl Store {
    /// Installs a revision and makes it the active one. Returns false when it was installed before (it is
    /// active afterwards all the same).
    ///
    /// # Errors
    /// `NameTaken` when the name is a package's of the other kind (problem, harness).
    pub(crate) async fn install_problem(&self, new: &NewProblem, now: Millis) -> Result<bool, StoreError> {
        let (name, digest) = (&new.view.name, &new.view.digest);
        let languages = new.languages.as_ref().map(to_json).transpose()?;
        let mut tx = self.db.begin().await?;
        let named = tx.row("SELECT view FROM problems WHERE name = $1 LIMIT 1", args![name.as_str()]).await?;
        if let Some(row) = named {
            let there: ProblemView = row.json(0, "problems.view")?;
            if there.harness.is_some() != new.view.harness.is_some() {
                return Err(StoreError::NameTaken(name.clone()));
            }
        }
        let added = tx
            .exec(
                "INSERT INTO problems (name, digest, blob, languages, view, active, created_ms, unpacked) \
                 VALUES ($1, $2, $3, $4, $5, 0, $6, $7) ON CONFLICT (name, digest) DO NOTHING",
                args![
                    name.as_str(),
                    digest,
                    &new.blob,
                    languages,
                    to_json(&new.view)?,
                    now,
                    i64::try_from(new.unpacked).unwrap_or(i64::MAX)
                ],
            )
            .await?;
        tx.exec(
            "UPDATE problems SET active = 0 WHERE name = $1 AND active = 1 AND digest <> $2",
            args![name.as_str(), digest],
        )
        .await?;
        tx.exec(
            "UPDATE problems SET active = 1, retired_ms = NULL WHERE name = $1 AND digest = $2",
            args![name.as_str(), digest],
        )
        .await?;
        tx.commit().await?;
        Ok(added == 1)
    }

    /// Makes an installed revision the active one.
    ///
    /// # Errors
    /// `Missing` when there is no such revision.
    pub(crate) async fn activate_problem(&self, name: &str, digest: &Digest) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        tx.exec(
            "UPDATE problems SET active = 0 WHERE name = $1 AND active = 1 AND digest <> $2",
            args![name, digest],
        )
        .await?;
        let found = tx
            .exec(
                "UPDATE problems SET active = 1, retired_ms = NULL WHERE name = $1 AND digest = $2",
                args![name, digest],
            )
            .await?;
        if found == 0 {
            return Err(StoreError::Missing(format!("revision {digest} of problem `{name}`")));
        }
        tx.commit().await
    }

    /// Active revisions, by name.
    pub(crate) async fn problems(&self) -> Result<Vec<ProblemRow>, StoreError> {
        let rows = self
            .db
            .rows("SELECT view, blob, languages FROM problems WHERE active = 1 ORDER BY name", args![])
            .await?;
        rows.iter().map(problem).collect()
    }

    /// One revision: the active one, or the one named.
    pub(crate) async fn problem(
        &self,
        name: &str,
        digest: Option<&Digest>,
    ) -> Result<Option<ProblemRow>, StoreError> {
        let row = match digest {
            Some(digest) => {
                self.db
                    .row(
                        "SELECT view, blob, languages FROM problems WHERE name = $1 AND digest = $2 \
                         AND retired_ms IS NULL",
                        args![name, digest],
                    )
                    .await?
            }
            None => {
                self.db
                    .row(
                        "SELECT view, blob, languages FROM problems WHERE name = $1 AND active = 1",
                        args![name],
                    )
                    .await?
            }
        };
        row.as_ref().map(problem).transpose()
    }
}
