//! Things that run out: control groups (F12), room for files (F7).

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sandbox::{BoxServer, Cancel, ServerConfig};

use crate::host;
use crate::program::{self, Lab};
use crate::worker::{FLAG, Worker};

/// Groups a box server may have made ahead.
const AHEAD: usize = 16;

pub(crate) fn without_groups_there_is_an_error_and_then_the_next_box(lab: &Lab) -> Result<()> {
    let run_dir = lab.dir.join("groups");
    let server = BoxServer::spawn(ServerConfig { run_dir: Some(run_dir), ..ServerConfig::default() })?;
    let spec = program::spec(&lab.layer, &["tree"]);
    let bounds: Vec<PathBuf> = host::groups(std::process::id())
        .into_iter()
        .map(|dir| dir.join("cgroup.max.descendants"))
        .filter(|file| file.exists())
        .collect();
    if bounds.is_empty() {
        println!("skipped: no more groups: there is no cgroup2 tree to bound");
        return Ok(());
    }
    bounds.iter().try_for_each(|file| std::fs::write(file, "0"))?;
    let failed = (0..AHEAD).find_map(|_| match server.run(&spec, &Cancel::new()) {
        Ok(run) if run.stdout.bytes == b"tree\n" => None,
        other => Some(other),
    });
    bounds.iter().try_for_each(|file| std::fs::write(file, "max"))?;
    let failed = failed.context("runs go on without new groups")?;
    ensure!(failed.is_err(), "a verdict came of it: {failed:?}");
    let run = server.run(&spec, &Cancel::new())?;
    ensure!(run.stdout.bytes == b"tree\n", "the next box: {:?}", run.facts);
    Ok(())
}

pub(crate) fn hundreds_of_leaked_groups_are_swept(lab: &Lab) -> Result<()> {
    // A process that was and is no more, so its id and start time are nobody's.
    let mut dead = Command::new("true").spawn()?;
    let pid = dead.id();
    dead.wait()?;
    let config = || ServerConfig { run_dir: Some(lab.dir.join("leaked")), ..ServerConfig::default() };
    let server = BoxServer::spawn(config())?;
    let mut of_workers = host::groups(std::process::id());
    of_workers.retain(|dir| dir.file_name().is_some_and(|n| n.to_string_lossy().starts_with("tribunal-")));
    if of_workers.is_empty() {
        println!("skipped: leaked groups: no groups are made here");
        return Ok(());
    }
    for of_worker in of_workers {
        for number in 0..300 {
            let leaked = of_worker.with_file_name(format!("tribunal-{pid}-1")).join(number.to_string());
            std::fs::create_dir_all(&leaked)?;
        }
    }
    drop(server);
    ensure!(host::groups(pid).len() >= 300, "the groups are there");
    let _server = BoxServer::spawn(config())?;
    ensure!(host::groups(pid).is_empty(), "{} groups are left", host::groups(pid).len());
    Ok(())
}

pub(crate) fn a_full_run_directory_stops_the_start_and_no_running_worker(lab: &Lab) -> Result<()> {
    let run_dir = lab.dir.join("full");
    std::fs::create_dir(&run_dir)?;
    // A mount namespace of its own, so that the small file system is nobody else's; in it `$0` is this test.
    let script = |fill: &str| {
        format!(
            "mount -t tmpfs -o size=64k,nr_inodes=24,mode=755 none {} && {fill} exec \"$0\" \"$@\"",
            run_dir.display()
        )
    };
    let command = |fill: &str| -> Result<Command> {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script(fill)]).arg(std::env::current_exe()?);
        Ok(command)
    };
    if !Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|s| s.success()) {
        println!("skipped: a full run directory: `unshare --mount` does not work here");
        return Ok(());
    }
    let fill = format!("for n in $(seq 30); do touch {}/$n; done 2>/dev/null;", run_dir.display());
    let refused = command(&fill)?.args([FLAG, "loop"]).arg(&run_dir).arg(&lab.layer).output()?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(!refused.status.success() && said.contains("No space left"), "a start without room: {said}");

    let mut worker = Worker::start_by(command("")?, lab, "loop", &run_dir, None)?;
    worker.progress(2)?;
    let inside = Path::new("/proc").join(worker.id().to_string()).join("root");
    let filler = inside.join(run_dir.strip_prefix("/")?).join("filler");
    let mut file = std::fs::File::create(&filler)?;
    let block = [0; 4096];
    ensure!((0..64).any(|_| file.write_all(&block).is_err()), "the run directory takes everything");
    worker.progress(4)?;
    ensure!(worker.retries == 0, "{} runs failed for want of room", worker.retries);
    worker.end()?;
    Ok(())
}
