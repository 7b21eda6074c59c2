//! Jobs, reports and events between the API and the workers: the only code that knows a broker.
//!
//! The API publishes jobs ([`JobSink`]) and takes reports ([`ReportSource`]) and events
//! ([`EventSource`]); a worker does the opposite. A delivery is only a hint: before it works, a worker asks
//! the store for a claim through [`Coordinator`] (corrections 1 and 17), so a message delivered twice is
//! judged once. This crate never looks inside a job.
//!
//! Back ends: `amqp` (RabbitMQ) here, the leased table of the embedded store in `api`, `memory` for tests.
//! All of them pass `contract`.

#![forbid(unsafe_code)]

pub mod amqp;
pub mod contract;
pub mod memory;
mod paused;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use proto::event::EventMessage;
use proto::http::{ClaimReply, ClaimRequest, Heartbeat, HeartbeatReply, WorkerRegistration};
use proto::id::{Digest, JudgementId, WorkerId};
use proto::job::{Job, Priority};
use proto::report::ReportMessage;

pub use paused::Paused;

/// Why the broker or the coordinator could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The other side cannot be reached now; trying again later can help.
    #[error("could not reach {what}: {cause}")]
    Unavailable {
        /// Who could not be reached, without secrets.
        what: String,
        /// What the system said.
        cause: String,
    },
    /// The other side answered no; trying again does not help.
    #[error("{what} refused: {cause}")]
    Refused {
        /// Who refused.
        what: String,
        /// What it said.
        cause: String,
    },
    /// What came in was not understood. The message went to the dead letters.
    #[error("a message from {what} was not understood: {cause}")]
    Malformed {
        /// Where it came from.
        what: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The source was closed on purpose; there is nothing more.
    #[error("closed")]
    Closed,
}

/// Which queue a job goes to: one per priority class and capability, never one per problem.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Route {
    /// The class.
    pub priority: Priority,
    /// What a worker has to be able to do: the class of the workers that can, such as `x86_64.exact.1f2e3d4c5b6a`.
    pub capability: String,
}

/// Settles one delivery. Implemented by back ends; callers use [`Delivery`].
#[async_trait]
pub trait Settle: Send {
    /// Done: never deliver it again.
    async fn ack(self: Box<Self>) -> Result<(), QueueError>;
    /// Deliver it again, to anybody.
    async fn retry(self: Box<Self>) -> Result<(), QueueError>;
    /// Put it among the dead letters.
    async fn reject(self: Box<Self>, reason: &str) -> Result<(), QueueError>;
}

/// A message in hand. Dropping it unsettled leaves it to the back end's redelivery.
#[must_use = "a delivery has to be acknowledged, retried or rejected"]
pub struct Delivery<T> {
    /// The message.
    pub message: T,
    /// Whether it was handed out before.
    pub redelivered: bool,
    settle: Box<dyn Settle>,
}

impl<T> Delivery<T> {
    /// Wraps a message with the back end's way to settle it.
    pub fn new(message: T, redelivered: bool, settle: Box<dyn Settle>) -> Self {
        Self { message, redelivered, settle }
    }

    /// Done: never deliver it again.
    pub async fn ack(self) -> Result<(), QueueError> {
        self.settle.ack().await
    }

    /// Deliver it again, to anybody.
    pub async fn retry(self) -> Result<(), QueueError> {
        self.settle.retry().await
    }

    /// Put it among the dead letters.
    pub async fn reject(self, reason: &str) -> Result<(), QueueError> {
        self.settle.reject(reason).await
    }
}

impl<T: fmt::Debug> fmt::Debug for Delivery<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("message", &self.message)
            .field("redelivered", &self.redelivered)
            .finish_non_exhaustive()
    }
}

/// Where the API puts jobs.
#[async_trait]
pub trait JobSink: Send + Sync {
    /// Returns once the broker has confirmed that it keeps the job.
    async fn publish(&self, route: &Route, job: &Job) -> Result<(), QueueError>;
}

/// Where a worker takes jobs from. Holds at most as many unsettled deliveries as it was opened for.
#[async_trait]
pub trait JobSource: Send {
    /// Waits for the next job, most urgent class first. Reconnects by itself; cancel safe.
    async fn next(&mut self) -> Result<Delivery<Job>, QueueError>;
    /// Takes no more jobs until it is told to go on. One that was on its way may still come out of [`next`](Self::next):
    /// whoever paused it gives that back.
    fn pause(&mut self, paused: bool);
}

/// Where a worker puts reports.
#[async_trait]
pub trait ReportSink: Send + Sync {
    /// Returns once the report is safe. Only then may the job be acknowledged.
    async fn publish(&self, report: &ReportMessage) -> Result<(), QueueError>;
}

/// Where the API takes reports from.
#[async_trait]
pub trait ReportSource: Send {
    /// Waits for the next report; cancel safe.
    async fn next(&mut self) -> Result<Delivery<ReportMessage>, QueueError>;
}

/// Where a worker puts events. Events are hints: losing one loses nothing but a moment of live view.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Best effort; failures are logged by the back end.
    async fn publish(&self, event: &EventMessage);
}

/// Where every API process takes events from; each gets every event.
#[async_trait]
pub trait EventSource: Send {
    /// Waits for the next event; cancel safe.
    async fn next(&mut self) -> Result<EventMessage, QueueError>;
}

/// The store, as a worker sees it: claims, registration, blobs. Over HTTP for workers on their own, a
/// function call in `serve`.
#[async_trait]
pub trait Coordinator: Send + Sync {
    /// Tells who this worker is and what it can do. Idempotent.
    async fn register(&self, registration: &WorkerRegistration) -> Result<(), QueueError>;
    /// Says "alive" and renews the leases of the running claims.
    async fn heartbeat(&self, worker: WorkerId, beat: &Heartbeat) -> Result<HeartbeatReply, QueueError>;
    /// Asks for the right to judge.
    async fn claim(&self, judgement: JudgementId, request: &ClaimRequest) -> Result<ClaimReply, QueueError>;
    /// Fetches a blob. The caller checks the digest.
    async fn blob(&self, digest: &Digest) -> Result<bytes::Bytes, QueueError>;
}

/// Everything a worker needs to talk to the rest.
pub struct WorkerLink {
    /// Jobs come from here.
    pub jobs: Box<dyn JobSource>,
    /// Reports go here.
    pub reports: Arc<dyn ReportSink>,
    /// Events go here.
    pub events: Arc<dyn EventSink>,
    /// Claims and blobs.
    pub coordinator: Arc<dyn Coordinator>,
}

impl fmt::Debug for WorkerLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkerLink")
    }
}

/// Everything the API needs from a broker.
pub struct ApiLink {
    /// Jobs go here.
    pub jobs: Arc<dyn JobSink>,
    /// Reports come from here.
    pub reports: Box<dyn ReportSource>,
    /// Events come from here.
    pub events: Box<dyn EventSource>,
}

impl fmt::Debug for ApiLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiLink")
    }
}
