//! One run, start to end, in the calling thread: place files, start, watch, kill, read the truth, collect.
//!
//! Order at the end (sandbox.md 4.3, 12 to 15): the figures are read first, then everything is killed, then
//! what the pipes still hold is taken, then files are collected from a tree in which nothing lives.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use proto::facts::{Accounting, Exit, LimitEvent, LimitHit, RunFacts, Violation};
use proto::limits::Limits;
use rustix::event::{EventfdFlags, eventfd};

use crate::cgroup::{BoxGroup, CpuTime};
use crate::channel::{self, Tag};
use crate::collect;
use crate::error::{SandboxError, Step};
use crate::files;
use crate::keeper::{BoxKind, BoxServer, WarmBox, failed, kill_and_wait};
use crate::pump::Pump;
use crate::sampled;
use crate::spec::{BoxTimes, RunOutcome, RunSpec};
use crate::sys;
use crate::syscalls;
use crate::wire::StartPlan;

/// What the init and the waiting program process hold of the box's memory, measured with
/// `tribunal bench box` and rounded up; added to the group's limit so that the program has all of its own.
pub const MEMORY_OVERHEAD: u64 = 2 << 20;

/// What the waiting program process may still touch between its `Ready` and execve: its message and the
/// strings made of it.
const START_GROWTH: u64 = 1 << 20;

/// The init is a task of the group too.
const TASKS_OVERHEAD: u32 = 1;

/// Shortest time between two looks at the cpu counter: bounds the cost of watching.
const CPU_TICK_MIN: Duration = Duration::from_millis(5);

/// Memory and OOM counters are looked at this often at first, then ten times as rarely.
const SAMPLE_FIRST: Duration = Duration::from_millis(10);

/// A wall limit is an idle limit when less than this share of it was cpu time.
const IDLE_SHARE: f64 = 0.10;

/// A program that was ready to run but got no cpu is not slow: its wall limit moves by what it waited, to at
/// most this many times the limit. Otherwise an overloaded host turns TLE into ILE, and AC into ILE.
const WALL_STRETCH: u32 = 4;

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
        let begun = Instant::now();
        let start = start_plan(spec, self.accounting())?;
        let stdin = files::stdin(&spec.stdin).map_err(SandboxError::host("make standard input"))?;
        let warm = self.take(&BoxKind::of(spec))?;
        let result = self.run_in(&warm, spec, &start, &stdin, cancel, begun);
        let torn = Instant::now();
        let destroyed = self.destroy(warm);
        let mut outcome = result?;
        destroyed?;
        outcome.times.teardown += torn.elapsed();
        Ok(outcome)
    }

    fn run_in(
        &self,
        warm: &WarmBox,
        spec: &RunSpec,
        start: &StartPlan,
        stdin: &OwnedFd,
        cancel: &Cancel,
        begun: Instant,
    ) -> Result<RunOutcome, SandboxError> {
        files::place(warm, spec)?;
        if let Some(group) = &warm.group {
            let memory = spec.limits.memory.get() + MEMORY_OVERHEAD;
            group
                .limit(memory, spec.limits.processes + TASKS_OVERHEAD)
                .map_err(SandboxError::host("set the limits of a box"))?;
        }
        let (out, out_end) = pipe()?;
        let (err, err_end) = pipe()?;
        let text = serde_json::to_vec(start).expect("a plan is plain data");
        let fds = [stdin.as_fd(), out_end.as_fd(), err_end.as_fd()];
        let before = warm.cpu_time()?;
        let mut watch = Watch {
            warm,
            limits: &spec.limits,
            cancel,
            out: Pump::new(out, spec.keep_stdout),
            err: Pump::new(err, spec.keep_stderr),
            started: Instant::now(),
            before,
            events: Vec::new(),
            violation: None,
            executed: false,
            filtered: true,
            exit: None,
            max_rss: None,
            peak_used: 0,
            next_sample: SAMPLE_FIRST,
            wall_end: spec.limits.wall_time,
        };
        channel::send(warm.program.as_fd(), &text, &fds)
            .map_err(|_| SandboxError::Lost { during: "started" })?;
        drop((out_end, err_end));
        let setup = begun.elapsed();
        let end = watch.until_end(&spec.argv[0])?;
        // Not earlier: it would take a cpu and cache from the program while that is being measured.
        self.inner.look_ahead();
        let torn = Instant::now();
        let facts = watch.settle(end)?;
        let (files, refused) = collect::collect(&warm.stage, &spec.collect, &spec.limits);
        Ok(RunOutcome {
            facts,
            stdout: watch.out.into_captured(),
            stderr: watch.err.into_captured(),
            files,
            refused,
            times: BoxTimes { setup, teardown: torn.elapsed() },
        })
    }
}

impl WarmBox {
    fn cpu_time(&self) -> Result<CpuTime, SandboxError> {
        match &self.group {
            Some(group) => group.cpu_time().map_err(SandboxError::host("read the cpu time of a box")),
            None => Ok(CpuTime { total: sampled::tree(self.pid).cpu, user: None }),
        }
    }
}

/// How a watch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End {
    /// When, since the start.
    wall: Duration,
    /// CPU time then, when it was read then.
    cpu: Option<CpuTime>,
}

struct Watch<'a> {
    warm: &'a WarmBox,
    limits: &'a Limits,
    cancel: &'a Cancel,
    out: Pump,
    err: Pump,
    started: Instant,
    before: CpuTime,
    events: Vec<LimitEvent>,
    violation: Option<Violation>,
    /// Whether execve happened.
    executed: bool,
    /// Whether a process under the filters still lives; afterwards their listener only says so.
    filtered: bool,
    exit: Option<Exit>,
    max_rss: Option<u64>,
    peak_used: u64,
    next_sample: Duration,
    /// When the wall limit fires, as far as is known now.
    wall_end: Duration,
}

impl Watch<'_> {
    /// Watches until the main program ended or something ended it.
    fn until_end(&mut self, program: &str) -> Result<End, SandboxError> {
        let mut next_cpu = self.limits.cpu_time.max(CPU_TICK_MIN) / cpus();
        loop {
            let now = self.started.elapsed();
            let until = self.wall_end.min(next_cpu).min(self.next_sample);
            let ready = self.wait(until.saturating_sub(now))?;
            if ready.cancel {
                return Err(SandboxError::Cancelled);
            }
            if ready.program && !self.executed {
                self.hear_program(program)?;
            }
            if ready.unfiltered {
                self.filtered = false;
            }
            if ready.listener && self.hear_listener() {
                return Ok(self.end_now(None));
            }
            if ready.out {
                self.out.read_ready().map_err(SandboxError::host("read standard output"))?;
            }
            if ready.err {
                self.err.read_ready().map_err(SandboxError::host("read standard error"))?;
            }
            if self.over_output() {
                return Ok(self.end_now(None));
            }
            if ready.init && self.hear_init()? {
                let cpu = self.cpu_now()?;
                let end = self.end_now(Some(cpu));
                self.freeze_output()?;
                return Ok(end);
            }
            if ready.dead {
                // The init is dead and said nothing: the kernel may have taken it for memory.
                return Ok(self.end_now(None));
            }
            if let Some(end) = self.tick(&mut next_cpu)? {
                return Ok(end);
            }
        }
    }

    /// Looks at clocks and counters that are due.
    fn tick(&mut self, next_cpu: &mut Duration) -> Result<Option<End>, SandboxError> {
        let now = self.started.elapsed();
        if now >= self.next_sample {
            self.sample()?;
            let step = if now < Duration::from_millis(200) { SAMPLE_FIRST } else { SAMPLE_FIRST * 10 };
            self.next_sample = now + step;
            if self.warm.oom_kills()? > 0 {
                self.event(LimitHit::Memory, self.peak_used, self.limits.memory.get());
                return Ok(Some(self.end_now(None)));
            }
        }
        if now >= *next_cpu || now >= self.wall_end {
            let used = self.cpu_now()?.total;
            if used > self.limits.cpu_time {
                self.event(LimitHit::CpuTime, nanos(used), nanos(self.limits.cpu_time));
                return Ok(Some(self.end_now(None)));
            }
            *next_cpu = now + ((self.limits.cpu_time - used) / cpus()).max(CPU_TICK_MIN);
            if now >= self.wall_end && !self.stretch_wall(now) {
                let idle = used.as_secs_f64() < now.as_secs_f64() * IDLE_SHARE;
                let limit = if idle { LimitHit::Idle } else { LimitHit::WallTime };
                self.event(limit, nanos(now), nanos(self.limits.wall_time));
                return Ok(Some(self.end_now(None)));
            }
        }
        Ok(None)
    }

    /// Moves the wall limit by what the program waited for a cpu. Returns whether there is time left then.
    fn stretch_wall(&mut self, now: Duration) -> bool {
        let waited = sampled::longest_cpu_wait(self.warm.pid);
        let end = (self.limits.wall_time + waited).min(self.limits.wall_time * WALL_STRETCH);
        self.wall_end = self.wall_end.max(end);
        now < self.wall_end
    }

    fn wait(&self, timeout: Duration) -> Result<Ready, SandboxError> {
        let gone = self.cancel.0.as_fd();
        let mut fds = [
            PollFd::new(self.cancel.0.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.warm.init.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.warm.pidfd.as_fd(), PollFlags::POLLIN),
            PollFd::new(if self.filtered { self.warm.listener.as_fd() } else { gone }, PollFlags::POLLIN),
            PollFd::new(if self.executed { gone } else { self.warm.program.as_fd() }, PollFlags::POLLIN),
            PollFd::new(self.out.fd().unwrap_or(gone), PollFlags::POLLIN),
            PollFd::new(self.err.fd().unwrap_or(gone), PollFlags::POLLIN),
        ];
        // Rounded up: a wake-up before the deadline would only go round once more.
        let timeout = timeout + Duration::from_micros(999);
        match poll(&mut fds, PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX)) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(e) => return Err(SandboxError::Host { what: "wait for a box".into(), source: e.into() }),
        }
        let any = |i: usize| fds[i].any().unwrap_or(false);
        let input = |i: usize| fds[i].revents().is_some_and(|r| r.contains(PollFlags::POLLIN));
        Ok(Ready {
            cancel: input(0),
            init: any(1),
            dead: any(2),
            listener: self.filtered && input(3),
            unfiltered: self.filtered && !input(3) && any(3),
            program: any(4),
            out: self.out.fd().is_some() && any(5),
            err: self.err.fd().is_some() && any(6),
        })
    }

    /// The program's line closes at execve; before it can only bring a failure.
    fn hear_program(&mut self, program: &str) -> Result<(), SandboxError> {
        match channel::receive_frame(&self.warm.program).map_err(SandboxError::host("hear from a box"))? {
            None => {
                self.executed = true;
                Ok(())
            }
            Some((frame, _)) => Err(match failed(frame) {
                SandboxError::Setup { step: Step::Exec, index: 1, source } => {
                    SandboxError::Exec { program: program.to_owned(), source }
                }
                other => other,
            }),
        }
    }

    /// Records a call of the kill class. Returns whether there was one.
    fn hear_listener(&mut self) -> bool {
        let Ok((number, arch)) = sys::seccomp_receive(self.warm.listener.as_fd()) else { return false };
        let name = match arch {
            0xc000_003e => syscalls::name(number).map(str::to_owned),
            _ => Some(format!("call {number} of architecture {arch:#x}")),
        };
        self.violation = Some(Violation { syscall: number, name });
        true
    }

    /// Returns whether the init told the program's end.
    fn hear_init(&mut self) -> Result<bool, SandboxError> {
        match channel::receive_frame(&self.warm.init).map_err(SandboxError::host("hear from a box"))? {
            Some((frame, _)) if frame.tag == Tag::Exited => {
                let status = frame.a as i32;
                self.exit = Some(if libc::WIFSIGNALED(status) {
                    Exit::Signal(libc::WTERMSIG(status))
                } else {
                    Exit::Code(libc::WEXITSTATUS(status))
                });
                self.max_rss = u64::try_from(frame.b).ok().map(|kib| kib << 10);
                // A failure before execve came on the program's line just before.
                if !self.executed {
                    self.hear_program("")?;
                }
                Ok(true)
            }
            Some((frame, _)) => Err(failed(frame)),
            None => Ok(false),
        }
    }

    fn over_output(&mut self) -> bool {
        let total = self.out.count() + self.err.count();
        if total <= self.limits.output.get() || self.events.iter().any(|e| e.limit == LimitHit::Output) {
            return false;
        }
        self.event(LimitHit::Output, total, self.limits.output.get());
        true
    }

    fn event(&mut self, limit: LimitHit, value: u64, bound: u64) {
        let observed_ns = nanos(self.started.elapsed());
        self.events.push(LimitEvent { limit, observed_ns, value, bound });
    }

    fn end_now(&self, cpu: Option<CpuTime>) -> End {
        End { wall: self.started.elapsed(), cpu }
    }

    /// CPU time since the start.
    fn cpu_now(&self) -> Result<CpuTime, SandboxError> {
        let now = self.warm.cpu_time()?;
        Ok(CpuTime {
            total: now.total.saturating_sub(self.before.total),
            user: now.user.zip(self.before.user).map(|(n, b)| n.saturating_sub(b)),
        })
    }

    fn sample(&mut self) -> Result<(), SandboxError> {
        let used = match &self.warm.group {
            Some(group) => group.memory_now().map_err(SandboxError::host("read the memory of a box"))?.used,
            None => sampled::tree(self.warm.pid).rss,
        };
        self.peak_used = self.peak_used.max(used);
        Ok(())
    }

    /// Takes what the pipes hold at this moment; later bytes of stray children do not count.
    fn freeze_output(&mut self) -> Result<(), SandboxError> {
        self.out.read_present().map_err(SandboxError::host("read standard output"))?;
        self.err.read_present().map_err(SandboxError::host("read standard error"))?;
        self.over_output();
        Ok(())
    }

    /// Kills what is left and makes the facts.
    fn settle(&mut self, end: End) -> Result<RunFacts, SandboxError> {
        // Before the kill: afterwards there is nothing left to sample.
        if self.exit.is_none() {
            let _ = self.sample();
        }
        let rootless_cpu = if self.warm.group.is_none() { Some(self.cpu_now()?) } else { None };
        kill_and_wait(self.warm.group.as_ref(), &self.warm.pidfd)?;
        let cpu = match end.cpu.or(rootless_cpu) {
            Some(cpu) => cpu,
            None => self.cpu_now()?,
        };
        let oom_kills = self.warm.oom_kills()?;
        if oom_kills > 0 && !self.events.iter().any(|e| e.limit == LimitHit::Memory) {
            self.event(LimitHit::Memory, self.peak_used, self.limits.memory.get());
        }
        let killed_by_us = !self.events.is_empty() || self.violation.is_some();
        if self.exit.is_none() && !killed_by_us {
            return Err(SandboxError::Lost { during: "run" });
        }
        if self.exit == Some(Exit::Signal(libc::SIGXFSZ)) {
            if let Some(size) = collect::file_at_limit(&self.warm.stage, self.limits.file_size.get()) {
                self.event(LimitHit::FileSize, size, self.limits.file_size.get());
            }
        }
        if self.exit != Some(Exit::Code(0)) && collect::is_full(&self.warm.stage) {
            self.event(LimitHit::Disk, self.limits.disk.get(), self.limits.disk.get());
        }
        let group = self.warm.group.as_ref();
        let process_limit_hits = match group {
            Some(g) => {
                g.process_limit_hits().map_err(SandboxError::host("read the process count of a box"))?
            }
            None => 0,
        };
        let peak_raw = group.and_then(BoxGroup::memory_peak);
        // getrusage(2) keeps the resident set from before execve; a program smaller than that process is
        // measured by what its group was charged.
        let resident = match self.max_rss {
            Some(rss) if rss > self.warm.own_rss + START_GROWTH => rss,
            rss => peak_raw.or(rss).unwrap_or(0),
        };
        let used = self.peak_used.max(resident);
        Ok(RunFacts {
            exit: self.exit,
            cpu_time: cpu.total,
            cpu_user: cpu.user,
            wall_time: end.wall,
            memory_bytes: (used > 0).then_some(used),
            memory_peak_raw: peak_raw,
            stdout_bytes: self.out.count(),
            stderr_bytes: self.err.count(),
            limit_events: std::mem::take(&mut self.events),
            oom_kills,
            process_limit_hits,
            violation: self.violation.take(),
            accounting: if group.is_some() { Accounting::Exact } else { Accounting::Sampled },
        })
    }
}

impl WarmBox {
    fn oom_kills(&self) -> Result<u64, SandboxError> {
        match &self.group {
            Some(group) => group.oom_kills().map_err(SandboxError::host("read the OOM kills of a box")),
            None => Ok(0),
        }
    }
}

/// What poll found.
#[derive(Debug, Clone, Copy)]
struct Ready {
    cancel: bool,
    init: bool,
    dead: bool,
    listener: bool,
    unfiltered: bool,
    program: bool,
    out: bool,
    err: bool,
}

fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

fn cpus() -> u32 {
    use std::sync::OnceLock;
    static CPUS: OnceLock<u32> = OnceLock::new();
    *CPUS.get_or_init(|| std::thread::available_parallelism().map_or(1, |n| n.get() as u32))
}

fn pipe() -> Result<(OwnedFd, OwnedFd), SandboxError> {
    let make = || -> io::Result<(OwnedFd, OwnedFd)> {
        let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        // Our end only: the program's end is another open file description and stays blocking.
        fcntl(read.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok((read, write))
    };
    make().map_err(SandboxError::host("make a pipe"))
}

fn start_plan(spec: &RunSpec, accounting: Accounting) -> Result<StartPlan, SandboxError> {
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
        return bad(format!(
            "arguments and environment are {total} bytes; {} are possible",
            channel::MESSAGE_MAX / 2
        ));
    }
    let candidates = if program.contains('/') {
        vec![program.clone()]
    } else {
        let path = spec.env.iter().find(|(k, _)| k == "PATH").map_or("/usr/bin:/bin", |(_, v)| v);
        path.split(':').filter(|d| d.starts_with('/')).map(|d| format!("{d}/{program}")).collect()
    };
    let l = &spec.limits;
    let cpu_backup = l.cpu_time.as_secs() + 2;
    let mut rlimits = vec![
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_CPU, cpu_backup),
        (libc::RLIMIT_FSIZE, l.file_size.get()),
        (libc::RLIMIT_NOFILE, u64::from(l.open_files)),
        (libc::RLIMIT_STACK, libc::RLIM_INFINITY),
        (libc::RLIMIT_MEMLOCK, 64 << 10),
        (libc::RLIMIT_MSGQUEUE, 819_200),
        (libc::RLIMIT_SIGPENDING, 1024),
        (libc::RLIMIT_RTPRIO, 0),
        (libc::RLIMIT_NICE, 0),
    ];
    if accounting == Accounting::Sampled {
        // No group bounds the box, so the kernel's per-process limits have to: coarser, and no evidence.
        rlimits.push((libc::RLIMIT_NPROC, u64::from(l.processes + TASKS_OVERHEAD)));
        rlimits.push((libc::RLIMIT_DATA, l.memory.get() + MEMORY_OVERHEAD));
    }
    Ok(StartPlan { candidates, argv: spec.argv.clone(), env, rlimits })
}
