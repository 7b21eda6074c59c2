//! What a service is started with. Values come resolved from the command line; nothing here reads the
//! environment.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use proto::limits::Limits;

use crate::events::LOOK_EVERY;
use crate::store::{Retention, S3Config};
use crate::webhooks::target::Allowed;

/// How jobs get to workers.
#[derive(Clone, PartialEq, Eq)]
pub enum Broker {
    /// Through the store, to a worker in the same process.
    Embedded,
    /// Through RabbitMQ at this `amqp://…` URL.
    Amqp(String),
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Broker::Embedded => f.write_str("Embedded"),
            Broker::Amqp(url) => write!(f, "Amqp({})", crate::redact::redact(url)),
        }
    }
}

/// What a service is started with.
#[derive(Clone)]
pub struct ServiceConfig {
    /// `sqlite://FILE` or `postgres://…`; `None` is `tribunal.db` in `data`.
    pub database: Option<String>,
    /// The folder of everything that is kept; made when missing.
    pub data: PathBuf,
    /// `file://DIR` or `s3://BUCKET/PREFIX`; `None` is `blobs` in `data`.
    pub blobs: Option<String>,
    /// How to reach the bucket.
    pub s3: S3Config,
    /// Where to listen. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// File of the workers' token. One the operator put there becomes theirs; one that is not there is made. `None` is
    /// `worker.token` in `data`.
    pub worker_token_file: Option<PathBuf>,
    /// How jobs get to workers.
    pub broker: Broker,
    /// The operator's maxima: a request above them is refused.
    pub maxima: Limits,
    /// Serves the page from here instead of from the executable.
    pub web_dir: Option<PathBuf>,
    /// How many unfinished judgements the broker holds at a time, at least; twice the living slots if that is
    /// more. What is in the broker is not in turn any more, so few keep it fair.
    pub window: u32,
    /// Where callback URLs may lead beyond the public internet.
    pub callbacks: Allowed,
    /// How long things are kept; for ever by default.
    pub retention: Retention,
    /// How often a submission somebody watches is read when nothing tells of a change.
    pub(crate) look_every: Duration,
}

impl ServiceConfig {
    /// Everything in `data`, on 127.0.0.1:8080, in one process.
    pub fn new(data: PathBuf) -> Self {
        Self {
            database: None,
            data,
            blobs: None,
            s3: S3Config::default(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            worker_token_file: None,
            broker: Broker::Embedded,
            maxima: Limits::default_maxima(),
            web_dir: None,
            window: 4,
            callbacks: Allowed::default(),
            retention: Retention::default(),
            look_every: LOOK_EVERY,
        }
    }
}

impl std::fmt::Debug for ServiceConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceConfig")
            .field("database", &self.database.as_deref().map(crate::redact::redact))
            .field("data", &self.data)
            .field("listen", &self.listen)
            .field("broker", &self.broker)
            .finish_non_exhaustive()
    }
}
