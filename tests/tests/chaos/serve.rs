//! `serve` alone: killed and started again over its folder, whose disk is full now and then.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::apart::Disk;
use tests::process::{Running, serve, share_images};
use tests::random::Random;

use crate::{SEED, check_books, wanted};

/// MiB of its disk: two thousand submissions with their judgements, and the journal.
const DISK: u32 = 256;

/// Kills `serve` after each part of the work and starts it over the same folder; `inside`, after its disk was full.
pub(crate) async fn serve_under_chaos(count: usize, kills: usize, inside: bool) {
    let mut random = Random::new(Random::seed(SEED));
    let data = tempfile::tempdir().unwrap();
    let disk = inside.then(|| Disk::mount(data.path(), DISK));
    share_images(data.path());
    let (mut running, mut api) = serve(data.path());
    api.ready(2).await;
    let sent = wanted(count);
    let bodies: Vec<Value> = sent.iter().map(|wanted| wanted.body.clone()).collect();
    for part in bodies.chunks(500) {
        let (status, answer) = api.post("/api/v1/submissions/batch", &Value::from(part.to_vec())).await;
        assert_eq!(status, 201, "{answer}");
    }
    for kill in 1..=kills {
        unfinished(&api, count - count * kill / (kills + 1)).await;
        tokio::time::sleep(Duration::from_millis(random.below(300))).await;
        // It goes on over a full disk for a while, and is then killed over it.
        let pause = Duration::from_millis(500 + random.below(3000));
        if let Some(disk) = &disk {
            println!("full for {} ms, then killed", pause.as_millis());
            disk.fill();
            tokio::time::sleep(pause).await;
        }
        running.kill();
        disk.iter().for_each(Disk::free);
        (running, api) = start_again(data.path());
    }
    unfinished(&api, 0).await;
    assert_eq!(running.terminate(), Some(0));
    check_books(&format!("sqlite://{}", data.path().join("tribunal.db").display()), &sent).await;
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
