//! Keeping things only so long: sources, outputs and whole submissions by age, revisions of problems nobody needs, and
//! blobs no row names.
//!
//! A submission's age counts from when it was sent. Only what is done or cancelled is touched, and nothing that is being
//! judged again. Each look erases a bounded number of rows of each tenant, each in a short transaction of its own, so
//! that no request waits for it; it tells whether more is left.

use proto::id::{Digest, JudgementId, SubmissionId};
use proto::report::Judgement;

use super::db::{Tx, args};
use super::{Content, Millis, Store, StoreError, to_json};

const DAY_MS: Millis = 24 * 3600 * 1000;
/// Rows of one tenant and kind that one look erases.
pub(super) const AT_ONCE: u32 = 100;
/// How long a retired revision stays, for who read it just before.
pub(super) const RETIRED_MS: Millis = 3600 * 1000;
/// A blob without a row is left alone for so long: whoever brought it may have yet to name it.
const ORPHAN_MS: Millis = DAY_MS;

/// After how many days things are erased; `None` keeps them for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(clippy::struct_field_names)] // the unit
pub struct Retention {
    /// Source files, and tests that came in the request.
    pub sources_days: Option<u32>,
    /// What programs, compilers and checkers wrote: outputs, logs, reasons, feedback, transcripts. Verdicts, scores and
    /// figures stay.
    pub outputs_days: Option<u32>,
    /// The submission with all its judgements.
    pub judgements_days: Option<u32>,
    /// Revisions of problems that are not active and that no judgement names any more.
    pub revisions_days: Option<u32>,
}

/// What a look erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Erased {
    pub(crate) submissions: u64,
    pub(crate) sources: u64,
    pub(crate) outputs: u64,
    pub(crate) revisions: u64,
    pub(crate) blobs: u64,
    /// Whether a bound ended the look.
    pub(crate) more: bool,
}

/// Which of a tenant's submissions a look is for.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Whole,
    Sources,
    Outputs,
}

fn cutoff(days: Option<u32>, now: Millis) -> Option<Millis> {
    days.map(|days| now - i64::from(days) * DAY_MS)
}

impl Store {
    /// Erases what is too old, as much as one look may; `defaults` are for tenants without days of their own.
    pub(crate) async fn erase_old(&self, defaults: &Retention, now: Millis) -> Result<Erased, StoreError> {
        let mut erased = Erased::default();
        let mut tenant = String::new();
        while let Some(next) = self.next_tenant(&tenant).await? {
            tenant = next;
            let own = self.tenant_retention(&tenant, defaults).await?;
            for (kind, days) in [
                (Kind::Whole, own.judgements_days),
                (Kind::Sources, own.sources_days),
                (Kind::Outputs, own.outputs_days),
            ] {
                let Some(before) = cutoff(days, now) else { continue };
                let old = self.old(kind, &tenant, before).await?;
                erased.more |= old.len() == AT_ONCE as usize;
                for id in old {
                    match kind {
                        Kind::Whole => erased.submissions += u64::from(self.erase_settled(id).await?),
                        Kind::Sources => erased.sources += u64::from(self.erase_sources(id, now).await?),
                        Kind::Outputs => erased.outputs += u64::from(self.erase_outputs(id, now).await?),
                    }
                }
            }
        }
        if let Some(before) = cutoff(defaults.revisions_days, now) {
            erased.revisions = self.erase_revisions(before, now).await?;
        }
        Ok(erased)
    }

    /// The tenant after this one, of those that have submissions.
    async fn next_tenant(&self, after: &str) -> Result<Option<String>, StoreError> {
        let row = self.db.row("SELECT MIN(tenant) FROM submissions WHERE tenant > $1", args![after]).await?;
        row.map_or(Ok(None), |r| r.opt_text(0))
    }

    async fn tenant_retention(&self, tenant: &str, defaults: &Retention) -> Result<Retention, StoreError> {
        let row = self
            .db
            .row(
                "SELECT sources_days, outputs_days, judgements_days FROM tenants WHERE name = $1",
                args![tenant],
            )
            .await?;
        let Some(row) = row else { return Ok(*defaults) };
        let days = |at, default| Ok::<_, StoreError>(row.opt_int(at)?.map(|n| n as u32).or(default));
        Ok(Retention {
            sources_days: days(0, defaults.sources_days)?,
            outputs_days: days(1, defaults.outputs_days)?,
            judgements_days: days(2, defaults.judgements_days)?,
            revisions_days: defaults.revisions_days,
        })
    }

    /// Submissions that are too old and final, the oldest first.
    async fn old(&self, kind: Kind, tenant: &str, before: Millis) -> Result<Vec<SubmissionId>, StoreError> {
        macro_rules! old {
            ($left:literal) => {
                concat!(
                    "SELECT s.id FROM submissions s WHERE s.tenant = $1 AND s.created_ms <= $2 ",
                    $left,
                    "AND s.state IN ('done', 'cancelled') AND NOT EXISTS (SELECT 1 FROM judgements j ",
                    "WHERE j.submission_id = s.id AND j.state IN ('queued', 'running', 'held')) ",
                    "ORDER BY s.created_ms LIMIT $3"
                )
            };
        }
        let sql = match kind {
            Kind::Whole => old!(""),
            Kind::Sources => old!("AND s.sources_erased_ms IS NULL "),
            Kind::Outputs => old!("AND s.outputs_erased_ms IS NULL "),
        };
        let rows = self.db.rows(sql, args![tenant, before, AT_ONCE]).await?;
        rows.iter().map(|r| r.parse(0, "submissions.id")).collect()
    }

    async fn erase_settled(&self, id: SubmissionId) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        if !settled(&mut tx, id).await? {
            return Ok(false);
        }
        drop(tx);
        // Should somebody judge it again in between: its worker is told to stop, as with any erased submission.
        self.erase(id).await
    }

    async fn erase_sources(&self, id: SubmissionId, now: Millis) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        if !settled(&mut tx, id).await? {
            return Ok(false);
        }
        let row = tx.row("SELECT content FROM submissions WHERE id = $1", args![id]).await?;
        let Some(row) = row else { return Ok(false) };
        let content: Content = row.json(0, "submissions.content")?;
        let left = Content { files: Vec::new(), tests: content.tests.map(|_| Vec::new()), ..content };
        let changed = tx
            .exec(
                "UPDATE submissions SET content = $1, sources_erased_ms = $2 \
                 WHERE id = $3 AND sources_erased_ms IS NULL",
                args![to_json(&left)?, now, id],
            )
            .await?;
        tx.commit().await?;
        Ok(changed == 1)
    }

    async fn erase_outputs(&self, id: SubmissionId, now: Millis) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        // In the order in which a report locks them: judgements first.
        let rows = tx
            .rows(
                "SELECT id, result FROM judgements WHERE submission_id = $1 AND result IS NOT NULL",
                args![id],
            )
            .await?;
        for row in rows {
            let judgement: JudgementId = row.parse(0, "judgements.id")?;
            let result: Judgement = row.json(1, "judgements.result")?;
            tx.exec(
                "UPDATE judgements SET result = $1 WHERE id = $2",
                args![to_json(&result.without_outputs())?, judgement],
            )
            .await?;
        }
        let changed = tx
            .exec(
                "UPDATE submissions SET outputs_erased_ms = $1 WHERE id = $2 AND outputs_erased_ms IS NULL",
                args![now, id],
            )
            .await?;
        tx.commit().await?;
        Ok(changed == 1)
    }

    /// Retires revisions that are not active, came before `before` and stand in no judgement, and deletes those that were
    /// retired a while ago and still are not needed.
    async fn erase_revisions(&self, before: Millis, now: Millis) -> Result<u64, StoreError> {
        macro_rules! needless {
            ($what:literal, $end:literal) => {
                concat!(
                    $what,
                    " AND active = 0 AND NOT EXISTS (SELECT 1 FROM judgements j WHERE j.problem_blob = problems.blob ",
                    "AND j.problem_name = problems.name AND j.problem_digest = problems.digest)",
                    $end
                )
            };
        }
        let mut tx = self.db.begin().await?;
        let gone = tx
            .rows(
                needless!("DELETE FROM problems WHERE retired_ms <= $1", " RETURNING blob"),
                args![now - RETIRED_MS],
            )
            .await?;
        tx.commit().await?;
        self.db
            .exec("UPDATE problems SET retired_ms = NULL WHERE retired_ms <= $1", args![now - RETIRED_MS])
            .await?;
        self.db
            .exec(
                needless!(
                    "UPDATE problems SET retired_ms = $1 WHERE retired_ms IS NULL AND created_ms <= $2",
                    ""
                ),
                args![now, before],
            )
            .await?;
        for row in &gone {
            let blob: Digest = row.parse(0, "problems.blob")?;
            self.drop_unnamed(&blob, now).await?;
        }
        Ok(gone.len() as u64)
    }

    /// Removes the blob unless a row names it; whether it is gone.
    pub(super) async fn drop_unnamed(&self, digest: &Digest, now: Millis) -> Result<bool, StoreError> {
        let named = self
            .db
            .row(
                "SELECT 1 WHERE EXISTS (SELECT 1 FROM uploads WHERE digest = $1) \
                 OR EXISTS (SELECT 1 FROM problems WHERE blob = $1) \
                 OR EXISTS (SELECT 1 FROM judgements WHERE problem_blob = $1)",
                args![digest],
            )
            .await?;
        if named.is_some() { Ok(false) } else { self.drop_blob(digest, now).await }
    }

    /// Looks at the blobs after `after`, some of them, and removes those that nothing names; how many, and where to go on
    /// (`None` at the end).
    pub(crate) async fn erase_orphans(
        &self,
        after: Option<&Digest>,
        now: Millis,
    ) -> Result<(u64, Option<Digest>), StoreError> {
        let rows = self
            .db
            .rows(
                "SELECT digest FROM blobs WHERE digest > $1 AND created_ms <= $2 ORDER BY digest LIMIT $3",
                args![after.map_or("", Digest::as_str), now - ORPHAN_MS, AT_ONCE],
            )
            .await?;
        let (mut gone, mut last) = (0, None);
        for row in &rows {
            let digest: Digest = row.parse(0, "blobs.digest")?;
            gone += u64::from(self.drop_unnamed(&digest, now).await?);
            last = Some(digest);
        }
        Ok((gone, last.filter(|_| rows.len() == AT_ONCE as usize)))
    }
}

/// Locks a submission and says whether nothing of it is open: a rejudge locks it before it adds a judgement.
async fn settled(tx: &mut Tx, id: SubmissionId) -> Result<bool, StoreError> {
    tx.exec("UPDATE submissions SET state = state WHERE id = $1", args![id]).await?;
    let open = tx
        .row(
            "SELECT 1 FROM judgements WHERE submission_id = $1 AND state IN ('queued', 'running', 'held') LIMIT 1",
            args![id],
        )
        .await?;
    Ok(open.is_none())
}
