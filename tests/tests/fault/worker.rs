//! The worker that is killed: this test executed again. It runs boxes through the library, one line for each,
//! until its standard input ends.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use proto::facts::Exit;
use sandbox::spec::RunOutcome;
use sandbox::{BoxServer, Cancel, SandboxError, ServerConfig};

use crate::host;
use crate::memory;
use crate::program::{self, Lab};

/// First argument of such a process.
pub(crate) const FLAG: &str = "--as-worker";

/// What it says when a real worker would register: its predecessor's remains are gone.
const REGISTERED: &str = "registered";

/// Longest wait for a line; bounds a hang, measures nothing.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs at the same time.
const THREADS: usize = 2;

pub(crate) fn main(args: &[String]) -> Result<()> {
    let [part, run_dir, layer, rest @ ..] = args else { bail!("{FLAG} PART RUN_DIR LAYER") };
    let (run_dir, layer) = (PathBuf::from(run_dir), Path::new(layer));
    if let [group] = rest {
        std::fs::write(Path::new(group).join("cgroup.procs"), "0").context("join the group")?;
    }
    let config = ServerConfig { run_dir: Some(run_dir), warm: THREADS, ..ServerConfig::default() };
    let server = BoxServer::spawn(config)?;
    println!("{REGISTERED}");
    match part.as_str() {
        "loop" => run_until_end_of_input(&server, layer),
        "pressure" => memory::under_pressure(&server, layer),
        other => bail!("no part `{other}`"),
    }
    Ok(())
}

fn run_until_end_of_input(server: &BoxServer, layer: &Path) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let spec = program::spec(layer, &["tree"]);
                while !stop.load(Ordering::Relaxed) {
                    println!("{}", said_of(&server.run(&spec, &Cancel::new())));
                }
            });
        }
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        stop.store(true, Ordering::Relaxed);
    });
    println!("restarts {} retired {}", server.restarts(), server.retired());
}

/// `ok`, `retry` for what a worker tries again, or `WRONG` for what would be judged wrongly.
fn said_of(result: &Result<RunOutcome, SandboxError>) -> String {
    match result {
        Ok(o)
            if o.facts.exit == Some(Exit::Code(0))
                && o.facts.limit_events.is_empty()
                && o.facts.violation.is_none()
                && o.stdout.bytes == b"tree\n" =>
        {
            "ok".to_owned()
        }
        Ok(outcome) => format!("WRONG {:?}", outcome.facts),
        Err(e @ (SandboxError::Exec { .. } | SandboxError::BadSpec(_) | SandboxError::Cancelled)) => {
            format!("WRONG {e}")
        }
        Err(e) => format!("retry {e}"),
    }
}

/// Such a worker, seen from outside.
pub(crate) struct Worker {
    child: Child,
    lines: Receiver<String>,
    pub(crate) retries: usize,
}

impl Worker {
    /// Starts one; returns when it has said that it is registered.
    pub(crate) fn start(lab: &Lab, part: &str, run_dir: &Path, group: Option<&Path>) -> Result<Self> {
        Self::start_by(Command::new(std::env::current_exe()?), lab, part, run_dir, group)
    }

    /// The same through another command, which ends by executing this test.
    pub(crate) fn start_by(
        mut command: Command,
        lab: &Lab,
        part: &str,
        run_dir: &Path,
        group: Option<&Path>,
    ) -> Result<Self> {
        command.args([FLAG, part]).arg(run_dir).arg(&lab.layer).args(group);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().context("stdout is piped")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut worker = Self { child, lines, retries: 0 };
        let first = worker.line()?;
        ensure!(first == REGISTERED, "the worker said `{first}`");
        Ok(worker)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its next line.
    pub(crate) fn line(&mut self) -> Result<String> {
        let line = self.lines.recv_timeout(PATIENCE);
        line.with_context(|| format!("the worker says nothing more ({:?})", self.child.try_wait()))
    }

    fn heard(&mut self, line: &str) -> Result<bool> {
        ensure!(!line.starts_with("WRONG"), "a kill spoiled a result: {line}");
        self.retries += usize::from(line.starts_with("retry"));
        Ok(line == "ok")
    }

    /// Takes in what it said until now.
    pub(crate) fn catch_up(&mut self) -> Result<()> {
        let said: Vec<String> = self.lines.try_iter().collect();
        said.iter().try_for_each(|line| self.heard(line).map(drop))
    }

    /// Waits until `n` more runs went well.
    pub(crate) fn progress(&mut self, mut n: usize) -> Result<()> {
        self.catch_up()?;
        while n > 0 {
            let line = self.line()?;
            n -= usize::from(self.heard(&line)?);
        }
        Ok(())
    }

    /// SIGKILL. Returns its id once nothing of it runs.
    pub(crate) fn kill(&mut self) -> Result<u32> {
        self.child.kill()?;
        self.child.wait()?;
        // What it said before is as true as ever.
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.heard(&line)?;
        }
        host::processes_end(self.id())?;
        Ok(self.id())
    }

    /// Lets it end by itself.
    pub(crate) fn end(mut self) -> Result<u32> {
        drop(self.child.stdin.take());
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.heard(&line)?;
        }
        let status = self.child.wait()?;
        ensure!(status.success(), "the worker ended with {status}");
        host::processes_end(self.id())?;
        Ok(self.id())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
