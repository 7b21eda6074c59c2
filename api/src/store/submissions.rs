//! Submissions as sent, with their current judgement.

use proto::event::State;
use proto::http::{JudgementView, SubmissionView};
use proto::id::{Digest, JudgementId, SubmissionId};
use proto::job::{InlineTest, Job, Priority, SourceFile, Target};
use proto::limits::LimitsRequest;
use serde::{Deserialize, Serialize};

use super::db::{Row, args};
use super::{Millis, Store, StoreError, jobs, priority, state, to_json, transition};
use crate::time::rfc3339;

/// What was sent to be judged.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Content {
    pub(crate) files: Vec<SourceFile>,
    #[serde(default)]
    pub(crate) tests: Option<Vec<InlineTest>>,
    #[serde(default)]
    pub(crate) limits: LimitsRequest,
    #[serde(default)]
    pub(crate) all: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<String>,
}

/// A checked submission, ready to be stored.
#[derive(Debug, Clone)]
pub(crate) struct NewRow {
    pub(crate) tenant: String,
    /// Name, revision and the blob that holds it.
    pub(crate) problem: Option<(String, Digest, Digest)>,
    pub(crate) language: String,
    pub(crate) priority: Priority,
    pub(crate) capability: String,
    pub(crate) external_id: Option<String>,
    pub(crate) participant: Option<String>,
    pub(crate) labels: Vec<String>,
    pub(crate) content: Content,
}

/// A submission with its current judgement.
#[derive(Debug, Clone)]
pub(crate) struct SubmissionRow {
    pub(crate) view: SubmissionView,
    /// Number of the current judgement.
    pub(crate) number: u32,
    /// Attempt of the current judgement, 0 before the first claim.
    pub(crate) attempt: u32,
}

/// Which submissions to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// `None` for every tenant.
    pub(crate) tenant: Option<String>,
    /// Only older ones than this.
    pub(crate) before: Option<SubmissionId>,
    pub(crate) problem: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) participant: Option<String>,
    pub(crate) limit: u32,
}

macro_rules! select_submissions {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.state, s.created_ms, s.problem, s.language, s.priority, s.external_id, ",
            "s.participant, s.labels, j.id, j.number, j.cause, j.problem_name, j.problem_digest, j.attempt, ",
            "j.worker_id, j.result FROM submissions s ",
            "JOIN judgements j ON j.submission_id = s.id AND j.current = 1 ",
            $rest
        )
    };
}

fn submission(row: &Row) -> Result<SubmissionRow, StoreError> {
    let number = row.int(10)? as u32;
    let attempt = row.int(14)? as u32;
    let judgement = match row.opt_text(16)? {
        None => None,
        Some(_) => Some(JudgementView {
            id: row.parse(9, "judgements.id")?,
            number,
            cause: row.text(11)?,
            problem: match (row.opt_text(12)?, row.opt_text(13)?) {
                (Some(name), Some(digest)) => Some(format!("{name}@{digest}")),
                _ => None,
            },
            attempt,
            worker: match row.opt_text(15)? {
                Some(_) => Some(row.parse(15, "judgements.worker_id")?),
                None => None,
            },
            result: row.json(16, "judgements.result")?,
        }),
    };
    let view = SubmissionView {
        id: row.parse(0, "submissions.id")?,
        state: state(&row.text(1)?)?,
        created_at: rfc3339(row.int(2)?),
        problem: row.opt_text(3)?,
        language: row.text(4)?,
        priority: priority(&row.text(5)?)?,
        external_id: row.opt_text(6)?,
        participant: row.opt_text(7)?,
        labels: row.json(8, "submissions.labels")?,
        verdict: judgement.as_ref().map(|j| j.result.verdict),
        score: judgement.as_ref().and_then(|j| j.result.score.clone()),
        judgement,
    };
    Ok(SubmissionRow { view, number, attempt })
}

impl Store {
    /// Stores a submission, its first judgement and its waiting job in one transaction. Once this returns the
    /// submission survives a crash.
    pub(crate) async fn submit(&self, new: &NewRow, now: Millis) -> Result<SubmissionId, StoreError> {
        let (id, judgement) = (SubmissionId::new(), JudgementId::new());
        let (name, digest, blob) = match &new.problem {
            Some((name, digest, blob)) => {
                (Some(name.clone()), Some(digest.to_string()), Some(blob.to_string()))
            }
            None => (None, None, None),
        };
        let mut tx = self.db.begin().await?;
        tx.exec(
            "INSERT INTO submissions (id, tenant, state, created_ms, problem, language, priority, external_id, \
             participant, labels, content) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            args![
                id,
                new.tenant.as_str(),
                State::Queued.name(),
                now,
                name.clone(),
                new.language.as_str(),
                new.priority.name(),
                new.external_id.clone(),
                new.participant.clone(),
                to_json(&new.labels)?,
                to_json(&new.content)?
            ],
        )
        .await?;
        tx.exec(
            "INSERT INTO judgements (id, submission_id, number, cause, current, state, problem_name, \
             problem_digest, problem_blob, attempt, fence, created_ms) \
             VALUES ($1, $2, 1, 'submitted', 1, 'queued', $3, $4, $5, 0, 0, $6)",
            args![judgement, id, name, digest, blob, now],
        )
        .await?;
        jobs::enqueue(&mut tx, judgement, new.priority, &new.capability, now, now).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// One submission; `tenant` is `None` for those who may see every tenant's.
    pub(crate) async fn submission(
        &self,
        id: SubmissionId,
        tenant: Option<&str>,
    ) -> Result<Option<SubmissionRow>, StoreError> {
        let row = self
            .db
            .row(
                select_submissions!("WHERE s.id = $1 AND ($2 IS NULL OR s.tenant = $2)"),
                args![id, tenant.map(str::to_owned)],
            )
            .await?;
        row.as_ref().map(submission).transpose()
    }

    /// Submissions, newest first.
    pub(crate) async fn list_submissions(&self, filter: &Filter) -> Result<Vec<SubmissionRow>, StoreError> {
        let rows = self
            .db
            .rows(
                select_submissions!(
                    "WHERE ($1 IS NULL OR s.tenant = $1) AND ($2 IS NULL OR s.id < $2) \
                     AND ($3 IS NULL OR s.problem = $3) AND ($4 IS NULL OR s.external_id = $4) \
                     AND ($5 IS NULL OR s.participant = $5) ORDER BY s.id DESC LIMIT $6"
                ),
                args![
                    filter.tenant.clone(),
                    filter.before.map(|id| id.to_string()),
                    filter.problem.clone(),
                    filter.external_id.clone(),
                    filter.participant.clone(),
                    filter.limit
                ],
            )
            .await?;
        rows.iter().map(submission).collect()
    }

    /// Takes a submission back. A worker that is judging it is told to stop by its next heartbeat.
    ///
    /// # Errors
    /// `Moved` when it is done or cancelled already.
    pub(crate) async fn cancel(&self, id: SubmissionId, now: Millis) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        // Rows are locked in the order in which a report locks them, so that the two never wait in a circle.
        tx.exec(
            "UPDATE attempts SET ended_ms = $1, outcome = 'cancelled' WHERE ended_ms IS NULL AND judgement_id = \
             (SELECT id FROM judgements WHERE submission_id = $2 AND current = 1)",
            args![now, id],
        )
        .await?;
        tx.exec(
            "UPDATE judgements SET state = 'cancelled', done_ms = $1, lease_until_ms = NULL \
             WHERE submission_id = $2 AND current = 1 AND state IN ('queued', 'running')",
            args![now, id],
        )
        .await?;
        transition(&mut tx, id, &[State::Queued, State::Running, State::Held], State::Cancelled).await?;
        tx.exec(
            "DELETE FROM jobs WHERE judgement_id = \
             (SELECT id FROM judgements WHERE submission_id = $1 AND current = 1)",
            args![id],
        )
        .await?;
        tx.commit().await
    }

    /// The queue message of a judgement that is not done; `None` when it is.
    pub(crate) async fn job(&self, judgement: JudgementId) -> Result<Option<Job>, StoreError> {
        let row = self
            .db
            .row(
                "SELECT s.id, s.language, s.priority, s.content, j.problem_name, j.problem_digest, j.problem_blob \
                 FROM judgements j JOIN submissions s ON s.id = j.submission_id \
                 WHERE j.id = $1 AND j.state IN ('queued', 'running')",
                args![judgement],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let content: Content = row.json(3, "submissions.content")?;
        let target = match row.opt_text(4)? {
            Some(name) => Target::Problem {
                name,
                digest: row.parse(5, "judgements.problem_digest")?,
                blob: row.parse(6, "judgements.problem_blob")?,
            },
            None => Target::Tests { tests: content.tests.unwrap_or_default() },
        };
        Ok(Some(Job {
            schema: 1,
            judgement_id: judgement,
            submission_id: row.parse(0, "submissions.id")?,
            language: row.text(1)?,
            files: content.files,
            target,
            limits: content.limits,
            all: content.all,
            policy: content.policy,
            priority: priority(&row.text(2)?)?,
        }))
    }
}
