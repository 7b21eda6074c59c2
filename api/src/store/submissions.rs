//! Submissions as sent, with their current judgement.

use proto::event::State;
use proto::http::{JudgementView, QueuePlace, SubmissionView};
use proto::id::{Digest, JudgementId, SubmissionId};
use proto::job::{InlineTest, Job, Priority, SourceFile, Target};
use proto::limits::LimitsRequest;
use proto::skew::PROTOCOL;
use proto::trace::Traceparent;
use proto::verdict::Verdict;
use serde::{Deserialize, Serialize};

use super::db::{Arg, Row, Tx, args};
use super::idempotency::{self, Once};
use super::{
    Millis, Store, StoreError, WorkerRow, holds, jobs, priority, state, tenants, to_json, transition,
    webhooks,
};
use crate::routing::Needs;
use crate::time::rfc3339;

/// How far back judgements tell how long one takes, and how many of them are asked: a poll costs the same however
/// much was judged.
const PACE_MS: Millis = 600_000;
const PACE_COUNT: u32 = 100;
/// Most that are counted before a waiting submission, for the same reason.
const AHEAD_MAX: u32 = 10_000;

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
    /// Whether the package is a course's autograder.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) harness: bool,
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
    /// Whether figures have to be exact.
    pub(crate) exact: bool,
    pub(crate) external_id: Option<String>,
    pub(crate) participant: Option<String>,
    pub(crate) labels: Vec<String>,
    /// Where to tell of the end, and whether in the judge's view.
    pub(crate) callback: Option<(String, bool)>,
    /// W3C trace context of the request that sent it.
    pub(crate) trace: Option<String>,
    pub(crate) content: Content,
}

/// A submission with its current judgement.
#[derive(Debug, Clone)]
pub(crate) struct SubmissionRow {
    pub(crate) tenant: String,
    pub(crate) view: SubmissionView,
    /// The current judgement.
    pub(crate) judgement: JudgementId,
    /// Number of the current judgement.
    pub(crate) number: u32,
    /// Attempt of the current judgement, 0 before the first claim.
    pub(crate) attempt: u32,
}

impl SubmissionRow {
    /// The same once its current judgement has come to this end.
    pub(crate) fn done(&self, judgement: JudgementView) -> Self {
        let view = SubmissionView {
            state: State::Done,
            verdict: Some(judgement.result.verdict),
            score: judgement.result.score.clone(),
            // What was erased were the outputs of those before it.
            outputs_erased_at: None,
            queue: None,
            judgement: None,
            ..self.view.clone()
        };
        let attempt = judgement.attempt;
        let view = SubmissionView { judgement: Some(judgement), ..view };
        Self { tenant: self.tenant.clone(), view, judgement: self.judgement, number: self.number, attempt }
    }
}

/// What became of submissions that were sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// Their ids, in the order in which they were sent.
    pub(crate) ids: Vec<SubmissionId>,
    /// Whether they were made by an earlier request with the same key.
    pub(crate) replayed: bool,
}

/// A judgement that is done, and whether it counts.
#[derive(Debug, Clone)]
pub(crate) struct PastJudgement {
    pub(crate) current: bool,
    pub(crate) created_at: String,
    pub(crate) done_at: Option<String>,
    pub(crate) view: JudgementView,
}

/// Which submissions to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// `None` for every tenant.
    pub(crate) tenant: Option<String>,
    /// Only older ones than this.
    pub(crate) before: Option<SubmissionId>,
    pub(crate) problem: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) state: Option<State>,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) external_id: Option<String>,
    pub(crate) participant: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) limit: u32,
}

impl Filter {
    /// The conditions that are asked for, and no others, so that the database can use the index of each.
    fn conditions(&self) -> (String, Vec<Arg>) {
        let (mut sql, mut values) = (String::new(), Vec::new());
        let mut hold = |text: &str, value: Option<Arg>| {
            let Some(value) = value else { return };
            values.push(value);
            sql.push_str(if values.len() == 1 { "WHERE " } else { " AND " });
            sql.push_str(&text.replace("$?", &format!("${}", values.len())));
        };
        let word = |text: &Option<String>| text.clone().map(Arg::from);
        hold("s.tenant = $?", word(&self.tenant));
        // Verdicts stand with judgements, and so does the order in which those with one are read.
        let id = if self.verdict.is_some() { "j.submission_id" } else { "s.id" };
        // Of both, though one follows from the other: PostgreSQL joins them in their order and would begin with the
        // newest judgement, however deep the page.
        hold("s.id < $? AND j.submission_id < $?", self.before.map(Arg::from));
        hold("s.problem = $?", word(&self.problem));
        hold("s.language = $?", word(&self.language));
        hold("s.state = $?", self.state.map(|s| Arg::from(s.name())));
        if let Some(verdict) = self.verdict {
            hold("j.tenant = $?", word(&self.tenant));
            hold("j.verdict = $?", Some(Arg::from(verdict.code())));
        }
        hold("s.external_id = $?", word(&self.external_id));
        hold("s.participant = $?", word(&self.participant));
        hold("s.id IN (SELECT submission_id FROM labels WHERE label = $?)", word(&self.label));
        values.push(Arg::from(self.limit));
        let end = format!(" ORDER BY {id} DESC LIMIT ${}", values.len());
        (sql + &end, values)
    }
}

async fn insert(tx: &mut Tx, id: SubmissionId, new: &NewRow, now: Millis) -> Result<(), StoreError> {
    let judgement = JudgementId::new();
    let problem = new.problem.as_ref().map(|(name, ..)| name.as_str());
    let held = holds::is_held(tx, problem, &new.language).await?;
    let state = if held { State::Held } else { State::Queued };
    let (name, digest, blob) = match &new.problem {
        Some((name, digest, blob)) => (Some(name.clone()), Some(digest.to_string()), Some(blob.to_string())),
        None => (None, None, None),
    };
    tx.exec(
        "INSERT INTO submissions (id, tenant, state, created_ms, problem, language, priority, external_id, \
         participant, labels, content, callback_url, callback_judge, exact, traceparent, harness) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        args![
            id,
            new.tenant.as_str(),
            state.name(),
            now,
            name.clone(),
            new.language.as_str(),
            new.priority.name(),
            new.external_id.clone(),
            new.participant.clone(),
            to_json(&new.labels)?,
            to_json(&new.content)?,
            new.callback.as_ref().map(|(url, _)| url.clone()),
            i64::from(new.callback.as_ref().is_some_and(|(_, judge)| *judge)),
            i64::from(new.exact),
            new.trace.clone(),
            i64::from(new.content.harness)
        ],
    )
    .await?;
    for label in &new.labels {
        tx.exec(
            "INSERT INTO labels (label, submission_id) VALUES ($1, $2) ON CONFLICT (label, submission_id) DO NOTHING",
            args![label.as_str(), id],
        )
        .await?;
    }
    tx.exec(
        "INSERT INTO judgements (id, submission_id, number, cause, current, state, problem_name, \
         problem_digest, problem_blob, attempt, fence, created_ms, tenant) \
         VALUES ($1, $2, 1, 'submitted', 1, $7, $3, $4, $5, 0, 0, $6, $8)",
        args![judgement, id, name, digest, blob, now, state.name(), new.tenant.as_str()],
    )
    .await?;
    if held {
        return Ok(());
    }
    jobs::enqueue(tx, judgement, new.priority, &new.capability, now, now).await
}

macro_rules! select_submissions {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.state, s.created_ms, s.problem, s.language, s.priority, s.external_id, ",
            "s.participant, s.labels, j.id, j.number, j.cause, j.problem_name, j.problem_digest, j.attempt, ",
            "j.worker_id, j.result, s.traceparent, s.sources_erased_ms, s.outputs_erased_ms, s.tenant ",
            "FROM submissions s ",
            "JOIN judgements j ON j.submission_id = s.id AND j.current = 1 ",
            $rest
        )
    };
}

/// Reads a judgement that is done from eight columns, its id first and its result last.
fn judgement(row: &Row, at: usize) -> Result<JudgementView, StoreError> {
    Ok(JudgementView {
        id: row.parse(at, "judgements.id")?,
        number: row.int(at + 1)? as u32,
        cause: row.text(at + 2)?,
        problem: problem_of(row, at + 3)?,
        attempt: row.int(at + 5)? as u32,
        worker: match row.opt_text(at + 6)? {
            Some(_) => Some(row.parse(at + 6, "judgements.worker_id")?),
            None => None,
        },
        result: row.json(at + 7, "judgements.result")?,
    })
}

/// `name@sha256:…` of two columns, name and digest of a revision.
pub(super) fn problem_of(row: &Row, at: usize) -> Result<Option<String>, StoreError> {
    Ok(match (row.opt_text(at)?, row.opt_text(at + 1)?) {
        (Some(name), Some(digest)) => Some(format!("{name}@{digest}")),
        _ => None,
    })
}

fn submission(row: &Row) -> Result<SubmissionRow, StoreError> {
    let number = row.int(10)? as u32;
    let attempt = row.int(14)? as u32;
    let judgement = row.opt_text(16)?.map(|_| judgement(row, 9)).transpose()?;
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
        trace_id: row
            .opt_text(17)?
            .and_then(|text| text.parse().ok())
            .map(|t: Traceparent| t.trace_id().to_owned()),
        sources_erased_at: row.opt_int(18)?.map(rfc3339),
        outputs_erased_at: row.opt_int(19)?.map(rfc3339),
        queue: None,
        judgement,
    };
    let (tenant, judgement) = (row.text(20)?, row.parse(9, "judgements.id")?);
    Ok(SubmissionRow { tenant, view, judgement, number, attempt })
}

impl Store {
    /// Stores a submission, its first judgement and its waiting job in one transaction. Once this returns the
    /// submission survives a crash.
    #[cfg(test)]
    pub(crate) async fn submit(&self, new: &NewRow, now: Millis) -> Result<SubmissionId, StoreError> {
        let accepted = self.submit_all(std::slice::from_ref(new), None, now).await?;
        accepted.ids.into_iter().next().ok_or_else(|| StoreError::corrupt("a submission without an id"))
    }

    /// The same for any number of submissions of one tenant: all of them or none. A request with a key that was
    /// seen before makes nothing and gets the ids it got then.
    ///
    /// # Errors
    /// `Quota` when the tenant may not send that many now, `KeyReused` when the key came with another request.
    pub(crate) async fn submit_all(
        &self,
        new: &[NewRow],
        key: Option<&Once>,
        now: Millis,
    ) -> Result<Accepted, StoreError> {
        let Some(first) = new.first() else { return Ok(Accepted { ids: Vec::new(), replayed: false }) };
        let ids: Vec<SubmissionId> = new.iter().map(|_| SubmissionId::new()).collect();
        let mut tx = self.db.begin().await?;
        if let Some(key) = key
            && let Some(ids) = idempotency::seen(&mut tx, &first.tenant, key, &ids, now).await?
        {
            return Ok(Accepted { ids, replayed: true });
        }
        tenants::hold_quota(&mut tx, &first.tenant, new.len() as i64, now).await?;
        for (id, row) in ids.iter().zip(new) {
            insert(&mut tx, *id, row, now).await?;
        }
        tx.commit().await?;
        Ok(Accepted { ids, replayed: false })
    }

    /// Erases a submission with all that was stored of it, whatever its state; a worker that is judging it is
    /// told to stop. False when it is not there.
    pub(crate) async fn erase(&self, id: SubmissionId) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        // In the order in which a report locks them.
        for sql in [
            "DELETE FROM attempts WHERE judgement_id IN (SELECT id FROM judgements WHERE submission_id = $1)",
            "DELETE FROM jobs WHERE judgement_id IN (SELECT id FROM judgements WHERE submission_id = $1)",
            "DELETE FROM judgements WHERE submission_id = $1",
            "DELETE FROM labels WHERE submission_id = $1",
        ] {
            tx.exec(sql, args![id]).await?;
        }
        webhooks::forget(&mut tx, id).await?;
        let gone = tx.exec("DELETE FROM submissions WHERE id = $1", args![id]).await?;
        tx.commit().await?;
        Ok(gone == 1)
    }

    /// Every judgement of a submission that is done, the first one first.
    pub(crate) async fn judgements(&self, id: SubmissionId) -> Result<Vec<PastJudgement>, StoreError> {
        let rows = self
            .db
            .rows(
                "SELECT id, number, cause, problem_name, problem_digest, attempt, worker_id, result, current, \
                 created_ms, done_ms FROM judgements WHERE submission_id = $1 AND result IS NOT NULL \
                 ORDER BY number",
                args![id],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(PastJudgement {
                    current: row.int(8)? == 1,
                    created_at: rfc3339(row.int(9)?),
                    done_at: row.opt_int(10)?.map(rfc3339),
                    view: judgement(row, 0)?,
                })
            })
            .collect()
    }

    /// One submission; `tenant` is `None` for those who may see every tenant's.
    pub(crate) async fn submission(
        &self,
        id: SubmissionId,
        tenant: Option<&str>,
    ) -> Result<Option<SubmissionRow>, StoreError> {
        #[cfg(test)]
        self.reads.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
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
        let (conditions, values) = filter.conditions();
        let rows = self.db.rows_where(select_submissions!(""), conditions, values).await?;
        rows.iter().map(submission).collect()
    }

    /// How SQLite would read such a list, a line a step; `None` on PostgreSQL, which decides by what is stored.
    #[cfg(test)]
    pub(crate) async fn list_plan(&self, filter: &Filter) -> Option<Vec<String>> {
        if self.db.postgres().is_some() {
            return None;
        }
        let (conditions, values) = filter.conditions();
        let explain = concat!("EXPLAIN QUERY PLAN ", select_submissions!(""));
        let rows = self.db.rows_where(explain, conditions, values).await.unwrap();
        Some(rows.iter().map(|row| row.text(3).unwrap()).collect())
    }

    /// Where a waiting submission stands: how many are handed out before it (10,000 are counted at most), and how
    /// long that takes with the workers that can do it at the pace of the last hundred judgements, ten minutes old at
    /// most; or what none of them has. `None` when it does not wait.
    pub(crate) async fn place_in_queue(
        &self,
        id: SubmissionId,
        workers: &[WorkerRow],
        now: Millis,
    ) -> Result<Option<QueuePlace>, StoreError> {
        let row = self
            .db
            .row(
                "SELECT w.priority, w.turn, w.created_ms, w.judgement_id, w.capability, w.language, w.exact, \
                 w.room, w.room_for FROM jobs w \
                 JOIN judgements j ON j.id = w.judgement_id \
                 WHERE j.submission_id = $1 AND j.current = 1 AND j.state = 'queued'",
                args![id],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let room = jobs::room_need(&row, 7)?;
        let needs = Needs::of(&row.text(4)?, row.text(5)?, row.int(6)? != 0, room);
        let able = workers.iter().filter(|w| w.ready(now) && needs.met_by(w));
        let slots: i64 = able.map(|w| i64::from(w.registration.slots)).sum();
        let ahead = self
            .db
            .row(
                "SELECT COUNT(*) FROM (SELECT 1 FROM jobs q WHERE \
                 (q.priority, q.turn, q.created_ms, q.judgement_id) < ($1, $2, $3, $4) LIMIT $5) counted",
                args![row.int(0)?, row.int(1)?, row.int(2)?, row.text(3)?, AHEAD_MAX],
            )
            .await?;
        let ahead = ahead.map_or(Ok(0), |r| r.int(0))?;
        let pace = self
            .db
            .row(
                "SELECT COUNT(*), CAST(COALESCE(SUM(took.ms), 0) AS BIGINT) FROM \
                 (SELECT ended_ms - started_ms AS ms FROM attempts WHERE outcome = 'judged' AND ended_ms > $1 \
                 ORDER BY ended_ms DESC LIMIT $2) took",
                args![now - PACE_MS, PACE_COUNT],
            )
            .await?;
        let (count, total) = pace.map_or(Ok((0, 0)), |r| Ok::<_, StoreError>((r.int(0)?, r.int(1)?)))?;
        let estimate = (count > 0 && slots > 0).then(|| (ahead + 1) * total / count / slots);
        Ok(Some(QueuePlace {
            ahead: ahead as u64,
            estimate_ms: estimate.map(|ms| ms.max(0) as u64),
            waiting_for: needs.lacking(workers, now),
        }))
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
             WHERE submission_id = $2 AND current = 1 AND state IN ('queued', 'running', 'held')",
            args![now, id],
        )
        .await?;
        transition(&mut tx, id, &[State::Queued, State::Running, State::Held], State::Cancelled).await?;
        webhooks::tell(&mut tx, id, now).await?;
        tx.exec(
            "DELETE FROM jobs WHERE judgement_id = \
             (SELECT id FROM judgements WHERE submission_id = $1 AND current = 1)",
            args![id],
        )
        .await?;
        tx.commit().await
    }

    /// The trace context of the request that sent a submission.
    pub(crate) async fn trace_of(&self, id: SubmissionId) -> Result<Option<String>, StoreError> {
        let row = self.db.row("SELECT traceparent FROM submissions WHERE id = $1", args![id]).await?;
        row.map_or(Ok(None), |r| r.opt_text(0))
    }

    /// The queue message of a judgement that is not done; `None` when it is.
    pub(crate) async fn job(&self, judgement: JudgementId) -> Result<Option<Job>, StoreError> {
        let row = self
            .db
            .row(
                "SELECT s.id, s.language, s.priority, s.content, j.problem_name, j.problem_digest, j.problem_blob, \
                 j.rejudge_id, s.traceparent \
                 FROM judgements j JOIN submissions s ON s.id = j.submission_id \
                 WHERE j.id = $1 AND j.state IN ('queued', 'running')",
                args![judgement],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let content: Content = row.json(3, "submissions.content")?;
        let target = match row.opt_text(4)? {
            Some(name) if content.harness => Target::Harness {
                name,
                digest: row.parse(5, "judgements.problem_digest")?,
                blob: row.parse(6, "judgements.problem_blob")?,
            },
            Some(name) => Target::Problem {
                name,
                digest: row.parse(5, "judgements.problem_digest")?,
                blob: row.parse(6, "judgements.problem_blob")?,
            },
            None => Target::Tests { tests: content.tests.unwrap_or_default() },
        };
        Ok(Some(Job {
            schema: PROTOCOL,
            judgement_id: judgement,
            submission_id: row.parse(0, "submissions.id")?,
            language: row.text(1)?,
            files: content.files,
            target,
            limits: content.limits,
            all: content.all,
            policy: content.policy,
            priority: match row.opt_text(7)? {
                Some(_) => Priority::Rejudge,
                None => priority(&row.text(2)?)?,
            },
            traceparent: row.opt_text(8)?,
        }))
    }
}
