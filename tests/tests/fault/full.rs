//! A full data directory (F7) under a running service: what it cannot store it does not take, and what it took is
//! judged when there is room again.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::client::Api;
use tests::corpus::problems_folder;
use tests::process::{Running, tribunal};

use crate::program::Lab;

/// The size of the data directory. The database's journal and images' indices need some of it.
const SIZE: &str = "16m";

/// Submissions sent to the full service; each brings what no journal that is there already can hold twice.
const SENT: usize = 12;

/// Bytes of padding in a source, below the limit of a file.
const PADDING: usize = 200 << 10;

pub(crate) fn a_full_data_directory_takes_no_submission_and_loses_none(lab: &Lab) -> Result<()> {
    if !Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|s| s.success()) {
        println!("skipped: a full data directory: `unshare --mount` does not work here");
        return Ok(());
    }
    let data = lab.dir.join("data");
    std::fs::create_dir(&data)?;
    let mut command = Command::new("unshare");
    // A mount namespace of its own, so that the small file system is nobody else's; in it `$0` is tribunal.
    let images = std::env::var("TRIBUNAL_TEST_DATA")
        .map_or(String::new(), |from| format!(" && ln -s {from}/images {}/images", data.display()));
    let mount = format!("mount -t tmpfs -o size={SIZE} none {}{images}", data.display());
    command.args(["--mount", "sh", "-c", &format!("{mount} && exec \"$0\" \"$@\"")]);
    let usual = tribunal(&data);
    command.arg(usual.get_program()).args(usual.get_args());
    for (name, _) in usual.get_envs() {
        command.env_remove(name);
    }
    command.args(["serve", "--listen", "127.0.0.1:0", "--problems"]).arg(problems_folder());
    let running = Running::start(&mut command, "listening on ");
    let api = Api::new(running.said("listening on ").context("it said where")?, None);
    let inside = Path::new("/proc").join(running.id().to_string()).join("root").join(data.strip_prefix("/")?);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(fill_and_empty(&api, &inside))
}

async fn fill_and_empty(api: &Api, data: &Path) -> Result<()> {
    api.ready(1).await;
    let before = submit(api, 0).await;
    ensure!(before.0 == 201, "with room: {before:?}");
    api.done(before.1["id"].as_str().context("an id")?).await;

    let filler = data.join("filler");
    let mut file = File::create(&filler)?;
    ensure!((0..8192).any(|_| file.write_all(&[0; 4096]).is_err()), "the data directory takes everything");
    let mut taken = Vec::new();
    let mut refused = 0;
    for _ in 0..SENT {
        let (status, answer) = submit(api, PADDING).await;
        match status {
            // What was there of the journal had room for it.
            201 => taken.push(answer["id"].as_str().context("an id")?.to_owned()),
            500..=599 => refused += 1,
            other => anyhow::bail!("a full service blames the requester: {other} {answer}"),
        }
    }
    ensure!(refused > 0, "{} submissions were stored without room", taken.len());
    let (status, _) = api.get("/healthz").await;
    ensure!(status == 200, "the service answers {status}");
    let (status, ready) = api.get("/readyz").await;
    ensure!(status == 503 && ready["full"] == json!(["database"]), "not ready, and why: {status} {ready}");

    drop(file);
    std::fs::remove_file(&filler)?;
    for id in &taken {
        let done = api.done(id).await;
        // A report that could not be stored is tried again; three times is our failure, and visible.
        ensure!(done["verdict"] == "AC" || done["verdict"] == "SE", "taken while full: {done}");
    }
    let (status, answer) = submit(api, PADDING).await;
    ensure!(status == 201, "with room again: {status} {answer}");
    let done = api.done(answer["id"].as_str().context("an id")?).await;
    ensure!(done["verdict"] == "AC", "with room again: {done}");
    println!("{refused} of {SENT} were refused while the data directory was full");
    Ok(())
}

async fn submit(api: &Api, padding: usize) -> (u16, Value) {
    let source = format!("print(input())\n#{}\n", "x".repeat(padding));
    let body = json!({
        "language": "python3",
        "files": [{ "name": "a.py", "content": source }],
        "tests": [{ "stdin": "1\n", "expected_output": "1\n" }],
    });
    let (status, answer) = api.post("/api/v1/submissions", &body).await;
    (status.as_u16(), answer)
}
