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

/// A label set of one word from a closed set.
macro_rules! one_label {
    ($($name:ident { $label:ident })*) => {$(
        #[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
        struct $name {
            $label: String,
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                Self { $label: word.to_owned() }
            }
        }
    )*};
}
one_label! {
    Verdict { verdict }
    Answer { answer }
    Outcome { outcome }
    Class { priority }
    Source { source }
    Condition { state }
    Build { version }
}

/// What the store knows at the moment.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) queue: Vec<QueueCount>,
    pub(crate) workers: Vec<WorkerRow>,
    pub(crate) held: i64,
    pub(crate) deliveries_waiting: i64,
    pub(crate) broker_up: bool,
    pub(crate) now: i64,
}

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    seconds: Histogram,
    submissions: Counter,
    verdicts: Family<Verdict, Counter>,
    claims: Family<Answer, Counter>,
    reports: Family<Outcome, Counter>,
    lost: Counter,
    dead_letters: Counter,
    deliveries: Family<Outcome, Counter>,
    queue_seconds: Histogram,
    run_cpu: Histogram,
    run_wall: Histogram,
    overhead: Histogram,
    cases: Family<Source, Counter>,
    waiting: Family<Class, Gauge>,
    running: Family<Class, Gauge>,
    oldest: Family<Class, Gauge<f64, AtomicU64>>,
    held: Gauge,
    deliveries_waiting: Gauge,
    workers: Family<Condition, Gauge>,
    slots: Family<Condition, Gauge>,
    broker_up: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        // From a millisecond to a quarter of a minute: what a box and a run take.
        let short = || Histogram::new(exponential_buckets(0.001, 4.0, 8));
        let mut m = Self {
            registry: Registry::with_prefix("tribunal"),
            requests: Family::default(),
            seconds: short(),
            submissions: Counter::default(),
            verdicts: Family::default(),
            claims: Family::default(),
            reports: Family::default(),
            lost: Counter::default(),
            dead_letters: Counter::default(),
            deliveries: Family::default(),
            queue_seconds: Histogram::new(exponential_buckets(0.01, 4.0, 9)),
            run_cpu: short(),
            run_wall: short(),
            overhead: short(),
            cases: Family::default(),
            waiting: Family::default(),
            running: Family::default(),
            oldest: Family::default(),
            held: Gauge::default(),
            deliveries_waiting: Gauge::default(),
            workers: Family::default(),
            slots: Family::default(),
            broker_up: Gauge::default(),
        };
        let build = Family::<Build, Gauge>::default();
        build.get_or_create(&env!("CARGO_PKG_VERSION").into()).set(1);
        let r = &mut m.registry;
        r.register("build_info", "The version that runs", build);
        r.register("http_requests", "Requests by route and status", m.requests.clone());
        r.register("http_request_duration_seconds", "Time to answer a request", m.seconds.clone());
        r.register("submissions", "Accepted submissions", m.submissions.clone());
        r.register("judgements", "Stored judgements by verdict", m.verdicts.clone());
        r.register("claims", "Claims by answer", m.claims.clone());
        r.register("reports", "Reports by what became of them", m.reports.clone());
        r.register("attempts_lost", "Attempts whose worker was lost", m.lost.clone());
        r.register("dead_letters", "Judgements given up as SE", m.dead_letters.clone());
        r.register("webhook_deliveries", "Tries of deliveries by outcome", m.deliveries.clone());
        r.register("webhooks_waiting", "Deliveries that wait", m.deliveries_waiting.clone());
        r.register("queue_wait_seconds", "From acceptance to claim", m.queue_seconds.clone());
        r.register("queue_waiting", "Waiting judgements by class", m.waiting.clone());
        r.register("queue_running", "Running judgements by class", m.running.clone());
        r.register("queue_oldest_seconds", "Age of the oldest waiting judgement by class", m.oldest.clone());
        r.register("queue_held", "Held submissions", m.held.clone());
        r.register("run_cpu_seconds", "CPU time of a test case", m.run_cpu.clone());
        r.register("run_wall_seconds", "Wall-clock time of a test case", m.run_wall.clone());
        r.register(
            "overhead_seconds",
            "Time of a worker for a judgement beside compile, runs and checks",
            m.overhead.clone(),
        );
        r.register("cases", "Test cases by where their run came from", m.cases.clone());
        r.register("workers", "Workers by state", m.workers.clone());
        r.register("slots", "Slots of living workers that take jobs", m.slots.clone());
        r.register("broker_up", "1 when the broker is reachable or not needed", m.broker_up.clone());
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
        let answer = match reply {
            ClaimReply::Granted { queued_ms, .. } => {
                self.queue_seconds.observe(queued_ms / 1e3);
                "granted"
            }
            ClaimReply::Refused { .. } => "refused",
            ClaimReply::TryElsewhere => "try_elsewhere",
        };
        self.claims.get_or_create(&answer.into()).inc();
    }

    pub(crate) fn judged(&self, judgement: &Judgement) {
        self.verdicts.get_or_create(&judgement.verdict.code().into()).inc();
        for test in &judgement.tests {
            let (Some(cpu), Some(wall)) = (test.cpu_time_ms, test.wall_time_ms) else { continue };
            let source = if test.cached { "cache" } else { "run" };
            self.cases.get_or_create(&source.into()).inc();
            if !test.cached {
                self.run_cpu.observe(cpu / 1e3);
                self.run_wall.observe(wall / 1e3);
            }
        }
        let timing = &judgement.timing;
        // Cases run ahead of their checks, so the parts may be more than the whole.
        let rest = timing.total_ms - timing.compile_ms - timing.run_ms - timing.check_ms;
        self.overhead.observe(rest.max(0.0) / 1e3);
    }

    /// A judgement was given up.
    pub(crate) fn given_up(&self) {
        self.dead_letters.inc();
    }

    pub(crate) fn reported(&self, outcome: &str) {
        self.reports.get_or_create(&outcome.into()).inc();
    }

    pub(crate) fn delivered(&self, outcome: &str) {
        self.deliveries.get_or_create(&outcome.into()).inc();
    }

    pub(crate) fn attempts_lost(&self, count: usize) {
        self.lost.inc_by(count as u64);
    }

    /// Writes everything; gauges are what the store knows.
    pub(crate) fn text(&self, seen: &Seen) -> String {
        let mut busy = 0;
        for count in &seen.queue {
            let class = Class::from(count.priority.name());
            self.waiting.get_or_create(&class).set(count.waiting);
            self.running.get_or_create(&class).set(count.running);
            let age = count.oldest_ms.map_or(0.0, |ms| (seen.now - ms).max(0) as f64 / 1e3);
            self.oldest.get_or_create(&class).set(age);
            busy += count.running;
        }
        let (mut ready, mut draining, mut lost, mut slots) = (0, 0, 0, 0);
        for worker in &seen.workers {
            match (worker.alive(seen.now), worker.draining) {
                (false, _) => lost += 1,
                (true, true) => draining += 1,
                (true, false) => {
                    ready += 1;
                    slots += i64::from(worker.registration.slots);
                }
            }
        }
        for (state, count) in [("ready", ready), ("draining", draining), ("lost", lost)] {
            self.workers.get_or_create(&state.into()).set(count);
        }
        for (state, count) in [("busy", busy), ("free", (slots - busy).max(0))] {
            self.slots.get_or_create(&state.into()).set(count);
        }
        self.held.set(seen.held);
        self.deliveries_waiting.set(seen.deliveries_waiting);
        self.broker_up.set(i64::from(seen.broker_up));
        let mut text = String::new();
        if let Err(e) = prometheus_client::encoding::text::encode(&mut text, &self.registry) {
            tracing::error!(error = %e, "the metrics could not be written");
        }
        text
    }
}
