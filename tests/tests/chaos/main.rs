//! Does every submission end with exactly one right verdict, or a visible SE, whatever dies meanwhile?
//!
//! Two APIs and three workers over a RabbitMQ and a PostgreSQL of the test's own, behind wires that can be cut; workers,
//! APIs, the broker and the database are killed and started again, the disks of the database, a worker and the blobs are
//! full, connections are cut, refused or silent for a while, alone and two at a time. And `serve` alone, killed again and
//! again, its disk full in between. The verdicts are read from the database afterwards.
//! `TRIBUNAL_TEST_CHAOS_SEED` makes the same choices again. The long forms are `--ignored`. Small disks and silence need
//! namespaces of the test's own, and so root; without them the rest breaks all the same.

mod alone;
mod client;
mod cluster;
mod kind;
mod serve;

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};
use serde_json::{Value, json};
use tests::apart::{Apart, apart};
use tests::corpus::{Example, examples};
use tests::random::Random;
use tests::servers::Mortal;
use tokio::sync::Mutex;

use client::Stubborn;
use cluster::Cluster;
use kind::Kind;
use serve::serve_under_chaos;

/// One at a time: each alone wants the whole machine.
static ONE: Mutex<()> = Mutex::const_new(());
const SEED: &str = "TRIBUNAL_TEST_CHAOS_SEED";
/// Requests of clients open at once.
const CLIENTS: usize = 8;
/// One submission in so many brings its test as an upload, which needs the blobs.
const UPLOADING: usize = 5;
/// Bytes of an upload: more than fits into what a file system gives away last.
const UPLOADED: usize = 20_000;

/// A submission to be made, and what it must get.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) body: Value,
    /// What has to be uploaded first.
    pub(crate) upload: Option<Vec<u8>>,
    pub(crate) verdict: &'static str,
}

/// Quick programs of each kind.
fn programs() -> Vec<Example> {
    let names = ["plain.py", "raise.py", "syntax.py", "absolute.py", "int32.cpp"];
    let quick =
        |e: &Example| e.problem == "aplusb" && names.iter().any(|n| e.path.ends_with(&format!("/{n}")));
    let found: Vec<Example> = examples().into_iter().filter(quick).collect();
    assert_eq!(found.len(), names.len());
    found
}

/// So many submissions.
pub(crate) fn wanted(count: usize) -> Vec<Wanted> {
    let programs = programs();
    (0..count).map(|number| of_package(&programs[number % programs.len()], number)).collect()
}

/// So many, some of which bring uploads.
fn wanted_with_uploads(count: usize) -> Vec<Wanted> {
    let mut all = wanted(count);
    for (number, wanted) in all.iter_mut().enumerate().filter(|(number, _)| number % UPLOADING == 0) {
        *wanted = uploading(number);
    }
    all
}

fn of_package(program: &Example, number: usize) -> Wanted {
    let text = |content: &[u8]| String::from_utf8(content.to_vec()).expect("our examples are text");
    let files: Vec<Value> = program
        .files
        .iter()
        .map(|(name, content)| json!({ "name": name, "content": text(content) }))
        .collect();
    let body = json!({ "problem": program.problem, "language": program.language, "files": files,
            "external_id": number.to_string() });
    Wanted { body, upload: None, verdict: program.verdict.code() }
}

/// Its input is its own, so that each upload is a new blob.
fn uploading(number: usize) -> Wanted {
    let mut input = format!("{number}\n").into_bytes();
    input.resize(UPLOADED, b' ');
    let digest = proto::id::Digest::of(&input);
    let body = json!({ "language": "python3", "external_id": number.to_string(),
        "files": [{ "name": "a.py", "content": "print(int(input()) + 1)\n" }],
        "tests": [{ "stdin_blob": digest, "expected_output": format!("{}\n", number + 1) }] });
    Wanted { body, upload: Some(input), verdict: "AC" }
}

/// Holds the books against what was sent.
pub(crate) async fn check_books(database: &str, sent: &[Wanted]) {
    let (folder, count) = (tempfile::tempdir().unwrap(), sent.len());
    let store = api::Store::open(database, folder.path()).await.unwrap();
    let books = store.ledger().await.unwrap();
    let mut wrong = Vec::new();
    let (mut seen, mut given_up) = (vec![0; count], 0);
    for entry in &books {
        let number: usize = entry.external_id.as_ref().unwrap().parse().unwrap();
        seen[number] += 1;
        let expected = sent[number].verdict;
        let verdict = entry.verdict.as_deref();
        let whole = entry.state == "done"
            && (entry.judgements, entry.current, entry.jobs, entry.open_attempts) == (1, 1, 0, 0);
        let reason = || {
            let result: Value = serde_json::from_str(entry.result.as_deref().unwrap_or("null")).unwrap();
            result["reason"].as_str().unwrap_or_default().to_owned()
        };
        let right = verdict == Some(expected) && entry.judged_attempts == 1;
        let failed = verdict == Some("SE") && !reason().is_empty();
        if failed {
            given_up += 1;
            println!("{number} was given up: {}", reason());
        }
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

/// Whether this is the place to go on, and whether it is one apart.
fn here(test: &str) -> Option<bool> {
    match tokio::task::block_in_place(|| apart(test)) {
        Apart::Passed => None,
        Apart::Inside => Some(true),
        Apart::Impossible => Some(false),
    }
}

/// Submits `count` programs while things break, at most `rounds` times, and reads the books when all are done. `first` is
/// what breaks in the first rounds, so that the shortest run breaks it.
async fn cluster_under_chaos(test: &str, count: usize, rounds: usize, first: &[Kind], patience: Duration) {
    let _one = ONE.lock().await;
    let Some(inside) = here(test) else { return };
    let Some(mortal) = tokio::task::block_in_place(Mortal::start) else { return };
    let mut random = Random::new(Random::seed(SEED));
    let mut cluster = Cluster::start(mortal, inside).await;
    let bases = cluster.bases();
    let api = tests::client::Api::new(&bases[0], None);
    api.ready(2).await;
    let client = outbound::client().timeout(Duration::from_secs(45)).build().unwrap();
    let stubborn = Stubborn { client, bases: bases.into(), deadline: Instant::now() + patience };
    let sent = wanted_with_uploads(count);
    let clients = tokio::spawn({
        let sent = sent.clone();
        async move {
            stream::iter(sent.into_iter().enumerate())
                .for_each_concurrent(CLIENTS, |(number, wanted)| {
                    let stubborn = stubborn.clone();
                    async move {
                        let id = stubborn.submit(number, &wanted).await;
                        stubborn.done(number, &id).await;
                    }
                })
                .await;
        }
    });
    for round in 0..rounds {
        if round >= first.len() && clients.is_finished() {
            break;
        }
        cluster.disturb(first.get(round).copied(), &mut random).await;
        tokio::time::sleep(Duration::from_millis(random.below(1500))).await;
    }
    clients.await.unwrap();
    check_books(&cluster.database, &sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_dies_each_submission_ends_with_one_right_verdict_or_a_visible_se() {
    let name = "whatever_dies_each_submission_ends_with_one_right_verdict_or_a_visible_se";
    let first =
        [Kind::DatabaseFull, Kind::BrokerKilled, Kind::DatabaseKilled, Kind::WorkerFull, Kind::BlobsFull];
    cluster_under_chaos(name, 60, 7, &first, Duration::from_mins(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_fall_silent_cost_time_and_no_submission() {
    let name = "connections_that_fall_silent_cost_time_and_no_submission";
    let first = Kind::SILENT;
    cluster_under_chaos(name, 100, first.len(), &first, Duration::from_mins(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "two thousand submissions take long; `make test-long` runs it"]
async fn whatever_dies_two_thousand_end_with_one_right_verdict_or_a_visible_se() {
    let name = "whatever_dies_two_thousand_end_with_one_right_verdict_or_a_visible_se";
    cluster_under_chaos(name, 2000, usize::MAX, &[], Duration::from_mins(90)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_killed_three_times_judges_everything_once() {
    let _one = ONE.lock().await;
    let Some(inside) = here("a_service_killed_three_times_judges_everything_once") else { return };
    serve_under_chaos(40, 3, inside).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "two thousand submissions take long; `make test-long` runs it"]
async fn a_service_killed_ten_times_judges_two_thousand_once() {
    let _one = ONE.lock().await;
    let Some(inside) = here("a_service_killed_ten_times_judges_two_thousand_once") else { return };
    serve_under_chaos(2000, 10, inside).await;
}
