//! What goes to the broker. Jobs and reports are persistent, mandatory and confirmed; events and the bell are
//! neither.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation};
use proto::event::EventMessage;
use proto::job::{EVENT_MEDIA_TYPE, JOB_MEDIA_TYPE, Job, MESSAGE_MAX, REPORT_MEDIA_TYPE};
use proto::report::ReportMessage;
use serde::Serialize;
use tokio::sync::Mutex;

use super::link::Link;
use super::{BELL, EVENTS, REPORTS, declare, job_queue};
use crate::{EventSink, JobSink, QueueError, ReportSink, Route};

/// How long the broker may take to confirm.
const CONFIRM: Duration = Duration::from_secs(20);
/// AMQP's "persistent" delivery mode.
const PERSISTENT: u8 = 2;

/// A channel that is opened when needed and dropped when anything went wrong on it.
struct Publisher {
    link: Arc<Link>,
    /// With the capabilities whose queues were declared on it.
    channel: Mutex<Option<(Channel, BTreeSet<String>)>>,
}

impl Publisher {
    fn new(link: Arc<Link>) -> Self {
        Self { link, channel: Mutex::new(None) }
    }

    /// The open channel; `capability` says whose job queues have to be there.
    async fn channel(&self, capability: Option<&str>) -> Result<Channel, QueueError> {
        let mut slot = self.channel.lock().await;
        let wanted = capability.unwrap_or_default();
        if let Some((channel, declared)) = slot.as_mut()
            && channel.status().connected()
        {
            if !declared.contains(wanted) {
                declare(channel, capability).await.map_err(|e| self.link.unavailable(&e))?;
                declared.insert(wanted.to_owned());
            }
            return Ok(channel.clone());
        }
        *slot = None;
        let channel = self.link.channel().await?;
        declare(&channel, capability).await.map_err(|e| self.link.unavailable(&e))?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .map_err(|e| self.link.unavailable(&e))?;
        *slot = Some((channel.clone(), BTreeSet::from([wanted.to_owned()])));
        Ok(channel)
    }

    /// Publishes and waits until the broker keeps the message.
    async fn publish(
        &self,
        capability: Option<&str>,
        queue: &str,
        media_type: &str,
        id: String,
        body: &[u8],
    ) -> Result<(), QueueError> {
        let channel = self.channel(capability).await?;
        let properties = BasicProperties::default()
            .with_content_type(media_type.into())
            .with_message_id(id.as_str().into())
            .with_delivery_mode(PERSISTENT);
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let published =
            async { channel.basic_publish("".into(), queue.into(), options, body, properties).await?.await };
        match tokio::time::timeout(CONFIRM, published).await {
            Ok(Ok(Confirmation::Ack(None))) => Ok(()),
            Ok(Ok(Confirmation::Ack(Some(_)))) => {
                *self.channel.lock().await = None; // declare again
                Err(self.link.not_now(format!("there is no queue {queue}")))
            }
            Ok(Ok(Confirmation::Nack(_) | Confirmation::NotRequested)) => {
                Err(self.link.not_now(format!("the queue {queue} did not take a message")))
            }
            Ok(Err(e)) => {
                *self.channel.lock().await = None;
                Err(self.link.unavailable(&e))
            }
            Err(_) => {
                *self.channel.lock().await = None;
                Err(self.link.not_now(format!("no confirm within {} s", CONFIRM.as_secs())))
            }
        }
    }

    /// Publishes and forgets.
    async fn tell(&self, exchange: &str, media_type: &str, body: &[u8]) -> Result<(), QueueError> {
        let channel = {
            let mut slot = self.channel.lock().await;
            match slot.as_ref() {
                Some((channel, _)) if channel.status().connected() => channel.clone(),
                _ => {
                    let channel = self.link.channel().await?;
                    declare(&channel, None).await.map_err(|e| self.link.unavailable(&e))?;
                    *slot = Some((channel.clone(), BTreeSet::new()));
                    channel
                }
            }
        };
        let properties = BasicProperties::default().with_content_type(media_type.into());
        let sent = channel
            .basic_publish(exchange.into(), "".into(), BasicPublishOptions::default(), body, properties)
            .await;
        sent.map(drop).map_err(|e| self.link.unavailable(&e))
    }
}

/// Writes a message, unless it is larger than a queue carries.
fn encode<T: Serialize>(what: &str, message: &T) -> Result<Vec<u8>, QueueError> {
    let malformed = |cause: String| QueueError::Malformed { what: what.to_owned(), cause };
    let body = serde_json::to_vec(message).map_err(|e| malformed(e.to_string()))?;
    if body.len() > MESSAGE_MAX {
        return Err(malformed(format!("it has {} bytes; a queue carries {MESSAGE_MAX}", body.len())));
    }
    Ok(body)
}

/// Jobs out of the API.
pub(super) struct Jobs {
    publisher: Publisher,
    bell: Publisher,
}

impl Jobs {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { publisher: Publisher::new(link.clone()), bell: Publisher::new(link) }
    }
}

#[async_trait]
impl JobSink for Jobs {
    async fn publish(&self, route: &Route, job: &Job) -> Result<(), QueueError> {
        let body = encode("a job", job)?;
        let id = job.judgement_id.to_string();
        self.publisher.publish(Some(&route.capability), &job_queue(route), JOB_MEDIA_TYPE, id, &body).await?;
        if let Err(e) = self.bell.tell(BELL, "text/plain", route.capability.as_bytes()).await {
            tracing::debug!(error = %e, "the bell was not rung; workers look by themselves");
        }
        Ok(())
    }
}

/// Reports out of a worker.
pub(super) struct Reports(Publisher);

impl Reports {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self(Publisher::new(link))
    }
}

#[async_trait]
impl ReportSink for Reports {
    /// Tries once: who publishes knows how long a finished judgement is worth waiting for.
    async fn publish(&self, report: &ReportMessage) -> Result<(), QueueError> {
        let body = encode("a report", report)?;
        let id = format!("{}/{}", report.judgement_id, report.attempt);
        self.0.publish(None, REPORTS, REPORT_MEDIA_TYPE, id, &body).await
    }
}

/// Events out of a worker.
pub(super) struct Events(Publisher);

impl Events {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self(Publisher::new(link))
    }
}

#[async_trait]
impl EventSink for Events {
    async fn publish(&self, event: &EventMessage) {
        let told = match encode("an event", event) {
            Ok(body) => self.0.tell(EVENTS, EVENT_MEDIA_TYPE, &body).await,
            Err(e) => Err(e),
        };
        if let Err(e) = told {
            tracing::debug!(error = %e, submission.id = %event.submission_id, "an event was not sent");
        }
    }
}
