//! The service loop: next delivery, claim, judge, report, and only then acknowledge.
//!
//! ```text
//!  run() ── slot free? ── next() ──> job task (one per slot)      heartbeat task, every 5 s
//!    │                                 claim ── judge ── report ── ack      │ renews the leases
//!    └─ SIGTERM: no next(); wait up to drain_timeout; hand back the rest    └ cancels what it must stop
//! ```
//!
//! A worker that is cordoned, or whose host is unfit for timed work, pauses its source and stays; one that is told to
//! drain ends when its last job is done, or stays idle where it is part of a service. When boxes cannot be killed any
//! more, the loop ends as at SIGTERM, with an error.
//!
//! A job is acknowledged in three cases only: its report is safe, the store said there is nothing to do,
//! or the store took the claim back. Anything else leaves the delivery to be made again, so a crash at any
//! point costs time and no submission.

mod gate;
mod heartbeat;
mod job;
mod running;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use proto::event::EventMessage;
use proto::facts::Accounting;
use proto::http::{Order, RoomLeft, WorkerRegistration};
use proto::id::WorkerId;
use proto::language::LanguageInfo;
use proto::skew::PROTOCOL;
use queue::{Coordinator, EventSink, JobSource, QueueError, ReportSink, WorkerLink};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::engine::Engine;
use crate::fitness::Fitness;
use crate::harnesses::Harnesses;
use crate::packages::Packages;
use gate::Gate;
use running::Running;

/// First wait before something is tried again; doubled up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// Longest wait between two tries.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Events waiting for a slow broker; more are dropped, the report tells everything again.
const EVENTS_WAITING: usize = 1024;

/// How long jobs that were told to hand back may take for it.
const HAND_BACK: Duration = Duration::from_secs(10);

/// What a worker does that the operator drained and that has nothing left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// It ends.
    Ends,
    /// It stays, without jobs, until it is uncordoned: it is part of a process that goes on.
    Stays,
}

/// What a worker says of itself and how it ends.
#[derive(Debug, Clone)]
pub struct ConsumeConfig {
    /// This start of the worker.
    pub id: WorkerId,
    /// Host name, for people.
    pub name: String,
    /// Jobs at once; at least one.
    pub slots: usize,
    /// How far its figures can be trusted.
    pub accounting: Accounting,
    /// What it can judge, with versions.
    pub languages: Vec<LanguageInfo>,
    /// Whether it grades against harnesses, too.
    pub harnesses: bool,
    /// How fast a core is beside the reference.
    pub speed: Option<f64>,
    /// Whether its host may be trusted.
    pub fitness: Arc<Fitness>,
    /// What it does after a drain.
    pub drained: Drained,
    /// How long running jobs may take after the order to stop.
    pub drain_timeout: Duration,
    /// Time between heartbeats.
    pub heartbeat: Duration,
}

impl ConsumeConfig {
    /// The class of workers it is one of: the name of the queues it takes jobs from.
    pub fn class(&self) -> String {
        let arch = std::env::consts::ARCH;
        WorkerRegistration::class_of(arch, self.accounting, self.harnesses, &self.languages)
    }

    fn registration(&self, unfit: Option<String>, room: Option<RoomLeft>) -> WorkerRegistration {
        WorkerRegistration {
            id: self.id,
            name: self.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            slots: self.slots as u32,
            accounting: self.accounting,
            arch: std::env::consts::ARCH.to_owned(),
            languages: self.languages.clone(),
            protocol: PROTOCOL,
            class: Some(self.class()),
            speed: self.speed,
            unfit,
            room,
            harnesses: self.harnesses,
        }
    }
}

/// What every job task shares.
struct Shared {
    config: ConsumeConfig,
    engine: Arc<Engine>,
    packages: Packages,
    harnesses: Option<Harnesses>,
    reports: Arc<dyn ReportSink>,
    coordinator: Arc<dyn Coordinator>,
    events: mpsc::Sender<EventMessage>,
    running: Running,
    gate: Gate,
    /// Rung when a heartbeat should not wait for its time: the operator may want something new.
    ask_now: Notify,
}

impl Shared {
    /// What it says of itself now.
    fn registration(&self) -> WorkerRegistration {
        self.config.registration(self.gate.unfit(), self.packages.room())
    }
}

/// Works until `stop` resolves, then drains. Without `harnesses` a job against one is another worker's. Returns once every job is reported or handed back.
///
/// # Errors
/// When the API refuses this worker, the job source was closed or refused us for good, or boxes can no longer be
/// trusted here.
pub async fn run(
    link: WorkerLink,
    engine: Arc<Engine>,
    packages: Packages,
    harnesses: Option<Harnesses>,
    config: ConsumeConfig,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), QueueError> {
    let WorkerLink { jobs, reports, events, coordinator } = link;
    let (event_sender, event_receiver) = mpsc::channel(EVENTS_WAITING);
    let gate = Gate::new(config.fitness.look().await);
    let shared = Arc::new(Shared {
        config,
        engine,
        packages,
        harnesses,
        reports,
        coordinator,
        events: event_sender,
        running: Running::default(),
        gate,
        ask_now: Notify::new(),
    });
    tokio::pin!(stop);
    tokio::select! {
        registered = register(&shared) => registered?,
        () = &mut stop => return Ok(()),
    }

    let mut helpers = JoinSet::new();
    helpers.spawn(heartbeat::beat(Arc::clone(&shared)));
    helpers.spawn(forward(events, event_receiver));
    let mut tasks = JoinSet::new();
    let ended = take_jobs(&shared, jobs, &mut tasks, &mut stop).await;
    drain(&shared, &mut tasks).await;
    helpers.abort_all();
    ended
}

/// Registers, however long the API takes to come up.
async fn register(shared: &Shared) -> Result<(), QueueError> {
    let registration = shared.registration();
    let mut wait = BACKOFF_MIN;
    loop {
        match shared.coordinator.register(&registration).await {
            Ok(()) => return Ok(()),
            Err(error @ QueueError::Unavailable { .. }) => {
                tracing::warn!(%error, "could not register yet; trying again");
                back_off(&mut wait).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Passes events on in order; the engine never waits for the broker.
async fn forward(sink: Arc<dyn EventSink>, mut events: mpsc::Receiver<EventMessage>) {
    while let Some(event) = events.recv().await {
        sink.publish(&event).await;
    }
}

async fn take_jobs(
    shared: &Arc<Shared>,
    mut jobs: Box<dyn JobSource>,
    tasks: &mut JoinSet<()>,
    stop: &mut (impl Future<Output = ()> + Unpin + Send),
) -> Result<(), QueueError> {
    let slots = Arc::new(Semaphore::new(shared.config.slots.max(1)));
    let unfit = Arc::new(Notify::new());
    let mut gate = shared.gate.watch();
    let mut wait = BACKOFF_MIN;
    loop {
        let state = gate.borrow_and_update().clone();
        jobs.pause(state.closed());
        let leaving = state.order == Order::Drain && shared.config.drained == Drained::Ends;
        if leaving && tasks.is_empty() {
            tracing::info!("drained: nothing is left to do");
            return Ok(());
        }
        let next = async {
            // The semaphore is never closed.
            let slot = Arc::clone(&slots).acquire_owned().await.map_err(|_| QueueError::Closed)?;
            jobs.next().await.map(|delivery| (slot, delivery))
        };
        let next = tokio::select! {
            biased;
            () = unfit.notified() => {
                let cause = shared.engine.runner().unfit().unwrap_or_default();
                tracing::error!(cause, "taking no more jobs");
                return Err(QueueError::Refused { what: "this machine".to_owned(), cause });
            }
            // The heartbeat lives as long as this loop.
            _ = gate.changed() => continue,
            finished = tasks.join_next(), if leaving && !tasks.is_empty() => {
                if let Some(Err(error)) = finished {
                    tracing::error!(%error, "a job task ended early; its job will be delivered again");
                }
                continue;
            }
            next = next => next,
            () = &mut *stop => return Ok(()),
        };
        // Finished tasks are taken out as they come, so the set stays as small as the slots.
        while let Some(finished) = tasks.try_join_next() {
            if let Err(error) = finished {
                tracing::error!(%error, "a job task ended early; its job will be delivered again");
            }
        }
        match next {
            // It was on its way when the gate closed.
            Ok((_, delivery)) if state.closed() => job::give_back(delivery).await,
            Ok((slot, delivery)) => {
                wait = BACKOFF_MIN;
                let (shared, unfit) = (Arc::clone(shared), Arc::clone(&unfit));
                tasks.spawn(async move {
                    job::handle(&shared, delivery).await;
                    // Before the slot is free, so that no further job is taken.
                    if shared.engine.runner().unfit().is_some() {
                        unfit.notify_one();
                    }
                    drop(slot);
                });
            }
            Err(QueueError::Closed) => return Ok(()),
            Err(error @ QueueError::Refused { .. }) => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "no job could be taken; trying again");
                tokio::select! {
                    () = back_off(&mut wait) => {}
                    () = &mut *stop => return Ok(()),
                }
            }
        }
    }
}

/// Lets running jobs finish, then takes them back.
async fn drain(shared: &Shared, tasks: &mut JoinSet<()>) {
    shared.running.drain();
    if tasks.is_empty() {
        return;
    }
    tracing::info!(jobs = tasks.len(), "draining: no new jobs, running ones finish");
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(shared.config.drain_timeout, all).await.is_ok() {
        return;
    }
    tracing::warn!(jobs = tasks.len(), "the drain timeout is over; handing the rest back");
    shared.running.hand_back_all();
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(HAND_BACK, all).await.is_err() {
        tracing::error!("jobs could not be handed back; their leases will run out");
    }
}

async fn back_off(wait: &mut Duration) {
    tokio::time::sleep(*wait).await;
    *wait = (*wait * 2).min(BACKOFF_MAX);
}

#[cfg(test)]
mod tests;
