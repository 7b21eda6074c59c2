//! The service loop against a broker and a store that fail on purpose.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use proto::event::EventMessage;
use proto::facts::{Accounting, Exit};
use proto::http::{ClaimReply, ClaimRequest, Heartbeat, HeartbeatReply, Order, WorkerRegistration};
use proto::id::{Digest, JudgementId, SubmissionId, WorkerId};
use proto::job::{InlineTest, Job, SourceFile, Target};
use proto::limits::LimitsRequest;
use proto::report::{Outcome, ReportMessage, Stored};
use proto::verdict::Verdict;
use queue::{
    Coordinator, Delivery, EventSink, JobSource, Paused, QueueError, ReportSink, Settle, WorkerLink,
};
use tokio::sync::{mpsc, oneshot};

use super::{ConsumeConfig, Drained, run};
use crate::fitness::{Doctor, Fitness};
use crate::packages::Packages;
use crate::testing::{FakeRunner, compiled, engine, is_compile, ran};

/// Everything that happened, in order: `report`, `ack`, `retry`, `event`, `claim`, `register`.
type Log = Arc<Mutex<Vec<String>>>;

fn log(log: &Log, what: impl Into<String>) {
    log.lock().unwrap().push(what.into());
}

fn unavailable(what: &str) -> QueueError {
    QueueError::Unavailable { what: what.to_owned(), cause: "down".to_owned() }
}

struct Settled(Log);

#[async_trait]
impl Settle for Settled {
    async fn ack(self: Box<Self>) -> Result<(), QueueError> {
        log(&self.0, "ack");
        Ok(())
    }
    async fn retry(self: Box<Self>) -> Result<(), QueueError> {
        log(&self.0, "retry");
        Ok(())
    }
    async fn reject(self: Box<Self>, _: &str) -> Result<(), QueueError> {
        log(&self.0, "reject");
        Ok(())
    }
}

struct Jobs(mpsc::Receiver<Job>, Log, Paused);

#[async_trait]
impl JobSource for Jobs {
    async fn next(&mut self) -> Result<Delivery<Job>, QueueError> {
        self.2.off().await;
        match self.0.recv().await {
            Some(job) => Ok(Delivery::new(job, false, Box::new(Settled(Arc::clone(&self.1))))),
            None => std::future::pending().await,
        }
    }

    fn pause(&mut self, paused: bool) {
        if paused {
            log(&self.1, "pause");
        }
        self.2.set(paused);
    }
}

/// Broker and store in one; each failure is used up by one call.
struct Fake {
    log: Log,
    reports: Mutex<Vec<ReportMessage>>,
    reports_fail: AtomicUsize,
    claims_fail: AtomicUsize,
    registers_fail: AtomicUsize,
    refuse: bool,
    stop: Mutex<HashSet<JudgementId>>,
    seen: Mutex<Vec<Heartbeat>>,
    order: Mutex<Order>,
    zip: Vec<u8>,
}

fn use_up(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
}

#[async_trait]
impl ReportSink for Fake {
    async fn publish(&self, report: &ReportMessage) -> Result<(), QueueError> {
        if use_up(&self.reports_fail) {
            return Err(unavailable("broker"));
        }
        self.reports.lock().unwrap().push(report.clone());
        log(&self.log, "report");
        Ok(())
    }
}

#[async_trait]
impl EventSink for Fake {
    async fn publish(&self, event: &EventMessage) {
        log(&self.log, format!("event {}", event.seq));
    }
}

#[async_trait]
impl Coordinator for Fake {
    async fn register(&self, _: &WorkerRegistration) -> Result<(), QueueError> {
        if use_up(&self.registers_fail) {
            return Err(unavailable("API"));
        }
        log(&self.log, "register");
        Ok(())
    }
    async fn heartbeat(&self, _: WorkerId, beat: &Heartbeat) -> Result<HeartbeatReply, QueueError> {
        self.seen.lock().unwrap().push(beat.clone());
        let stop = self.stop.lock().unwrap().iter().copied().collect();
        Ok(HeartbeatReply { known: true, stop, order: *self.order.lock().unwrap() })
    }
    async fn claim(&self, _: JudgementId, _: &ClaimRequest) -> Result<ClaimReply, QueueError> {
        if use_up(&self.claims_fail) {
            return Err(unavailable("API"));
        }
        log(&self.log, "claim");
        if self.refuse {
            return Ok(ClaimReply::Refused { reason: "done".to_owned() });
        }
        Ok(ClaimReply::Granted { attempt: 1, fence: 7, queued_ms: 2.5 })
    }
    async fn blob(&self, _: &Digest) -> Result<bytes::Bytes, QueueError> {
        if self.zip.is_empty() { Err(unavailable("API")) } else { Ok(self.zip.clone().into()) }
    }
}

struct Bench {
    fake: Arc<Fake>,
    runner: Arc<FakeRunner>,
    jobs: mpsc::Sender<Job>,
    stop: Option<oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<Result<(), QueueError>>,
    _data: tempfile::TempDir,
}

fn fake(change: impl FnOnce(&mut Fake)) -> Fake {
    let mut fake = Fake {
        log: Log::default(),
        reports: Mutex::default(),
        reports_fail: AtomicUsize::new(0),
        claims_fail: AtomicUsize::new(0),
        registers_fail: AtomicUsize::new(0),
        refuse: false,
        stop: Mutex::default(),
        seen: Mutex::default(),
        order: Mutex::default(),
        zip: Vec::new(),
    };
    change(&mut fake);
    fake
}

/// A worker with one slot whose cases take `case` each.
fn start(fake: Fake, case: Duration, drain: Duration) -> Bench {
    start_with(fake, case, drain, |_| {})
}

fn start_with(fake: Fake, case: Duration, drain: Duration, change: impl FnOnce(&mut ConsumeConfig)) -> Bench {
    let fake = Arc::new(fake);
    let (jobs, receiver) = mpsc::channel(16);
    let runner = FakeRunner::slow(case, |spec| {
        assert!(spec.argv.iter().all(|a| a != "panic"), "on purpose");
        Ok(if is_compile(spec) { compiled() } else { ran(Exit::Code(0), "right") })
    });
    let data = tempfile::tempdir().unwrap();
    let id = WorkerId::new();
    let packages = Packages::open(data.path(), id, 1 << 20).unwrap();
    let link = WorkerLink {
        jobs: Box::new(Jobs(receiver, Arc::clone(&fake.log), Paused::new())),
        reports: Arc::clone(&fake) as _,
        events: Arc::clone(&fake) as _,
        coordinator: Arc::clone(&fake) as _,
    };
    let mut config = ConsumeConfig {
        id,
        name: "test".to_owned(),
        slots: 1,
        accounting: Accounting::Exact,
        languages: Vec::new(),
        harnesses: false,
        speed: None,
        // No files of the host: what is there is not ours to judge in a test.
        fitness: Arc::new(Fitness::new("/nowhere", None)),
        drained: Drained::Ends,
        drain_timeout: drain,
        heartbeat: Duration::from_millis(50),
    };
    change(&mut config);
    let (stop, stopped) = oneshot::channel();
    let engine = Arc::new(engine(Arc::clone(&runner) as _));
    let task = tokio::spawn(run(link, engine, packages, None, config, async move {
        let _ = stopped.await;
    }));
    Bench { fake, runner, jobs, stop: Some(stop), task, _data: data }
}

fn job(arg: &str) -> Job {
    Job {
        schema: proto::skew::PROTOCOL,
        judgement_id: JudgementId::new(),
        submission_id: SubmissionId::new(),
        language: "cpp".to_owned(),
        files: vec![SourceFile { name: "a.cpp".to_owned(), content: b"int main() {}".to_vec() }],
        target: Target::Tests {
            tests: vec![InlineTest {
                stdin: Vec::new(),
                expected_output: Some(b"right".to_vec()),
                args: vec![arg.to_owned()],
            }],
        },
        limits: LimitsRequest::default(),
        all: false,
        policy: None,
        priority: proto::job::Priority::Normal,
        traceparent: None,
    }
}

impl Bench {
    /// Waits until `what` has happened `times` times.
    async fn wait_for(&self, what: &str, times: usize) {
        for _ in 0..3_000 {
            if self.fake.log.lock().unwrap().iter().filter(|l| *l == what).count() >= times {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("`{what}` did not happen {times} times: {:?}", self.fake.log.lock().unwrap());
    }

    async fn finish(&mut self) {
        let _ = self.stop.take().unwrap().send(());
        (&mut self.task).await.unwrap().unwrap();
    }

    fn place(&self, what: &str) -> usize {
        self.fake.log.lock().unwrap().iter().position(|l| l == what).unwrap_or(usize::MAX)
    }

    fn count(&self, what: &str) -> usize {
        self.fake.log.lock().unwrap().iter().filter(|l| *l == what).count()
    }

    fn outcome(&self, n: usize) -> Outcome {
        self.fake.reports.lock().unwrap()[n].outcome.clone()
    }
}

const SHORT: Duration = Duration::from_millis(10);
const LONG: Duration = Duration::from_secs(1000);

#[tokio::test]
async fn report_is_published_before_ack_even_when_the_broker_fails_for_a_while() {
    let mut bench = start(fake(|f| f.reports_fail = AtomicUsize::new(3)), SHORT, LONG);
    bench.jobs.send(job("")).await.unwrap();
    bench.wait_for("ack", 1).await;
    assert!(bench.place("claim") < bench.place("report") && bench.place("report") < bench.place("ack"));
    let report = bench.fake.reports.lock().unwrap()[0].clone();
    assert_eq!((report.attempt, report.fence), (1, 7));
    let Outcome::Judged { judgement } = report.outcome else { panic!("not judged") };
    assert_eq!((judgement.verdict, judgement.timing.queue_ms), (Verdict::AC, Some(2.5)));
    bench.finish().await;
}

#[tokio::test]
async fn an_api_that_is_down_at_first_costs_time_and_no_job() {
    let failing = fake(|f| {
        f.registers_fail = AtomicUsize::new(2);
        f.claims_fail = AtomicUsize::new(2);
    });
    let mut bench = start(failing, SHORT, LONG);
    bench.jobs.send(job("")).await.unwrap();
    bench.wait_for("ack", 1).await;
    assert_eq!((bench.count("register"), bench.count("report")), (1, 1));
    bench.finish().await;
}

#[tokio::test]
async fn a_refused_claim_is_acknowledged_and_not_judged() {
    let mut bench = start(fake(|f| f.refuse = true), SHORT, LONG);
    bench.jobs.send(job("")).await.unwrap();
    bench.wait_for("ack", 1).await;
    assert_eq!(bench.count("report"), 0);
    bench.finish().await;
}

#[tokio::test]
async fn a_claim_on_the_stop_list_ends_without_a_report() {
    let mut bench = start(fake(|_| {}), LONG, LONG);
    let stopped = job("");
    bench.jobs.send(stopped.clone()).await.unwrap();
    bench.wait_for("claim", 1).await;
    bench.fake.stop.lock().unwrap().insert(stopped.judgement_id);
    bench.wait_for("ack", 1).await;
    assert_eq!(bench.count("report"), 0);
    let beats = bench.fake.seen.lock().unwrap().clone();
    assert!(beats.iter().any(|b| b.running.iter().any(|c| c.judgement_id == stopped.judgement_id)));
    bench.finish().await;
}

#[tokio::test]
async fn draining_finishes_the_running_job_and_takes_no_other() {
    let mut bench = start(fake(|_| {}), Duration::from_millis(500), LONG);
    bench.jobs.send(job("")).await.unwrap();
    bench.wait_for("claim", 1).await;
    bench.jobs.send(job("")).await.unwrap();
    bench.finish().await;
    assert_eq!((bench.count("claim"), bench.count("report"), bench.count("ack")), (1, 1, 1));
    assert!(matches!(bench.outcome(0), Outcome::Judged { .. }));
    assert!(bench.fake.seen.lock().unwrap().last().unwrap().draining);
}

#[tokio::test]
async fn after_the_drain_timeout_the_job_is_handed_back_for_another_attempt() {
    let mut bench = start(fake(|_| {}), LONG, Duration::from_millis(100));
    bench.jobs.send(job("")).await.unwrap();
    bench.wait_for("claim", 1).await;
    bench.finish().await;
    assert!(matches!(bench.outcome(0), Outcome::Failed { retry: true, .. }), "{:?}", bench.outcome(0));
    assert_eq!(bench.count("ack"), 1);
}

#[tokio::test]
async fn a_job_whose_report_cannot_be_published_while_draining_goes_back_unacknowledged() {
    let mut bench = start(fake(|f| f.reports_fail = AtomicUsize::new(usize::MAX)), SHORT, SHORT);
    bench.jobs.send(job("")).await.unwrap();
    bench.wait_for("claim", 1).await;
    bench.finish().await;
    assert_eq!((bench.count("ack"), bench.count("retry")), (0, 1));
}

#[tokio::test]
async fn a_panic_while_judging_is_reported_as_our_failure_and_the_worker_goes_on() {
    let mut bench = start(fake(|_| {}), SHORT, LONG);
    bench.jobs.send(job("panic")).await.unwrap();
    bench.jobs.send(job("")).await.unwrap();
    bench.wait_for("ack", 2).await;
    assert!(matches!(bench.outcome(0), Outcome::Failed { retry: true, .. }));
    assert!(matches!(bench.outcome(1), Outcome::Judged { .. }));
    bench.finish().await;
}

#[tokio::test]
async fn an_unfit_machine_finishes_its_job_takes_no_other_and_says_why() {
    let bench = start(fake(|_| {}), SHORT, LONG);
    bench.runner.fit_for.store(2, Ordering::Relaxed);
    bench.jobs.send(job("")).await.unwrap();
    bench.jobs.send(job("")).await.unwrap();
    let why = bench.task.await.unwrap().unwrap_err().to_string();
    assert!(why.contains("2 boxes could not be killed"), "{why}");
    let log = bench.fake.log.lock().unwrap().clone();
    let count = |what: &str| log.iter().filter(|l| *l == what).count();
    assert_eq!((count("claim"), count("report"), count("ack")), (1, 1, 1), "{log:?}");
}

#[tokio::test]
async fn a_problem_that_cannot_be_fetched_is_a_failure_that_may_be_retried() {
    let mut bench = start(fake(|_| {}), SHORT, LONG);
    let digest = Digest::of(b"");
    let target = Target::Problem { name: "p".to_owned(), digest: digest.clone(), blob: digest };
    bench.jobs.send(Job { target, ..job("") }).await.unwrap();
    bench.wait_for("ack", 1).await;
    assert!(matches!(bench.outcome(0), Outcome::Failed { retry: true, .. }));
    bench.finish().await;
}

#[tokio::test]
async fn events_are_numbered_from_zero_in_order() {
    let mut bench = start(fake(|_| {}), SHORT, LONG);
    bench.jobs.send(job("")).await.unwrap();
    bench.wait_for("event 2", 1).await;
    assert!(
        bench.place("event 0") < bench.place("event 1") && bench.place("event 1") < bench.place("event 2")
    );
    bench.finish().await;
}

#[tokio::test]
async fn a_cordoned_worker_takes_nothing_and_an_uncordoned_one_goes_on() {
    let mut bench = start(fake(|f| f.order = Mutex::new(Order::Cordon)), SHORT, LONG);
    bench.wait_for("pause", 1).await;
    bench.jobs.send(job("")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(bench.count("claim"), 0);
    *bench.fake.order.lock().unwrap() = Order::Work;
    bench.wait_for("ack", 1).await;
    bench.finish().await;
}

#[tokio::test]
async fn a_drained_worker_finishes_its_job_and_ends_by_itself_or_stays_idle() {
    let bench = start(fake(|_| {}), Duration::from_millis(500), LONG);
    bench.jobs.send(job("")).await.unwrap();
    bench.wait_for("claim", 1).await;
    *bench.fake.order.lock().unwrap() = Order::Drain;
    bench.jobs.send(job("")).await.unwrap();
    bench.task.await.unwrap().unwrap();
    let log = bench.fake.log.lock().unwrap().clone();
    let count = |what: &str| log.iter().filter(|l| *l == what).count();
    assert_eq!((count("claim"), count("report"), count("ack")), (1, 1, 1), "{log:?}");

    let mut idle = start_with(fake(|f| f.order = Mutex::new(Order::Drain)), SHORT, LONG, |config| {
        config.drained = Drained::Stays;
    });
    idle.wait_for("pause", 1).await;
    assert!(!idle.task.is_finished());
    *idle.fake.order.lock().unwrap() = Order::Work;
    idle.jobs.send(job("")).await.unwrap();
    idle.wait_for("ack", 1).await;
    idle.finish().await;
}

#[tokio::test]
async fn a_worker_on_an_unfit_host_registers_says_why_and_takes_nothing() {
    let doctor: Doctor = Arc::new(|| Some("missing: pid namespace".to_owned()));
    let fitness = Arc::new(Fitness::new("/nowhere", Some(doctor)));
    fitness.ask().await;
    let mut bench = start_with(fake(|_| {}), SHORT, LONG, |config| config.fitness = fitness);
    bench.jobs.send(job("")).await.unwrap();
    bench.wait_for("pause", 1).await;
    for _ in 0..3_000 {
        let told = bench.fake.seen.lock().unwrap().last().and_then(|beat| beat.unfit.clone());
        if told.as_deref() == Some("missing: pid namespace") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(bench.fake.seen.lock().unwrap().last().unwrap().unfit.is_some());
    assert_eq!((bench.count("register"), bench.count("claim")), (1, 0));
    bench.finish().await;
}

#[tokio::test]
async fn a_job_of_a_release_too_far_away_is_reported_with_both_numbers() {
    let mut bench = start(fake(|_| {}), SHORT, LONG);
    bench.jobs.send(Job { schema: 77, ..job("") }).await.unwrap();
    bench.wait_for("ack", 1).await;
    let Outcome::Failed { cause, retry: true, no_room: None } = bench.outcome(0) else {
        panic!("{:?}", bench.outcome(0))
    };
    assert!(cause.contains("77") && cause.contains(&proto::skew::PROTOCOL.to_string()), "{cause}");
    for schema in [proto::skew::PROTOCOL - 1, proto::skew::PROTOCOL + 1] {
        bench.jobs.send(Job { schema, ..job("") }).await.unwrap();
    }
    bench.wait_for("ack", 3).await;
    assert!(
        matches!(bench.outcome(1), Outcome::Judged { .. })
            && matches!(bench.outcome(2), Outcome::Judged { .. })
    );
    bench.finish().await;
}

#[tokio::test]
async fn a_package_that_does_not_fit_is_reported_as_no_attempt_and_the_room_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("big");
    std::fs::create_dir_all(at.join("data/secret")).unwrap();
    std::fs::write(at.join("problem.yaml"), "problem_format_version: 2025-09\nname: B\nuuid: b\n").unwrap();
    std::fs::write(at.join("data/secret/1.in"), vec![0; 2 << 20]).unwrap();
    std::fs::write(at.join("data/secret/1.ans"), "").unwrap();
    let zip = problem::pack_zip(&at).unwrap();
    let (digest, blob) = (problem::digest_dir(&at).unwrap(), Digest::of(&zip));
    let target = Target::Problem { name: "big".to_owned(), digest, blob };
    let mut bench = start(fake(|fake| fake.zip = zip), SHORT, LONG);
    bench.jobs.send(Job { target, ..job("") }).await.unwrap();
    bench.wait_for("ack", 1).await;
    let outcome = bench.outcome(0);
    let Outcome::Failed { cause, retry: true, no_room: Some(lacking) } = &outcome else {
        panic!("{outcome:?}")
    };
    assert!(cause.contains("problem big needs 2.") && cause.contains("--packages-cap"), "{cause}");
    assert!(lacking.what == Stored::Package && lacking.bytes > 2 << 20, "{lacking:?}");
    let told = bench.fake.seen.lock().unwrap().last().and_then(|beat| beat.room).unwrap();
    assert_eq!((told.cap_bytes, told.most() <= 1 << 20), (1 << 20, true), "{told:?}");
    bench.finish().await;
}
