//! Holds: submissions of a held problem or in a held language wait in state `held`, with no job that anybody could
//! take. What is being judged, or is with the broker already, goes on; rejudges are somebody's decision and are not
//! held.

use proto::event::State;
use proto::id::{JudgementId, SubmissionId};

use super::db::{Tx, args};
use super::{Millis, Store, StoreError, jobs, priority, transition};

/// Submissions that change their state in one transaction.
const AT_ONCE: u32 = 500;

/// What is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HoldKind {
    /// A problem, by its short name.
    Problem,
    /// A language, by its id.
    Language,
}

impl HoldKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            HoldKind::Problem => "problem",
            HoldKind::Language => "language",
        }
    }
}

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HoldRow {
    pub(crate) kind: HoldKind,
    pub(crate) name: String,
    /// Why, for people.
    pub(crate) reason: String,
    pub(crate) actor: String,
    pub(crate) created: Millis,
}

/// Whether a submission that comes now is held.
pub(super) async fn is_held(tx: &mut Tx, problem: Option<&str>, language: &str) -> Result<bool, StoreError> {
    let row = tx
        .row(
            "SELECT 1 FROM holds WHERE (kind = 'problem' AND name = $1) OR (kind = 'language' AND name = $2) LIMIT 1",
            args![problem.map(str::to_owned), language],
        )
        .await?;
    Ok(row.is_some())
}

impl Store {
    /// Holds a problem or a language, or changes why.
    pub(crate) async fn hold(&self, new: &HoldRow) -> Result<(), StoreError> {
        self.db
            .exec(
                "INSERT INTO holds (kind, name, reason, actor, created_ms) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (kind, name) DO UPDATE SET reason = excluded.reason, actor = excluded.actor",
                args![
                    new.kind.name(),
                    new.name.as_str(),
                    new.reason.as_str(),
                    new.actor.as_str(),
                    new.created
                ],
            )
            .await
            .map(drop)
    }

    /// Ends a hold; false when there is none. [`Store::settle_holds`] lets its submissions go.
    pub(crate) async fn release(&self, kind: HoldKind, name: &str) -> Result<bool, StoreError> {
        let gone =
            self.db.exec("DELETE FROM holds WHERE kind = $1 AND name = $2", args![kind.name(), name]).await?;
        Ok(gone == 1)
    }

    /// Every hold.
    pub(crate) async fn holds(&self) -> Result<Vec<HoldRow>, StoreError> {
        let rows = self
            .db
            .rows("SELECT kind, name, reason, actor, created_ms FROM holds ORDER BY kind, name", args![])
            .await?;
        rows.iter()
            .map(|row| {
                let kind = match row.text(0)?.as_str() {
                    "problem" => HoldKind::Problem,
                    "language" => HoldKind::Language,
                    other => return Err(StoreError::corrupt(format!("hold of a `{other}`"))),
                };
                let (name, reason, actor) = (row.text(1)?, row.text(2)?, row.text(3)?);
                Ok(HoldRow { kind, name, reason, actor, created: row.int(4)? })
            })
            .collect()
    }

    /// Brings submissions in line with the holds: holds what waits and nobody has in hand, lets go what no hold is
    /// for any more. Returns what it touched, at most [`AT_ONCE`] each way; the next look does the rest, and what a
    /// race left over.
    pub(crate) async fn settle_holds(&self, now: Millis) -> Result<Vec<SubmissionId>, StoreError> {
        let mut touched = self.hold_waiting(now).await?;
        touched.extend(self.let_go(now).await?);
        Ok(touched)
    }

    async fn hold_waiting(&self, now: Millis) -> Result<Vec<SubmissionId>, StoreError> {
        // Nearly always, and then the waiting need not be read.
        if self.db.row("SELECT 1 FROM holds LIMIT 1", args![]).await?.is_none() {
            return Ok(Vec::new());
        }
        let found = self
            .db
            .rows(
                "SELECT s.id, w.judgement_id FROM jobs w \
                 JOIN judgements j ON j.id = w.judgement_id AND j.current = 1 AND j.state = 'queued' \
                 JOIN submissions s ON s.id = j.submission_id \
                 WHERE w.lease_until_ms <= $1 AND w.published_ms IS NULL AND EXISTS (SELECT 1 FROM holds h \
                 WHERE (h.kind = 'problem' AND h.name = s.problem) OR (h.kind = 'language' AND h.name = s.language)) \
                 LIMIT $2",
                args![now, AT_ONCE],
            )
            .await?;
        let mut touched = Vec::new();
        for row in &found {
            let (id, judgement): (SubmissionId, JudgementId) =
                (row.parse(0, "submissions.id")?, row.parse(1, "jobs.judgement_id")?);
            let mut tx = self.db.begin().await?;
            let held = tx
                .exec(
                    "UPDATE judgements SET state = 'held' WHERE id = $1 AND state = 'queued'",
                    args![judgement],
                )
                .await?;
            let taken = tx
                .exec(
                    "DELETE FROM jobs WHERE judgement_id = $1 AND lease_until_ms <= $2 AND published_ms IS NULL",
                    args![judgement, now],
                )
                .await?;
            // Somebody took it meanwhile, or it ended: it goes on, and the transaction is dropped.
            if (held, taken) == (1, 1) {
                transition(&mut tx, id, &[State::Queued], State::Held).await?;
                tx.commit().await?;
                touched.push(id);
            }
        }
        Ok(touched)
    }

    async fn let_go(&self, now: Millis) -> Result<Vec<SubmissionId>, StoreError> {
        let found = self
            .db
            .rows(
                "SELECT s.id, j.id, s.priority, j.created_ms FROM submissions s \
                 JOIN judgements j ON j.submission_id = s.id AND j.current = 1 AND j.state = 'held' \
                 WHERE s.state = 'held' AND NOT EXISTS (SELECT 1 FROM holds h \
                 WHERE (h.kind = 'problem' AND h.name = s.problem) OR (h.kind = 'language' AND h.name = s.language)) \
                 ORDER BY s.id LIMIT $1",
                args![AT_ONCE],
            )
            .await?;
        let mut touched = Vec::new();
        for row in &found {
            let (id, judgement): (SubmissionId, JudgementId) =
                (row.parse(0, "submissions.id")?, row.parse(1, "judgements.id")?);
            let mut tx = self.db.begin().await?;
            let free = tx
                .exec(
                    "UPDATE judgements SET state = 'queued' WHERE id = $1 AND state = 'held'",
                    args![judgement],
                )
                .await?;
            if free == 1 {
                transition(&mut tx, id, &[State::Held], State::Queued).await?;
                let class = priority(&row.text(2)?)?;
                jobs::enqueue(&mut tx, judgement, class, crate::CAPABILITY, row.int(3)?, now).await?;
                tx.commit().await?;
                touched.push(id);
            }
        }
        Ok(touched)
    }
}
