//! Counters and gauges for `/metrics`, in OpenMetrics text. Labels come from closed sets only (routes,
//! verdicts, outcomes), never from what a client wrote.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use proto::http::{ClaimReply, WorkerCounts};
use proto::report::Judgement;

use crate::overhead::Overhead;
use crate::store::{Erased, QueueCount, WorkerRow};

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
    Worker { worker }
    Event { event }
    What { what }
    Place { place }
}

/// What the store knows at the moment.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) queue: Vec<QueueCount>,
    pub(crate) workers: Vec<WorkerRow>,
    /// Waiting judgements that no worker can do.
    pub(crate) lacking: i64,
    pub(crate) held: i64,
    pub(crate) deliveries_waiting: i64,
    pub(crate) broker_up: bool,
    /// Places of the store that have no room.
    pub(crate) full: Vec<&'static str>,
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
    erased: Family<What, Counter>,
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
    lacking: Gauge,
    deliveries_waiting: Gauge,
    speed: Family<Worker, Gauge<f64, AtomicU64>>,
    boxes: Family<Condition, Gauge>,
    box_events: Family<Event, Counter>,
    runs: Family<Source, Counter>,
    packages: Family<Source, Counter>,
    run_overhead: Overhead,
    workers: Family<Condition, Gauge>,
    slots: Family<Condition, Gauge>,
    broker_up: Gauge,
    full: Family<Place, Gauge>,
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
            erased: Family::default(),
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
            lacking: Gauge::default(),
            speed: Family::default(),
            boxes: Family::default(),
            box_events: Family::default(),
            runs: Family::default(),
            packages: Family::default(),
            run_overhead: Overhead::default(),
            deliveries_waiting: Gauge::default(),
            workers: Family::default(),
            slots: Family::default(),
            broker_up: Gauge::default(),
            full: Family::default(),
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
        r.register("erased", "What was erased because it was kept long enough", m.erased.clone());
        r.register("webhook_deliveries", "Tries of deliveries by outcome", m.deliveries.clone());
        r.register("webhooks_waiting", "Deliveries that wait", m.deliveries_waiting.clone());
        r.register("queue_wait_seconds", "From acceptance to claim", m.queue_seconds.clone());
        r.register("queue_waiting", "Waiting judgements by class", m.waiting.clone());
        r.register("queue_running", "Running judgements by class", m.running.clone());
        r.register("queue_oldest_seconds", "Age of the oldest waiting judgement by class", m.oldest.clone());
        r.register("queue_held", "Held submissions", m.held.clone());
        r.register("queue_lacking", "Waiting judgements that no worker can do", m.lacking.clone());
        r.register("worker_speed", "Speed of a core beside the reference", m.speed.clone());
        r.register("boxes", "Boxes of living workers by state", m.boxes.clone());
        r.register("box_events", "Boxes made, destroyed and quarantined", m.box_events.clone());
        r.register("runs", "Runs of workers, compilers and checkers too, by source", m.runs.clone());
        r.register("packages", "Problem packages that workers needed, by source", m.packages.clone());
        r.register(
            "run_overhead_seconds",
            "Time of a run beside the program: making its box and taking it down",
            m.run_overhead.clone(),
        );
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
        r.register("store_full", "1 when a place of the store has no room", m.full.clone());
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

    pub(crate) fn erased(&self, erased: &Erased) {
        for (what, count) in [
            ("submission", erased.submissions),
            ("sources", erased.sources),
            ("outputs", erased.outputs),
            ("revision", erased.revisions),
            ("blob", erased.blobs),
        ] {
            self.erased.get_or_create(&what.into()).inc_by(count);
        }
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

    /// Adds what a worker counted since its heartbeat before.
    pub(crate) fn counted(&self, before: Option<&WorkerCounts>, now: Option<&WorkerCounts>) {
        let Some(now) = now else { return };
        let none = WorkerCounts::default();
        let before = before.unwrap_or(&none);
        for (event, before, now) in [
            ("made", before.boxes_made, now.boxes_made),
            ("destroyed", before.boxes_destroyed, now.boxes_destroyed),
            ("quarantined", before.boxes_quarantined, now.boxes_quarantined),
        ] {
            self.box_events.get_or_create(&event.into()).inc_by(now.saturating_sub(before));
        }
        let source = |to: &Family<Source, Counter>, word: &str, before: u64, now: u64| {
            to.get_or_create(&word.into()).inc_by(now.saturating_sub(before));
        };
        source(&self.runs, "cache", before.runs_recalled, now.runs_recalled);
        source(&self.runs, "run", before.runs_made, now.runs_made);
        source(&self.packages, "cache", before.packages_found, now.packages_found);
        source(&self.packages, "fetched", before.packages_fetched, now.packages_fetched);
        self.run_overhead.add(before, now);
    }

    /// Sets what living workers last told.
    fn of_workers(&self, seen: &Seen) {
        let (mut ready, mut taken) = (0u64, 0u64);
        // Workers come and go, and so do their names.
        self.speed.clear();
        for worker in seen.workers.iter().filter(|w| w.alive(seen.now)) {
            if let Some(speed) = worker.registration.speed {
                self.speed.get_or_create(&worker.registration.name.as_str().into()).set(speed);
            }
            if let Some(counted) = &worker.counted {
                ready = counted.boxes_ready.saturating_add(ready);
                taken = counted.boxes_taken.saturating_add(taken);
            }
        }
        for (state, count) in [("ready", ready), ("taken", taken)] {
            self.boxes.get_or_create(&state.into()).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
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
        for state in WorkerRow::STATES {
            let count = seen.workers.iter().filter(|w| w.state(seen.now) == state).count();
            self.workers.get_or_create(&state.into()).set(count as i64);
        }
        let ready = seen.workers.iter().filter(|w| w.ready(seen.now));
        let slots: i64 = ready.map(|w| i64::from(w.registration.slots)).sum();
        self.of_workers(seen);
        for (state, count) in [("busy", busy), ("free", (slots - busy).max(0))] {
            self.slots.get_or_create(&state.into()).set(count);
        }
        self.held.set(seen.held);
        self.lacking.set(seen.lacking);
        self.deliveries_waiting.set(seen.deliveries_waiting);
        self.broker_up.set(i64::from(seen.broker_up));
        for place in ["database", "blobs"] {
            self.full.get_or_create(&place.into()).set(i64::from(seen.full.contains(&place)));
        }
        let mut text = String::new();
        if let Err(e) = prometheus_client::encoding::text::encode(&mut text, &self.registry) {
            tracing::error!(error = %e, "the metrics could not be written");
        }
        text
    }
}
