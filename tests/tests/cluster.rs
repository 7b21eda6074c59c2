//! Do the API and two workers over RabbitMQ and PostgreSQL judge everything once, even when a worker is
//! killed in the middle?
//!
//! API and worker are users of the broker with the rights of `deploy/rabbitmq/definitions.json` where
//! `TRIBUNAL_TEST_AMQP_API` and `TRIBUNAL_TEST_AMQP_WORKER` name them, as in `make test`.
//!
//! `TRIBUNAL_TEST_AMQP` and `TRIBUNAL_TEST_POSTGRES` name servers; without them this prints what it skips.

use std::path::Path;

use futures::future::join_all;
use serde_json::{Value, json};
use tests::client::Api;
use tests::collector::{Collector, Kind};
use tests::corpus::{Example, examples, problems_folder};
use tests::courses::{SEPARATE, push};
use tests::process::{Running, share_images, tribunal};
use tests::servers::{fresh_database, servers};
use tokio::sync::Mutex;

/// The broker is shared, and so is its job queue: one cluster at a time.
static ONE: Mutex<()> = Mutex::const_new(());

struct Cluster {
    api: Api,
    broker: String,
    base: String,
    token_file: String,
    _api_process: Running,
    _data: tempfile::TempDir,
}

fn start(broker: &str, database: &str) -> Cluster {
    start_with(broker, database, &[])
}

fn start_with(broker: &str, database: &str, environment: &[(&str, &str)]) -> Cluster {
    let data = tempfile::tempdir().unwrap();
    let of = |role: &str| {
        std::env::var(format!("TRIBUNAL_TEST_AMQP_{role}")).unwrap_or_else(|_| broker.to_owned())
    };
    let mut command = tribunal(&data.path().join("api"));
    command.args(["api", "--listen", "127.0.0.1:0", "--problems"]).arg(problems_folder());
    command.env("TRIBUNAL_BROKER", of("API")).env("TRIBUNAL_DATABASE", fresh_database(database));
    command.envs(environment.iter().copied());
    let process = Running::start(&mut command, "listening on ");
    let base = process.said("listening on ").unwrap().to_owned();
    Cluster {
        api: Api::new(&base, None),
        broker: of("WORKER"),
        base,
        token_file: process.said("worker token: ").unwrap().to_owned(),
        _api_process: process,
        _data: data,
    }
}

impl Cluster {
    fn worker(&self, data: &Path) -> Running {
        self.worker_with(data, &[])
    }

    fn worker_with(&self, data: &Path, environment: &[(&str, &str)]) -> Running {
        share_images(data);
        let mut command = tribunal(data);
        command.args(["worker", "--api", &self.base, "--token-file", &self.token_file, "--slots", "2"]);
        command.env("TRIBUNAL_BROKER", &self.broker).envs(environment.iter().copied());
        Running::start(&mut command, "working")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_submission_gets_the_verdict_of_its_folder() {
    let Some((broker, database)) = servers() else { return };
    let _one = ONE.lock().await;
    let cluster = start(&broker, &database);
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let workers: Vec<Running> = folders.iter().map(|folder| cluster.worker(folder.path())).collect();
    cluster.api.ready(2).await;
    let examples = examples();
    let ids = join_all(examples.iter().map(|example| cluster.api.submit(example))).await;
    let done = join_all(ids.iter().map(|id| cluster.api.done(id))).await;
    let wrong: Vec<String> = examples.iter().zip(&done).filter_map(|(e, d)| unlike(e, d)).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), examples.len(), wrong.join("\n"));
    let names: std::collections::BTreeSet<_> =
        done.iter().filter_map(|d| d["judgement"]["worker"].as_str()).collect();
    assert_eq!(names.len(), 2, "both workers took part");
    for worker in workers {
        assert_eq!(worker.terminate(), Some(0), "SIGTERM ends a worker with status 0");
    }
}

fn unlike(example: &Example, done: &Value) -> Option<String> {
    let right = done["verdict"] == example.verdict.code();
    (!right).then(|| format!("{}/{}: {} {done}", example.problem, example.path, example.verdict))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_in_the_middle_of_100_submissions_costs_none_and_doubles_none() {
    let Some((broker, database)) = servers() else { return };
    let _one = ONE.lock().await;
    let cluster = start(&broker, &database);
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let dying = cluster.worker(folders[0].path());
    let _other = cluster.worker(folders[1].path());
    cluster.api.ready(2).await;
    let quick: Vec<Example> = examples()
        .into_iter()
        .filter(|e| {
            let end = e.path.rsplit('/').next().unwrap_or_default();
            e.problem == "aplusb"
                && ["long.cpp", "plain.py", "int32.cpp", "raise.py", "syntax.py"].contains(&end)
        })
        .collect();
    assert_eq!(quick.len(), 5);
    let sent: Vec<&Example> = quick.iter().cycle().take(100).collect();
    let ids = join_all(sent.iter().map(|example| cluster.api.submit(example))).await;

    // The tenth to be done is the middle for certain: at most four more are in work.
    join_all(ids.iter().take(10).map(|id| cluster.api.done(id))).await;
    dying.kill();

    let done = join_all(ids.iter().map(|id| cluster.api.done(id))).await;
    let wrong: Vec<String> = sent.iter().zip(&done).filter_map(|(e, d)| unlike(e, d)).collect();
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    let mut judgements: Vec<_> = done.iter().map(|d| d["judgement"]["id"].as_str().unwrap()).collect();
    judgements.sort_unstable();
    judgements.dedup();
    assert_eq!(judgements.len(), 100, "each has a judgement of its own");
    assert!(done.iter().all(|d| d["judgement"]["number"] == 1), "none was judged a second time");
    let attempts: u64 = done.iter().map(|d| d["judgement"]["attempt"].as_u64().unwrap()).sum();
    assert!((100..=104).contains(&attempts), "only what the dead worker held was tried again: {attempts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_joins_the_request_the_queue_the_worker_and_the_box() {
    const CLIENT: (&str, &str) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let Some((broker, database)) = servers() else { return };
    let _one = ONE.lock().await;
    let collector = Collector::start().await;
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.base()), ("OTEL_BSP_SCHEDULE_DELAY", "100")];
    let cluster = start_with(&broker, &database, &environment);
    let folder = tempfile::tempdir().unwrap();
    let worker = cluster.worker_with(folder.path(), &environment);
    cluster.api.ready(2).await;
    let body = json!({ "language": "python3", "files": [{ "name": "a.py", "content": "print(1)\n" }], "tests": [{}] });
    let parent = format!("00-{}-{}-01", CLIENT.0, CLIENT.1);
    let (status, sent) = cluster.api.post_traced("/api/v1/submissions", &body, &parent).await;
    assert_eq!((status.as_u16(), sent["trace_id"].as_str()), (201, Some(CLIENT.0)), "{sent}");
    let id = sent["id"].as_str().unwrap();
    assert_eq!(cluster.api.done(id).await["verdict"], "OK");
    // It flushes what it has not told yet; the API goes on.
    assert_eq!(worker.terminate(), Some(0));

    let trace = collector.trace(CLIENT.0, &["POST /api/v1/submissions", "report"]).await;
    let one = |name: &str| {
        let found: Vec<_> = trace.iter().filter(|span| span.name == name).collect();
        assert_eq!(found.len(), 1, "{name} in {trace:#?}");
        found[0]
    };
    let request = one("POST /api/v1/submissions");
    assert_eq!((request.parent.as_str(), request.kind), (CLIENT.1, Kind::Server));
    assert_eq!(request.attribute("http.response.status_code"), Some("201"));
    for (name, service, kind) in [
        ("publish", "tribunal-api", Kind::Producer),
        ("queued", "tribunal-api", Kind::Internal),
        ("claim", "tribunal-api", Kind::Internal),
        ("judge", "tribunal-worker", Kind::Consumer),
        ("report", "tribunal-api", Kind::Internal),
    ] {
        let span = one(name);
        assert_eq!((span.service.as_str(), span.kind), (service, kind), "{span:?}");
        assert_eq!(span.parent, request.id, "{span:?}");
        assert!(span.began <= span.ended, "{span:?}");
    }
    let judge = one("judge");
    assert_eq!(judge.attribute("submission.id"), Some(id));
    let runs: Vec<_> = trace.iter().filter(|span| span.name == "run").collect();
    assert!(!runs.is_empty(), "{trace:#?}");
    for run in runs {
        assert_eq!((run.service.as_str(), &run.parent), ("tribunal-worker", &judge.id), "{run:?}");
        assert!(
            judge.began <= run.began && run.ended <= judge.ended,
            "a box is part of its judging: {run:?}"
        );
    }
    let queued = one("queued");
    assert!(request.began <= queued.ended && queued.began <= judge.ended, "{queued:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grading_whose_worker_is_killed_in_the_middle_ends_once_and_right_on_another() {
    let Some((broker, database)) = servers() else { return };
    let _one = ONE.lock().await;
    let cluster = start(&broker, &database);
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let dying = cluster.worker(folders[0].path());
    let slow = SEPARATE.replace("got=$(", "sleep 4\ngot=$(");
    let files = [("run_autograder", slow.as_str()), ("harness.toml", "separate = true\n")];
    push(folders[0].path(), &cluster.base, "slow", &files);
    let body = json!({ "harness": "slow", "files": [{ "name": "main.sh", "content": "echo right\n" }] });
    let (_, sent) = cluster.api.post("/api/v1/submissions", &body).await;
    let path = format!("/api/v1/submissions/{}", sent["id"].as_str().unwrap());
    for _ in 0..600 {
        if cluster.api.get(&path).await.1["state"] == "running" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(cluster.api.get(&path).await.1["state"], "running");
    dying.kill();
    let _other = cluster.worker(folders[1].path());
    let done = cluster.api.get(&format!("{path}?wait=120")).await.1;
    assert_eq!((&done["verdict"], &done["score"]), (&json!("OK"), &json!("5")), "{done}");
    let judgement = &done["judgement"];
    assert_eq!((&judgement["attempt"], &judgement["number"]), (&json!(2), &json!(1)), "{done}");
    let all = cluster.api.get(&format!("{path}/judgements")).await.1;
    assert_eq!(all.as_array().map(Vec::len), Some(1), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_courses_autograder_grades_in_a_cluster() {
    let Some((broker, database)) = servers() else { return };
    let _one = ONE.lock().await;
    let cluster = start(&broker, &database);
    let folder = tempfile::tempdir().unwrap();
    let _worker = cluster.worker(folder.path());
    push(
        folder.path(),
        &cluster.base,
        "echo",
        &[("run_autograder", SEPARATE), ("harness.toml", "separate = true\n")],
    );
    let body = json!({ "harness": "echo", "files": [{ "name": "main.sh", "content": "echo right\n" }] });
    let (_, view) = cluster.api.post("/api/v1/submissions?wait=120", &body).await;
    assert_eq!((&view["verdict"], &view["score"]), (&json!("OK"), &json!("5")), "{view}");
}
