//! What an API of the release before leaves undone while it runs beside this one over the same database: it knows
//! neither whose a judgement is (since migration 0009) nor that a registration has a revision (since 0008).

use proto::id::JudgementId;

use super::db::args;
use super::{Millis, Store, StoreError};

/// Judgements that are mended with one look.
const MOST: u32 = 1000;

/// What was mended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mended {
    /// Judgements that have their tenant now.
    pub(crate) judgements: usize,
    /// Workers whose registration is read anew.
    pub(crate) workers: usize,
    /// Whether there may be more of the first.
    pub(crate) more: bool,
}

impl Store {
    /// Looks at judgements made since then, at all with `None`, and at what workers told.
    pub(crate) async fn mend(&self, since: Option<Millis>) -> Result<Mended, StoreError> {
        let judgements = self.mend_tenants(since).await?;
        let workers = self.mend_revisions().await?;
        Ok(Mended { judgements, workers, more: judgements == MOST as usize })
    }

    async fn mend_tenants(&self, since: Option<Millis>) -> Result<usize, StoreError> {
        // Ids begin with the time (RFC 9562 section 5.7).
        let since = since.map(|ms| {
            let ms = u64::try_from(ms).unwrap_or(0);
            JudgementId(uuid::Builder::from_unix_timestamp_millis(ms, &[0; 10]).into_uuid())
        });
        let rows = self
            .db
            .rows(
                "SELECT j.id, s.tenant FROM judgements j JOIN submissions s ON s.id = j.submission_id \
                 WHERE j.id >= $1 AND j.tenant = 'local' AND s.tenant <> 'local' ORDER BY j.id LIMIT $2",
                args![since.map_or_else(String::new, |id| id.to_string()), MOST],
            )
            .await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let mut tx = self.db.begin().await?;
        for row in &rows {
            tx.exec("UPDATE judgements SET tenant = $1 WHERE id = $2", args![row.text(1)?, row.text(0)?])
                .await?;
        }
        tx.commit().await?;
        Ok(rows.len())
    }

    async fn mend_revisions(&self) -> Result<usize, StoreError> {
        let mut mended = 0;
        let sql = "SELECT id, revision, registration FROM workers WHERE revision <> ''";
        for row in self.db.rows(sql, args![]).await? {
            let (id, revision) = (row.parse(0, "workers.id")?, row.text(1)?);
            if self.registrations.hold(id, &revision, &row.text(2)?) {
                continue;
            }
            let sql = "UPDATE workers SET revision = $1 WHERE id = $2 AND revision = $3";
            self.db.exec(sql, args![uuid::Uuid::new_v4().to_string(), id, revision]).await?;
            mended += 1;
        }
        Ok(mended)
    }

    /// Leaves every judgement without its tenant, as the release before writes them.
    #[cfg(test)]
    pub(crate) async fn forget_tenants_for_tests(&self) {
        self.db.exec("UPDATE judgements SET tenant = 'local'", args![]).await.unwrap();
    }
}
