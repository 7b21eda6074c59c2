//! A queue in memory, for tests of those who use one. Nothing survives the process.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use proto::event::EventMessage;
use proto::job::Job;
use proto::report::ReportMessage;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};

use crate::{
    ApiLink, Delivery, EventSink, EventSource, JobSink, JobSource, Paused, QueueError, ReportSink,
    ReportSource, Route, Settle,
};

/// A list of waiting messages and a bell.
#[derive(Debug)]
struct Line<T> {
    waiting: Mutex<VecDeque<(T, bool)>>,
    dead: Mutex<Vec<T>>,
    bell: Notify,
}

impl<T> Line<T> {
    fn new() -> Arc<Self> {
        let (waiting, dead) = (Mutex::new(VecDeque::new()), Mutex::new(Vec::new()));
        Arc::new(Self { waiting, dead, bell: Notify::new() })
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<(T, bool)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, message: T) {
        self.waiting().push_back((message, false));
        self.bell.notify_waiters();
    }

    fn give_back(&self, message: T) {
        self.waiting().push_front((message, true));
        self.bell.notify_waiters();
    }

    /// Waits for the message `choose` likes best.
    async fn take(&self, choose: impl Fn(&VecDeque<(T, bool)>) -> Option<usize>) -> (T, bool) {
        loop {
            let rung = self.bell.notified();
            tokio::pin!(rung);
            rung.as_mut().enable(); // from here on no bell is missed
            {
                let mut waiting = self.waiting();
                if let Some(found) = choose(&waiting).and_then(|at| waiting.remove(at)) {
                    return found;
                }
            }
            rung.await;
        }
    }
}

struct ByLine<T: Send + 'static> {
    line: Arc<Line<T>>,
    message: Option<T>,
    /// Free again before the message goes back, so that whoever waits may have it.
    slot: Option<OwnedSemaphorePermit>,
}

#[async_trait]
impl<T: Send + 'static> Settle for ByLine<T> {
    async fn ack(mut self: Box<Self>) -> Result<(), QueueError> {
        self.message = None;
        Ok(())
    }

    async fn retry(self: Box<Self>) -> Result<(), QueueError> {
        Ok(()) // dropping gives it back
    }

    async fn reject(mut self: Box<Self>, _reason: &str) -> Result<(), QueueError> {
        let mut dead = self.line.dead.lock().unwrap_or_else(PoisonError::into_inner);
        let message = self.message.take();
        dead.extend(message);
        Ok(())
    }
}

impl<T: Send + 'static> Drop for ByLine<T> {
    fn drop(&mut self) {
        self.slot = None;
        if let Some(message) = self.message.take() {
            self.line.give_back(message);
        }
    }
}

/// The queue. Clones share it.
#[derive(Debug, Clone)]
pub struct Memory {
    jobs: Arc<Line<(Route, Job)>>,
    reports: Arc<Line<ReportMessage>>,
    events: Arc<Mutex<Vec<mpsc::UnboundedSender<EventMessage>>>>,
}

impl Memory {
    /// An empty queue.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self { jobs: Line::new(), reports: Line::new(), events: Arc::new(Mutex::new(Vec::new())) }
    }

    /// The API's end.
    pub fn api(&self) -> ApiLink {
        let (out, from) = mpsc::unbounded_channel();
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(out);
        ApiLink {
            jobs: Arc::new(self.clone()),
            reports: Box::new(Reports(self.reports.clone())),
            events: Box::new(Events(from)),
        }
    }

    /// A worker's end: jobs of `capability`, at most `slots` unsettled at a time.
    #[allow(clippy::type_complexity)]
    pub fn worker(
        &self,
        slots: usize,
        capability: &str,
    ) -> (Box<dyn JobSource>, Arc<dyn ReportSink>, Arc<dyn EventSink>) {
        let jobs = Jobs {
            line: self.jobs.clone(),
            capability: capability.to_owned(),
            slots: Arc::new(Semaphore::new(slots.max(1))),
            paused: Paused::new(),
        };
        (Box::new(jobs), Arc::new(self.clone()), Arc::new(self.clone()))
    }

    /// Reports that were rejected.
    pub fn dead_reports(&self) -> Vec<ReportMessage> {
        self.reports.dead.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Jobs that were rejected.
    pub fn dead_jobs(&self) -> Vec<Job> {
        let dead = self.jobs.dead.lock().unwrap_or_else(PoisonError::into_inner);
        dead.iter().map(|(_, job)| job.clone()).collect()
    }
}

struct Jobs {
    line: Arc<Line<(Route, Job)>>,
    capability: String,
    slots: Arc<Semaphore>,
    paused: Paused,
}

#[async_trait]
impl JobSource for Jobs {
    async fn next(&mut self) -> Result<Delivery<Job>, QueueError> {
        let slot = self.slots.clone().acquire_owned().await.map_err(|_| QueueError::Closed)?;
        self.paused.off().await;
        let urgent = |waiting: &VecDeque<((Route, Job), bool)>| {
            let mine = waiting.iter().enumerate().filter(|(_, ((r, _), _))| r.capability == self.capability);
            mine.min_by_key(|(at, ((route, _), _))| (route.priority, *at)).map(|(at, _)| at)
        };
        let (message, redelivered) = self.line.take(urgent).await;
        let job = message.1.clone();
        let settle = ByLine { line: self.line.clone(), message: Some(message), slot: Some(slot) };
        Ok(Delivery::new(job, redelivered, Box::new(settle)))
    }

    fn pause(&mut self, paused: bool) {
        self.paused.set(paused);
    }
}

struct Reports(Arc<Line<ReportMessage>>);

#[async_trait]
impl ReportSource for Reports {
    async fn next(&mut self) -> Result<Delivery<ReportMessage>, QueueError> {
        let (message, redelivered) = self.0.take(|waiting| (!waiting.is_empty()).then_some(0)).await;
        let settle = ByLine { line: self.0.clone(), message: Some(message.clone()), slot: None };
        Ok(Delivery::new(message, redelivered, Box::new(settle)))
    }
}

struct Events(mpsc::UnboundedReceiver<EventMessage>);

#[async_trait]
impl EventSource for Events {
    async fn next(&mut self) -> Result<EventMessage, QueueError> {
        self.0.recv().await.ok_or(QueueError::Closed)
    }
}

#[async_trait]
impl JobSink for Memory {
    async fn publish(&self, route: &Route, job: &Job) -> Result<(), QueueError> {
        self.jobs.push((route.clone(), job.clone()));
        Ok(())
    }
}

#[async_trait]
impl ReportSink for Memory {
    async fn publish(&self, report: &ReportMessage) -> Result<(), QueueError> {
        self.reports.push(report.clone());
        Ok(())
    }
}

#[async_trait]
impl EventSink for Memory {
    async fn publish(&self, event: &EventMessage) {
        let mut listeners = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|out| out.send(event.clone()).is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{self, Backend, WorkerEnd};

    struct InMemory(Memory);

    #[async_trait]
    impl Backend for InMemory {
        async fn job(&self, priority: proto::job::Priority) -> Job {
            contract::sample_job(priority)
        }
        async fn api(&self) -> ApiLink {
            self.0.api()
        }
        async fn worker(&self, slots: usize) -> WorkerEnd {
            self.0.worker(slots, contract::CAPABILITY)
        }
    }

    #[tokio::test]
    async fn memory_keeps_the_contract() {
        contract::suite(&InMemory(Memory::new())).await;
    }
}
