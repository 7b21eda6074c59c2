//! The queue inside one process: the store's `jobs` table handed out under leases, and channels for reports
//! and events.
//!
//! A submission and its waiting job are one transaction, so nothing can be lost between them, and a restart
//! finds every job where it was. A report counts as published when whoever takes reports has settled it,
//! which is when the store has it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use proto::event::EventMessage;
use proto::http::{ClaimReply, ClaimRequest, Heartbeat, HeartbeatReply, WorkerRegistration};
use proto::id::{Digest, JudgementId, WorkerId};
use proto::job::Job;
use proto::report::ReportMessage;
use queue::{
    Coordinator, Delivery, EventSink, EventSource, JobSink, JobSource, Paused, QueueError, ReportSink,
    ReportSource, Route, Settle,
};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::app::{App, RegisterError};
use crate::routing;
use crate::store::{LeasedJob, Store, StoreError};
use crate::time::now_ms;

/// How long a job in hand stays so before it is claimed; from then on heartbeats keep it.
const LEASE_MS: i64 = 30_000;
/// How often the table is looked at when no bell rings: a lease may have run out.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The same while jobs wait that nobody here may have now.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// Reports on their way to the store; a worker waits when there are more.
const REPORTS_WAITING: usize = 64;
/// Events on their way to watchers; more are dropped, they are hints.
const EVENTS_WAITING: usize = 4096;

fn unavailable(error: &StoreError) -> QueueError {
    QueueError::Unavailable { what: "the store".into(), cause: error.to_string() }
}

type Answer = oneshot::Sender<Result<(), QueueError>>;

/// The in-process queue.
#[derive(Debug, Clone)]
pub(crate) struct Embedded {
    store: Store,
    wake: Arc<Notify>,
    reports: mpsc::Sender<(ReportMessage, bool, Answer)>,
    events: mpsc::Sender<EventMessage>,
}

impl Embedded {
    /// Makes the queue over `store`; `wake` is rung whenever a job may be waiting. Also returns the ends the
    /// API takes reports and events from.
    pub(crate) fn new(
        store: Store,
        wake: Arc<Notify>,
    ) -> (Self, Box<dyn ReportSource>, Box<dyn EventSource>) {
        let (reports, reports_out) = mpsc::channel(REPORTS_WAITING);
        let (events, events_out) = mpsc::channel(EVENTS_WAITING);
        let again = reports.downgrade();
        let embedded = Self { store, wake, reports, events };
        (embedded, Box::new(Reports { from: reports_out, again }), Box::new(Events { from: events_out }))
    }

    /// Jobs for a worker of this architecture with this many slots: what the ready workers can do.
    pub(crate) fn jobs(&self, slots: usize, arch: &str) -> Box<dyn JobSource> {
        Box::new(Jobs {
            queue: self.clone(),
            arch: arch.to_owned(),
            slots: Arc::new(Semaphore::new(slots.max(1))),
            paused: Paused::new(),
            fetch: None,
        })
    }
}

struct Jobs {
    queue: Embedded,
    arch: String,
    slots: Arc<Semaphore>,
    paused: Paused,
    /// The task that waits for a job. It outlives a cancelled `next`, so that no leased job is lost with it.
    fetch: Option<JoinHandle<Result<Delivery<Job>, QueueError>>>,
}

impl Drop for Jobs {
    fn drop(&mut self) {
        if let Some(fetch) = &self.fetch {
            fetch.abort();
        }
    }
}

#[async_trait]
impl JobSource for Jobs {
    async fn next(&mut self) -> Result<Delivery<Job>, QueueError> {
        let fetch = self.fetch.get_or_insert_with(|| {
            let (queue, arch) = (self.queue.clone(), self.arch.clone());
            tokio::spawn(fetch(queue, arch, self.slots.clone(), self.paused.clone()))
        });
        let result = fetch.await;
        self.fetch = None;
        match result {
            Ok(delivery) => delivery,
            Err(_) => Err(QueueError::Closed),
        }
    }

    fn pause(&mut self, paused: bool) {
        self.paused.set(paused);
    }
}

/// One row that a ready worker of this architecture can do.
async fn lease(store: &Store, arch: &str) -> Result<Option<LeasedJob>, StoreError> {
    let now = now_ms();
    for class in routing::classes(&store.workers().await?, now).iter().filter(|c| c.arch == arch) {
        if let Some(leased) = store.lease_jobs(Some(class), 1, LEASE_MS, now).await?.pop() {
            return Ok(Some(leased));
        }
    }
    Ok(None)
}

async fn fetch(
    queue: Embedded,
    arch: String,
    slots: Arc<Semaphore>,
    paused: Paused,
) -> Result<Delivery<Job>, QueueError> {
    let Ok(mut permit) = slots.acquire_owned().await else { return Err(QueueError::Closed) };
    loop {
        paused.off().await;
        let Some(leased) = lease(&queue.store, &arch).await.map_err(|e| unavailable(&e))? else {
            let _ = tokio::time::timeout(pause(&queue.store).await, queue.wake.notified()).await;
            continue;
        };
        let job = queue.store.job(leased.judgement).await.map_err(|e| unavailable(&e))?;
        let settle = Lease { queue: queue.clone(), job: leased, settled: false, slot: Some(permit) };
        if let Some(job) = job {
            let redelivered = settle.job.deliveries > 1;
            return Ok(Delivery::new(job, redelivered, Box::new(settle)));
        }
        // Cancelled in between: take it from the waiting and look for another one.
        permit = settle.into_slot().await?;
    }
}

/// How long to wait for the bell: until the next row becomes visible, at most [`LOOK_EVERY`]. One that is visible
/// already is nothing for us now: its tenant has as many in hand as it may, or no ready worker can do it.
async fn pause(store: &Store) -> Duration {
    match store.next_visible_ms().await {
        Ok(Some(at)) => match u64::try_from(at - now_ms()) {
            Ok(ms) if ms > 0 => Duration::from_millis(ms).min(LOOK_EVERY),
            Ok(_) | Err(_) => LOOK_AGAIN,
        },
        Ok(None) | Err(_) => LOOK_EVERY,
    }
}

struct Lease {
    queue: Embedded,
    job: LeasedJob,
    settled: bool,
    slot: Option<OwnedSemaphorePermit>,
}

impl Lease {
    /// Ends the lease and keeps the slot for the next job.
    async fn into_slot(mut self) -> Result<OwnedSemaphorePermit, QueueError> {
        let slot = self.slot.take().ok_or(QueueError::Closed)?;
        Box::new(self).ack().await.map(|()| slot)
    }
}

#[async_trait]
impl Settle for Lease {
    async fn ack(mut self: Box<Self>) -> Result<(), QueueError> {
        self.settled = true;
        self.queue.store.drop_job(self.job.judgement, &self.job.lease).await.map_err(|e| unavailable(&e))
    }

    async fn retry(mut self: Box<Self>) -> Result<(), QueueError> {
        self.settled = true;
        let released = self.queue.store.release_job(self.job.judgement, &self.job.lease).await;
        self.queue.wake.notify_one();
        released.map_err(|e| unavailable(&e))
    }

    async fn reject(mut self: Box<Self>, reason: &str) -> Result<(), QueueError> {
        self.settled = true;
        // There is nobody to look after dead letters here: the judgement says at once what happened.
        let cause = format!("no worker could take the job: {reason}");
        let dead = self.queue.store.abandon(self.job.judgement, &cause, now_ms()).await;
        dead.map(drop).map_err(|e| unavailable(&e))
    }
}

impl Drop for Lease {
    /// A delivery dropped unsettled goes back at once instead of waiting for its lease to run out.
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (queue, job) = (self.queue.clone(), self.job.clone());
            runtime.spawn(async move {
                let _ = queue.store.release_job(job.judgement, &job.lease).await;
                queue.wake.notify_one();
            });
        }
    }
}

#[async_trait]
impl JobSink for Embedded {
    /// The store made the row when it took the submission; this makes sure it is there and visible.
    async fn publish(&self, route: &Route, job: &Job) -> Result<(), QueueError> {
        self.store
            .make_waiting(job.judgement_id, route.priority, &route.capability, now_ms())
            .await
            .map_err(|e| unavailable(&e))?;
        self.wake.notify_one();
        Ok(())
    }
}

#[async_trait]
impl ReportSink for Embedded {
    async fn publish(&self, report: &ReportMessage) -> Result<(), QueueError> {
        let gone = || QueueError::Unavailable { what: "the service".into(), cause: "it has stopped".into() };
        let (answer, settled) = oneshot::channel();
        self.reports.send((report.clone(), false, answer)).await.map_err(|_| gone())?;
        settled.await.map_err(|_| gone())?
    }
}

#[async_trait]
impl EventSink for Embedded {
    async fn publish(&self, event: &EventMessage) {
        if self.events.try_send(event.clone()).is_err() {
            tracing::debug!(submission.id = %event.submission_id, "an event was dropped: too many are waiting");
        }
    }
}

struct Reports {
    from: mpsc::Receiver<(ReportMessage, bool, Answer)>,
    again: mpsc::WeakSender<(ReportMessage, bool, Answer)>,
}

#[async_trait]
impl ReportSource for Reports {
    async fn next(&mut self) -> Result<Delivery<ReportMessage>, QueueError> {
        let (report, redelivered, answer) = self.from.recv().await.ok_or(QueueError::Closed)?;
        let settle = ReportSettle { report: report.clone(), answer: Some(answer), again: self.again.clone() };
        Ok(Delivery::new(report, redelivered, Box::new(settle)))
    }
}

struct ReportSettle {
    report: ReportMessage,
    answer: Option<Answer>,
    again: mpsc::WeakSender<(ReportMessage, bool, Answer)>,
}

impl ReportSettle {
    fn give_back(&mut self) {
        let (Some(answer), Some(again)) = (self.answer.take(), self.again.upgrade()) else { return };
        // A full channel drops the answer: the publisher sees a failure and publishes again.
        let _ = again.try_send((self.report.clone(), true, answer));
    }
}

#[async_trait]
impl Settle for ReportSettle {
    async fn ack(mut self: Box<Self>) -> Result<(), QueueError> {
        if let Some(answer) = self.answer.take() {
            let _ = answer.send(Ok(()));
        }
        Ok(())
    }

    async fn retry(mut self: Box<Self>) -> Result<(), QueueError> {
        self.give_back();
        Ok(())
    }

    async fn reject(mut self: Box<Self>, reason: &str) -> Result<(), QueueError> {
        if let Some(answer) = self.answer.take() {
            let refused = QueueError::Refused { what: "the service".into(), cause: reason.to_owned() };
            let _ = answer.send(Err(refused));
        }
        Ok(())
    }
}

impl Drop for ReportSettle {
    fn drop(&mut self) {
        self.give_back();
    }
}

struct Events {
    from: mpsc::Receiver<EventMessage>,
}

#[async_trait]
impl EventSource for Events {
    async fn next(&mut self) -> Result<EventMessage, QueueError> {
        self.from.recv().await.ok_or(QueueError::Closed)
    }
}

/// The store, called directly.
#[derive(Debug)]
pub(crate) struct Local(pub(crate) Arc<App>);

#[async_trait]
impl Coordinator for Local {
    async fn register(&self, registration: &WorkerRegistration) -> Result<(), QueueError> {
        self.0.register(registration).await.map_err(|e| match e {
            RegisterError::Store(e) => unavailable(&e),
            e @ RegisterError::Skew { .. } => {
                QueueError::Refused { what: "the service".into(), cause: e.to_string() }
            }
        })
    }

    async fn heartbeat(&self, worker: WorkerId, beat: &Heartbeat) -> Result<HeartbeatReply, QueueError> {
        self.0.heartbeat(worker, beat).await.map_err(|e| unavailable(&e))
    }

    async fn claim(&self, judgement: JudgementId, request: &ClaimRequest) -> Result<ClaimReply, QueueError> {
        self.0.claim(judgement, request).await.map_err(|e| unavailable(&e))
    }

    async fn blob(&self, digest: &Digest) -> Result<bytes::Bytes, QueueError> {
        let refused =
            || QueueError::Refused { what: "the store".into(), cause: format!("there is no blob {digest}") };
        self.0.store.blob(digest).await.map_err(|e| unavailable(&e))?.ok_or_else(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::testing::new_row;
    use proto::job::Priority;
    use queue::contract::{self, Backend, WorkerEnd};
    use queue::{ApiLink, EventSink, ReportSink};
    use std::sync::Mutex;

    type Ends = (Box<dyn ReportSource>, Box<dyn EventSource>);

    struct OverStore {
        queue: Embedded,
        ends: Mutex<Option<Ends>>,
    }

    #[async_trait]
    impl Backend for OverStore {
        /// The store has to know a job before it can hand it out.
        async fn job(&self, priority: Priority) -> Job {
            let mut new = new_row(priority);
            new.capability = contract::CAPABILITY.into();
            let store: &Store = &self.queue.store;
            let id = store.submit(&new, now_ms()).await.unwrap();
            let judgement = store.unqueue_for_tests(id).await;
            store.job(judgement).await.unwrap().unwrap()
        }
        async fn api(&self) -> ApiLink {
            let (reports, events) = self.ends.lock().unwrap().take().unwrap();
            ApiLink { jobs: Arc::new(self.queue.clone()), reports, events }
        }
        async fn worker(&self, slots: usize) -> WorkerEnd {
            let mut me = crate::testing::registration("contract", &["cpp"]);
            me.arch = contract::CAPABILITY.into();
            self.queue.store.register_worker(&me, now_ms()).await.unwrap();
            let reports: Arc<dyn ReportSink> = Arc::new(self.queue.clone());
            let events: Arc<dyn EventSink> = Arc::new(self.queue.clone());
            (self.queue.jobs(slots, contract::CAPABILITY), reports, events)
        }
    }

    #[tokio::test]
    async fn the_leased_table_keeps_the_contract() {
        for (kind, store, _folder) in crate::testing::stores().await {
            println!("on {kind}");
            let (queue, reports, events) = Embedded::new(store, Arc::new(Notify::new()));
            contract::suite(&OverStore { queue, ends: Mutex::new(Some((reports, events))) }).await;
        }
    }
}
