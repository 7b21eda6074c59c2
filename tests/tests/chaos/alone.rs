//! One thing that breaks and nothing beside it, so that what has to happen then can be said to the second.

use std::time::{Duration, Instant};

use futures::future::join_all;
use proto::id::Digest;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tests::client::Api;
use tests::servers::Mortal;

use crate::cluster::Cluster;
use crate::kind::Kind;
use crate::{ONE, here, wanted};

/// More requests than an API has connections to the database.
const REQUESTS: usize = 12;
/// A request of an API whose database is silent is answered within this: the wait for a connection (10 s), for a
/// statement (25 s), and room for a loaded machine.
const ANSWERED: Duration = Duration::from_mins(1);
/// For so long requests follow each other before the silence, so that it falls into the middle of some.
const BUSY: Duration = Duration::from_secs(3);
/// After a silence everything works again within this; TCP alone would try again as late as the silence was long.
const HEALED: Duration = Duration::from_secs(20);
/// A worker tells its state with each heartbeat, every 5 s.
const TOLD: Duration = Duration::from_secs(20);

/// A cluster that works, in namespaces of its own; `None` when the test ran there, or cannot run here.
async fn cluster(test: &str) -> Option<(Cluster, Api)> {
    let inside = here(test).filter(|inside| *inside)?;
    let mortal = tokio::task::block_in_place(Mortal::start)?;
    let cluster = Cluster::start(mortal, inside).await;
    let api = Api::new(&cluster.bases()[0], None);
    api.ready(2).await;
    Some((cluster, api))
}

fn submission() -> Value {
    json!({ "language": "python3", "files": [{ "name": "a.py", "content": "print(input())" }],
        "tests": [{ "stdin": "1", "expected_output": "1" }] })
}

/// Asks again and again until the answer is as wanted.
async fn until(api: &Api, path: &str, most: Duration, wanted: impl Fn(&Value) -> bool) {
    let began = Instant::now();
    loop {
        let (_, answer) = api.get(path).await;
        if wanted(&answer) {
            return;
        }
        assert!(began.elapsed() < most, "{path}: {answer}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_whose_database_is_silent_answers_and_works_again_at_once() {
    let _one = ONE.lock().await;
    let test = "alone::an_api_whose_database_is_silent_answers_and_works_again_at_once";
    let Some((mut cluster, api)) = cluster(test).await else { return };
    let url = format!("{}/api/v1/submissions", cluster.bases()[0]);
    let client = outbound::client().timeout(2 * ANSWERED).build().unwrap();
    // Each asks until it is refused, and says how long that took.
    let asking = tokio::spawn(join_all((0..REQUESTS).map(move |_| {
        let (client, url) = (client.clone(), url.clone());
        async move {
            loop {
                let began = Instant::now();
                let status = client.post(&url).json(&submission()).send().await.map(|answer| answer.status());
                if status.as_ref().ok() != Some(&StatusCode::CREATED) {
                    return (status, began.elapsed());
                }
            }
        }
    })));
    tokio::time::sleep(BUSY).await;
    let silence = cluster.break_it(Kind::ApiDatabaseSilent, 0, 0);
    for (status, took) in asking.await.unwrap() {
        assert_eq!(status.as_ref().ok(), Some(&StatusCode::SERVICE_UNAVAILABLE), "{status:?} after {took:?}");
        assert!(took < ANSWERED, "{took:?}");
    }
    drop(silence);
    let began = Instant::now();
    let id = loop {
        let (status, answer) = api.post("/api/v1/submissions", &submission()).await;
        if status == StatusCode::CREATED {
            break answer["id"].as_str().unwrap().to_owned();
        }
        assert!(began.elapsed() < HEALED, "{status} {answer} {:?} after the silence", began.elapsed());
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    println!("taken again {} ms after the silence", began.elapsed().as_millis());
    assert_eq!(api.done(&id).await["verdict"], "AC");
}

#[tokio::test(flavor = "multi_thread")]
async fn full_blobs_refuse_uploads_are_told_by_health_and_metrics_and_take_again() {
    let _one = ONE.lock().await;
    let test = "alone::full_blobs_refuse_uploads_are_told_by_health_and_metrics_and_take_again";
    let Some((mut cluster, api)) = cluster(test).await else { return };
    cluster.break_it(Kind::BlobsFull, 0, 0);
    let bytes = vec![b'x'; 20_000];
    let url = format!("{}/api/v1/blobs/{}", cluster.bases()[0], Digest::of(&bytes));
    let upload = || async {
        let sent = Client::new().put(&url).body(bytes.clone()).send().await.unwrap();
        (sent.status(), sent.text().await.unwrap())
    };
    let (status, said) = upload().await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{said}");
    assert!(said.contains("no room") && !said.contains("/blobs"), "{said}");
    let (status, health) = api.get("/readyz").await;
    assert_eq!((status, &health["full"]), (StatusCode::OK, &json!(["blobs"])), "{health}");
    let (_, metrics) = api.get("/metrics").await;
    assert!(metrics.as_str().unwrap().contains("tribunal_store_full{place=\"blobs\"} 1"), "{metrics}");
    let (status, answer) = api.post("/api/v1/submissions", &submission()).await;
    assert_eq!(status, StatusCode::CREATED, "what needs no blob is taken: {answer}");
    cluster.mend(Kind::BlobsFull);
    assert_eq!(upload().await.0, StatusCode::NO_CONTENT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_room_says_so_takes_nothing_and_fails_no_submission() {
    let _one = ONE.lock().await;
    let test = "alone::a_worker_without_room_says_so_takes_nothing_and_fails_no_submission";
    let Some((mut cluster, api)) = cluster(test).await else { return };
    // Only the one whose disk is small; started anew, so that it has no package yet.
    (1..3).for_each(|worker| drop(cluster.break_it(Kind::WorkerKilled, 0, worker)));
    cluster.break_it(Kind::WorkerKilled, 0, 0);
    cluster.start_worker(0);
    // After its first heartbeat and well before its second: the jobs meet the full disk, not the heartbeat.
    tokio::time::sleep(Duration::from_secs(1)).await;
    cluster.break_it(Kind::WorkerFull, 0, 0);
    let mut ids = Vec::new();
    for wanted in wanted(20) {
        let (status, answer) = api.post("/api/v1/submissions", &wanted.body).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        ids.push((answer["id"].as_str().unwrap().to_owned(), wanted.verdict));
    }
    let place = cluster.folder("worker0").display().to_string();
    let unfit = |workers: &Value| workers.to_string().contains(&format!("{place} has 0 MiB left"));
    until(&api, "/api/v1/workers", TOLD, unfit).await;
    cluster.mend(Kind::WorkerFull);
    for (id, verdict) in ids {
        let done = api.done(&id).await;
        assert_eq!(done["verdict"], verdict, "{done}");
    }
    until(&api, "/api/v1/workers", TOLD, |workers| !unfit(workers)).await;
    // What it had in hand found no room, and what was on its way; not one job after the other until the heartbeat.
    let (mut failed, mut waited) = (0, 0);
    for base in cluster.bases() {
        let (_, metrics) = Api::new(&base, None).get("/metrics").await;
        let count = |outcome: &str| {
            let name = format!("tribunal_reports_total{{outcome=\"{outcome}\"}} ");
            let counts = metrics.as_str().unwrap().lines().filter_map(|line| line.strip_prefix(&name));
            counts.map(|count| count.parse::<u32>().unwrap()).sum::<u32>()
        };
        failed += count("again");
        waited += count("no_room");
    }
    println!("{waited} jobs found no room before it took no more");
    assert_eq!(failed, 0, "attempts were used up");
    assert!((1..=2).contains(&waited), "{waited} jobs found no room");
}
