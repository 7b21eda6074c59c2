//! One delivery, from claim to acknowledgement.

use std::time::Duration;

use checker::policy::{Policy, UnknownPolicy};
use futures::FutureExt as _;
use proto::event::{EventKind, EventMessage, State};
use proto::http::{ClaimReply, ClaimRequest};
use proto::id::{Attempt, Fence};
use proto::job::{Job, Target};
use proto::report::{Judgement, NoRoom, Outcome, ReportMessage, Stored};
use proto::skew::{self, PROTOCOL};
use proto::trace::Traceparent;
use queue::{Delivery, QueueError};
use tokio::sync::mpsc::error::TrySendError;
use tracing::Instrument as _;

use super::running::Stop;
use super::{BACKOFF_MIN, Shared, back_off};
use crate::engine::{Against, Progress, Submission};
use crate::error::JudgeError;
use crate::harnesses::Pinned;

/// A granted claim.
#[derive(Debug, Clone, Copy)]
struct Granted {
    attempt: Attempt,
    fence: Fence,
    queued_ms: f64,
}

/// Takes one delivery to its end. Every log line on the way has the submission and its trace.
pub(super) async fn handle(shared: &Shared, delivery: Delivery<Job>) {
    let job = &delivery.message;
    let parent = job.traceparent.as_deref().and_then(|text| text.parse::<Traceparent>().ok());
    // An error's span is there whatever is logged.
    let span = tracing::error_span!(
        "judge",
        trace_id = parent.as_ref().map(Traceparent::trace_id),
        parent_id = parent.as_ref().map(Traceparent::span_id),
        trace_flags = parent.as_ref().map(Traceparent::flags),
        submission.id = %job.submission_id,
        language.id = %job.language,
        attempt = tracing::field::Empty,
    );
    handle_traced(shared, delivery).instrument(span).await;
}

async fn handle_traced(shared: &Shared, delivery: Delivery<Job>) {
    let Some((delivery, granted)) = claim(shared, delivery).await else { return };
    let job = &delivery.message;
    let mut entered = shared.running.enter(job.judgement_id, granted.fence);
    tracing::Span::current().record("attempt", granted.attempt);
    tracing::debug!("claimed");

    // A defect of ours in judging one submission must not take the worker down or lose the job.
    let judging = std::panic::AssertUnwindSafe(judge(shared, job, granted)).catch_unwind();
    let outcome = tokio::select! {
        biased;
        stop = entered.stopped() => match stop {
            Stop::Revoked | Stop::No => return acknowledge(delivery).await,
            Stop::HandBack => handed_back(),
        },
        outcome = judging => outcome.unwrap_or_else(|_| {
            Outcome::failed("the worker met a defect of its own while judging", true)
        }),
    };

    // A disk that is full now fails the next job, too: its attempts are not to be used up before the next heartbeat.
    if matches!(outcome, Outcome::Failed { retry: true, .. }) {
        shared.gate.host(shared.config.fitness.look().await);
    }
    let report = ReportMessage {
        schema: PROTOCOL,
        judgement_id: job.judgement_id,
        submission_id: job.submission_id,
        attempt: granted.attempt,
        fence: granted.fence,
        worker_id: shared.config.id,
        outcome,
        traceparent: job.traceparent.clone(),
    };
    match publish(shared, report).await {
        Published::Safe => acknowledge(delivery).await,
        // Somebody else has to make it again.
        Published::GaveUp => give_back(delivery).await,
    }
}

/// Asks for the right to judge. `None` when there is nothing more to do for the delivery.
async fn claim(shared: &Shared, delivery: Delivery<Job>) -> Option<(Delivery<Job>, Granted)> {
    let request = ClaimRequest {
        worker_id: shared.config.id,
        redelivered: delivery.redelivered,
        traceparent: delivery.message.traceparent.clone(),
    };
    let mut wait = BACKOFF_MIN;
    loop {
        match shared.coordinator.claim(delivery.message.judgement_id, &request).await {
            Ok(ClaimReply::Granted { attempt, fence, queued_ms }) => {
                return Some((delivery, Granted { attempt, fence, queued_ms }));
            }
            Ok(ClaimReply::Refused { reason }) => {
                tracing::debug!(reason, "nothing to do for a delivery");
                acknowledge(delivery).await;
                return None;
            }
            Ok(ClaimReply::TryElsewhere) => {
                // Perhaps it was cordoned since the last heartbeat.
                shared.ask_now.notify_one();
                acknowledge(delivery).await;
                return None;
            }
            Err(error) => {
                tracing::warn!(%error, "could not claim; trying again");
                if shared.running.is_handing_back() {
                    give_back(delivery).await;
                    return None;
                }
                back_off(&mut wait).await;
            }
        }
    }
}

async fn judge(shared: &Shared, job: &Job, granted: Granted) -> Outcome {
    if let Err(skew) = skew::understood(job.schema) {
        // Another worker may be nearer to the API's release.
        return Outcome::failed(format!("the job came from another release: {skew}"), true);
    }
    let mut seq = 0;
    let mut emit = |event: EventKind| {
        let message = EventMessage {
            schema: PROTOCOL,
            judgement_id: job.judgement_id,
            submission_id: job.submission_id,
            attempt: granted.attempt,
            fence: granted.fence,
            seq,
            event,
        };
        seq += 1;
        if let Err(TrySendError::Full(_)) = shared.events.try_send(message) {
            tracing::warn!("events are not taken fast enough; one was dropped");
        }
    };
    let judged = judged(shared, job, &mut |progress| emit(event_of(progress))).await;
    match judged {
        Ok(mut judgement) => {
            judgement.timing.queue_ms = Some(granted.queued_ms);
            Outcome::Judged { judgement: Box::new(judgement) }
        }
        Err(JudgeError::Failed { cause, retry }) => Outcome::failed(cause, retry),
        Err(JudgeError::NoRoom { cause, lacking }) => no_room(shared, cause, lacking),
        // The API let it in, so this worker knows less than the API: perhaps another one knows enough.
        Err(JudgeError::Rejected(why)) => Outcome::failed(why.to_string(), true),
    }
}

async fn judged(
    shared: &Shared,
    job: &Job,
    on_progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Judgement, JudgeError> {
    let submission = Submission {
        language: job.language.clone(),
        files: job.files.clone(),
        all: job.all,
        only: Vec::new(),
    };
    let policy = policy(job)?;
    match &job.target {
        Target::Tests { tests } => {
            let against = Against::Tests { tests: tests.clone(), limits: job.limits.clone() };
            shared.engine.judge_under(policy, &submission, &against, on_progress).await
        }
        Target::Harness { name, digest, blob } => {
            let Some(harnesses) = &shared.harnesses else {
                return Err(JudgeError::failed("this worker runs no harnesses".to_owned()));
            };
            let pinned = Pinned { name, digest, blob };
            harnesses.grade(&*shared.coordinator, shared.engine.floor(), job, &pinned, on_progress).await
        }
        Target::Problem { name, digest, blob } => {
            let held = shared.packages.problem(&*shared.coordinator, name, digest, blob).await?;
            let against = Against::Problem(held.problem());
            shared.engine.judge_under(policy, &submission, &against, on_progress).await
        }
    }
}

/// A word that this worker does not know comes from a newer API; another worker may know it.
fn policy(job: &Job) -> Result<Policy, JudgeError> {
    match &job.policy {
        Some(word) => word.parse().map_err(|e: UnknownPolicy| JudgeError::failed(e.to_string())),
        None if job.all => Ok(Policy::All),
        None => Ok(Policy::Icpc),
    }
}

fn event_of(progress: Progress) -> EventKind {
    match progress {
        Progress::Started { tests_total } => {
            EventKind::State { state: State::Running, tests_total: Some(tests_total) }
        }
        Progress::Compiled(compile) => EventKind::Compile { compile },
        Progress::Tested { index, total, test } => EventKind::Test { index, total, test },
        Progress::Graded { judges, contestants, test } => EventKind::Graded { judges, contestants, test },
    }
}

/// What could not be stored for a job waits until there is room for it, here or elsewhere.
fn no_room(shared: &Shared, cause: String, lacking: NoRoom) -> Outcome {
    tracing::warn!(cause, "a job waits for room");
    // What is left now is told before the job could come again.
    shared.ask_now.notify_one();
    let bytes = match lacking.what {
        Stored::Package => lacking.bytes,
        // What an image needs is known when it is unpacked: more than could be had.
        Stored::Image => shared
            .packages
            .room()
            .map_or(lacking.bytes, |room| lacking.bytes.saturating_add(room.free_bytes).min(room.cap_bytes)),
    };
    Outcome::Failed { cause, retry: true, no_room: Some(NoRoom { bytes, ..lacking }) }
}

fn handed_back() -> Outcome {
    Outcome::failed("handed back: the worker was told to stop", true)
}

/// Whether a report is where it cannot get lost.
enum Published {
    Safe,
    /// The worker is going down and the broker does not answer.
    GaveUp,
}

/// Publishes until it is safe.
async fn publish(shared: &Shared, mut report: ReportMessage) -> Published {
    let mut wait = BACKOFF_MIN;
    loop {
        match shared.reports.publish(&report).await {
            Ok(()) => return Published::Safe,
            Err(QueueError::Malformed { cause, .. } | QueueError::Refused { cause, .. })
                if matches!(report.outcome, Outcome::Judged { .. }) =>
            {
                // Nobody will ever take this one, too large perhaps; the submission must end all the same.
                tracing::error!(cause, "a report was refused; reporting a failure in its place");
                let cause = format!("the report of a finished judgement was refused: {cause}");
                report.outcome = Outcome::failed(cause, false);
            }
            Err(error) => {
                tracing::warn!(%error, "a report could not be published; trying again");
                if shared.running.is_handing_back() && wait > Duration::from_secs(1) {
                    return Published::GaveUp;
                }
                back_off(&mut wait).await;
            }
        }
    }
}

async fn acknowledge(delivery: Delivery<Job>) {
    if let Err(error) = delivery.ack().await {
        // It will come again; the store then refuses the claim.
        tracing::warn!(%error, "a delivery could not be acknowledged");
    }
}

pub(super) async fn give_back(delivery: Delivery<Job>) {
    if let Err(error) = delivery.retry().await {
        tracing::warn!(%error, "a delivery could not be handed back");
    }
}
