//! A full data directory (F7) under a running service: what it cannot store it does not take, and what it took is
//! judged when there is room again.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

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
    let Some(site) = Site::start(lab, "data", SIZE, &problems_folder(), &[])? else { return Ok(()) };
    block_on(fill_and_empty(&site.api, &site.inside))
}

/// The unpacked size of the large package, and that of the data directory it fits into when nothing else lies there.
const LARGE: u64 = 150 << 20;
const LARGE_SIZE: &str = "300m";

/// Submissions to the large package, more than attempts that a submission has.
const LARGE_SENT: usize = 5;

/// How long a reason may take to be told: two heartbeats and some.
const TOLD: Duration = Duration::from_secs(40);

pub(crate) fn a_package_that_does_not_fit_waits_with_its_reason_while_others_are_judged(
    lab: &Lab,
) -> Result<()> {
    let problems = lab.dir.join("large");
    let large = problems.join("large");
    std::fs::create_dir_all(large.join("data/secret"))?;
    let manifest = "problem_format_version: 2025-09\nname: Large\nuuid: large\nlimits: {time_limit: 5}\n";
    std::fs::write(large.join("problem.yaml"), manifest)?;
    File::create(large.join("data/secret/1.in"))?.set_len(LARGE)?;
    std::fs::write(large.join("data/secret/1.ans"), "1\n")?;

    let capped = ["--packages-cap", "100MiB", "--slots", "1"];
    let Some(site) = Site::start(lab, "capped", LARGE_SIZE, &problems, &capped)? else { return Ok(()) };
    block_on(async {
        let ids =
            wait_beside_others(&site.api, "100.0 MiB is the most that one keeps (`--packages-cap`)").await?;
        ensure!(site.api.get(&format!("/api/v1/submissions/{}", ids[0])).await.1["state"] == "queued");
        Ok::<(), anyhow::Error>(())
    })?;
    drop(site);

    let Some(site) = Site::start(lab, "small", LARGE_SIZE, &problems, &["--slots", "1"])? else {
        return Ok(());
    };
    let filler = site.inside.join("filler");
    File::create(&filler)?.write_all(&vec![1; 150 << 20])?;
    block_on(async {
        let ids = wait_beside_others(&site.api, "is the most that one has free").await?;
        std::fs::remove_file(&filler)?;
        for id in ids {
            let done = site.api.done(&id).await;
            ensure!(done["verdict"] == "AC" && done["judgement"]["attempt"] == 1, "with room: {done}");
        }
        Ok(())
    })
}

/// Sends some to the large package, sees them wait with the reason `told`, and others be judged beside them.
async fn wait_beside_others(api: &Api, told: &str) -> Result<Vec<String>> {
    api.ready(1).await;
    let body = json!({
        "language": "python3",
        "files": [{ "name": "a.py", "content": "print(1)\n" }],
        "problem": "large",
    });
    let mut ids = Vec::new();
    for _ in 0..LARGE_SENT {
        let (status, answer) = api.post("/api/v1/submissions", &body).await;
        ensure!(status == 201, "{status} {answer}");
        ids.push(answer["id"].as_str().context("an id")?.to_owned());
    }
    let deadline = Instant::now() + TOLD;
    for id in &ids {
        loop {
            let (_, answer) = api.get(&format!("/api/v1/submissions/{id}")).await;
            ensure!(
                answer["state"] == "queued" || answer["state"] == "running",
                "it does not wait: {answer}"
            );
            let reason = answer["queue"]["waiting_for"].as_str().unwrap_or_default();
            if reason.starts_with("room:the package needs 150.0 MiB on a worker's disk; ")
                && reason.ends_with(told)
            {
                break;
            }
            ensure!(Instant::now() < deadline, "no reason after {TOLD:?}: {answer}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let (status, answer) = submit(api, 0).await;
        ensure!(status == 201, "{status} {answer}");
        let done = api.done(answer["id"].as_str().context("an id")?).await;
        ensure!(done["verdict"] == "AC", "beside it: {done}");
    }
    Ok(ids)
}

fn block_on<T>(what: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(what)
}

/// A service whose data directory is a file system of its own.
struct Site {
    api: Api,
    /// The data directory, seen from here.
    inside: PathBuf,
    _running: Running,
}

impl Site {
    /// `None`, and a word why, when there can be none here.
    fn start(lab: &Lab, name: &str, size: &str, problems: &Path, more: &[&str]) -> Result<Option<Self>> {
        if !Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|s| s.success()) {
            println!("skipped: a full data directory: `unshare --mount` does not work here");
            return Ok(None);
        }
        let data = lab.dir.join(name);
        std::fs::create_dir(&data)?;
        let mut command = Command::new("unshare");
        // A mount namespace of its own, so that the small file system is nobody else's; in it `$0` is tribunal.
        let images = std::env::var("TRIBUNAL_TEST_DATA")
            .map_or(String::new(), |from| format!(" && ln -s {from}/images {}/images", data.display()));
        let mount = format!("mount -t tmpfs -o size={size} none {}{images}", data.display());
        command.args(["--mount", "sh", "-c", &format!("{mount} && exec \"$0\" \"$@\"")]);
        let usual = tribunal(&data);
        command.arg(usual.get_program()).args(usual.get_args());
        for (name, _) in usual.get_envs() {
            command.env_remove(name);
        }
        command.args(["serve", "--listen", "127.0.0.1:0", "--problems"]).arg(problems).args(more);
        let running = Running::start(&mut command, "listening on ");
        let api = Api::new(running.said("listening on ").context("it said where")?, None);
        let inside =
            Path::new("/proc").join(running.id().to_string()).join("root").join(data.strip_prefix("/")?);
        Ok(Some(Self { api, inside, _running: running }))
    }
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
