//! What a box costs: a complete fresh one, a warm one, and a bare fork and exec of the same static program,
//! interleaved in one run, so that a noisy host is noisy for all three.

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
    /// Runs per second, one after the other.
    pub per_second: f64,
}

/// The figures of `tribunal bench box`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BoxBench {
    /// Box made, used and destroyed for the run.
    pub fresh: Series,
    /// What the caller waits for when a warm box was ready; its making and the clean-up of the
    /// predecessor are not part of it.
    pub warm: Series,
    /// fork, exec and wait without a box.
    pub bare: Series,
    /// fresh over bare, medians.
    pub ratio_p50: f64,
    /// warm over bare, medians.
    pub warm_ratio_p50: f64,
    /// Where the median fresh box spends its time, microseconds: until the start, running, after the end.
    pub fresh_split_us: [f64; 3],
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
        keep_stderr: 4096,
        limits: Limits::run_defaults(),
        profile: Profile::Default,
        writable: true,
        collect: Vec::new(),
    };
    let cancel = Cancel::new();
    let run = || -> Result<(Duration, [Duration; 3]), SandboxError> {
        let begun = Instant::now();
        let outcome = server.run(&spec, &cancel)?;
        let all = begun.elapsed();
        if outcome.facts.exit != Some(Exit::Code(0)) {
            return Err(SandboxError::Lost { during: "measured" });
        }
        Ok((all, [outcome.times.setup, outcome.facts.wall_time, outcome.times.teardown]))
    };
    let (mut bare, mut fresh, mut warm, mut splits) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds + 3 {
        let begun = Instant::now();
        let status = Command::new(program)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(SandboxError::host("run the benchmark's program"))?;
        let bare_time = begun.elapsed();
        debug_assert!(status.success());
        let (fresh_time, split) = run()?;
        server.warm_up(&spec, 1)?;
        let (_, warm_split) = run()?;
        // The first rounds fill caches.
        if round >= 3 {
            bare.push(bare_time);
            fresh.push(fresh_time);
            splits.push(split);
            // The caller has its answer when the program's end was told; the box dies after that.
            warm.push(warm_split[0] + warm_split[1]);
        }
    }
    splits.sort();
    let split = splits[splits.len() / 2].map(micros);
    let (bare, fresh, warm) = (series(bare), series(fresh), series(warm));
    Ok(BoxBench {
        ratio_p50: round2(fresh.p50_us / bare.p50_us),
        warm_ratio_p50: round2(warm.p50_us / bare.p50_us),
        fresh,
        warm,
        bare,
        fresh_split_us: split,
        rounds,
    })
}

fn micros(d: Duration) -> f64 {
    (d.as_secs_f64() * 1e7).round() / 10.0
}

fn round2(x: f64) -> f64 {
    (x * 100.0).round() / 100.0
}

fn series(mut times: Vec<Duration>) -> Series {
    times.sort();
    let total: Duration = times.iter().sum();
    let at = |share: f64| micros(times[((times.len() - 1) as f64 * share) as usize]);
    Series {
        p50_us: at(0.5),
        p99_us: at(0.99),
        per_second: (times.len() as f64 / total.as_secs_f64()).round(),
    }
}
