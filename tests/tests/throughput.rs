//! How many submissions of a+b per second does `serve` judge, and where does the time go?
//!
//! Measures; asserts only that everything was judged right. Run it alone, on the release build:
//! `TRIBUNAL_BIN=target/release/tribunal cargo test -p tests --test throughput -- --ignored --nocapture`

use std::time::Instant;

use futures::stream::{self, StreamExt as _};
use serde_json::Value;
use tests::client::Api;
use tests::corpus::{Example, examples};
use tests::process::{serve, share_images};

/// Submissions of each language.
const EACH: usize = 200;
/// Requests open at once.
const CLIENTS: usize = 16;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement; run it alone"]
async fn submissions_per_second_through_the_api() {
    let data = tempfile::tempdir().unwrap();
    share_images(data.path());
    let (running, api) = serve(data.path());
    api.ready(2).await;
    for file in ["accepted/long.cpp", "accepted/plain.py"] {
        let example =
            examples().into_iter().find(|e| e.problem == "aplusb" && e.path.ends_with(file)).unwrap();
        measure(&api, &example).await;
    }
    assert_eq!(running.terminate(), Some(0));
}

async fn measure(api: &Api, example: &Example) {
    let started = Instant::now();
    let sent: Vec<String> =
        stream::iter(0..EACH).map(|_| api.submit(example)).buffered(CLIENTS).collect().await;
    let accepted = started.elapsed();
    let done: Vec<Value> = stream::iter(&sent).map(|id| api.done(id)).buffered(CLIENTS).collect().await;
    let took = started.elapsed();
    assert!(done.iter().all(|d| d["verdict"] == example.verdict.code()), "{}", example.path);
    let mean = |part: &str| {
        let sum: f64 = done.iter().filter_map(|d| d["judgement"]["timing"][part].as_f64()).sum();
        sum / done.len() as f64
    };
    println!(
        "{}: {EACH} submissions of 7 cases in {:.2} s: {:.2} per second (all accepted after {:.2} s)\n  \
         mean ms: queue {:.1}, compile {:.1}, run {:.1}, check {:.1}, worker's total {:.1}",
        example.language,
        took.as_secs_f64(),
        EACH as f64 / took.as_secs_f64(),
        accepted.as_secs_f64(),
        mean("queue_ms"),
        mean("compile_ms"),
        mean("run_ms"),
        mean("check_ms"),
        mean("total_ms"),
    );
}
