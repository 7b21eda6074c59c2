//! One run, start to end, in the calling thread: place files, start, watch, kill, read the truth, collect.
//!
//! Order at the end (sandbox.md 4.3, 12 to 15): the figures are read first, then everything is killed, then
//! what the pipes still hold is taken, then files are collected from a tree in which nothing lives.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use proto::facts::Accounting;
use rustix::event::{EventfdFlags, eventfd};

use crate::channel;
use crate::collect::{self, Found};
use crate::error::SandboxError;
use crate::files;
use crate::keeper::{BoxKind, BoxServer, WarmBox};
use crate::pump::Pump;
use crate::spec::{BoxTimes, Follow, RunOutcome, RunSpec};
use crate::watch::Watch;
use crate::wire::StartPlan;

/// What the init may hold of the box's memory: the group of a box around a
/// no-op peaks at 0.5 to 0.8 MB (`memory_peak_raw` of any small run), doubled and rounded up. Added to the
/// group's limit so that the program has all of its own.
pub const MEMORY_OVERHEAD: u64 = 2 << 20;

/// Bytes of POSIX message queues of one box (RLIMIT_MSGQUEUE, getrlimit(2)). The kernel counts them again for the
/// user who made the user namespace, root for all boxes, and holds that sum against root's own 819,200
/// (`inc_rlimit_ucounts` in kernel/ucount.c): eight boxes can hold all they may. One queue of default size takes
/// 82 KB.
const MESSAGE_QUEUES: u64 = 102_400;

/// The init is a task of the group too.
pub(crate) const TASKS_OVERHEAD: u32 = 1;

/// Cancels a run from another thread.
#[derive(Debug, Clone)]
pub struct Cancel(Arc<OwnedFd>);

impl Cancel {
    /// Not cancelled.
    ///
    /// # Panics
    /// When the process is out of descriptors.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Self(Arc::new(eventfd(0, flags).expect("a descriptor for an eventfd")))
    }

    /// Readable once cancelled.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Ends the run it belongs to; it returns [`SandboxError::Cancelled`].
    pub fn cancel(&self) {
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }
}

impl BoxServer {
    /// Runs one program in a box of its own. Blocks until the box is gone.
    ///
    /// # Errors
    /// [`SandboxError::Exec`] and [`SandboxError::BadSpec`] are the requester's, everything else is ours.
    pub fn run(&self, spec: &RunSpec, cancel: &Cancel) -> Result<RunOutcome, SandboxError> {
        self.run_following(spec, cancel, None)
    }

    /// The same, and one file is read while the program runs.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_following(
        &self,
        spec: &RunSpec,
        cancel: &Cancel,
        follow: Option<&Follow>,
    ) -> Result<RunOutcome, SandboxError> {
        let begun = Instant::now();
        let start = Start::new(spec, self.accounting())?;
        let kind = BoxKind::of(spec);
        let warm = self.take(&kind, &spec.limits)?;
        let result = run_in(&warm, spec, start, (cancel, follow), begun);
        let torn = Instant::now();
        let destroyed = self.destroy(warm, kind);
        let mut outcome = result?;
        destroyed?;
        outcome.times.teardown += torn.elapsed();
        Ok(outcome)
    }
}

/// Everything a program needs that does not depend on its box: made first, so that nothing is left to do when
/// the box is ready.
#[derive(Debug)]
pub(crate) struct Start {
    plan: Vec<u8>,
    stdin: OwnedFd,
    /// Our end of standard output and the program's.
    out: (OwnedFd, OwnedFd),
    err: (OwnedFd, OwnedFd),
}

impl Start {
    fn new(spec: &RunSpec, accounting: Accounting) -> Result<Self, SandboxError> {
        let stdin = files::stdin(&spec.stdin).map_err(|e| match e.kind() {
            io::ErrorKind::FileTooLarge => SandboxError::BadSpec(e.to_string()),
            _ => SandboxError::host("make standard input")(e),
        })?;
        Self::reading(spec, accounting, stdin)
    }

    /// The same with a standard input that is there already.
    pub(crate) fn reading(
        spec: &RunSpec,
        accounting: Accounting,
        stdin: OwnedFd,
    ) -> Result<Self, SandboxError> {
        Ok(Self { plan: start_message(spec, accounting)?, stdin, out: pipe()?, err: pipe()? })
    }

    /// The same for a program whose standard output ends when the program closes it, and not when its end was told.
    pub(crate) fn letting_go(
        spec: &RunSpec,
        accounting: Accounting,
        stdin: OwnedFd,
    ) -> Result<Self, SandboxError> {
        let plan = StartPlan { lets_go: true, ..start_plan(spec, accounting)? };
        Ok(Self { plan: message(&plan)?, stdin, out: pipe()?, err: pipe()? })
    }

    /// Starts the program in a box that has its files, and watches it. `pump` is given our end of standard output.
    pub(crate) fn begin<'a>(
        self,
        warm: &'a WarmBox,
        spec: &'a RunSpec,
        cancel: &'a Cancel,
        pump: impl FnOnce(OwnedFd) -> Pump,
    ) -> Result<Watch<'a>, SandboxError> {
        let Start { plan, stdin, out: (out, out_end), err: (err, err_end) } = self;
        let pumps = (pump(out), Pump::new(err, spec.keep_stderr));
        let watch = Watch::new(warm, &spec.limits, cancel, pumps, files::bytes(spec))?;
        channel::send(warm.init.as_fd(), &plan, &[stdin.as_fd(), out_end.as_fd(), err_end.as_fd()])
            .map_err(|_| SandboxError::Lost { during: "started" })?;
        Ok(watch)
    }
}

fn run_in(
    warm: &WarmBox,
    spec: &RunSpec,
    start: Start,
    (cancel, follow): (&Cancel, Option<&Follow>),
    begun: Instant,
) -> Result<RunOutcome, SandboxError> {
    files::place(warm, spec)?;
    if let Some(overflow) = &spec.overflow {
        overflow.begin();
    }
    let pump = |out| Pump::overflowing(out, spec.keep_stdout, spec.overflow.clone());
    let mut watch = start.begin(warm, spec, cancel, pump)?;
    watch.follow(follow);
    let setup = begun.elapsed();
    let end = watch.until_end(&spec.argv[0])?;
    let torn = Instant::now();
    let facts = watch.settle(end)?;
    let (stdout, stderr) = watch.into_captured();
    let Found { files, opened, empty, refused } = collect::collect(&warm.stage, &spec.collect, &spec.limits);
    let times = BoxTimes { setup, teardown: torn.elapsed() };
    Ok(RunOutcome { facts, stdout, stderr, files, opened, empty, refused, times })
}

/// A pipe whose reading end is the program's standard input: blocking there, and not for us who write.
pub(crate) fn inlet() -> Result<(OwnedFd, OwnedFd), SandboxError> {
    let make = || -> io::Result<(OwnedFd, OwnedFd)> {
        let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        // As in `pipe`: /dev/stdin may be opened again, to read and not to write.
        rustix::fs::fchmod(&read, rustix::fs::Mode::from_raw_mode(0o444))?;
        fcntl(write.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok((read, write))
    };
    make().map_err(SandboxError::host("make a pipe"))
}

fn pipe() -> Result<(OwnedFd, OwnedFd), SandboxError> {
    let make = || -> io::Result<(OwnedFd, OwnedFd)> {
        let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        // The pipe is ours; this is what lets the program open /dev/stdout again, to write and not to read.
        rustix::fs::fchmod(&write, rustix::fs::Mode::from_raw_mode(0o222))?;
        // Our end only: the program's end is another open file description and stays blocking.
        fcntl(read.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok((read, write))
    };
    make().map_err(SandboxError::host("make a pipe"))
}

/// The message that starts the program.
pub(crate) fn start_message(spec: &RunSpec, accounting: Accounting) -> Result<Vec<u8>, SandboxError> {
    message(&start_plan(spec, accounting)?)
}

fn message(plan: &StartPlan) -> Result<Vec<u8>, SandboxError> {
    let text = serde_json::to_vec(plan).expect("a plan is plain data");
    // JSON writes a control character with six.
    if text.len() > channel::MESSAGE_MAX {
        return Err(too_long(text.len(), channel::MESSAGE_MAX));
    }
    Ok(text)
}

fn too_long(bytes: usize, most: usize) -> SandboxError {
    SandboxError::BadSpec(format!(
        "arguments, environment and the search for the program in PATH are {bytes} bytes; {most} are possible"
    ))
}

pub(crate) fn start_plan(spec: &RunSpec, accounting: Accounting) -> Result<StartPlan, SandboxError> {
    let bad = |what: String| Err(SandboxError::BadSpec(what));
    let Some(program) = spec.argv.first().filter(|p| !p.is_empty()) else {
        return bad("the command is empty".into());
    };
    let env: Vec<String> = spec.env.iter().map(|(k, v)| format!("{k}={v}")).collect();
    if let Some((k, _)) = spec.env.iter().find(|(k, _)| k.is_empty() || k.contains('=')) {
        return bad(format!("`{k}` is no name of an environment variable"));
    }
    if spec.argv.iter().chain(&env).any(|t| t.contains('\0')) {
        return bad("an argument or environment variable holds a NUL byte".into());
    }
    let total: usize = spec.argv.iter().chain(&env).map(|t| t.len() + 1).sum();
    if total > channel::MESSAGE_MAX / 2 {
        return Err(too_long(total, channel::MESSAGE_MAX / 2));
    }
    let candidates = if program.contains('/') {
        vec![program.clone()]
    } else {
        let path = spec.env.iter().find(|(k, _)| k == "PATH").map_or("/usr/bin:/bin", |(_, v)| v);
        let dirs: Vec<&str> = path.split(':').filter(|d| d.starts_with('/')).collect();
        // Thousands of directories, each with a long name behind it, would be gigabytes.
        let searched: usize = dirs.iter().map(|d| d.len() + 1 + program.len()).sum();
        if searched > channel::MESSAGE_MAX {
            return Err(too_long(searched, channel::MESSAGE_MAX));
        }
        dirs.into_iter().map(|d| format!("{d}/{program}")).collect()
    };
    let l = &spec.limits;
    let cpu_backup = l.cpu_time.as_secs().saturating_add(2);
    let mut rlimits = vec![
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_CPU, cpu_backup),
        (libc::RLIMIT_FSIZE, l.file_size.get()),
        (libc::RLIMIT_NOFILE, u64::from(l.open_files)),
        // Memory bounds the stack: the group's limit, or where there is none the watch, because RLIMIT_DATA leaves it
        // out. Any other figure here would be what glibc reserves for the stack of each thread.
        (libc::RLIMIT_STACK, libc::RLIM_INFINITY),
        (libc::RLIMIT_MEMLOCK, 64 << 10),
        (libc::RLIMIT_MSGQUEUE, MESSAGE_QUEUES),
        (libc::RLIMIT_SIGPENDING, 1024),
        (libc::RLIMIT_RTPRIO, 0),
        (libc::RLIMIT_NICE, 0),
    ];
    if accounting == Accounting::Sampled {
        // No group bounds the box, so the kernel's per-process limits have to: coarser, and no evidence.
        rlimits.push((libc::RLIMIT_NPROC, u64::from(l.processes.saturating_add(TASKS_OVERHEAD))));
        rlimits.push((libc::RLIMIT_DATA, l.memory.get().saturating_add(MEMORY_OVERHEAD)));
    }
    Ok(StartPlan { candidates, argv: spec.argv.clone(), env, rlimits, lets_go: false })
}
