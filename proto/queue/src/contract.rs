//! The behaviour every back end has to show, as one suite that panics where a back end does not.
//!
//! A back end implements [`Backend`] in its tests and hands it to [`suite`]. The queues have to be empty when
//! the suite begins, and are empty when it ends.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use proto::event::{EventKind, EventMessage, State};
use proto::id::{JudgementId, SubmissionId, WorkerId};
use proto::job::{InlineTest, Job, Priority, SourceFile, Target};
use proto::report::{Judgement, Outcome, ReportMessage};
use tokio::time::timeout;

use crate::{ApiLink, Delivery, EventSink, JobSource, ReportSink, Route};

/// The capability of every route in the suite.
pub const CAPABILITY: &str = "contract";
/// Something that should happen happens within this.
const SOON: Duration = Duration::from_secs(15);
/// What has not happened after this does not happen.
const NEVER: Duration = Duration::from_millis(700);

/// What a worker holds.
pub type WorkerEnd = (Box<dyn JobSource>, Arc<dyn ReportSink>, Arc<dyn EventSink>);

/// A back end under test.
#[async_trait]
pub trait Backend: Sync {
    /// A job that may be published: [`sample_job`], unless the back end has to know jobs beforehand.
    async fn job(&self, priority: Priority) -> Job;
    /// Opens the API's end.
    async fn api(&self) -> ApiLink;
    /// Opens one more worker's end for [`CAPABILITY`].
    async fn worker(&self, slots: usize) -> WorkerEnd;
}

/// A job with bytes that are not UTF-8.
pub fn sample_job(priority: Priority) -> Job {
    Job {
        schema: proto::skew::PROTOCOL,
        judgement_id: JudgementId::new(),
        submission_id: SubmissionId::new(),
        language: "python3".into(),
        files: vec![SourceFile { name: "a.py".into(), content: vec![0, 255, b'\n'] }],
        target: Target::Tests {
            tests: vec![InlineTest {
                stdin: b"1 2\n".to_vec(),
                expected_output: Some(b"3\n".to_vec()),
                args: vec![],
            }],
        },
        limits: proto::limits::LimitsRequest::default(),
        all: false,
        policy: None,
        priority,
        traceparent: None,
    }
}

/// A report on `job`.
pub fn sample_report(job: &Job) -> ReportMessage {
    let judgement = Judgement::system_error(&job.language, "a sample".into());
    ReportMessage {
        schema: proto::skew::PROTOCOL,
        judgement_id: job.judgement_id,
        submission_id: job.submission_id,
        attempt: 1,
        fence: 1,
        worker_id: WorkerId::new(),
        outcome: Outcome::Judged { judgement: Box::new(judgement) },
    }
}

/// Runs every claim below, one after the other.
pub async fn suite(backend: &dyn Backend) {
    let mut api = backend.api().await;
    an_acknowledged_job_came_whole_and_never_again(backend, &api).await;
    the_most_urgent_class_goes_first(backend, &api).await;
    no_more_jobs_are_held_than_there_are_slots(backend, &api).await;
    a_job_given_back_comes_again_marked(backend, &api).await;
    a_job_of_a_vanished_worker_comes_again_marked(backend, &api).await;
    a_job_in_hand_outlives_its_source(backend, &api).await;
    a_cancelled_wait_loses_no_job(backend, &api).await;
    a_paused_source_leaves_jobs_to_others_and_goes_on(backend, &api).await;
    a_rejected_job_never_comes_again(backend, &api).await;
    a_report_stays_until_it_is_acknowledged(backend, &mut api).await;
    events_arrive_in_order(backend, &mut api).await;
}

async fn publish(backend: &dyn Backend, api: &ApiLink, priority: Priority) -> Job {
    let job = backend.job(priority).await;
    let route = Route { priority, capability: CAPABILITY.into() };
    api.jobs.publish(&route, &job).await.expect("a job is published");
    job
}

async fn next(jobs: &mut Box<dyn JobSource>) -> Delivery<Job> {
    timeout(SOON, jobs.next()).await.expect("a job comes soon").expect("a job comes")
}

async fn nothing(jobs: &mut Box<dyn JobSource>, why: &str) {
    assert!(timeout(NEVER, jobs.next()).await.is_err(), "no job may come: {why}");
}

async fn an_acknowledged_job_came_whole_and_never_again(backend: &dyn Backend, api: &ApiLink) {
    let job = publish(backend, api, Priority::Normal).await;
    let (mut jobs, ..) = backend.worker(1).await;
    let delivery = next(&mut jobs).await;
    assert_eq!(delivery.message, job);
    assert!(!delivery.redelivered, "the first delivery is not marked");
    delivery.ack().await.expect("ack");
    nothing(&mut jobs, "it was acknowledged").await;
}

async fn the_most_urgent_class_goes_first(backend: &dyn Backend, api: &ApiLink) {
    let mut expected = Vec::new();
    for priority in Priority::ALL.into_iter().rev() {
        expected.push(publish(backend, api, priority).await.judgement_id);
    }
    expected.reverse();
    let (mut jobs, ..) = backend.worker(1).await;
    for id in expected {
        let delivery = next(&mut jobs).await;
        assert_eq!(delivery.message.judgement_id, id, "classes are served in order");
        delivery.ack().await.expect("ack");
    }
}

async fn no_more_jobs_are_held_than_there_are_slots(backend: &dyn Backend, api: &ApiLink) {
    for _ in 0..3 {
        publish(backend, api, Priority::Normal).await;
    }
    let (mut jobs, ..) = backend.worker(2).await;
    let (first, second) = (next(&mut jobs).await, next(&mut jobs).await);
    nothing(&mut jobs, "both slots are taken").await;
    first.ack().await.expect("ack");
    let third = next(&mut jobs).await;
    second.ack().await.expect("ack");
    third.ack().await.expect("ack");
}

async fn a_job_given_back_comes_again_marked(backend: &dyn Backend, api: &ApiLink) {
    let job = publish(backend, api, Priority::Normal).await;
    let (mut jobs, ..) = backend.worker(1).await;
    next(&mut jobs).await.retry().await.expect("retry");
    let again = next(&mut jobs).await;
    assert_eq!(again.message, job);
    assert!(again.redelivered, "the second delivery is marked");
    again.ack().await.expect("ack");
}

async fn a_job_of_a_vanished_worker_comes_again_marked(backend: &dyn Backend, api: &ApiLink) {
    let job = publish(backend, api, Priority::Normal).await;
    let (mut jobs, reports, events) = backend.worker(1).await;
    let held = next(&mut jobs).await;
    drop((held, jobs, reports, events));
    let (mut jobs, ..) = backend.worker(1).await;
    let again = next(&mut jobs).await;
    assert_eq!(again.message, job);
    assert!(again.redelivered, "a delivery after a lost worker is marked");
    again.ack().await.expect("ack");
}

/// A draining worker takes no more jobs and finishes those it holds.
async fn a_job_in_hand_outlives_its_source(backend: &dyn Backend, api: &ApiLink) {
    publish(backend, api, Priority::Normal).await;
    let (mut jobs, _reports, _events) = backend.worker(2).await;
    let held = next(&mut jobs).await;
    drop(jobs);
    let (mut others, ..) = backend.worker(1).await;
    nothing(&mut others, "it is still in hand").await;
    held.ack().await.expect("what is in hand can be acknowledged");
    nothing(&mut others, "it was acknowledged").await;
}

async fn a_cancelled_wait_loses_no_job(backend: &dyn Backend, api: &ApiLink) {
    let (mut jobs, ..) = backend.worker(1).await;
    for _ in 0..20 {
        let _ = timeout(Duration::from_millis(1), jobs.next()).await;
    }
    let job = publish(backend, api, Priority::Normal).await;
    let mut found = None;
    for _ in 0..2000 {
        if let Ok(delivery) = timeout(Duration::from_millis(5), jobs.next()).await {
            found = Some(delivery.expect("a job comes"));
            break;
        }
    }
    let delivery = found.expect("a job comes in spite of cancelled waits");
    assert_eq!(delivery.message, job);
    delivery.ack().await.expect("ack");
}

/// A worker that is cordoned: what it may have at hand goes back, nothing more comes, and later it goes on.
async fn a_paused_source_leaves_jobs_to_others_and_goes_on(backend: &dyn Backend, api: &ApiLink) {
    let (mut paused, ..) = backend.worker(1).await;
    paused.pause(true);
    let job = publish(backend, api, Priority::Normal).await;
    // What was on its way when it was paused is given back by whoever waits.
    while let Ok(delivery) = timeout(NEVER, paused.next()).await {
        delivery.expect("a delivery").retry().await.expect("retry");
    }
    let (mut other, ..) = backend.worker(1).await;
    let delivery = next(&mut other).await;
    assert_eq!(delivery.message, job, "another worker gets it");
    delivery.ack().await.expect("ack");
    drop(other);
    let job = publish(backend, api, Priority::Normal).await;
    nothing(&mut paused, "it is paused").await;
    paused.pause(false);
    let delivery = next(&mut paused).await;
    assert_eq!(delivery.message, job);
    delivery.ack().await.expect("ack");
}

async fn a_rejected_job_never_comes_again(backend: &dyn Backend, api: &ApiLink) {
    publish(backend, api, Priority::Normal).await;
    let (mut jobs, ..) = backend.worker(1).await;
    next(&mut jobs).await.reject("a test").await.expect("reject");
    nothing(&mut jobs, "it was rejected").await;
}

async fn a_report_stays_until_it_is_acknowledged(backend: &dyn Backend, api: &mut ApiLink) {
    let (_jobs, reports, _events) = backend.worker(1).await;
    let report = sample_report(&sample_job(Priority::Normal));
    let publishing = {
        let report = report.clone();
        // A back end may answer only once the report is settled.
        tokio::spawn(async move { reports.publish(&report).await })
    };
    let delivery = timeout(SOON, api.reports.next()).await.expect("soon").expect("a report comes");
    assert_eq!(delivery.message, report);
    delivery.retry().await.expect("retry");
    let again = timeout(SOON, api.reports.next()).await.expect("soon").expect("it comes again");
    assert_eq!(again.message, report);
    again.ack().await.expect("ack");
    publishing.await.expect("no panic").expect("published");
    assert!(timeout(NEVER, api.reports.next()).await.is_err(), "an acknowledged report never comes again");
}

async fn events_arrive_in_order(backend: &dyn Backend, api: &mut ApiLink) {
    let (_jobs, _reports, events) = backend.worker(1).await;
    let job = sample_job(Priority::Normal);
    let event = |seq| EventMessage {
        schema: proto::skew::PROTOCOL,
        judgement_id: job.judgement_id,
        submission_id: job.submission_id,
        attempt: 1,
        fence: 1,
        seq,
        event: EventKind::State { state: State::Running, tests_total: Some(seq) },
    };
    for seq in 0..5 {
        events.publish(&event(seq)).await;
    }
    for seq in 0..5 {
        let found = timeout(SOON, api.events.next()).await.expect("soon").expect("an event comes");
        assert_eq!(found, event(seq));
    }
}
