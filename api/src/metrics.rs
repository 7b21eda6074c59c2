//! Counters and gauges for `/metrics`, in OpenMetrics text. Labels come from closed sets only (routes,
//! verdicts, outcomes), never from what a client wrote.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use proto::http::ClaimReply;
use proto::report::Judgement;

use crate::store::{QueueCount, WorkerRow};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: String,
    route: String,
    status: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Word {
    kind: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Class {
    priority: String,
}

fn word(kind: &str) -> Word {
    Word { kind: kind.to_owned() }
}

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    seconds: Histogram,
    submissions: Counter,
    verdicts: Family<Word, Counter>,
    claims: Family<Word, Counter>,
    reports: Family<Word, Counter>,
    lost: Counter,
    queue_seconds: Histogram,
    waiting: Family<Class, Gauge>,
    running: Family<Class, Gauge>,
    oldest: Gauge<f64, AtomicU64>,
    workers: Gauge,
    slots: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut m = Self {
            registry: Registry::with_prefix("tribunal"),
            requests: Family::default(),
            seconds: Histogram::new(exponential_buckets(0.001, 4.0, 8)),
            submissions: Counter::default(),
            verdicts: Family::default(),
            claims: Family::default(),
            reports: Family::default(),
            lost: Counter::default(),
            queue_seconds: Histogram::new(exponential_buckets(0.01, 4.0, 9)),
            waiting: Family::default(),
            running: Family::default(),
            oldest: Gauge::default(),
            workers: Gauge::default(),
            slots: Gauge::default(),
        };
        let r = &mut m.registry;
        r.register("http_requests", "Requests by route and status", m.requests.clone());
        r.register("http_request_seconds", "Time to answer a request", m.seconds.clone());
        r.register("submissions", "Accepted submissions", m.submissions.clone());
        r.register("judgements", "Stored judgements by verdict", m.verdicts.clone());
        r.register("claims", "Claims by answer", m.claims.clone());
        r.register("reports", "Reports by what became of them", m.reports.clone());
        r.register("attempts_lost", "Attempts whose worker was lost", m.lost.clone());
        r.register("queue_wait_seconds", "From acceptance to claim", m.queue_seconds.clone());
        r.register("queue_waiting", "Waiting judgements by class", m.waiting.clone());
        r.register("queue_running", "Running judgements by class", m.running.clone());
        r.register("queue_oldest_seconds", "Age of the oldest waiting judgement", m.oldest.clone());
        r.register("workers_alive", "Workers heard of lately", m.workers.clone());
        r.register("slots_alive", "Slots of workers heard of lately", m.slots.clone());
        m
    }

    pub(crate) fn request(&self, method: &str, route: &str, status: u16, seconds: f64) {
        let label = Request { method: method.into(), route: route.into(), status: status.into() };
        self.requests.get_or_create(&label).inc();
        self.seconds.observe(seconds);
    }

    pub(crate) fn submitted(&self) {
        self.submissions.inc();
    }

    pub(crate) fn claimed(&self, reply: &ClaimReply) {
        let kind = match reply {
            ClaimReply::Granted { queued_ms, .. } => {
                self.queue_seconds.observe(queued_ms / 1e3);
                "granted"
            }
            ClaimReply::Refused { .. } => "refused",
            ClaimReply::TryElsewhere => "try_elsewhere",
        };
        self.claims.get_or_create(&word(kind)).inc();
    }

    pub(crate) fn judged(&self, judgement: &Judgement) {
        self.verdicts.get_or_create(&word(judgement.verdict.code())).inc();
    }

    pub(crate) fn reported(&self, what: &str) {
        self.reports.get_or_create(&word(what)).inc();
    }

    pub(crate) fn attempts_lost(&self, count: usize) {
        self.lost.inc_by(count as u64);
    }

    /// Writes everything; gauges are taken from the store's counts.
    pub(crate) fn text(&self, queue: &[QueueCount], workers: &[WorkerRow], now: i64) -> String {
        let mut oldest: Option<i64> = None;
        for count in queue {
            let class = Class { priority: count.priority.name().to_owned() };
            self.waiting.get_or_create(&class).set(count.waiting);
            self.running.get_or_create(&class).set(count.running);
            oldest = [oldest, count.oldest_ms].into_iter().flatten().min();
        }
        self.oldest.set(oldest.map_or(0.0, |ms| (now - ms) as f64 / 1e3));
        let alive: Vec<_> = workers.iter().filter(|w| w.alive(now)).collect();
        self.workers.set(alive.len() as i64);
        self.slots.set(alive.iter().map(|w| i64::from(w.registration.slots)).sum());
        let mut text = String::new();
        if let Err(e) = prometheus_client::encoding::text::encode(&mut text, &self.registry) {
            tracing::error!(error = %e, "the metrics could not be written");
        }
        text
    }
}
