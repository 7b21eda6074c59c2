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

/// What it says when everything went as it must.
const DONE: &str = "done";

pub(crate) fn memory_pressure_takes_programs_and_neither_the_worker_nor_their_good_name(
    lab: &Lab,
) -> Result<()> {
    let Some(group) = Group::make()? else {
        println!("skipped: memory pressure: the memory controller is not a v1 hierarchy, or not writable");
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
    spec.limits.wall_time = Duration::from_secs(3);
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

/// A v1 memory group below our own.
struct Group(PathBuf);

impl Group {
    fn make() -> Result<Option<Self>> {
        let own = std::fs::read_to_string("/proc/self/cgroup")?;
        let Some(path) = own.lines().find_map(|l| l.split_once(":memory:")).map(|(_, p)| p.to_owned()) else {
            return Ok(None);
        };
        let dir = Path::new("/sys/fs/cgroup/memory").join(path.trim_start_matches('/'));
        let dir = dir.join(format!("fault-{}", std::process::id()));
        if std::fs::create_dir(&dir).is_err() {
            return Ok(None);
        }
        let group = Self(dir);
        for file in ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"] {
            let path = group.0.join(file);
            if path.exists() {
                std::fs::write(path, ALL.get().to_string()).context(file)?;
            }
        }
        Ok(Some(group))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = host::until(|| Ok(std::fs::remove_dir(&self.0).is_ok() || !self.0.exists()));
    }
}
