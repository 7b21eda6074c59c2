//! The moves of one open judgement: granted, put back, given up, finished. Each names the fence and the state it
//! found and changes nothing when they are not there any more; the caller's transaction holds them together.

use proto::event::State;
use proto::http::JudgementView;
use proto::id::{Attempt, Fence, JudgementId, SubmissionId, WorkerId};
use proto::job::Priority;
use proto::report::{Judgement, NoRoom};

use super::db::{Tx, args};
use super::judging::LEASE_MS;
use super::submissions::problem_of;
use super::{Millis, StoreError, jobs, priority, state, to_json, transition, webhooks};
use crate::routing::Needs;

/// An open judgement as the decisions here need it.
pub(super) struct Open {
    pub(super) judgement: JudgementId,
    pub(super) submission: SubmissionId,
    /// Whether it is the one that counts; the submission's own state moves with no other.
    pub(super) current: bool,
    pub(super) state: State,
    pub(super) attempt: Attempt,
    pub(super) fence: Fence,
    pub(super) worker: Option<WorkerId>,
    pub(super) lease_until: Millis,
    /// What a worker has to be able to do for it.
    pub(super) needs: Needs,
    pub(super) priority: Priority,
    pub(super) accepted: Millis,
    number: u32,
    cause: String,
    /// `name@sha256:…`.
    problem: Option<String>,
    /// Whether its sender wants to be told of its end.
    called_back: bool,
}

impl Open {
    /// The judgement with this answer, as the store shows it once [`finish`] has it.
    pub(super) fn shown(&self, result: &Judgement) -> Box<JudgementView> {
        Box::new(JudgementView {
            id: self.judgement,
            number: self.number,
            cause: self.cause.clone(),
            problem: self.problem.clone(),
            attempt: self.attempt,
            worker: self.worker,
            result: result.clone(),
        })
    }
}

/// Reads a judgement with what the decisions need.
pub(super) async fn open(tx: &mut Tx, id: JudgementId) -> Result<Option<Open>, StoreError> {
    let row = tx
        .row(
            "SELECT j.submission_id, j.state, j.attempt, j.fence, j.worker_id, j.lease_until_ms, s.language, \
             s.priority, j.created_ms, j.current, j.rejudge_id, s.exact, COALESCE(w.room, 0), \
             COALESCE(w.room_for, 'package'), j.number, j.cause, j.problem_name, j.problem_digest, \
             s.callback_url, s.harness FROM judgements j JOIN submissions s ON s.id = j.submission_id \
             LEFT JOIN jobs w ON w.judgement_id = j.id \
             WHERE j.id = $1",
            args![id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Open {
        judgement: id,
        submission: row.parse(0, "judgements.submission_id")?,
        current: row.int(9)? == 1,
        state: state(&row.text(1)?)?,
        attempt: row.int(2)? as Attempt,
        fence: row.int(3)?,
        worker: match row.opt_text(4)? {
            Some(_) => Some(row.parse(4, "judgements.worker_id")?),
            None => None,
        },
        lease_until: row.opt_int(5)?.unwrap_or(0),
        needs: Needs {
            arch: crate::CAPABILITY.to_owned(),
            language: row.text(6)?,
            exact: row.int(11)? != 0,
            room: jobs::room_need(&row, 12)?,
            harness: row.int(19)? != 0,
        },
        priority: match row.opt_text(10)? {
            Some(_) => Priority::Rejudge,
            None => priority(&row.text(7)?)?,
        },
        accepted: row.int(8)?,
        number: row.int(14)? as u32,
        cause: row.text(15)?,
        problem: problem_of(&row, 16)?,
        called_back: row.opt_text(18)?.is_some(),
    }))
}

/// Gives the judgement to `worker` with the next attempt and fence; false when it changed meanwhile.
pub(super) async fn grant(
    tx: &mut Tx,
    open: &Open,
    worker: WorkerId,
    now: Millis,
) -> Result<bool, StoreError> {
    let changed = tx
        .exec(
            "UPDATE judgements SET state = 'running', attempt = $1, fence = $2, worker_id = $3, \
             lease_until_ms = $4 WHERE id = $5 AND fence = $6 AND state = $7",
            args![
                open.attempt + 1,
                open.fence + 1,
                worker,
                now + LEASE_MS,
                open.judgement,
                open.fence,
                open.state.name()
            ],
        )
        .await?;
    if changed == 0 {
        return Ok(false);
    }
    tx.exec(
        "INSERT INTO attempts (judgement_id, attempt, fence, worker_id, started_ms) VALUES ($1, $2, $3, $4, $5)",
        args![open.judgement, open.attempt + 1, open.fence + 1, worker, now],
    )
    .await?;
    tx.exec(
        "UPDATE jobs SET lease_until_ms = $1 WHERE judgement_id = $2 AND lease_owner IS NOT NULL",
        args![now + LEASE_MS, open.judgement],
    )
    .await?;
    if open.current && open.state == State::Queued {
        transition(tx, open.submission, &[State::Queued], State::Running).await?;
    }
    Ok(true)
}

/// Closes the current attempt's row, if one is open.
pub(super) async fn end_attempt(
    tx: &mut Tx,
    open: &Open,
    outcome: &str,
    cause: Option<&str>,
    now: Millis,
) -> Result<(), StoreError> {
    tx.exec(
        "UPDATE attempts SET ended_ms = $1, outcome = $2, cause = $3 \
         WHERE judgement_id = $4 AND attempt = $5 AND (ended_ms IS NULL OR outcome = 'lost')",
        args![now, outcome, cause.map(str::to_owned), open.judgement, open.attempt],
    )
    .await?;
    Ok(())
}

/// Ends the current attempt and lets another one be made after `delay`; false when it changed meanwhile.
pub(super) async fn requeue(
    tx: &mut Tx,
    open: &Open,
    outcome: &str,
    cause: &str,
    delay: Millis,
    now: Millis,
) -> Result<bool, StoreError> {
    let changed = tx
        .exec(
            "UPDATE judgements SET state = 'queued', lease_until_ms = NULL WHERE id = $1 AND fence = $2 AND state = $3",
            args![open.judgement, open.fence, open.state.name()],
        )
        .await?;
    if changed == 0 {
        return Ok(false);
    }
    end_attempt(tx, open, outcome, Some(cause), now).await?;
    if open.current && open.state == State::Running {
        transition(tx, open.submission, &[State::Running], State::Queued).await?;
    }
    put_back(tx, open, now + delay).await?;
    Ok(true)
}

/// Takes a grant back that could not be used for want of room, as if it had not been made, and lets it be made again where
/// there is room; false when it changed meanwhile.
pub(super) async fn wait_for_room(
    tx: &mut Tx,
    open: &Open,
    lacking: NoRoom,
    visible: Millis,
) -> Result<bool, StoreError> {
    let changed = tx
        .exec(
            "UPDATE judgements SET state = 'queued', lease_until_ms = NULL, attempt = attempt - 1 \
             WHERE id = $1 AND fence = $2 AND state = 'running'",
            args![open.judgement, open.fence],
        )
        .await?;
    if changed == 0 {
        return Ok(false);
    }
    tx.exec(
        "DELETE FROM attempts WHERE judgement_id = $1 AND attempt = $2",
        args![open.judgement, open.attempt],
    )
    .await?;
    if open.current {
        transition(tx, open.submission, &[State::Running], State::Queued).await?;
    }
    put_back(tx, open, visible).await?;
    jobs::note_room(tx, open.judgement, lacking).await?;
    Ok(true)
}

/// Puts the judgement among the waiting again.
pub(super) async fn put_back(tx: &mut Tx, open: &Open, visible: Millis) -> Result<(), StoreError> {
    jobs::enqueue(tx, open.judgement, open.priority, crate::CAPABILITY, open.accepted, visible).await
}

/// Makes the judgement an SE with its cause; `None` when it changed meanwhile.
pub(super) async fn give_up(
    tx: &mut Tx,
    open: &Open,
    cause: &str,
    now: Millis,
) -> Result<Option<Judgement>, StoreError> {
    let judgement = Judgement::system_error(&open.needs.language, cause.to_owned());
    Ok(finish(tx, open, &judgement, now).await?.then_some(judgement))
}

/// Stores the answer for good; false when the judgement changed meanwhile.
pub(super) async fn finish(
    tx: &mut Tx,
    open: &Open,
    judgement: &Judgement,
    now: Millis,
) -> Result<bool, StoreError> {
    let changed = tx
        .exec(
            "UPDATE judgements SET state = 'done', verdict = $1, score = $2, result = $3, done_ms = $4, \
             lease_until_ms = NULL WHERE id = $5 AND fence = $6 AND state = $7",
            args![
                judgement.verdict.code(),
                judgement.score.clone(),
                to_json(judgement)?,
                now,
                open.judgement,
                open.fence,
                open.state.name()
            ],
        )
        .await?;
    if changed == 0 {
        return Ok(false);
    }
    if open.priority == Priority::Rejudge {
        // Should the outputs of the judgements before it have been erased while it ran: it has some again.
        tx.exec(
            "UPDATE submissions SET outputs_erased_ms = NULL WHERE id = $1 AND outputs_erased_ms IS NOT NULL",
            args![open.submission],
        )
        .await?;
    }
    if open.current {
        transition(tx, open.submission, &[State::Running, State::Queued], State::Done).await?;
        if open.called_back {
            webhooks::tell(tx, open.submission, now).await?;
        }
    }
    jobs::remove(tx, open.judgement).await?;
    Ok(true)
}
