//! What the suite does to its own side while a program runs: the host's clock jumps, the worker stands still.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime, clock_settime};
use selftest::Case;
use selftest::expect::Disturbance;

/// How far from the truth the clock is set, each way.
const JUMP: Duration = Duration::from_secs(3600);
/// Time between two jumps.
const BETWEEN: Duration = Duration::from_millis(100);
/// How long the worker is stopped: longer than the wall limit of the case.
const STOPPED: &str = "4";
/// Longest wait for the program to run; a bound, nothing that is measured.
const PATIENCE: Duration = Duration::from_secs(60);

/// A disturbance under way.
#[derive(Debug)]
pub struct Running {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

impl Running {
    /// Begins what the case asks for; `None` when it asks for nothing.
    pub fn start(case: &Case) -> Option<Self> {
        let disturbance = case.expect.disturb?;
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let argv: Vec<String> =
            std::iter::once("./program".to_owned()).chain(case.expect.args.iter().cloned()).collect();
        let thread = std::thread::spawn(move || match disturbance {
            Disturbance::Clock => clock(&seen),
            Disturbance::Worker => worker(&argv, &seen),
        });
        Some(Self { over, thread })
    }

    /// Ends it, the program having ended.
    ///
    /// # Errors
    /// When it could not be done.
    pub fn finish(self) -> Result<()> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("a disturbing thread panicked"))?
    }
}

/// The clock of the host, put right again when dropped.
struct Clock {
    /// Its time of day at uptime 0.
    booted: TimeSpec,
}

impl Clock {
    fn read() -> Result<Self> {
        let (now, up) = (clock_gettime(ClockId::CLOCK_REALTIME)?, clock_gettime(ClockId::CLOCK_BOOTTIME)?);
        Ok(Self { booted: now - up })
    }

    fn set(&self, ahead: TimeSpec) -> Result<()> {
        let right = self.booted + clock_gettime(ClockId::CLOCK_BOOTTIME)?;
        clock_settime(ClockId::CLOCK_REALTIME, right + ahead).context("set the clock")
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        let _ = self.set(TimeSpec::from(Duration::ZERO));
    }
}

fn clock(over: &AtomicBool) -> Result<()> {
    let (clock, hour) = (Clock::read()?, TimeSpec::from(JUMP));
    while !over.load(Ordering::Relaxed) {
        for ahead in [hour, -hour] {
            clock.set(ahead)?;
            std::thread::sleep(BETWEEN);
        }
    }
    Ok(())
}

/// Stops this process, which is the worker, once the program runs. Another process lets it go on.
fn worker(argv: &[String], over: &AtomicBool) -> Result<()> {
    let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
    let begun = std::time::Instant::now();
    while !selftest::runs_below(&argv) {
        ensure!(!over.load(Ordering::Relaxed), "the program ended before the worker was stopped");
        ensure!(begun.elapsed() < PATIENCE, "the program was not seen");
        std::thread::sleep(Duration::from_millis(10));
    }
    let script = format!("kill -STOP $PPID; sleep {STOPPED}; kill -CONT $PPID");
    let status = Command::new("sh").args(["-c", &script]).status()?;
    ensure!(status.success(), "the worker could not be stopped: {status}");
    Ok(())
}
