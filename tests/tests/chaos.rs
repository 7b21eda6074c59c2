//! Does every submission end with exactly one right verdict, or a visible SE, whatever dies meanwhile?
//!
//! Two APIs and three workers over a RabbitMQ and a PostgreSQL of the test's own, behind wires that can be cut; workers,
//! APIs, the broker and the database are killed and started again, the database's disk is full, connections are cut or
//! refused for a while, alone and two at a time. And `serve` alone, killed again and again. The verdicts are read from
//! the database afterwards.
//! `TRIBUNAL_TEST_CHAOS_SEED` makes the same choices again. The long forms are `--ignored`.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};
use reqwest::Client;
use serde_json::{Value, json};
use tests::corpus::{Example, examples, problems_folder};
use tests::process::{Running, serve, share_images, tribunal};
use tests::proxy::Proxy;
use tests::random::Random;
use tests::servers::{Mortal, Server, fresh_database};
use tokio::sync::Mutex;

/// One at a time: each alone wants the whole machine.
static ONE: Mutex<()> = Mutex::const_new(());
const SEED: &str = "TRIBUNAL_TEST_CHAOS_SEED";
/// What [`Cluster::disturb`] chooses from, by number.
const KINDS: u64 = 8;
/// The kind that fills the database's disk.
const FULL: u64 = 7;
/// What the first rounds do, so that the shortest run does it.
const FIRST: [u64; 3] = [FULL, KILLS[0].0, KILLS[1].0];
/// The kinds that kill the broker and the database.
const KILLS: [(u64, Server); 2] = [(5, Server::Broker), (6, Server::Database)];
/// Requests of clients open at once.
const CLIENTS: usize = 8;

/// Quick programs of each kind; what they must get.
fn programs() -> Vec<Example> {
    let names = ["plain.py", "raise.py", "syntax.py", "absolute.py", "int32.cpp"];
    let quick =
        |e: &Example| e.problem == "aplusb" && names.iter().any(|n| e.path.ends_with(&format!("/{n}")));
    let found: Vec<Example> = examples().into_iter().filter(quick).collect();
    assert_eq!(found.len(), names.len());
    found
}

fn body(programs: &[Example], number: usize) -> Value {
    let program = &programs[number % programs.len()];
    let text = |content: &[u8]| String::from_utf8(content.to_vec()).expect("our examples are text");
    let files: Vec<Value> = program
        .files
        .iter()
        .map(|(name, content)| json!({ "name": name, "content": text(content) }))
        .collect();
    json!({ "problem": program.problem, "language": program.language, "files": files,
            "external_id": number.to_string() })
}

/// Holds the books against what was sent.
async fn check_books(database: &str, programs: &[Example], count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let store = api::Store::open(database, folder.path()).await.unwrap();
    let books = store.ledger().await.unwrap();
    let mut wrong = Vec::new();
    let (mut seen, mut given_up) = (vec![0; count], 0);
    for entry in &books {
        let number: usize = entry.external_id.as_ref().unwrap().parse().unwrap();
        seen[number] += 1;
        let expected = programs[number % programs.len()].verdict.code();
        let verdict = entry.verdict.as_deref();
        let whole = entry.state == "done"
            && (entry.judgements, entry.current, entry.jobs, entry.open_attempts) == (1, 1, 0, 0);
        let told = || {
            let result: Value = serde_json::from_str(entry.result.as_deref().unwrap_or("null")).unwrap();
            result["reason"].as_str().is_some_and(|reason| !reason.is_empty())
        };
        let right = verdict == Some(expected) && entry.judged_attempts == 1;
        let failed = verdict == Some("SE") && told();
        given_up += usize::from(failed);
        if !whole || !(right || failed) {
            wrong.push(format!("{number}, expected {expected}: {entry:?}"));
        }
    }
    assert!(seen.iter().all(|n| *n == 1), "each is there once: {seen:?}");
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    println!("{} submissions, {given_up} given up as a visible SE", books.len());
    assert!(given_up * 10 <= count, "{given_up} of {count} were given up");
    store.close().await;
}

struct Cluster {
    /// Broker and database themselves.
    mortal: Mortal,
    database: String,
    upstreams: [SocketAddr; 2],
    /// Broker and database.
    servers: [Proxy; 2],
    /// One before each API.
    fronts: [Proxy; 2],
    apis: [Option<Running>; 2],
    workers: [Option<Running>; 3],
    urls: (String, String),
    data: tempfile::TempDir,
}

/// Host and port of a URL.
fn authority(url: &str) -> SocketAddr {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or(rest);
    let host = host.rsplit('@').next().unwrap_or(host).replace("localhost", "127.0.0.1");
    host.parse().unwrap_or_else(|e| panic!("{host} has to be ADDRESS:PORT: {e}"))
}

impl Cluster {
    async fn start(mortal: Mortal) -> Self {
        let broker = mortal.broker.clone();
        let database = fresh_database(&mortal.database);
        let upstreams = [authority(&broker), authority(&database)];
        let servers = [Proxy::start(Some(upstreams[0])).await, Proxy::start(Some(upstreams[1])).await];
        let behind =
            |url: &str, n: usize| url.replace(&upstreams[n].to_string(), &servers[n].address().to_string());
        let urls = (behind(&broker, 0), behind(&database, 1));
        let fronts = [Proxy::start(None).await, Proxy::start(None).await];
        let data = tempfile::tempdir().unwrap();
        let (apis, workers) = ([None, None], [None, None, None]);
        let mut cluster = Self { mortal, database, upstreams, servers, fronts, apis, workers, urls, data };
        (0..2).for_each(|n| cluster.start_api(n));
        (0..3).for_each(|n| cluster.start_worker(n));
        cluster
    }

    fn folder(&self, name: &str) -> std::path::PathBuf {
        self.data.path().join(name)
    }

    fn start_api(&mut self, n: usize) {
        let mut command = tribunal(&self.folder(&format!("api{n}")));
        command.args(["api", "--listen", "127.0.0.1:0", "--problems"]).arg(problems_folder());
        command.args(["--blobs", &format!("file://{}", self.folder("blobs").display())]);
        command.env("TRIBUNAL_BROKER", &self.urls.0).env("TRIBUNAL_DATABASE", &self.urls.1);
        let running = tokio::task::block_in_place(|| Running::start(&mut command, "listening on "));
        self.fronts[n].up(authority(running.said("listening on ").unwrap()));
        self.apis[n] = Some(running);
    }

    fn start_worker(&mut self, n: usize) {
        let data = self.folder(&format!("worker{n}"));
        if !data.exists() {
            share_images(&data);
        }
        let api = format!("http://{}", self.fronts[n % 2].address());
        let token = self.folder(&format!("api{}/worker.token", n % 2));
        let mut command = tribunal(&data);
        command.args(["worker", "--api", &api, "--slots", "1", "--token-file"]).arg(token);
        command.env("TRIBUNAL_BROKER", &self.urls.0);
        self.workers[n] = Some(tokio::task::block_in_place(|| Running::start(&mut command, "working")));
    }

    /// One or two things break, stay broken for a while, and are whole again.
    async fn disturb(&mut self, round: usize, random: &mut Random) {
        let chosen = random.below(KINDS);
        let mut broken = vec![FIRST.get(round).copied().unwrap_or(chosen)];
        if random.below(3) == 0 {
            broken.push((broken[0] + 1 + random.below(KINDS - 1)) % KINDS);
        }
        let (api, worker) = (random.below(2) as usize, random.below(3) as usize);
        let pause = Duration::from_millis(200 + random.below(1300));
        println!("breaks {broken:?} (api {api}, worker {worker}) for {} ms", pause.as_millis());
        for what in &broken {
            match what {
                0 => self.workers[worker].take().into_iter().for_each(Running::kill),
                1 => {
                    self.fronts[api].down();
                    self.apis[api].take().into_iter().for_each(Running::kill);
                }
                2 => self.servers[0].cut(),
                3 => self.servers[0].down(),
                4 => self.servers[1].down(),
                _ => {}
            }
        }
        if broken.contains(&FULL) {
            tokio::task::block_in_place(|| self.mortal.fill_disk());
        }
        let killed = || KILLS.iter().filter(|(kind, _)| broken.contains(kind));
        killed().for_each(|(_, server)| tokio::task::block_in_place(|| self.mortal.kill(*server)));
        tokio::time::sleep(pause).await;
        if broken.contains(&FULL) {
            tokio::task::block_in_place(|| self.mortal.free_disk());
        }
        killed().for_each(|(_, server)| tokio::task::block_in_place(|| self.mortal.revive(*server)));
        for n in 0..2 {
            self.servers[n].up(self.upstreams[n]);
        }
        if self.apis[api].is_none() {
            self.start_api(api);
        }
        if self.workers[worker].is_none() {
            self.start_worker(worker);
        }
    }
}

/// A client that does not give up: asks one API and then the other until one answers.
#[derive(Clone)]
struct Stubborn {
    client: Client,
    bases: Arc<[String]>,
    deadline: Instant,
}

impl Stubborn {
    /// Repeats a request until it is answered with success.
    async fn ask(&self, number: usize, request: impl Fn(&Client, &str) -> reqwest::RequestBuilder) -> Value {
        for turn in number.. {
            let base = &self.bases[turn % self.bases.len()];
            match request(&self.client, base).send().await {
                Ok(answer) if answer.status().is_success() => {
                    if let Ok(value) = answer.json().await {
                        return value;
                    }
                }
                Ok(answer) => {
                    let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
                    assert!(status.is_server_error(), "{number}: {status} {text}");
                }
                Err(_) => {}
            }
            assert!(Instant::now() < self.deadline, "number {number} is not answered");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        unreachable!("the deadline comes first")
    }

    async fn submit(&self, number: usize, body: &Value) -> String {
        let answer = self
            .ask(number, |client, base| {
                let request = client.post(format!("{base}/api/v1/submissions")).json(body);
                request.header("idempotency-key", format!("chaos-{number}"))
            })
            .await;
        answer["id"].as_str().expect("a submission has an id").to_owned()
    }

    async fn done(&self, number: usize, id: &str) {
        loop {
            let url = format!("/api/v1/submissions/{id}?wait=5");
            let answer = self.ask(number, |client, base| client.get(format!("{base}{url}"))).await;
            if answer["state"] == "done" {
                return;
            }
            assert!(Instant::now() < self.deadline, "number {number} is not done: {answer}");
        }
    }
}

/// Submits `count` programs while things break, at most `rounds` times, and reads the books when all are done.
async fn cluster_under_chaos(count: usize, rounds: usize, patience: Duration) {
    let _one = ONE.lock().await;
    let Some(mortal) = tokio::task::block_in_place(Mortal::start) else { return };
    let mut random = Random::new(Random::seed(SEED));
    let mut cluster = Cluster::start(mortal).await;
    let programs = programs();
    let bases: Vec<String> = cluster.fronts.iter().map(|f| format!("http://{}", f.address())).collect();
    let api = tests::client::Api::new(&bases[0], None);
    api.ready(2).await;
    let client = Client::builder().timeout(Duration::from_secs(15)).build().unwrap();
    let stubborn = Stubborn { client, bases: bases.into(), deadline: Instant::now() + patience };
    let bodies: Vec<Value> = (0..count).map(|n| body(&programs, n)).collect();
    let clients = tokio::spawn(async move {
        stream::iter(bodies.into_iter().enumerate())
            .for_each_concurrent(CLIENTS, |(number, body)| {
                let stubborn = stubborn.clone();
                async move {
                    let id = stubborn.submit(number, &body).await;
                    stubborn.done(number, &id).await;
                }
            })
            .await;
    });
    for round in 0..rounds {
        if clients.is_finished() {
            break;
        }
        cluster.disturb(round, &mut random).await;
        tokio::time::sleep(Duration::from_millis(random.below(1500))).await;
    }
    clients.await.unwrap();
    check_books(&cluster.database, &programs, count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_dies_each_submission_ends_with_one_right_verdict_or_a_visible_se() {
    cluster_under_chaos(60, 6, Duration::from_mins(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "two thousand submissions take long; `make test-long` runs it"]
async fn whatever_dies_two_thousand_end_with_one_right_verdict_or_a_visible_se() {
    cluster_under_chaos(2000, usize::MAX, Duration::from_hours(1)).await;
}

/// Kills `serve` after each part of the work and starts it over the same folder.
async fn serve_under_chaos(count: usize, kills: usize) {
    let mut random = Random::new(Random::seed(SEED));
    let data = tempfile::tempdir().unwrap();
    share_images(data.path());
    let (mut running, mut api) = serve(data.path());
    api.ready(2).await;
    let programs = programs();
    let bodies: Vec<Value> = (0..count).map(|n| body(&programs, n)).collect();
    for part in bodies.chunks(500) {
        let (status, answer) = api.post("/api/v1/submissions/batch", &Value::from(part.to_vec())).await;
        assert_eq!(status, 201, "{answer}");
    }
    for kill in 1..=kills {
        unfinished(&api, count - count * kill / (kills + 1)).await;
        tokio::time::sleep(Duration::from_millis(random.below(300))).await;
        running.kill();
        (running, api) = start_again(data.path());
    }
    unfinished(&api, 0).await;
    assert_eq!(running.terminate(), Some(0));
    check_books(&format!("sqlite://{}", data.path().join("tribunal.db").display()), &programs, count).await;
}

fn start_again(data: &Path) -> (Running, tests::client::Api) {
    tokio::task::block_in_place(|| serve(data))
}

/// Waits until at most `most` submissions are unfinished.
async fn unfinished(api: &tests::client::Api, most: usize) {
    let mut last = (u64::MAX, Instant::now());
    loop {
        let (_, queue) = api.get("/api/v1/queue").await;
        let left = queue["waiting"].as_u64().unwrap() + queue["running"].as_u64().unwrap();
        if left <= most as u64 {
            return;
        }
        if left < last.0 {
            last = (left, Instant::now());
        }
        assert!(last.1.elapsed() < Duration::from_mins(3), "nothing moves any more: {queue}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_killed_three_times_judges_everything_once() {
    let _one = ONE.lock().await;
    serve_under_chaos(40, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "two thousand submissions take long; `make test-long` runs it"]
async fn a_service_killed_ten_times_judges_two_thousand_once() {
    let _one = ONE.lock().await;
    serve_under_chaos(2000, 10).await;
}
