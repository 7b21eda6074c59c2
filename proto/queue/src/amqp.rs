//! RabbitMQ, by `lapin`: the conveyor between API and workers. The database is the truth (decision 2), so
//! nothing here has to be remembered: what a broker loses, the store hands out again.
//!
//! ```text
//! API     ──job──────>  tribunal.jobs.<priority>.<capability>  ──get──>  worker
//!         ──bell─────>  tribunal.bell (fanout)                 ─────>    each worker: "look now"
//! worker  ──report───>  tribunal.reports                       ─────>    one API
//!         ──event────>  tribunal.events (fanout)               ─────>    each API
//! anyone  ──reject───>  tribunal.dead
//! ```
//! A worker takes jobs with `basic.get`, most urgent class first, as it has free slots: consumers on several
//! queues would be served in turn, and would hold jobs that another worker could run. The bell saves it from
//! asking all the time; a look every second covers a lost bell.
//!
//! Every part connects by itself, again and again with growing pauses, and says so once in the log. Neither
//! end fails to start because the broker is down.

mod link;
mod sink;
mod source;

use std::sync::Arc;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};
use proto::job::{EVENT_MEDIA_TYPE, Priority, REPORT_MEDIA_TYPE};

use crate::{ApiLink, EventSink, JobSource, QueueError, ReportSink, Route};
use link::Link;

/// Exchange of events, fanout, transient.
const EVENTS: &str = "tribunal.events";
/// Exchange that tells workers to look, fanout, transient.
const BELL: &str = "tribunal.bell";
/// Queue of reports.
const REPORTS: &str = "tribunal.reports";
/// Exchange and queue of what nobody understood.
const DEAD: &str = "tribunal.dead";
/// Dead letters kept for an operator to look at; older ones go.
const DEAD_MAX: i64 = 10_000;
/// How long a dead letter is kept, in milliseconds: 14 days.
const DEAD_TTL_MS: i64 = 14 * 24 * 3600 * 1000;
/// A queue of a class of workers that nobody uses for so long goes, in milliseconds: a day. What is in it is then long
/// published elsewhere.
const UNUSED_MS: i64 = 24 * 3600 * 1000;
/// How often the broker hands out one job before it becomes a dead letter: more than the store's attempts.
const DELIVERY_LIMIT: i64 = 20;

/// The queue of one route.
fn job_queue(route: &Route) -> String {
    format!("tribunal.jobs.{}.{}", route.priority.name(), route.capability)
}

/// Which durable queues there are, with their arguments. Quorum queues survive the loss of a broker node.
fn durable_queues(capability: Option<&str>) -> Vec<(String, FieldTable)> {
    let kept = || {
        let mut args = FieldTable::default();
        args.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        args.insert("x-dead-letter-exchange".into(), AMQPValue::LongString(DEAD.into()));
        args
    };
    let mut dead = FieldTable::default();
    dead.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    dead.insert("x-max-length".into(), AMQPValue::LongLongInt(DEAD_MAX));
    dead.insert("x-message-ttl".into(), AMQPValue::LongLongInt(DEAD_TTL_MS));
    // A plain quorum queue ignores the time to live before RabbitMQ 3.10; the length still bounds it.
    let mut queues = vec![(DEAD.to_owned(), dead), (REPORTS.to_owned(), kept())];
    for priority in capability.into_iter().flat_map(|_| Priority::ALL) {
        let route = Route { priority, capability: capability.unwrap_or_default().to_owned() };
        let mut args = kept();
        args.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(DELIVERY_LIMIT));
        // Classes come and go with the images workers have; an architecture alone, as older releases have it, stays.
        if route.capability.contains('.') {
            args.insert("x-expires".into(), AMQPValue::LongLongInt(UNUSED_MS));
        }
        queues.push((job_queue(&route), args));
    }
    queues
}

/// Declares everything durable, and the fanouts. Declaring what exists is a no-op; with other arguments the
/// broker refuses, and the error says which queue.
async fn declare(channel: &Channel, capability: Option<&str>) -> Result<(), lapin::Error> {
    for (name, durable) in [(DEAD, true), (EVENTS, false), (BELL, false)] {
        let options = ExchangeDeclareOptions { durable, ..ExchangeDeclareOptions::default() };
        channel.exchange_declare(name.into(), ExchangeKind::Fanout, options, FieldTable::default()).await?;
    }
    for (name, arguments) in durable_queues(capability) {
        channel.queue_declare(name.as_str().into(), QueueDeclareOptions::durable(), arguments).await?;
    }
    let (options, nothing) = (QueueBindOptions::default(), FieldTable::default());
    channel.queue_bind(DEAD.into(), DEAD.into(), "".into(), options, nothing).await
}

/// A private queue that gets everything of a fanout and goes with its channel's connection.
async fn private_queue(channel: &Channel, exchange: &str, max: i64) -> Result<String, lapin::Error> {
    let options =
        QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(max));
    let queue = channel.queue_declare("".into(), options, arguments).await?;
    let name = queue.name().as_str().to_owned();
    let nothing = FieldTable::default();
    channel
        .queue_bind(name.as_str().into(), exchange.into(), "".into(), QueueBindOptions::default(), nothing)
        .await?;
    Ok(name)
}

/// The API's end of `amqp://USER:PASSWORD@HOST:PORT/VHOST`. Returns at once; connecting goes on behind it.
///
/// # Errors
/// `Refused` when the URL is none.
pub fn connect_api(url: &str) -> Result<ApiLink, QueueError> {
    let link = Link::new(url, "tribunal api")?;
    Ok(ApiLink {
        jobs: Arc::new(sink::Jobs::new(link.clone())),
        reports: Box::new(source::Inbox::reports(link.clone(), REPORTS, REPORT_MEDIA_TYPE)),
        events: Box::new(source::Inbox::events(link, EVENT_MEDIA_TYPE)),
    })
}

/// Whether `url` is one of a broker; nothing is sent.
///
/// # Errors
/// `Refused` when it is none.
pub fn check_url(url: &str) -> Result<(), QueueError> {
    Link::new(url, "nobody").map(drop)
}

/// A worker's end: jobs of `capability`, at most `slots` unsettled at a time. Returns at once; connecting
/// goes on behind it.
///
/// # Errors
/// `Refused` when the URL is none.
#[allow(clippy::unused_async, clippy::type_complexity)]
pub async fn connect_worker(
    url: &str,
    slots: usize,
    capability: &str,
) -> Result<(Box<dyn JobSource>, Arc<dyn ReportSink>, Arc<dyn EventSink>), QueueError> {
    let link = Link::new(url, "tribunal worker")?;
    Ok((
        Box::new(source::Inbox::jobs(link.clone(), slots, capability)),
        Arc::new(sink::Reports::new(link.clone())),
        Arc::new(sink::Events::new(link)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{self, Backend, WorkerEnd};
    use lapin::options::QueuePurgeOptions;

    #[test]
    fn there_is_one_queue_for_each_class_and_capability() {
        let names: Vec<_> = durable_queues(Some("x86_64")).into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [
                "tribunal.dead",
                "tribunal.reports",
                "tribunal.jobs.contest.x86_64",
                "tribunal.jobs.normal.x86_64",
                "tribunal.jobs.rejudge.x86_64",
                "tribunal.jobs.bulk.x86_64"
            ]
        );
    }

    #[tokio::test]
    async fn a_url_of_another_kind_is_refused_without_its_password() {
        let error = connect_api("http://user:secret@host/").unwrap_err().to_string();
        assert!(error.contains("amqp://") && !error.contains("secret"), "{error}");
    }

    struct RabbitMq(String);

    #[async_trait::async_trait]
    impl Backend for RabbitMq {
        async fn job(&self, priority: Priority) -> proto::job::Job {
            contract::sample_job(priority)
        }
        async fn api(&self) -> ApiLink {
            connect_api(&self.0).unwrap()
        }
        async fn worker(&self, slots: usize) -> WorkerEnd {
            connect_worker(&self.0, slots, contract::CAPABILITY).await.unwrap()
        }
    }

    #[tokio::test]
    async fn rabbitmq_keeps_the_contract() {
        let Ok(url) = std::env::var("TRIBUNAL_TEST_AMQP") else {
            println!("SKIPPED: TRIBUNAL_TEST_AMQP names no broker");
            return;
        };
        purge(&url).await;
        contract::suite(&RabbitMq(url)).await;
    }

    #[tokio::test]
    async fn a_message_nobody_understands_goes_to_the_dead_letters() {
        let Ok(url) = std::env::var("TRIBUNAL_TEST_AMQP") else {
            println!("SKIPPED: TRIBUNAL_TEST_AMQP names no broker");
            return;
        };
        let link = Link::new(&url, "test").unwrap();
        let channel = link.channel().await.unwrap();
        declare(&channel, Some("odd")).await.unwrap();
        channel.queue_purge(DEAD.into(), QueuePurgeOptions::default()).await.unwrap();
        let queue = job_queue(&Route { priority: Priority::Normal, capability: "odd".into() });
        let properties = lapin::BasicProperties::default().with_content_type("text/plain".into());
        let options = lapin::options::BasicPublishOptions::default();
        channel.basic_publish("".into(), queue.as_str().into(), options, b"?", properties).await.unwrap();
        let (mut jobs, ..) = connect_worker(&url, 1, "odd").await.unwrap();
        let wait = std::time::Duration::from_secs(2);
        assert!(tokio::time::timeout(wait, jobs.next()).await.is_err(), "it is no job");
        let dead = channel.basic_get(DEAD.into(), lapin::options::BasicGetOptions { no_ack: true }).await;
        assert_eq!(dead.unwrap().expect("a dead letter").delivery.data, b"?");
    }

    /// Empties what earlier runs left behind.
    async fn purge(url: &str) {
        let link = Link::new(url, "test").unwrap();
        let channel = link.channel().await.unwrap();
        declare(&channel, Some(contract::CAPABILITY)).await.unwrap();
        for (queue, _) in durable_queues(Some(contract::CAPABILITY)) {
            channel.queue_purge(queue.as_str().into(), QueuePurgeOptions::default()).await.unwrap();
        }
    }
}
