//! SIGKILL of worker, box server or init at random points (F1, F2, F3).

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::random::Random;

use crate::host;
use crate::program::Lab;
use crate::worker::Worker;

/// Latest point of a kill after the last good run; a box takes a few milliseconds.
const LATEST: Duration = Duration::from_millis(30);

pub(crate) fn forty_kills_leave_nothing_and_spoil_no_result(lab: &Lab) -> Result<()> {
    kills(lab, 40)
}

pub(crate) fn five_hundred_kills_leave_nothing_and_spoil_no_result(lab: &Lab) -> Result<()> {
    kills(lab, 500)
}

fn kills(lab: &Lab, count: usize) -> Result<()> {
    let mut random = Random::new(Random::seed("TRIBUNAL_FAULT_SEED"));
    let run_dir = lab.dir.join("crash");
    let start = || Worker::start(lab, "loop", &run_dir, None);
    let mut worker = start()?;
    let (mut workers, mut servers, mut inits, mut retries) = (0, 0, 0, 0);
    worker.progress(1)?;
    for number in 0..count {
        std::thread::sleep(Duration::from_micros(random.below(LATEST.as_micros() as u64)));
        let step = match random.below(3) {
            0 => {
                workers += 1;
                let dead = worker.kill()?;
                retries += worker.retries;
                worker = start()?;
                swept(&run_dir, dead).and_then(|()| worker.progress(1))
            }
            1 => {
                servers += kill_one(&mut random, host::box_servers(worker.id())?);
                worker.progress(2)
            }
            _ => {
                // Children of the box server: inits, and whoever makes something ahead.
                let server = host::box_servers(worker.id())?.first().map(|p| p.pid);
                let mut children = host::processes()?;
                children.retain(|p| Some(p.parent) == server);
                inits += kill_one(&mut random, children);
                worker.progress(2)
            }
        };
        step.with_context(|| format!("after kill {number}"))?;
        // One that was killed may still be on its way out.
        host::until(|| Ok(host::box_servers(worker.id())?.len() <= 1))?;
        ensure!(host::box_servers(worker.id())?.len() <= 1, "a worker has two box servers");
    }
    retries += worker.retries;
    let last = worker.end()?;
    swept(&run_dir, last)?;
    ensure!(host::locked_ids(&run_dir)? == 0, "an id range is still locked");
    let left: Vec<_> = std::fs::read_dir(&run_dir)?.flatten().map(|e| e.file_name()).collect();
    ensure!(left == ["ids"], "the run directory holds {left:?}");
    ensure!(host::mounts(&lab.dir)?.is_empty(), "mounts are left: {:?}", host::mounts(&lab.dir)?);
    println!(
        "killed {workers} workers, {servers} box servers, {inits} inits; {retries} runs were lost and said so"
    );
    ensure!(retries > 0 && servers > 0 && inits > 0, "no kill hit anything");
    Ok(())
}

/// Kills one of them; how many that were.
fn kill_one(random: &mut Random, mut from: Vec<host::Process>) -> usize {
    if from.is_empty() {
        return 0;
    }
    let chosen = from.swap_remove(random.below(from.len() as u64) as usize);
    usize::from(kill(Pid::from_raw(chosen.pid), Signal::SIGKILL).is_ok())
}

/// Nothing of a worker that is no more is left; its successor looked before it registered.
fn swept(run_dir: &Path, dead: u32) -> Result<()> {
    let (groups, files) = (host::groups(dead), host::run_files(run_dir, dead)?);
    ensure!(groups.is_empty(), "control groups of a dead worker: {groups:?}");
    ensure!(files.is_empty(), "files of a dead worker: {files:?}");
    Ok(())
}
