//! Memory pressure (F8): the worker and everything it runs in one small group.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use proto::facts::LimitHit;
use proto::units::Bytes;
use sandbox::spec::RunSpec;
use sandbox::{BoxServer, Cancel};

use crate::host;
use crate::program::{self, Lab};
use crate::worker::Worker;

/// What the worker and its boxes get together.
const ALL: Bytes = Bytes::mib(64);

/// Boxes at once.
const BOXES: usize = 8;

/// How long a hog holds what it has, seconds; an emulated machine is given longer.
fn hold() -> u64 {
    std::env::var("TRIBUNAL_FAULT_HOLD").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(3)
}

/// What it says when everything went as it must.
const DONE: &str = "done";

pub(crate) fn memory_pressure_takes_programs_and_neither_the_worker_nor_their_good_name(
    lab: &Lab,
) -> Result<()> {
    let Some(group) = Group::make()? else {
        println!("skipped: memory pressure: no group with a memory limit can be made here");
        return Ok(());
    };
    let run_dir = lab.dir.join("pressure");
    let mut worker = Worker::start(lab, "pressure", &run_dir, Some(&group.0))?;
    let mut said = Vec::new();
    while said.last().is_none_or(|l| l != DONE) {
        said.push(worker.line().with_context(|| format!("it said {said:?}"))?);
    }
    worker.end()?;
    let wrong: Vec<_> = said.iter().filter(|l| l.starts_with("WRONG")).collect();
    ensure!(wrong.is_empty(), "{wrong:#?}");
    println!("{}", said.join(", "));
    Ok(())
}

/// The worker's side.
pub(crate) fn under_pressure(server: &BoxServer, layer: &Path) {
    let together = |spec: &RunSpec| {
        std::thread::scope(|scope| {
            let runs: Vec<_> = (0..BOXES).map(|_| scope.spawn(|| server.run(spec, &Cancel::new()))).collect();
            runs.into_iter().map(|run| run.join().expect("no panic")).collect::<Vec<_>>()
        })
    };
    // Eight floods at once: the worker keeps one mebibyte of each and counts the rest.
    let flooded = together(&program::spec(layer, &["flood"]));
    let right = flooded.iter().flatten().filter(|o| {
        o.facts.limit_events.iter().any(|e| e.limit == LimitHit::Output) && o.stdout.bytes.len() == 1 << 20
    });
    match right.count() {
        BOXES => println!("{BOXES} floods ended at their output limit"),
        n => println!("WRONG only {n} floods ended at their limit: {flooded:?}"),
    }
    // Five times the memory there is, each of them below its own limit.
    let mut spec = program::spec(layer, &["hog", "40"]);
    spec.limits.wall_time = Duration::from_secs(hold());
    let hogs = together(&spec);
    let lost = hogs.iter().filter(|r| r.is_err()).count();
    println!("{lost} of {BOXES} hogs were lost to the host's shortage");
    for outcome in hogs.iter().flatten() {
        if outcome.facts.oom_kills > 0
            || outcome.facts.limit_events.iter().any(|e| e.limit == LimitHit::Memory)
        {
            println!("WRONG blamed for the host's shortage: {:?}", outcome.facts);
        }
    }
    if lost == 0 {
        println!("WRONG there was no pressure: {hogs:?}");
    }
    // The same program beyond its own limit is to blame.
    spec.limits.memory = Bytes::mib(16);
    match server.run(&spec, &Cancel::new()) {
        Ok(o) if o.facts.limit_events.iter().any(|e| e.limit == LimitHit::Memory) => {
            println!("its own limit holds");
        }
        other => println!("WRONG a hog above its limit: {other:?}"),
    }
    match server.run(&program::spec(layer, &["tree"]), &Cancel::new()) {
        Ok(o) if o.stdout.bytes == b"tree\n" => println!("the worker lives"),
        other => println!("WRONG the next run: {other:?}"),
    }
    println!("{DONE}");
    // Ends with its standard input, like the other part.
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
}

/// A group with a memory limit below our own, of either version.
struct Group(PathBuf);

impl Group {
    fn make() -> Result<Option<Self>> {
        let own = std::fs::read_to_string("/proc/self/cgroup")?;
        let v1 = own.lines().find_map(|l| l.split_once(":memory:")).map(|(_, path)| ("memory", path));
        let Some((tree, path)) = v1.or(own.lines().find_map(|l| Some(("", l.strip_prefix("0::")?)))) else {
            return Ok(None);
        };
        let parent = Path::new("/sys/fs/cgroup").join(tree).join(path.trim_start_matches('/'));
        if v1.is_none() {
            // Refused below the root of the tree while processes are in the parent, ourselves for one.
            let _ = std::fs::write(parent.join("cgroup.subtree_control"), "+memory +pids +cpu");
        }
        let dir = parent.join(format!("fault-{}", std::process::id()));
        if std::fs::create_dir(&dir).is_err() {
            return Ok(None);
        }
        let group = Self(dir);
        let mut limited = false;
        let all = ALL.get().to_string();
        for (file, limit) in [
            ("memory.limit_in_bytes", all.as_str()),
            ("memory.memsw.limit_in_bytes", &all),
            ("memory.max", &all),
            ("memory.swap.max", "0"),
        ] {
            let path = group.0.join(file);
            if path.exists() {
                std::fs::write(path, limit).context(file)?;
                limited = true;
            }
        }
        Ok(limited.then_some(group))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // On v2 a worker leaves the leaf in which it was.
        let remove = || {
            for leaf in std::fs::read_dir(&self.0).into_iter().flatten().flatten() {
                let _ = std::fs::remove_dir(leaf.path());
            }
            Ok(std::fs::remove_dir(&self.0).is_ok() || !self.0.exists())
        };
        let _ = host::until(remove);
    }
}
