//! Boxes that do not die (F15): the v1 freezer holds their processes, so SIGKILL stays pending.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use sandbox::{BoxServer, Cancel, RETIRED_MAX, ServerConfig};

use crate::host;
use crate::program::{self, Lab};

pub(crate) fn a_box_that_cannot_be_killed_retires_its_slot(lab: &Lab) -> Result<()> {
    let Some(freezer) = Freezer::make() else {
        println!("skipped: unkillable boxes: there is no writable v1 freezer to hold one");
        return Ok(());
    };
    let run_dir = lab.dir.join("stuck");
    let server =
        BoxServer::spawn(ServerConfig { run_dir: Some(run_dir.clone()), ..ServerConfig::default() })?;
    let spec = program::spec(&lab.layer, &["stay"]);
    let cancels: Vec<Cancel> = (0..RETIRED_MAX).map(|_| Cancel::new()).collect();
    std::thread::scope(|scope| -> Result<()> {
        let runs: Vec<_> = cancels.iter().map(|cancel| scope.spawn(|| server.run(&spec, cancel))).collect();
        let held = (|| {
            host::until(|| Ok(programs()?.len() >= cancels.len()))?;
            programs()?.iter().try_for_each(|pid| freezer.hold(*pid))?;
            freezer.state("FROZEN")
        })();
        cancels.iter().for_each(Cancel::cancel);
        for run in runs {
            let result = run.join().expect("no panic");
            ensure!(result.is_err(), "a box that was not killed gave a result: {result:?}");
        }
        held
    })?;
    ensure!(server.retired() == RETIRED_MAX, "{} slots are retired", server.retired());
    let locked = host::locked_ids(&run_dir)?;
    ensure!(locked >= RETIRED_MAX as usize, "only {locked} id ranges are kept from others");
    freezer.state("THAWED")?;
    host::until(|| Ok(programs()?.is_empty()))?;
    ensure!(programs()?.is_empty(), "thawed, they die of the signal that was pending");
    // Other slots go on.
    let run = server.run(&program::spec(&lab.layer, &["tree"]), &Cancel::new())?;
    ensure!(run.stdout.bytes == b"tree\n", "the next box: {:?}", run.facts);
    Ok(())
}

/// Processes in boxes of this process.
fn programs() -> Result<Vec<i32>> {
    let servers: Vec<i32> = host::box_servers(std::process::id())?.iter().map(|p| p.pid).collect();
    let all = host::processes()?;
    let inits: Vec<i32> = all.iter().filter(|p| servers.contains(&p.parent)).map(|p| p.pid).collect();
    let inside = all.iter().filter(|p| inits.contains(&p.parent) && p.name == "/program");
    let inside: Vec<i32> = inside.map(|p| p.pid).collect();
    Ok(inside)
}

/// A v1 freezer group.
struct Freezer(PathBuf);

impl Freezer {
    fn make() -> Option<Self> {
        let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
        let path = own.lines().find_map(|l| l.split_once(":freezer:"))?.1.to_owned();
        let dir = PathBuf::from("/sys/fs/cgroup/freezer").join(path.trim_start_matches('/'));
        let dir = dir.join(format!("fault-{}", std::process::id()));
        std::fs::create_dir(&dir).ok().map(|()| Self(dir))
    }

    fn hold(&self, pid: i32) -> Result<()> {
        std::fs::write(self.0.join("cgroup.procs"), pid.to_string()).context("hold a process")
    }

    fn state(&self, wanted: &str) -> Result<()> {
        let file = self.0.join("freezer.state");
        std::fs::write(&file, wanted)?;
        let reached = || Ok(std::fs::read_to_string(&file)?.trim() == wanted);
        host::until(reached)?;
        ensure!(reached()?, "the freezer does not become {wanted}");
        Ok(())
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        let _ = self.state("THAWED");
        let _ = host::until(|| Ok(std::fs::remove_dir(&self.0).is_ok() || !self.0.exists()));
    }
}
