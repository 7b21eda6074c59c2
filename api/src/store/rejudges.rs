//! Judging again: judgements beside the current ones, compared with them, then made current together or dropped.
//!
//! Until it is applied a rejudge changes no verdict anybody sees. Applying is one transaction. What could not
//! be judged again (SE) keeps the judgement it has.

use std::str::FromStr;

use proto::id::{JudgementId, SubmissionId};
use proto::job::Priority;
use serde::{Deserialize, Serialize};

use super::db::{Arg, Row, Tx, args};
use super::{Millis, Store, StoreError, jobs, to_json, webhooks};

/// Most submissions of one rejudge: it is made in one transaction.
pub(crate) const REJUDGE_MAX: usize = 10_000;
/// Changed verdicts that are told one by one; all are counted.
const CHANGES_TOLD: u32 = 1000;

/// Which submissions to judge again; every condition must hold, and at least one must be there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Selection {
    /// These and no others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) submissions: Vec<SubmissionId>,
    /// Those of this problem, any revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    /// Those in this language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) language: Option<String>,
    /// Those judged with this image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) image: Option<proto::id::Digest>,
    /// Those with this verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) verdict: Option<proto::verdict::Verdict>,
    /// Those sent at this time or later, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created_from_ms: Option<i64>,
    /// Those sent before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created_before_ms: Option<i64>,
}

impl Selection {
    /// Whether it says anything.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Selection::default()
    }

    /// Conditions over submissions `s` and their current judgements `j`; only what is asked for.
    fn conditions(&self, tenant: Option<&str>) -> (String, Vec<Arg>) {
        // What has no sources any more cannot be judged again.
        let (mut sql, mut values) =
            ("WHERE s.state = 'done' AND s.sources_erased_ms IS NULL".to_owned(), Vec::new());
        let mut hold = |text: &str, value: Option<Arg>| {
            let Some(value) = value else { return };
            values.push(value);
            sql.push_str(" AND ");
            sql.push_str(&text.replace("$?", &format!("${}", values.len())));
        };
        hold("s.tenant = $?", tenant.map(Arg::from));
        hold("s.problem = $?", self.problem.as_deref().map(Arg::from));
        hold("s.language = $?", self.language.as_deref().map(Arg::from));
        // The result is our own JSON, written without spaces.
        hold("j.result LIKE $?", self.image.as_ref().map(|d| Arg::from(format!("%\"image\":\"{d}\"%"))));
        hold("j.verdict = $?", self.verdict.map(|v| Arg::from(v.code())));
        hold("s.created_ms >= $?", self.created_from_ms.map(Arg::from));
        hold("s.created_ms < $?", self.created_before_ms.map(Arg::from));
        if !self.submissions.is_empty() {
            let places: Vec<String> = self
                .submissions
                .iter()
                .map(|id| {
                    values.push(Arg::from(*id));
                    format!("${}", values.len())
                })
                .collect();
            sql.push_str(&format!(" AND s.id IN ({})", places.join(", ")));
        }
        values.push(Arg::from(REJUDGE_MAX as u32 + 1));
        let end = format!(" ORDER BY s.id LIMIT ${}", values.len());
        (sql + &end, values)
    }
}

/// Which revision of its problem a submission is judged with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Revision {
    /// The active one.
    #[default]
    Active,
    /// The one it was judged with before.
    Same,
}

/// Where a rejudge is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RejudgeState {
    /// Not all are judged.
    Running,
    /// All are judged; nothing is changed yet.
    Ready,
    /// Its judgements are the current ones.
    Applied,
    /// Dropped; nothing was changed.
    Cancelled,
}

impl RejudgeState {
    const ALL: [RejudgeState; 4] =
        [RejudgeState::Running, RejudgeState::Ready, RejudgeState::Applied, RejudgeState::Cancelled];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            RejudgeState::Running => "running",
            RejudgeState::Ready => "ready",
            RejudgeState::Applied => "applied",
            RejudgeState::Cancelled => "cancelled",
        }
    }
}

impl FromStr for RejudgeState {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let known = Self::ALL.into_iter().find(|state| state.name() == text);
        known.ok_or_else(|| StoreError::corrupt(format!("rejudge state `{text}`")))
    }
}

/// A rejudge to make.
#[derive(Debug, Clone)]
pub(crate) struct NewRejudge {
    /// `None` for every tenant's submissions.
    pub(crate) tenant: Option<String>,
    pub(crate) actor: String,
    pub(crate) reason: String,
    pub(crate) selection: Selection,
    pub(crate) revision: Revision,
    /// Whether it is applied by itself once all are judged.
    pub(crate) apply: bool,
}

/// A rejudge.
#[derive(Debug, Clone)]
pub(crate) struct RejudgeRow {
    pub(crate) id: String,
    pub(crate) tenant: Option<String>,
    pub(crate) actor: String,
    pub(crate) reason: String,
    pub(crate) state: RejudgeState,
    pub(crate) created: Millis,
    pub(crate) ended: Option<Millis>,
    pub(crate) total: i64,
    pub(crate) done: i64,
}

/// One submission whose verdict or score differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct Change {
    /// The submission.
    pub(crate) submission: String,
    /// The judgement it would get, or has got.
    pub(crate) judgement: String,
    /// Verdict before.
    pub(crate) old_verdict: String,
    /// Verdict after.
    pub(crate) new_verdict: String,
    /// Score before.
    pub(crate) old_score: Option<String>,
    /// Score after.
    pub(crate) new_score: Option<String>,
}

fn rejudge(row: &Row) -> Result<RejudgeRow, StoreError> {
    Ok(RejudgeRow {
        id: row.text(0)?,
        tenant: row.opt_text(1)?,
        actor: row.text(2)?,
        reason: row.text(3)?,
        state: row.text(4)?.parse()?,
        created: row.int(5)?,
        ended: row.opt_int(6)?,
        total: row.int(7)?,
        done: row.int(8)?,
    })
}

macro_rules! select_rejudges {
    ($rest:literal) => {
        concat!(
            "SELECT r.id, r.tenant, r.actor, r.reason, r.state, r.created_ms, r.ended_ms, ",
            "(SELECT COUNT(*) FROM judgements j WHERE j.rejudge_id = r.id), ",
            "(SELECT COUNT(*) FROM judgements j WHERE j.rejudge_id = r.id AND j.done_ms IS NOT NULL) ",
            "FROM rejudges r ",
            $rest
        )
    };
}

/// A submission that is to be judged again.
struct Chosen {
    submission: SubmissionId,
    /// Number of its latest judgement.
    last: i64,
    /// Number of its current one.
    replaces: i64,
    problem: Option<(String, String, String)>,
}

fn chosen(row: &Row) -> Result<Chosen, StoreError> {
    Ok(Chosen {
        submission: row.parse(0, "submissions.id")?,
        last: row.int(1)?,
        replaces: row.int(2)?,
        problem: match (row.opt_text(3)?, row.opt_text(4)?, row.opt_text(5)?) {
            (Some(name), Some(digest), Some(blob)) => Some((name, digest, blob)),
            _ => None,
        },
    })
}

async fn judge_again(
    tx: &mut Tx,
    rejudge: &str,
    chosen: &Chosen,
    revision: Revision,
    now: Millis,
) -> Result<bool, StoreError> {
    // Locks it, so that its sources are not erased meanwhile; the new judgement will have outputs again.
    let kept = tx
        .exec(
            "UPDATE submissions SET outputs_erased_ms = NULL WHERE id = $1 AND sources_erased_ms IS NULL",
            args![chosen.submission],
        )
        .await?;
    if kept == 0 {
        return Ok(false);
    }
    let mut problem = chosen.problem.clone();
    if let (Revision::Active, Some((name, digest, blob))) = (revision, &mut problem) {
        let active = tx
            .row("SELECT digest, blob FROM problems WHERE name = $1 AND active = 1", args![name.as_str()])
            .await?;
        if let Some(active) = active {
            (*digest, *blob) = (active.text(0)?, active.text(1)?);
        }
    }
    let (name, digest, blob) = match problem {
        Some((name, digest, blob)) => (Some(name), Some(digest), Some(blob)),
        None => (None, None, None),
    };
    let judgement = JudgementId::new();
    tx.exec(
        "INSERT INTO judgements (id, submission_id, number, cause, current, state, problem_name, \
         problem_digest, problem_blob, attempt, fence, created_ms, rejudge_id, replaces, tenant) \
         SELECT $1, $2, $3, 'rejudge', 0, 'queued', $4, $5, $6, 0, 0, $7, $8, $9, s.tenant \
         FROM submissions s WHERE s.id = $2",
        args![
            judgement,
            chosen.submission,
            chosen.last + 1,
            name,
            digest,
            blob,
            now,
            rejudge,
            chosen.replaces
        ],
    )
    .await?;
    jobs::enqueue(tx, judgement, Priority::Rejudge, crate::CAPABILITY, now, now).await?;
    Ok(true)
}

impl Store {
    /// Makes a rejudge of every submission that is done and chosen; returns its id and how many that are.
    ///
    /// # Errors
    /// `Quota` when more than [`REJUDGE_MAX`] are chosen; `Missing` when none is.
    pub(crate) async fn new_rejudge(
        &self,
        new: &NewRejudge,
        now: Millis,
    ) -> Result<(String, usize), StoreError> {
        let (conditions, values) = new.selection.conditions(new.tenant.as_deref());
        let rows = self
            .db
            .rows_where(
                "SELECT s.id, (SELECT MAX(n.number) FROM judgements n WHERE n.submission_id = s.id), j.number, \
                 j.problem_name, j.problem_digest, j.problem_blob FROM submissions s \
                 JOIN judgements j ON j.submission_id = s.id AND j.current = 1 ",
                conditions,
                values,
            )
            .await?;
        if rows.len() > REJUDGE_MAX {
            return Err(StoreError::TooMany { most: REJUDGE_MAX });
        }
        if rows.is_empty() {
            return Err(StoreError::Missing("finished submission that is chosen".to_owned()));
        }
        let chosen = rows.iter().map(chosen).collect::<Result<Vec<_>, _>>()?;
        let id = uuid::Uuid::now_v7().to_string();
        let mut tx = self.db.begin().await?;
        tx.exec(
            "INSERT INTO rejudges (id, tenant, actor, reason, selection, apply_when_done, state, created_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, 'running', $7)",
            args![
                id.as_str(),
                new.tenant.clone(),
                new.actor.as_str(),
                new.reason.as_str(),
                to_json(&new.selection)?,
                i64::from(new.apply),
                now
            ],
        )
        .await?;
        let mut made = 0;
        for one in &chosen {
            made += usize::from(judge_again(&mut tx, &id, one, new.revision, now).await?);
        }
        if made == 0 {
            return Err(StoreError::Missing(
                "finished submission that is chosen and has its sources".to_owned(),
            ));
        }
        tx.commit().await?;
        Ok((id, made))
    }

    /// One rejudge; `tenant` is `None` for those who may see every tenant's.
    pub(crate) async fn rejudge(
        &self,
        id: &str,
        tenant: Option<&str>,
    ) -> Result<Option<RejudgeRow>, StoreError> {
        let row = self
            .db
            .row(
                select_rejudges!("WHERE r.id = $1 AND ($2 IS NULL OR r.tenant = $2)"),
                args![id, tenant.map(str::to_owned)],
            )
            .await?;
        row.as_ref().map(rejudge).transpose()
    }

    /// The newest rejudges first.
    pub(crate) async fn rejudges(
        &self,
        tenant: Option<&str>,
        limit: u32,
    ) -> Result<Vec<RejudgeRow>, StoreError> {
        let rows = self
            .db
            .rows(
                select_rejudges!("WHERE ($1 IS NULL OR r.tenant = $1) ORDER BY r.id DESC LIMIT $2"),
                args![tenant.map(str::to_owned), limit],
            )
            .await?;
        rows.iter().map(rejudge).collect()
    }

    /// How many submissions went from which verdict to which: (old, new, count).
    pub(crate) async fn rejudge_counts(&self, id: &str) -> Result<Vec<(String, String, i64)>, StoreError> {
        let rows = self
            .db
            .rows(
                "SELECT COALESCE(o.verdict, ''), n.verdict, COUNT(*) FROM judgements n JOIN judgements o \
                 ON o.submission_id = n.submission_id AND o.number = n.replaces \
                 WHERE n.rejudge_id = $1 AND n.verdict IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2",
                args![id],
            )
            .await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?, row.int(2)?))).collect()
    }

    /// Submissions whose verdict or score differs, at most 1000 of them.
    pub(crate) async fn rejudge_changes(&self, id: &str) -> Result<Vec<Change>, StoreError> {
        let rows = self
            .db
            .rows(
                "SELECT n.submission_id, n.id, COALESCE(o.verdict, ''), n.verdict, o.score, n.score \
                 FROM judgements n JOIN judgements o \
                 ON o.submission_id = n.submission_id AND o.number = n.replaces \
                 WHERE n.rejudge_id = $1 AND n.verdict IS NOT NULL AND (COALESCE(o.verdict, '') <> n.verdict \
                 OR COALESCE(o.score, '') <> COALESCE(n.score, '')) ORDER BY n.submission_id LIMIT $2",
                args![id, CHANGES_TOLD],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Change {
                    submission: row.text(0)?,
                    judgement: row.text(1)?,
                    old_verdict: row.text(2)?,
                    new_verdict: row.text(3)?,
                    old_score: row.opt_text(4)?,
                    new_score: row.opt_text(5)?,
                })
            })
            .collect()
    }

    /// Makes the judgements of a rejudge the current ones, all at once; returns the submissions.
    ///
    /// # Errors
    /// `Moved` when not all are judged, or it was ended before.
    pub(crate) async fn apply_rejudge(&self, id: &str, now: Millis) -> Result<Vec<SubmissionId>, StoreError> {
        let mut tx = self.db.begin().await?;
        end(&mut tx, id, RejudgeState::Ready, RejudgeState::Applied, now).await?;
        // A submission has one current judgement at any time, so the old ones step back first. A later
        // judgement that was applied meanwhile stays.
        let rows = tx
            .rows(
                "UPDATE judgements SET current = 0 WHERE current = 1 AND submission_id IN \
                 (SELECT n.submission_id FROM judgements n WHERE n.rejudge_id = $1 AND n.state = 'done' \
                 AND n.verdict <> 'SE' AND n.number > judgements.number) RETURNING submission_id",
                args![id],
            )
            .await?;
        tx.exec(
            "UPDATE judgements SET current = 1 WHERE rejudge_id = $1 AND state = 'done' AND verdict <> 'SE' \
             AND NOT EXISTS (SELECT 1 FROM judgements o WHERE o.submission_id = judgements.submission_id \
             AND o.current = 1)",
            args![id],
        )
        .await?;
        let submissions: Vec<SubmissionId> =
            rows.iter().map(|row| row.parse(0, "judgements.submission_id")).collect::<Result<_, _>>()?;
        for submission in &submissions {
            webhooks::tell(&mut tx, *submission, now).await?;
        }
        tx.commit().await?;
        Ok(submissions)
    }

    /// Drops a rejudge: what was not judged yet will not be, and nothing changes.
    ///
    /// # Errors
    /// `Moved` when it was applied or dropped before.
    pub(crate) async fn cancel_rejudge(&self, id: &str, now: Millis) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        if end(&mut tx, id, RejudgeState::Running, RejudgeState::Cancelled, now).await.is_err() {
            end(&mut tx, id, RejudgeState::Ready, RejudgeState::Cancelled, now).await?;
        }
        tx.exec(
            "UPDATE judgements SET state = 'cancelled', done_ms = $1, lease_until_ms = NULL \
             WHERE rejudge_id = $2 AND state IN ('queued', 'running')",
            args![now, id],
        )
        .await?;
        tx.exec(
            "DELETE FROM jobs WHERE judgement_id IN (SELECT id FROM judgements WHERE rejudge_id = $1)",
            args![id],
        )
        .await?;
        tx.commit().await
    }

    /// Looks which rejudges are through. Those that are to be applied by themselves are; returns their
    /// submissions.
    pub(crate) async fn settle_rejudges(&self, now: Millis) -> Result<Vec<SubmissionId>, StoreError> {
        let through = self
            .db
            .rows(
                "SELECT r.id, r.apply_when_done FROM rejudges r WHERE r.state = 'running' AND NOT EXISTS \
                 (SELECT 1 FROM judgements j WHERE j.rejudge_id = r.id AND j.state IN ('queued', 'running'))",
                args![],
            )
            .await?;
        let mut changed = Vec::new();
        for row in through {
            let id = row.text(0)?;
            let ready = self
                .db
                .exec(
                    "UPDATE rejudges SET state = 'ready' WHERE id = $1 AND state = 'running'",
                    args![id.as_str()],
                )
                .await?;
            if ready == 1 && row.int(1)? == 1 {
                changed.extend(self.apply_rejudge(&id, now).await?);
            }
        }
        Ok(changed)
    }
}

async fn end(
    tx: &mut Tx,
    id: &str,
    from: RejudgeState,
    to: RejudgeState,
    now: Millis,
) -> Result<(), StoreError> {
    let changed = tx
        .exec(
            "UPDATE rejudges SET state = $1, ended_ms = $2 WHERE id = $3 AND state = $4",
            args![to.name(), now, id, from.name()],
        )
        .await?;
    if changed == 1 {
        return Ok(());
    }
    let row = tx.row("SELECT state FROM rejudges WHERE id = $1", args![id]).await?;
    let found = row.map_or_else(|| Ok("missing".to_owned()), |row| row.text(0))?;
    Err(StoreError::Rejudge { expected: from.name(), found })
}
