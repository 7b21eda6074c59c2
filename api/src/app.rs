//! What every part of the service shares.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use proto::http::{ClaimReply, ClaimRequest, Heartbeat, HeartbeatReply, RoomLeft, WorkerRegistration};
use proto::id::{JudgementId, SubmissionId, WorkerId};
use proto::limits::Limits;
use proto::skew::{self, Skew};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::events::Hub;
use crate::metrics::Metrics;
use crate::store::{Retention, Store, StoreError};
use crate::time::now_ms;
use crate::trace;
use crate::webhooks::target::Allowed;

/// What the last publish to the broker showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum BrokerState {
    /// Nothing was published yet.
    Untried,
    /// It kept the message.
    Reachable,
    /// It did not; submissions wait in the store.
    Unreachable,
}

/// The service's shared state.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) hub: Hub,
    pub(crate) metrics: Metrics,
    /// Rung when a job may be waiting.
    pub(crate) wake: Arc<Notify>,
    /// Rung when a delivery may be due.
    pub(crate) hooks: Notify,
    /// Where callback URLs may lead beyond the public internet.
    pub(crate) callbacks: Allowed,
    /// Whether the service listens on loopback only.
    pub(crate) loopback: bool,
    /// The operator's maxima.
    pub(crate) maxima: Limits,
    /// How long things are kept.
    pub(crate) retention: Retention,
    /// Where the page comes from instead of the executable.
    pub(crate) web_dir: Option<PathBuf>,
    /// Whether jobs go through a broker.
    pub(crate) brokered: bool,
    /// Whether the last publish reached it: a [`BrokerState`].
    pub(crate) broker: AtomicU8,
    /// Cancelled when the service stops.
    pub(crate) shutdown: CancellationToken,
}

/// Why a worker is not registered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegisterError {
    /// Its release is too far from ours.
    #[error("worker {name} runs release {version}, this service {}: {skew}", env!("CARGO_PKG_VERSION"))]
    Skew {
        /// Its name.
        name: String,
        /// Its release.
        version: String,
        /// The protocols.
        skew: Skew,
    },
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl App {
    /// A worker tells who it is.
    ///
    /// # Errors
    /// `Skew` when the two releases do not understand each other.
    pub(crate) async fn register(&self, registration: &WorkerRegistration) -> Result<(), RegisterError> {
        if let Err(skew) = skew::understood(registration.protocol) {
            let (name, version) = (registration.name.clone(), registration.version.clone());
            let refused = RegisterError::Skew { name, version, skew };
            tracing::warn!(worker.id = %registration.id, why = %refused, "a worker was refused");
            return Err(refused);
        }
        self.store.register_worker(registration, now_ms()).await?;
        tracing::info!(
            worker.id = %registration.id, worker.name = %registration.name, slots = registration.slots,
            languages = registration.languages.iter().filter(|l| l.usable).count(), class = registration.class(),
            protocol = registration.protocol, speed = registration.speed, "a worker registered"
        );
        if let Some(why) = &registration.unfit {
            tracing::warn!(worker.id = %registration.id, worker.name = %registration.name, why, "a worker is unfit");
        }
        for language in &registration.languages {
            if let Some(note) = &language.note {
                tracing::warn!(worker.id = %registration.id, language.id = language.id, note, "a worker's language");
            }
        }
        self.wake.notify_one();
        Ok(())
    }

    /// A worker is alive.
    pub(crate) async fn heartbeat(
        &self,
        worker: WorkerId,
        beat: &Heartbeat,
    ) -> Result<HeartbeatReply, StoreError> {
        let (reply, before) = self.store.heartbeat(worker, beat, now_ms()).await?;
        if let Some(before) = before {
            self.metrics.counted(before.counted.as_ref(), beat.counted.as_ref());
            let name = before.registration.name.as_str();
            if before.room.map(RoomLeft::most) < beat.room.map(RoomLeft::most) {
                self.wake.notify_one();
            }
            match (&before.unfit, &beat.unfit) {
                (None, Some(why)) => {
                    tracing::warn!(worker.id = %worker, worker.name = name, why, "a worker is unfit");
                }
                (Some(_), None) => {
                    tracing::info!(worker.id = %worker, worker.name = name, "a worker is fit again");
                    self.wake.notify_one();
                }
                _ => {}
            }
        }
        Ok(reply)
    }

    /// A worker asks for the right to judge.
    pub(crate) async fn claim(
        &self,
        judgement: JudgementId,
        request: &ClaimRequest,
    ) -> Result<ClaimReply, StoreError> {
        let span = trace::span("claim", request.traceparent.as_deref());
        self.traced_claim(judgement, request).instrument(span).await
    }

    async fn traced_claim(
        &self,
        judgement: JudgementId,
        request: &ClaimRequest,
    ) -> Result<ClaimReply, StoreError> {
        let reply = self.store.claim(judgement, request, now_ms()).await?;
        self.metrics.claimed(&reply);
        let submission = self.store.submission_of(judgement).await?;
        match (&reply, submission) {
            (ClaimReply::Granted { attempt, fence, queued_ms }, Some(submission)) => {
                trace::waited(request.traceparent.as_deref(), *queued_ms);
                tracing::debug!(submission.id = %submission, attempt, worker.id = %request.worker_id, "claimed");
                self.hub.running(submission, judgement, *attempt, *fence);
            }
            (ClaimReply::TryElsewhere, _) => self.wake.notify_one(),
            (ClaimReply::Refused { reason }, Some(submission)) => {
                tracing::info!(submission.id = %submission, worker.id = %request.worker_id, reason, "claim refused");
                // It may have been given up by this very claim.
                self.hub.changed(submission);
            }
            _ => {}
        }
        Ok(reply)
    }

    /// A span for what the service does about a submission by itself.
    pub(crate) async fn span_of(&self, name: &'static str, id: SubmissionId) -> tracing::Span {
        // A log line without its trace is better than none.
        let trace = self.store.trace_of(id).await.ok().flatten();
        trace::span(name, trace.as_deref())
    }

    /// Wakes whoever watches these submissions.
    pub(crate) fn touched(&self, submissions: &[SubmissionId]) {
        for id in submissions {
            self.hub.changed(*id);
        }
        if !submissions.is_empty() {
            self.hooks.notify_one();
            self.wake.notify_one();
        }
    }

    /// Notes whether the broker could be reached.
    pub(crate) fn broker_reached(&self, ok: bool) {
        let state = if ok { BrokerState::Reachable } else { BrokerState::Unreachable };
        self.broker.store(state as u8, Ordering::Relaxed);
    }

    /// What is known of the broker, in a word.
    pub(crate) fn broker_state(&self) -> &'static str {
        let state = self.broker.load(Ordering::Relaxed);
        match self.brokered {
            false => "embedded",
            true if state == BrokerState::Reachable as u8 => "reachable",
            true if state == BrokerState::Unreachable as u8 => "unreachable",
            true => "untried",
        }
    }
}
