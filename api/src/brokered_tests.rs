//! A service whose jobs go through a broker: in memory always; through RabbitMQ and PostgreSQL when
//! `TRIBUNAL_TEST_AMQP` and `TRIBUNAL_TEST_POSTGRES` name them. Workers are played here.

use std::sync::Arc;
use std::time::Duration;

use proto::event::State;
use proto::http::{ClaimReply, ClaimRequest, Order, WorkerRegistration};
use proto::id::{SubmissionId, WorkerId};
use proto::job::Priority;
use proto::skew::PROTOCOL;
use proto::verdict::Verdict;
use queue::contract::WorkerEnd;
use queue::memory::Memory;
use queue::{Coordinator, JobSource};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::embedded::Local;
use crate::testing::{fresh_database, judge_one, new_row, registration};
use crate::time::now_ms;
use crate::{Broker, Service, ServiceConfig};

struct Running {
    app: Arc<App>,
    stop: CancellationToken,
    _folder: TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn run(service: Service, folder: TempDir) -> Running {
    let (app, stop) = (service.app().clone(), CancellationToken::new());
    tokio::spawn(service.run(stop.clone()));
    Running { app, stop, _folder: folder }
}

fn config(folder: &TempDir) -> ServiceConfig {
    let mut config = ServiceConfig::new(folder.path().join("data"));
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.window = 8;
    config
}

/// Plays a worker until its queue closes.
async fn work(app: &Arc<App>, end: WorkerEnd, name: &str) -> tokio::task::JoinHandle<()> {
    let me = registration(name, &["cpp"]);
    let coordinator: Arc<dyn Coordinator> = Arc::new(Local(app.clone()));
    coordinator.register(&me).await.unwrap();
    let (mut jobs, reports, events) = end;
    tokio::spawn(async move {
        while let Ok(delivery) = jobs.next().await {
            judge_one(&*coordinator, &*reports, &*events, me.id, delivery).await;
        }
    })
}

/// Plays a worker that claims two jobs and is killed.
async fn die(app: &Arc<App>, end: WorkerEnd) {
    let me = registration("dying", &["cpp"]);
    let coordinator = Local(app.clone());
    coordinator.register(&me).await.unwrap();
    let (mut jobs, reports, events): (Box<dyn JobSource>, _, _) = end;
    let mut held = Vec::new();
    for _ in 0..2 {
        let delivery = jobs.next().await.unwrap();
        let request = ClaimRequest { worker_id: me.id, redelivered: delivery.redelivered, traceparent: None };
        coordinator.claim(delivery.message.judgement_id, &request).await.unwrap();
        held.push(delivery);
    }
    drop((held, jobs, reports, events));
}

async fn submit(app: &Arc<App>, count: usize) -> Vec<SubmissionId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(app.store.submit(&new_row(Priority::Normal), now_ms()).await.unwrap());
    }
    app.wake.notify_one();
    ids
}

/// Waits until each has the right verdict; returns how many attempts were made.
async fn all_judged(app: &Arc<App>, ids: &[SubmissionId]) -> usize {
    let mut attempts = 0;
    for id in ids {
        let row = crate::watch::wait(app, *id, None, Duration::from_mins(1)).await.unwrap().unwrap();
        assert_eq!((row.view.state, row.view.verdict), (State::Done, Some(Verdict::WA)), "{id}");
        let ended = app.store.attempts(*id).await.unwrap();
        let judged = ended.iter().filter(|(outcome, _)| outcome.as_deref() == Some("judged")).count();
        assert_eq!(judged, 1, "{id} was judged once");
        attempts += ended.len();
    }
    attempts
}

/// Of many submissions with a worker killed in the middle, each is judged, and none twice.
async fn a_killed_worker_loses_nothing(app: &Arc<App>, dying: WorkerEnd, rest: Vec<WorkerEnd>) {
    let ids = submit(app, 40).await;
    die(app, dying).await;
    for (number, end) in (0..).zip(rest) {
        work(app, end, &format!("w{number}")).await;
    }
    let attempts = all_judged(app, &ids).await;
    assert!((40..=44).contains(&attempts), "{attempts} attempts");
    assert_eq!(published(app).await, 0);
}

#[tokio::test]
async fn through_memory_a_killed_worker_loses_nothing_and_the_window_holds() {
    let (queue, folder) = (Memory::new(), tempfile::tempdir().unwrap());
    let service = Service::start_with(config(&folder), Some(queue.api())).await.unwrap();
    let running = run(service, folder);
    let waiting = submit(&running.app, 20).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(published(&running.app).await, 0, "nobody can do it yet");
    Local(running.app.clone()).register(&registration("idle", &["cpp"])).await.unwrap();
    until(async || published(&running.app).await >= 8).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(published(&running.app).await, 8, "no more than the window");
    for id in waiting {
        running.app.store.cancel(id, now_ms()).await.unwrap();
    }
    let worker = |slots| queue.worker(slots, crate::CAPABILITY);
    a_killed_worker_loses_nothing(&running.app, worker(2), vec![worker(2), worker(2)]).await;
}

async fn published(app: &Arc<App>) -> i64 {
    app.store.published_counts().await.unwrap().values().sum()
}

fn servers() -> Option<(String, String)> {
    let (broker, database) =
        (std::env::var("TRIBUNAL_TEST_AMQP").ok(), std::env::var("TRIBUNAL_TEST_POSTGRES").ok());
    let servers = broker.zip(database);
    if servers.is_none() {
        println!("SKIPPED: TRIBUNAL_TEST_AMQP and TRIBUNAL_TEST_POSTGRES name no servers");
    }
    servers
}

#[tokio::test]
async fn through_rabbitmq_and_postgresql_a_late_broker_and_a_killed_worker_lose_nothing() {
    let Some((broker, database)) = servers() else { return };
    // amqp://USER:PASSWORD@HOST:PORT/VHOST: only host and port are relayed to, the rest are RabbitMQ's defaults.
    let authority = broker.strip_prefix("amqp://").expect("an amqp:// address").split('/').next().unwrap();
    let target = authority.rsplit('@').next().unwrap();
    // The service only knows a port where nobody listens yet; it is bound already, so nobody else will.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    let url = format!("amqp://127.0.0.1:{port}");
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&folder);
    config.database = Some(fresh_database(&database).await);
    config.broker = Broker::Amqp(url.clone());
    let running = run(Service::start(config).await.unwrap(), folder);
    let early = submit(&running.app, 3).await;
    Local(running.app.clone()).register(&registration("early", &["cpp"])).await.unwrap();
    until(async || running.app.broker_state() == "unreachable").await;
    tokio::spawn(relay(socket.listen(64).unwrap(), target.to_owned()));
    let worker = |slots| queue::amqp::connect_worker(&url, slots, crate::CAPABILITY);
    let first = work(&running.app, worker(1).await.unwrap(), "early").await;
    all_judged(&running.app, &early).await;
    assert_eq!(running.app.broker_state(), "reachable");
    first.abort();
    let rest = vec![worker(2).await.unwrap(), worker(2).await.unwrap()];
    a_killed_worker_loses_nothing(&running.app, worker(2).await.unwrap(), rest).await;
}

/// Waits until `holds`; fails after a time that no host needs.
async fn until(holds: impl AsyncFn() -> bool) {
    for _ in 0..3_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited 30 s");
}

/// Passes connections on to the broker.
async fn relay(listener: tokio::net::TcpListener, target: String) {
    while let Ok((mut client, _)) = listener.accept().await {
        let target = target.clone();
        tokio::spawn(async move {
            let mut broker = tokio::net::TcpStream::connect(target).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut client, &mut broker).await;
        });
    }
}

#[tokio::test]
async fn the_sweeper_hands_out_again_what_a_silent_worker_held() {
    let (queue, folder) = (Memory::new(), tempfile::tempdir().unwrap());
    let service = Service::start_with(config(&folder), Some(queue.api())).await.unwrap();
    let running = run(service, folder);
    let ids = submit(&running.app, 1).await;
    let (mut jobs, _reports, _events) = queue.worker(1, crate::CAPABILITY);
    let silent = registration("silent", &["cpp"]);
    Local(running.app.clone()).register(&silent).await.unwrap();
    let held = jobs.next().await.unwrap();
    let request = ClaimRequest { worker_id: silent.id, redelivered: false, traceparent: None };
    Local(running.app.clone()).claim(held.message.judgement_id, &request).await.unwrap();
    // The delivery stays unsettled: only the lease tells that nobody works on it.
    work(&running.app, queue.worker(1, crate::CAPABILITY), "other").await;
    running.app.store.expire_leases_for_tests().await;
    crate::dispatch::sweep_once(&running.app, now_ms()).await.unwrap();
    assert_eq!(all_judged(&running.app, &ids).await, 2);
}

/// A worker of a class of its own.
async fn classed(app: &Arc<App>, queue: &Memory, class: &str, languages: &[&str]) -> (WorkerEnd, WorkerId) {
    let mut me = registration(class, languages);
    me.class = Some(class.into());
    Local(app.clone()).register(&me).await.unwrap();
    (queue.worker(1, class), me.id)
}

#[tokio::test]
async fn a_job_goes_to_workers_that_can_do_it_and_to_others_never() {
    let (queue, folder) = (Memory::new(), tempfile::tempdir().unwrap());
    let service = Service::start_with(config(&folder), Some(queue.api())).await.unwrap();
    let running = run(service, folder);
    let app = &running.app;
    let ((mut jobs, ..), _) = classed(app, &queue, "snakes", &["python3"]).await;
    let ids = submit(app, 2).await;
    let waits = tokio::time::timeout(Duration::from_secs(1), jobs.next()).await;
    assert!(waits.is_err(), "cpp is not for it: {waits:?}");
    assert_eq!(published(app).await, 0);
    // Whoever can do it comes later, and another one takes over from it.
    let ((mut first, reports, events), id) = classed(app, &queue, "c", &["cpp", "python3"]).await;
    let delivery = first.next().await.unwrap();
    judge_one(&Local(app.clone()), &*reports, &*events, id, delivery).await;
    let ((jobs, reports, events), other) = classed(app, &queue, "c2", &["cpp"]).await;
    app.store.order_worker(id, Order::Cordon).await.unwrap();
    let left = app.clone();
    tokio::spawn(async move {
        let mut jobs = jobs;
        while let Ok(delivery) = jobs.next().await {
            judge_one(&Local(left.clone()), &*reports, &*events, other, delivery).await;
        }
    });
    // What lies in the queue of the cordoned one is taken back by the next look.
    assert_eq!(all_judged(app, &ids).await, 2);
    drop(first);
}

#[tokio::test]
async fn a_grading_is_published_to_workers_that_grade_and_waits_while_all_are_of_the_release_before() {
    let (queue, folder) = (Memory::new(), tempfile::tempdir().unwrap());
    let service = Service::start_with(config(&folder), Some(queue.api())).await.unwrap();
    let running = run(service, folder);
    let app = &running.app;
    let mut graded = new_row(Priority::Normal);
    graded.content.harness = true;
    let id = app.store.submit(&graded, now_ms()).await.unwrap();
    // What such a worker sends has no word about harnesses, and it cannot read the job.
    let mut sample: serde_json::Value =
        serde_json::from_str(include_str!("../../proto/fixtures/worker.v2.json")).unwrap();
    assert!(sample.get("harnesses").is_none());
    (sample["arch"], sample["unfit"]) = (crate::CAPABILITY.into(), serde_json::Value::Null);
    let old: WorkerRegistration = serde_json::from_value(sample).unwrap();
    Local(app.clone()).register(&old).await.unwrap();
    let (mut jobs, ..) = queue.worker(1, old.class());
    app.wake.notify_one();
    let waits = tokio::time::timeout(Duration::from_secs(1), jobs.next()).await;
    assert!(waits.is_err(), "it is not for it: {waits:?}");
    assert_eq!(published(app).await, 0);
    let workers = app.store.workers().await.unwrap();
    let place = app.store.place_in_queue(id, &workers, now_ms()).await.unwrap().unwrap();
    assert_eq!(place.waiting_for.as_deref(), Some("harness_worker"));
    // The same host, brought up to date.
    let class = WorkerRegistration::class_of(crate::CAPABILITY, old.accounting, true, &old.languages);
    assert_ne!(class, old.class(), "the two have no queue in common");
    let new = WorkerRegistration {
        id: WorkerId::new(),
        harnesses: true,
        class: Some(class.clone()),
        ..old.clone()
    };
    Local(app.clone()).register(&new).await.unwrap();
    let (mut own, reports, events) = queue.worker(1, &class);
    let delivery = own.next().await.unwrap();
    judge_one(&Local(app.clone()), &*reports, &*events, new.id, delivery).await;
    assert_eq!(all_judged(app, &[id]).await, 1);
}

#[tokio::test]
async fn workers_one_release_away_are_taken_and_others_refused_with_both_numbers() {
    let (queue, folder) = (Memory::new(), tempfile::tempdir().unwrap());
    let service = Service::start_with(config(&folder), Some(queue.api())).await.unwrap();
    let running = run(service, folder);
    let local = Local(running.app.clone());
    for protocol in [PROTOCOL - 1, PROTOCOL, PROTOCOL + 1] {
        local.register(&WorkerRegistration { protocol, ..registration("near", &["cpp"]) }).await.unwrap();
    }
    // As a release from before there were numbers writes it.
    let sample = include_str!("../../proto/fixtures/worker.v1.json");
    local.register(&serde_json::from_str(sample).unwrap()).await.unwrap();
    let far =
        WorkerRegistration { protocol: PROTOCOL + 2, version: "9.8.7".into(), ..registration("far", &[]) };
    let told = local.register(&far).await.unwrap_err().to_string();
    for part in
        ["far", "9.8.7", env!("CARGO_PKG_VERSION"), &PROTOCOL.to_string(), &(PROTOCOL + 2).to_string()]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    let names: Vec<_> = running.app.store.workers().await.unwrap();
    assert!(names.iter().all(|w| w.registration.name != "far"));
    // A report of such a worker goes to the dead letters and changes nothing.
    let ids = submit(&running.app, 1).await;
    let (mut jobs, reports, _events) = queue.worker(1, crate::CAPABILITY);
    let me = registration("me", &["cpp"]);
    local.register(&me).await.unwrap();
    let delivery = jobs.next().await.unwrap();
    let id = delivery.message.judgement_id;
    let request = ClaimRequest { worker_id: me.id, redelivered: false, traceparent: None };
    let ClaimReply::Granted { attempt, fence, .. } = local.claim(id, &request).await.unwrap() else {
        panic!()
    };
    let mut report = queue::contract::sample_report(&delivery.message);
    (report.attempt, report.fence, report.schema) = (attempt, fence, PROTOCOL + 2);
    reports.publish(&report).await.unwrap();
    report.schema = PROTOCOL + 1;
    reports.publish(&report).await.unwrap();
    let row = crate::watch::wait(&running.app, ids[0], None, Duration::from_mins(1)).await.unwrap().unwrap();
    assert_eq!(row.view.state, State::Done);
    assert_eq!(queue.dead_reports().len(), 1);
    delivery.ack().await.unwrap();
}
