//! Claims, heartbeats, reports and lost attempts: the part of the store that makes "judged once, never lost"
//! true.
//!
//! A claim grants an attempt with a fencing token and a lease. Everything that follows names the fence it
//! holds, and a statement that does not find it there changes nothing. An attempt ends by a report, by a
//! failure, or by a lease that ran out; after [`MAX_ATTEMPTS`] of them the judgement is a visible SE.

use proto::event::State;
use proto::http::{ClaimReply, ClaimRequest, Heartbeat, HeartbeatReply, JudgementView};
use proto::id::{Attempt, JudgementId, SubmissionId, WorkerId};
use proto::report::{Outcome, ReportMessage};

use super::db::args;
use super::moves::{Open, end_attempt, finish, give_up, grant, open, put_back, requeue, wait_for_room};
use super::workers::{WorkerRow, seen, workers_in};
use super::{Millis, Store, StoreError};

/// Granted claims before a judgement becomes SE.
pub(crate) const MAX_ATTEMPTS: Attempt = 3;
/// How long a claim lives without a heartbeat: four of them.
pub(crate) const LEASE_MS: Millis = 20_000;
/// Before a judgement is handed out again after a failure, times the attempt.
const RETRY_DELAY_MS: Millis = 500;
/// Before a judgement that this worker may not have is handed out again.
const ELSEWHERE_DELAY_MS: Millis = 500;
/// Before a judgement that did not fit on a worker's disk is handed out again: the worker has told its room by then.
const ROOM_DELAY_MS: Millis = 5_000;
/// How often a claim that lost a race is tried again.
const RACES: u32 = 5;

/// What became of a report.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ingest {
    /// It is the judgement now.
    Stored(Box<JudgementView>),
    /// The attempt failed and another one will be made.
    Again,
    /// It does not fit on its worker's disk and waits for room; that is no attempt.
    Waits,
    /// The attempt failed and it was the last one.
    GivenUp(Box<JudgementView>),
    /// Nothing changed: a repeat, an older fence, a cancelled or unknown submission.
    Ignored(&'static str),
}

/// What to answer to a claim. Pure; the store carries it out.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Grant,
    Refuse(String),
    Elsewhere,
    GiveUp(String),
}

/// Decides on a claim. `tried` names the workers of earlier attempts, last one last.
fn decide(
    open: &Open,
    request: &ClaimRequest,
    workers: &[WorkerRow],
    tried: &[WorkerId],
    now: Millis,
) -> Decision {
    let mine = request.worker_id;
    match open.state {
        State::Queued => {}
        State::Running => {
            let live = open.lease_until > now;
            let held_by_me = open.worker == Some(mine);
            if live && held_by_me {
                return Decision::Refuse("this worker holds a live claim on it".into());
            }
            // The broker hands out a message again only when its holder is gone or gave it back.
            if live && !request.redelivered {
                return Decision::Refuse("another worker holds a live claim on it".into());
            }
        }
        State::Done | State::Cancelled | State::Held => {
            return Decision::Refuse(format!("it is {}", open.state.name()));
        }
    }
    if open.attempt >= MAX_ATTEMPTS {
        return Decision::GiveUp(format!("{MAX_ATTEMPTS} attempts were lost"));
    }
    let known = workers.iter().find(|w| w.registration.id == mine);
    // It waits for one that can; the dispatcher looks for it.
    if known.is_some_and(|w| !open.needs.met_by(w) || !w.may_work()) {
        return Decision::Elsewhere;
    }
    let other = workers.iter().any(|w| w.registration.id != mine && w.ready(now) && open.needs.met_by(w));
    if other && tried.contains(&mine) {
        return Decision::Elsewhere;
    }
    Decision::Grant
}

impl Store {
    /// Answers a claim. A claim on somebody's live lease is refused unless the broker says the message was
    /// delivered before: then its holder lost the connection, and the new one gets a new fence at once.
    pub(crate) async fn claim(
        &self,
        id: JudgementId,
        request: &ClaimRequest,
        now: Millis,
    ) -> Result<ClaimReply, StoreError> {
        for _ in 0..RACES {
            if let Some(reply) = self.try_claim(id, request, now).await? {
                return Ok(reply);
            }
        }
        Ok(ClaimReply::Refused { reason: "others claim it at the same time".into() })
    }

    /// One try; `None` when somebody else changed the judgement in between.
    async fn try_claim(
        &self,
        id: JudgementId,
        request: &ClaimRequest,
        now: Millis,
    ) -> Result<Option<ClaimReply>, StoreError> {
        let mut tx = self.db.begin().await?;
        let Some(open) = open(&mut tx, id).await? else {
            return Ok(Some(ClaimReply::Refused { reason: "there is no such judgement".into() }));
        };
        let workers = workers_in(&self.registrations, &mut tx).await?;
        let rows = tx
            .rows("SELECT worker_id FROM attempts WHERE judgement_id = $1 ORDER BY attempt", args![id])
            .await?;
        let tried: Vec<WorkerId> =
            rows.iter().map(|r| r.parse(0, "attempts.worker_id")).collect::<Result<_, _>>()?;
        let reply = match decide(&open, request, &workers, &tried, now) {
            Decision::Refuse(reason) => return Ok(Some(ClaimReply::Refused { reason })),
            Decision::Grant => {
                if open.state == State::Running {
                    end_attempt(&mut tx, &open, "lost", Some("its worker was lost"), now).await?;
                }
                if !grant(&mut tx, &open, request.worker_id, now).await? {
                    return Ok(None);
                }
                ClaimReply::Granted {
                    attempt: open.attempt + 1,
                    fence: open.fence + 1,
                    queued_ms: (now - open.accepted) as f64,
                }
            }
            Decision::Elsewhere => {
                if open.state == State::Running
                    && !requeue(&mut tx, &open, "lost", "its worker was lost", ELSEWHERE_DELAY_MS, now)
                        .await?
                {
                    return Ok(None);
                }
                put_back(&mut tx, &open, now + ELSEWHERE_DELAY_MS).await?;
                ClaimReply::TryElsewhere
            }
            Decision::GiveUp(cause) => {
                end_attempt(&mut tx, &open, "lost", Some("its worker was lost"), now).await?;
                if give_up(&mut tx, &open, &cause, now).await?.is_none() {
                    return Ok(None);
                }
                ClaimReply::Refused { reason: cause }
            }
        };
        tx.commit().await?;
        Ok(Some(reply))
    }

    /// Takes a sign of life, renews the leases of what the worker is working on, and says what to stop and what is
    /// wanted of it; also the worker as it was known before.
    pub(crate) async fn heartbeat(
        &self,
        worker: WorkerId,
        beat: &Heartbeat,
        now: Millis,
    ) -> Result<(HeartbeatReply, Option<WorkerRow>), StoreError> {
        let mut tx = self.db.begin().await?;
        let before = seen(&self.registrations, &mut tx, worker, beat, now).await?;
        let mut stop = Vec::new();
        for claim in &beat.running {
            let renewed = tx
                .exec(
                    "UPDATE judgements SET lease_until_ms = $1 WHERE id = $2 AND fence = $3 AND worker_id = $4 \
                     AND state = 'running'",
                    args![now + LEASE_MS, claim.judgement_id, claim.fence, worker],
                )
                .await?;
            if renewed == 0 {
                stop.push(claim.judgement_id);
                continue;
            }
            tx.exec(
                "UPDATE jobs SET lease_until_ms = $1 WHERE judgement_id = $2 AND lease_owner IS NOT NULL",
                args![now + LEASE_MS, claim.judgement_id],
            )
            .await?;
        }
        tx.commit().await?;
        let order = before.as_ref().map(|w| w.wanted).unwrap_or_default();
        Ok((HeartbeatReply { known: before.is_some(), stop, order }, before))
    }

    /// Takes a report. Idempotent: only the first one that carries the current fence changes anything.
    pub(crate) async fn report(&self, report: &ReportMessage, now: Millis) -> Result<Ingest, StoreError> {
        let mut tx = self.db.begin().await?;
        let Some(open) = open(&mut tx, report.judgement_id).await? else {
            return Ok(Ingest::Ignored("unknown judgement"));
        };
        if open.submission != report.submission_id {
            return Ok(Ingest::Ignored("another submission's judgement"));
        }
        if !matches!(open.state, State::Queued | State::Running) {
            return Ok(Ingest::Ignored("already final"));
        }
        if open.fence != report.fence || open.attempt != report.attempt || open.attempt == 0 {
            return Ok(Ingest::Ignored("an older fence"));
        }
        let result = match &report.outcome {
            Outcome::Judged { judgement } => {
                end_attempt(&mut tx, &open, "judged", None, now).await?;
                let stored = finish(&mut tx, &open, judgement, now).await?;
                stored.then(|| Ingest::Stored(open.shown(judgement)))
            }
            Outcome::Failed { no_room: Some(lacking), .. } => {
                let waits = wait_for_room(&mut tx, &open, *lacking, now + ROOM_DELAY_MS).await?;
                waits.then_some(Ingest::Waits)
            }
            Outcome::Failed { cause, retry, .. } if *retry && open.attempt < MAX_ATTEMPTS => {
                let delay = RETRY_DELAY_MS * i64::from(open.attempt);
                let again = requeue(&mut tx, &open, "failed", cause, delay, now).await?;
                again.then_some(Ingest::Again)
            }
            Outcome::Failed { cause, .. } => {
                end_attempt(&mut tx, &open, "failed", Some(cause), now).await?;
                let last = give_up(&mut tx, &open, cause, now).await?;
                last.map(|judgement| Ingest::GivenUp(open.shown(&judgement)))
            }
        };
        let Some(result) = result else { return Ok(Ingest::Ignored("somebody was faster")) };
        tx.commit().await?;
        Ok(result)
    }

    /// Finds claims whose lease ran out and hands their judgements out again, or gives them up. Returns the
    /// submissions it touched.
    pub(crate) async fn sweep(&self, now: Millis) -> Result<Vec<SubmissionId>, StoreError> {
        self.end_leases("its worker was not heard of any more", now).await
    }

    /// Ends every claim: for the start of a service whose worker lives in the same process, where nobody can
    /// be working on anything.
    pub(crate) async fn end_all_claims(&self, now: Millis) -> Result<Vec<SubmissionId>, StoreError> {
        self.db.exec("UPDATE judgements SET lease_until_ms = $1 WHERE state = 'running'", args![now]).await?;
        self.end_leases("the service was stopped while it was judged", now).await
    }

    async fn end_leases(&self, cause: &str, now: Millis) -> Result<Vec<SubmissionId>, StoreError> {
        let late = self
            .db
            .rows(
                "SELECT id FROM judgements WHERE state = 'running' AND lease_until_ms <= $1 ORDER BY id",
                args![now],
            )
            .await?;
        let mut touched = Vec::with_capacity(late.len());
        for row in late {
            let id: JudgementId = row.parse(0, "judgements.id")?;
            let mut tx = self.db.begin().await?;
            let Some(open) = open(&mut tx, id).await? else { continue };
            if open.state != State::Running || open.lease_until > now {
                continue;
            }
            let moved = if open.attempt < MAX_ATTEMPTS {
                requeue(&mut tx, &open, "lost", cause, 0, now).await?
            } else {
                end_attempt(&mut tx, &open, "lost", Some(cause), now).await?;
                give_up(&mut tx, &open, cause, now).await?.is_some()
            };
            if moved {
                tx.commit().await?;
                touched.push(open.submission);
            }
        }
        Ok(touched)
    }

    /// Ends a judgement that no worker could even take, as SE.
    pub(crate) async fn abandon(
        &self,
        id: JudgementId,
        cause: &str,
        now: Millis,
    ) -> Result<Option<SubmissionId>, StoreError> {
        let mut tx = self.db.begin().await?;
        let Some(open) = open(&mut tx, id).await? else { return Ok(None) };
        if !matches!(open.state, State::Queued | State::Running) {
            return Ok(None);
        }
        end_attempt(&mut tx, &open, "failed", Some(cause), now).await?;
        if give_up(&mut tx, &open, cause, now).await?.is_none() {
            return Ok(None);
        }
        tx.commit().await?;
        Ok(Some(open.submission))
    }

    /// The submission a judgement belongs to.
    pub(crate) async fn submission_of(&self, id: JudgementId) -> Result<Option<SubmissionId>, StoreError> {
        let row = self.db.row("SELECT submission_id FROM judgements WHERE id = $1", args![id]).await?;
        row.map(|r| r.parse(0, "judgements.submission_id")).transpose()
    }

    /// Makes every claim's lease run out.
    #[cfg(test)]
    pub(crate) async fn expire_leases_for_tests(&self) {
        let sql = "UPDATE judgements SET lease_until_ms = 0 WHERE state = 'running'";
        self.db.exec(sql, args![]).await.unwrap();
    }

    /// How attempts of a submission ended: (outcome, worker), in order.
    #[cfg(test)]
    pub(crate) async fn attempts(
        &self,
        id: SubmissionId,
    ) -> Result<Vec<(Option<String>, WorkerId)>, StoreError> {
        let rows = self
            .db
            .rows(
                "SELECT a.outcome, a.worker_id FROM attempts a JOIN judgements j ON j.id = a.judgement_id \
                 WHERE j.submission_id = $1 ORDER BY j.number, a.attempt",
                args![id],
            )
            .await?;
        rows.iter().map(|r| Ok((r.opt_text(0)?, r.parse(1, "attempts.worker_id")?))).collect()
    }
}
