//! What a box costs: a complete fresh one, a warm one, and a bare fork and exec of the same static program,
//! interleaved in one run, so that a noisy host is noisy for all three.
//!
//! Latencies are what a caller waits for while nothing of the box before is still being taken down. What that and
//! the making ahead cost is in the sustained figures, in which one box follows the other without a pause, and in
//! the processor time of the whole machine per box.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use proto::facts::Exit;
use proto::limits::Limits;
use serde::Serialize;

use crate::error::SandboxError;
use crate::keeper::BoxServer;
use crate::run::Cancel;
use crate::spec::{Profile, RootSpec, RunSpec, Stdin};

/// The program: a static C `main` that returns 0.
const NOOP: &str = "int main(void) { return 0; }\n";

/// One way of running it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Series {
    /// Median, microseconds.
    pub p50_us: f64,
    /// 99th percentile, microseconds.
    pub p99_us: f64,
    /// Runs per second, one after the other without a pause, everything included.
    pub per_second: f64,
}

/// Fresh boxes from several threads at once, without a pause.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sustained {
    /// Threads.
    pub loops: usize,
    /// Boxes per second, all threads together.
    pub per_second: f64,
    /// Processor time of the whole machine per box, microseconds: user, system and interrupts as in
    /// `/proc/stat` (proc(5)), so only a figure of the box on an otherwise idle machine.
    pub cpu_us: f64,
}

/// The figures of `tribunal bench box`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BoxBench {
    /// Box made, used and destroyed for the run.
    pub fresh: Series,
    /// What the caller waits for when a warm box was ready; its making is not part of it, but of its
    /// `per_second`.
    pub warm: Series,
    /// fork, exec and wait without a box.
    pub bare: Series,
    /// fresh over bare, medians.
    pub ratio_p50: f64,
    /// warm over bare, medians.
    pub warm_ratio_p50: f64,
    /// Where the median fresh box spends its time, microseconds: until the start, running, after the end.
    pub fresh_split_us: [f64; 3],
    /// One loop and two.
    pub sustained: [Sustained; 2],
    /// Rounds measured.
    pub rounds: usize,
}

/// Builds the static no-op with the host's C compiler into `dir` and returns a root that holds it as
/// `/noop`, and its path on the host.
///
/// # Errors
/// [`SandboxError::Unavailable`] when there is no C compiler or no static C library.
pub fn noop(dir: &Path) -> Result<(RootSpec, PathBuf), SandboxError> {
    let layer = dir.join("layer");
    let (source, program) = (dir.join("noop.c"), layer.join("noop"));
    std::fs::create_dir_all(&layer).map_err(SandboxError::host("make a directory for the benchmark"))?;
    std::fs::write(&source, NOOP).map_err(SandboxError::host("write the benchmark's program"))?;
    for path in [dir, &layer] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
            .map_err(SandboxError::host("open a directory for the benchmark"))?;
    }
    let compiled = Command::new("cc")
        .args(["-static", "-O2", "-o"])
        .arg(&program)
        .arg(&source)
        .stdin(Stdio::null())
        .output();
    match compiled {
        Ok(output) if output.status.success() => {
            Ok((RootSpec { lower: vec![layer], binds: Vec::new() }, program))
        }
        _ => Err(SandboxError::Unavailable {
            what: "the benchmark needs a static C program and could not compile one".into(),
            how: "apt-get install gcc libc6-dev".into(),
        }),
    }
}

/// Measures `rounds` rounds of bare, fresh and warm, in this order.
///
/// `server` must keep no warm boxes of its own, or "fresh" would not be.
pub fn box_bench(
    server: &BoxServer,
    root: &RootSpec,
    program: &Path,
    rounds: usize,
) -> Result<BoxBench, SandboxError> {
    let spec = RunSpec {
        root: root.clone(),
        argv: vec!["/noop".into()],
        env: Vec::new(),
        files: Vec::new(),
        stdin: Stdin::Empty,
        keep_stdout: 4096,
        overflow: None,
        keep_stderr: 4096,
        limits: Limits::run_defaults(),
        profile: Profile::Default,
        writable: true,
        collect: Vec::new(),
    };
    let run = || run_once(server, &spec);
    let bare_run = || bare_once(program);
    let (mut bare, mut fresh, mut warm, mut splits) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds + WARM_UP {
        server.settle()?;
        let bare_time = bare_run()?;
        server.settle()?;
        let (fresh_time, split) = run()?;
        server.settle()?;
        server.warm_up(&spec, 1)?;
        server.settle()?;
        let (warm_time, _) = run()?;
        if round >= WARM_UP {
            bare.push(bare_time);
            fresh.push(fresh_time);
            splits.push(split);
            warm.push(warm_time);
        }
    }
    splits.sort();
    let split = splits[splits.len() / 2].map(micros);
    let sustained = [sustain(server, &spec, 1, rounds)?, sustain(server, &spec, 2, rounds)?];
    let bare_rate = rate(rounds, || bare_run().map(drop))?;
    let warm_rate = rate(rounds, || server.warm_up(&spec, 1).and_then(|()| run().map(drop)))?;
    let bare = series(bare, bare_rate);
    let (fresh, warm) = (series(fresh, sustained[0].per_second), series(warm, warm_rate));
    Ok(BoxBench {
        ratio_p50: round2(fresh.p50_us / bare.p50_us),
        warm_ratio_p50: round2(warm.p50_us / bare.p50_us),
        fresh,
        warm,
        bare,
        fresh_split_us: split,
        sustained,
        rounds,
    })
}

/// Rounds that fill caches and are not counted.
const WARM_UP: usize = 3;

/// One run in a box: all of it, and until the start, running, after the end.
fn run_once(server: &BoxServer, spec: &RunSpec) -> Result<(Duration, [Duration; 3]), SandboxError> {
    let begun = Instant::now();
    let outcome = server.run(spec, &Cancel::new())?;
    let all = begun.elapsed();
    if outcome.facts.exit != Some(Exit::Code(0)) {
        return Err(SandboxError::Lost { during: "measured" });
    }
    Ok((all, [outcome.times.setup, outcome.facts.wall_time, outcome.times.teardown]))
}

/// One run without a box.
fn bare_once(program: &Path) -> Result<Duration, SandboxError> {
    let begun = Instant::now();
    let status = Command::new(program)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(SandboxError::host("run the benchmark's program"))?;
    let all = begun.elapsed();
    if !status.success() {
        return Err(SandboxError::Lost { during: "measured" });
    }
    Ok(all)
}

/// How many per second, over `rounds` in a row.
fn rate(rounds: usize, once: impl Fn() -> Result<(), SandboxError>) -> Result<f64, SandboxError> {
    let begun = Instant::now();
    for _ in 0..rounds {
        once()?;
    }
    Ok((rounds as f64 / begun.elapsed().as_secs_f64()).round())
}

/// `rounds` fresh boxes in each of `loops` threads, to the end of the last one's clean-up.
fn sustain(
    server: &BoxServer,
    spec: &RunSpec,
    loops: usize,
    rounds: usize,
) -> Result<Sustained, SandboxError> {
    server.settle()?;
    let (begun, busy) = (Instant::now(), machine_busy()?);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..loops)
            .map(|_| scope.spawn(|| rate(rounds, || run_once(server, spec).map(drop)).map(drop)))
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or(Err(SandboxError::Lost { during: "measured" })))
    })?;
    server.settle()?;
    let boxes = (loops * rounds) as f64;
    let cpu = machine_busy()?.saturating_sub(busy);
    Ok(Sustained {
        loops,
        per_second: (boxes / begun.elapsed().as_secs_f64()).round(),
        cpu_us: (cpu.as_secs_f64() * 1e6 / boxes).round(),
    })
}

/// Processor time of the machine that was not idle, since boot: the first line of /proc/stat, in ticks of 10 ms
/// (USER_HZ). Steal and guest time are not in it.
fn machine_busy() -> Result<Duration, SandboxError> {
    let text = std::fs::read_to_string("/proc/stat").map_err(SandboxError::host("read /proc/stat"))?;
    let fields = text.lines().next().unwrap_or_default().split_whitespace().skip(1);
    // user nice system idle iowait irq softirq
    let ticks: u64 = fields
        .enumerate()
        .filter(|(i, _)| matches!(i, 0..=2 | 5 | 6))
        .filter_map(|(_, ticks)| ticks.parse::<u64>().ok())
        .sum();
    Ok(Duration::from_millis(ticks * 10))
}

fn micros(d: Duration) -> f64 {
    (d.as_secs_f64() * 1e7).round() / 10.0
}

fn round2(x: f64) -> f64 {
    (x * 100.0).round() / 100.0
}

fn series(mut times: Vec<Duration>, per_second: f64) -> Series {
    times.sort();
    let at = |share: f64| micros(times[((times.len() - 1) as f64 * share) as usize]);
    Series { p50_us: at(0.5), p99_us: at(0.99), per_second }
}
