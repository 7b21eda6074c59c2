//! What comes from the broker. A task of its own connects, takes messages and hands them over one at a time,
//! so that a cancelled `next` loses nothing; it ends when the source is dropped.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions, BasicQosOptions,
    BasicRejectOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use proto::event::EventMessage;
use proto::job::{JOB_MEDIA_TYPE, Job, MESSAGE_MAX, Priority};
use proto::report::ReportMessage;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::link::{Link, Pauses};
use super::{BELL, EVENTS, declare, job_queue, private_queue};
use crate::{Delivery, EventSource, JobSource, Paused, QueueError, ReportSource, Route, Settle};

/// Reports the API holds unsettled.
const REPORTS_AT_ONCE: u16 = 32;
/// Events that wait for one slow API before older ones go.
const EVENTS_WAITING: i64 = 10_000;
/// How often a worker looks when no bell rings.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Messages as they come.
pub(super) struct Inbox<T> {
    from: mpsc::Receiver<T>,
    paused: Paused,
}

impl Inbox<Delivery<Job>> {
    pub(super) fn jobs(link: Arc<Link>, slots: usize, capability: &str) -> Self {
        let (out, from) = mpsc::channel(1);
        let slots = Arc::new(Semaphore::new(slots.max(1)));
        let paused = Paused::new();
        tokio::spawn(take_jobs(link, capability.to_owned(), slots, out, paused.clone()));
        Self { from, paused }
    }
}

impl Inbox<Delivery<ReportMessage>> {
    pub(super) fn reports(link: Arc<Link>, queue: &'static str, media_type: &'static str) -> Self {
        let (out, from) = mpsc::channel(1);
        tokio::spawn(take_reports(link, queue, media_type, out));
        Self { from, paused: Paused::new() }
    }
}

impl Inbox<EventMessage> {
    pub(super) fn events(link: Arc<Link>, media_type: &'static str) -> Self {
        let (out, from) = mpsc::channel(64);
        tokio::spawn(take_events(link, media_type, out));
        Self { from, paused: Paused::new() }
    }
}

#[async_trait]
impl JobSource for Inbox<Delivery<Job>> {
    async fn next(&mut self) -> Result<Delivery<Job>, QueueError> {
        self.from.recv().await.ok_or(QueueError::Closed)
    }

    fn pause(&mut self, paused: bool) {
        self.paused.set(paused);
    }
}

#[async_trait]
impl ReportSource for Inbox<Delivery<ReportMessage>> {
    async fn next(&mut self) -> Result<Delivery<ReportMessage>, QueueError> {
        self.from.recv().await.ok_or(QueueError::Closed)
    }
}

#[async_trait]
impl EventSource for Inbox<EventMessage> {
    async fn next(&mut self) -> Result<EventMessage, QueueError> {
        self.from.recv().await.ok_or(QueueError::Closed)
    }
}

/// Settles by lapin's acker; keeps its slot until then.
struct ByAcker {
    message: lapin::message::Delivery,
    /// A channel closes with its last handle, and the broker then takes back what is unsettled on it: a worker
    /// that takes no more jobs still has to acknowledge those it holds.
    channel: Channel,
    what: &'static str,
    settled: bool,
    _slot: Option<OwnedSemaphorePermit>,
}

impl ByAcker {
    fn new(
        mut message: lapin::message::Delivery,
        channel: &Channel,
        what: &'static str,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Self {
        message.data = Vec::new(); // decoded already; only the acker is needed
        Self { message, channel: channel.clone(), what, settled: false, _slot: slot }
    }

    /// A delivery from before a lost connection cannot be settled any more: it comes again, to somebody.
    fn outcome(&self, result: Result<bool, lapin::Error>) -> Result<(), QueueError> {
        let cause = match result {
            Ok(true) => return Ok(()),
            Ok(false) => "the connection it came by is gone; it will come again".to_owned(),
            Err(e) => e.to_string(),
        };
        Err(QueueError::Unavailable { what: self.what.to_owned(), cause })
    }
}

#[async_trait]
impl Settle for ByAcker {
    async fn ack(mut self: Box<Self>) -> Result<(), QueueError> {
        self.settled = true;
        let result = self.message.acker.ack(BasicAckOptions::default()).await;
        self.outcome(result)
    }

    async fn retry(mut self: Box<Self>) -> Result<(), QueueError> {
        self.settled = true;
        let result = self.message.acker.nack(BasicNackOptions { requeue: true, multiple: false }).await;
        self.outcome(result)
    }

    async fn reject(mut self: Box<Self>, reason: &str) -> Result<(), QueueError> {
        self.settled = true;
        tracing::error!(what = self.what, reason, "a message went to the dead letters");
        let result = self.message.acker.reject(BasicRejectOptions { requeue: false }).await;
        self.outcome(result)
    }
}

impl Drop for ByAcker {
    /// A delivery dropped unsettled goes back at once instead of with the connection.
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (acker, channel) = (self.message.acker.clone(), self.channel.clone());
            runtime.spawn(async move {
                let _open = channel;
                let _ = acker.nack(BasicNackOptions { requeue: true, multiple: false }).await;
            });
        }
    }
}

/// Reads a message; `Err` says what is wrong with it.
fn decode<T: DeserializeOwned>(media_type: &str, message: &lapin::message::Delivery) -> Result<T, String> {
    let found = message.properties.content_type().as_ref().map(|t| t.as_str().to_owned());
    if found.as_deref() != Some(media_type) {
        return Err(format!("its content type is {found:?}, not {media_type}"));
    }
    if message.data.len() > MESSAGE_MAX {
        return Err(format!("it has {} bytes; at most {MESSAGE_MAX} are read", message.data.len()));
    }
    serde_json::from_slice(&message.data).map_err(|e| e.to_string())
}

/// Takes jobs until nobody wants them any more.
async fn take_jobs(
    link: Arc<Link>,
    capability: String,
    slots: Arc<Semaphore>,
    out: mpsc::Sender<Delivery<Job>>,
    paused: Paused,
) {
    let mut pauses = Pauses::new();
    while !out.is_closed() {
        let taken = tokio::select! {
            () = out.closed() => return,
            taken = take_jobs_once(&link, &capability, &slots, &out, &paused, &mut pauses) => taken,
        };
        match taken {
            Ok(()) => return,
            Err(e) => pause(&mut pauses, &e, "jobs").await,
        }
    }
}

async fn pause(pauses: &mut Pauses, error: &QueueError, what: &str) {
    let pause = pauses.next();
    tracing::debug!(error = %error, retry_in_ms = pause.as_millis() as u64, "no {what} can be taken now");
    tokio::time::sleep(pause).await;
}

/// Takes jobs over one channel until it breaks; `Ok` when nobody wants them any more.
async fn take_jobs_once(
    link: &Link,
    capability: &str,
    slots: &Arc<Semaphore>,
    out: &mpsc::Sender<Delivery<Job>>,
    paused: &Paused,
    pauses: &mut Pauses,
) -> Result<(), QueueError> {
    let channel = link.channel().await?;
    let lost = |e: lapin::Error| link.unavailable(&e);
    declare(&channel, Some(capability)).await.map_err(lost)?;
    let bell = private_queue(&channel, BELL, 1).await.map_err(lost)?;
    let no_ack = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let mut bell = channel
        .basic_consume(bell.as_str().into(), "".into(), no_ack, FieldTable::default())
        .await
        .map_err(lost)?;
    pauses.reset();
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { return Ok(()) };
        let delivery = next_job(link, &channel, capability, &mut bell, slot, paused).await?;
        if let Some(delivery) = delivery
            && out.send(delivery).await.is_err()
        {
            return Ok(());
        }
    }
}

/// Waits for one job, most urgent class first; `None` when it was not understood.
async fn next_job(
    link: &Link,
    channel: &Channel,
    capability: &str,
    bell: &mut Consumer,
    slot: OwnedSemaphorePermit,
    paused: &Paused,
) -> Result<Option<Delivery<Job>>, QueueError> {
    loop {
        paused.off().await;
        for priority in Priority::ALL {
            let queue = job_queue(&Route { priority, capability: capability.to_owned() });
            let got = channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await;
            let Some(message) = got.map_err(|e| link.unavailable(&e))? else { continue };
            let message = message.delivery;
            let (job, redelivered) = (decode::<Job>(JOB_MEDIA_TYPE, &message), message.redelivered);
            let settle = Box::new(ByAcker::new(message, channel, "a job", Some(slot)));
            return match job {
                Ok(job) => Ok(Some(Delivery::new(job, redelivered, settle))),
                Err(cause) => settle.reject(&cause).await.map(|()| None),
            };
        }
        tokio::select! {
            rung = bell.next() => match rung {
                Some(Ok(_)) => {}
                Some(Err(e)) => return Err(link.unavailable(&e)),
                None => return Err(link.not_now("the bell's queue was deleted")),
            },
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Takes reports until nobody wants them any more.
async fn take_reports(
    link: Arc<Link>,
    queue: &'static str,
    media_type: &'static str,
    out: mpsc::Sender<Delivery<ReportMessage>>,
) {
    let mut pauses = Pauses::new();
    while !out.is_closed() {
        let once = async {
            let channel = link.channel().await?;
            let lost = |e: lapin::Error| link.unavailable(&e);
            declare(&channel, None).await.map_err(lost)?;
            channel.basic_qos(REPORTS_AT_ONCE, BasicQosOptions::default()).await.map_err(lost)?;
            let mut messages = channel
                .basic_consume(queue.into(), "".into(), BasicConsumeOptions::default(), FieldTable::default())
                .await
                .map_err(lost)?;
            pauses.reset();
            while let Some(message) = messages.next().await {
                let message = message.map_err(lost)?;
                let (report, redelivered) = (decode(media_type, &message), message.redelivered);
                let settle = Box::new(ByAcker::new(message, &channel, "a report", None));
                match report {
                    Ok(report) => {
                        let delivery = Delivery::new(report, redelivered, settle);
                        if out.send(delivery).await.is_err() {
                            return Ok(());
                        }
                    }
                    Err(cause) => settle.reject(&cause).await?,
                }
            }
            Err(link.not_now(format!("the queue {queue} was deleted")))
        };
        let taken = tokio::select! {
            () = out.closed() => return,
            taken = once => taken,
        };
        match taken {
            Ok(()) => return,
            Err(e) => pause(&mut pauses, &e, "reports").await,
        }
    }
}

/// Takes events until nobody wants them any more.
async fn take_events(link: Arc<Link>, media_type: &'static str, out: mpsc::Sender<EventMessage>) {
    let mut pauses = Pauses::new();
    while !out.is_closed() {
        let once = async {
            let channel = link.channel().await?;
            let lost = |e: lapin::Error| link.unavailable(&e);
            declare(&channel, None).await.map_err(lost)?;
            let queue = private_queue(&channel, EVENTS, EVENTS_WAITING).await.map_err(lost)?;
            let no_ack = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
            let mut messages = channel
                .basic_consume(queue.as_str().into(), "".into(), no_ack, FieldTable::default())
                .await
                .map_err(lost)?;
            pauses.reset();
            while let Some(message) = messages.next().await {
                match decode(media_type, &message.map_err(lost)?) {
                    Ok(event) => {
                        if out.send(event).await.is_err() {
                            return Ok(());
                        }
                    }
                    Err(cause) => tracing::warn!(cause, "an event was not understood and is dropped"),
                }
            }
            Err(link.not_now("the events' queue was deleted"))
        };
        let taken: Result<(), QueueError> = tokio::select! {
            () = out.closed() => return,
            taken = once => taken,
        };
        match taken {
            Ok(()) => return,
            Err(e) => pause(&mut pauses, &e, "events").await,
        }
    }
}
