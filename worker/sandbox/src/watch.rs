//! Watches one run: limits, output, the talk of init, program and listener; then kills what is left and makes
//! the facts. Everything that a verdict depends on is stamped here, outside the box.
//!
//! Used by `run`, in the run's own thread: one poll loop, no timer threads.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use proto::facts::{Accounting, Exit, LimitEvent, LimitHit, RunFacts, Violation};
use proto::limits::Limits;

use crate::birth::{failed, kill_and_wait, readable};
use crate::cgroup::{BoxGroup, CpuTime};
use crate::channel::{self, Tag};
use crate::collect;
use crate::error::{SandboxError, Step};
use crate::follow::Following;
use crate::keeper::WarmBox;
use crate::pump::Pump;
use crate::run::{Cancel, MEMORY_OVERHEAD};
use crate::sampled;
use crate::spec::{Captured, Follow};
use crate::sys;
use crate::syscalls;
use crate::wall::{Wall, WallState, overslept};

/// What the init may still touch between its `Ready` and execve: its message, the strings made of it, and the
/// stack of its child.
const START_GROWTH: u64 = 1 << 20;

/// Shortest time between two looks at the cpu counter: bounds the cost of watching.
const CPU_TICK_MIN: Duration = Duration::from_millis(5);

/// Memory and OOM counters are looked at this often at first, then ten times as rarely.
const SAMPLE_FIRST: Duration = Duration::from_millis(10);

/// How a watch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    /// When, since the start.
    wall: Duration,
    /// CPU time then, when it was read then.
    cpu: Option<CpuTime>,
}

/// A run under watch, from just before its start.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    warm: &'a WarmBox,
    limits: &'a Limits,
    cancel: &'a Cancel,
    out: Pump,
    err: Pump,
    /// Bytes in the files that were put there for the program.
    given: u64,
    started: Instant,
    before: CpuTime,
    events: Vec<LimitEvent>,
    violation: Option<Violation>,
    /// Whether a process under the filters still lives; afterwards their listener only says so.
    filtered: bool,
    exit: Option<Exit>,
    max_rss: Option<u64>,
    peak_used: u64,
    next_sample: Duration,
    wall: Wall,
    next_cpu: Duration,
    /// A file that is read meanwhile.
    following: Option<Following<'a>>,
    /// Whether the program was ended because nobody needs more of it.
    dismissed: bool,
    /// Whether the end was seen: only bytes on their way to another program are still moved.
    over: bool,
}

impl<'a> Watch<'a> {
    /// The clock starts now; the caller starts the program next. `pumps` are stdout's and stderr's, `given` the bytes in
    /// the files that were put there for it.
    pub(crate) fn new(
        warm: &'a WarmBox,
        limits: &'a Limits,
        cancel: &'a Cancel,
        pumps: (Pump, Pump),
        given: u64,
    ) -> Result<Self, SandboxError> {
        let before = warm.cpu_time()?;
        Ok(Self {
            warm,
            limits,
            cancel,
            out: pumps.0,
            err: pumps.1,
            given,
            started: Instant::now(),
            before,
            events: Vec::new(),
            violation: None,
            filtered: true,
            exit: None,
            max_rss: None,
            peak_used: 0,
            next_sample: SAMPLE_FIRST,
            wall: Wall::new(limits.wall_time),
            next_cpu: limits.cpu_time.max(CPU_TICK_MIN) / cpus(),
            following: None,
            dismissed: false,
            over: false,
        })
    }

    /// Reads a file of the work directory meanwhile.
    pub(crate) fn follow(&mut self, follow: Option<&'a Follow>) {
        self.following = follow.map(Following::new);
    }

    /// What was kept of stdout and stderr.
    pub(crate) fn into_captured(self) -> (Captured, Captured) {
        (self.out.into_captured(), self.err.into_captured())
    }

    /// Ends the program because nobody needs more of it.
    pub(crate) fn dismiss(&mut self) -> End {
        self.dismissed = true;
        self.over = true;
        self.end_now(None)
    }

    /// Whether its end was seen.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// The writable directories of its box.
    pub(crate) fn stage(&self) -> &OwnedFd {
        &self.warm.stage
    }

    /// Standard output.
    pub(crate) fn out(&mut self) -> &mut Pump {
        &mut self.out
    }

    /// Lets the wall clock stand until [`start_wall`](Self::start_wall).
    pub(crate) fn hold_wall(&mut self) {
        self.wall.hold();
    }

    /// Lets the wall clock count from now, to `limit` at most.
    pub(crate) fn start_wall(&mut self, limit: Duration) {
        self.wall.start(self.started.elapsed(), limit);
    }

    /// Whether the wall limit fires at the next look, as far as is known now.
    pub(crate) fn wall_is_over(&self) -> bool {
        !self.over && self.started.elapsed() >= self.wall.end()
    }

    /// Moves the wall limit by what another program took of its time, `lent` in all so far.
    pub(crate) fn lend(&mut self, lent: Duration) {
        self.wall.lend(lent);
    }

    /// Moves the wall limit a little, to look again.
    pub(crate) fn postpone(&mut self, by: Duration) {
        self.wall.postpone(self.started.elapsed(), by);
    }

    /// CPU time used, and time waited for a cpu as far as it is believed.
    pub(crate) fn busy(&self) -> Result<Duration, SandboxError> {
        Ok(self.cpu_now()?.total + self.wall.believed(sampled::longest_cpu_wait(self.warm.pid)))
    }

    /// Whether its main program may be ending: what its streams tell is no news of its own then.
    pub(crate) fn may_be_ending(&self) -> bool {
        sampled::a_child_ends(self.warm.pid)
    }

    /// Whether a thread of it waits for input; `None` when the kernel does not tell.
    pub(crate) fn waits_for_input(&self) -> Option<bool> {
        sampled::waits_for_input(self.warm.pid)
    }

    /// Watches until the main program ended or something ended it.
    pub(crate) fn until_end(&mut self, program: &str) -> Result<End, SandboxError> {
        loop {
            let ([ready], stall) = wait([&*self], Duration::MAX)?;
            if let Some(end) = self.step(ready, stall, program)? {
                return Ok(end);
            }
        }
    }

    /// Answers what [`wait`] found. Returns the end, once.
    pub(crate) fn step(
        &mut self,
        ready: Ready,
        stall: Duration,
        program: &str,
    ) -> Result<Option<End>, SandboxError> {
        self.wall.stall(stall);
        if ready.cancel {
            return Err(SandboxError::Cancelled);
        }
        if ready.outlet {
            self.out.flush().map_err(SandboxError::host("write to another program"))?;
        }
        if self.over {
            return Ok(None);
        }
        let end = self.look(ready, program)?;
        self.over = end.is_some();
        Ok(end)
    }

    fn look(&mut self, ready: Ready, program: &str) -> Result<Option<End>, SandboxError> {
        if ready.unfiltered {
            self.filtered = false;
        }
        if ready.listener && self.hear_listener() {
            // What was said before the call was said, however little time lay between.
            let end = self.end_now(None);
            self.freeze_output()?;
            return Ok(Some(end));
        }
        if ready.out {
            self.out.read_ready(self.room()).map_err(SandboxError::host("read standard output"))?;
        }
        if ready.err && !self.over_output() {
            self.err.read_ready(self.room()).map_err(SandboxError::host("read standard error"))?;
        }
        if self.over_output() {
            return Ok(Some(self.end_now(None)));
        }
        // The descriptors are asked one after the other: an init that spoke and ended between two of them is dead and
        // looks silent, and its word lies there all the same.
        let spoke = ready.init || (ready.dead && readable(&self.warm.init, Duration::ZERO)?);
        if spoke && self.hear_init(program)? {
            let cpu = self.cpu_now()?;
            let end = self.end_now(Some(cpu));
            self.freeze_output()?;
            return Ok(Some(end));
        }
        if ready.dead {
            // The init is dead and said nothing: the kernel may have taken it for memory.
            return Ok(Some(self.end_now(None)));
        }
        self.tick()
    }

    /// Looks at clocks and counters that are due.
    fn tick(&mut self) -> Result<Option<End>, SandboxError> {
        let now = self.started.elapsed();
        if now >= self.next_sample {
            self.sample()?;
            if self.fired(LimitHit::Memory) {
                return Ok(Some(self.end_now(None)));
            }
            self.look_at_directory(now);
            if let Some(following) = &mut self.following {
                following.tick(&self.warm.stage, now);
            }
            let step = if now < Duration::from_millis(200) { SAMPLE_FIRST } else { SAMPLE_FIRST * 10 };
            self.next_sample = now + step;
            if self.warm.oom_kills()? > 0 {
                self.event(LimitHit::Memory, self.memory_taken(), self.limits.memory.get());
                return Ok(Some(self.end_now(None)));
            }
        }
        if now >= self.next_cpu || now >= self.wall.end() {
            let used = self.cpu_now()?.total;
            if used > self.limits.cpu_time {
                self.event(LimitHit::CpuTime, nanos(used), nanos(self.limits.cpu_time));
                return Ok(Some(self.end_now(None)));
            }
            let left = self.limits.cpu_time.checked_sub(used).unwrap();
            self.next_cpu = now + (left / cpus()).max(CPU_TICK_MIN);
            if now >= self.wall.end()
                && let Some(limit) = self.look_at_wall(now, used)?
            {
                self.event(limit, nanos(self.wall.watched(now)), nanos(self.limits.wall_time));
                return Ok(Some(self.end_now(None)));
            }
        }
        Ok(None)
    }

    /// Which limit fired, once the program has had what it waited for a processor.
    ///
    /// # Errors
    /// When it waited so long that nothing of its time can be said.
    fn look_at_wall(&mut self, now: Duration, used: Duration) -> Result<Option<LimitHit>, SandboxError> {
        let waited = sampled::longest_cpu_wait(self.warm.pid);
        match self.wall.look(now, used, waited) {
            WallState::Open => Ok(None),
            WallState::Idle => Ok(Some(LimitHit::Idle)),
            WallState::Over => Ok(Some(LimitHit::WallTime)),
            WallState::Starved => Err(SandboxError::Host {
                what: format!(
                    "give a program a processor: it was ready to run and waited {} of {} ms; the host is overloaded",
                    waited.as_millis(),
                    self.wall.watched(now).as_millis()
                ),
                source: std::io::ErrorKind::TimedOut.into(),
            }),
        }
    }

    /// Time until a clock or counter has to be looked at.
    fn time_left(&self) -> Duration {
        let until = self.wall.end().min(self.next_cpu).min(self.next_sample);
        if self.over { Duration::MAX } else { until.saturating_sub(self.started.elapsed()) }
    }

    /// What to wait for, in the order in which [`ready`](Self::ready) reads it.
    fn descriptors(&self) -> [PollFd<'_>; DESCRIPTORS] {
        let gone = self.cancel.fd();
        let [init, dead, listener, out, err] = if self.over {
            [gone; 5]
        } else {
            let listener = if self.filtered { self.warm.listener.as_fd() } else { gone };
            let (out, err) = (self.out.fd().unwrap_or(gone), self.err.fd().unwrap_or(gone));
            [self.warm.init.as_fd(), self.warm.pidfd.as_fd(), listener, out, err]
        };
        let input = PollFlags::POLLIN;
        let (outlet, room) = self.out.outlet_fd().map_or((gone, input), |fd| (fd, PollFlags::POLLOUT));
        [
            PollFd::new(gone, input),
            PollFd::new(init, input),
            PollFd::new(dead, input),
            PollFd::new(listener, input),
            PollFd::new(out, input),
            PollFd::new(err, input),
            PollFd::new(outlet, room),
        ]
    }

    fn ready(&self, fds: &[PollFd<'_>]) -> Ready {
        let live = !self.over;
        let any = |i: usize| live && fds[i].any().unwrap_or(false);
        let input = |i: usize| live && fds[i].revents().is_some_and(|r| r.contains(PollFlags::POLLIN));
        Ready {
            cancel: fds[0].any().unwrap_or(false),
            init: any(1),
            dead: any(2),
            listener: self.filtered && input(3),
            unfiltered: self.filtered && !input(3) && any(3),
            out: self.out.fd().is_some() && any(4),
            err: self.err.fd().is_some() && any(5),
            outlet: self.out.outlet_fd().is_some() && fds[6].any().unwrap_or(false),
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

    /// Returns whether the init told the program's end. A failure on the way to execve is told before it.
    fn hear_init(&mut self, program: &str) -> Result<bool, SandboxError> {
        match channel::receive_frame(&self.warm.init).map_err(SandboxError::host("hear from a box"))? {
            Some((frame, _)) if frame.tag == Tag::Exited => {
                let status = frame.a as i32;
                self.exit = Some(if libc::WIFSIGNALED(status) {
                    Exit::Signal(libc::WTERMSIG(status))
                } else {
                    Exit::Code(libc::WEXITSTATUS(status))
                });
                self.max_rss = u64::try_from(frame.b).ok().map(|kib| kib << 10);
                Ok(true)
            }
            Some((frame, _)) => Err(match failed(frame) {
                SandboxError::Setup { step: Step::Exec, index: 1, source } => {
                    SandboxError::Exec { program: program.to_owned(), source }
                }
                other => other,
            }),
            None => Ok(false),
        }
    }

    /// Bytes that may still come.
    fn room(&self) -> u64 {
        self.limits.output.get().saturating_sub(self.out.count() + self.err.count())
    }

    /// Whether more came than may; the first time it is an event.
    fn over_output(&mut self) -> bool {
        let total = self.out.count() + self.err.count();
        let bound = self.limits.output.get();
        if total > bound && !self.fired(LimitHit::Output) {
            self.event(LimitHit::Output, total, bound);
        }
        total > bound
    }

    fn fired(&self, limit: LimitHit) -> bool {
        self.events.iter().any(|e| e.limit == limit)
    }

    fn event(&mut self, limit: LimitHit, value: u64, bound: u64) {
        self.event_at(self.started.elapsed(), limit, value, bound);
    }

    fn event_at(&mut self, at: Duration, limit: LimitHit, value: u64, bound: u64) {
        self.events.push(LimitEvent { limit, observed_ns: nanos(at), value, bound });
    }

    /// A program that failed by itself, and a file as large as one may be. Whether that is why, the signal
    /// tells and `checker` decides.
    fn look_at_files(&mut self, at: Duration) {
        let failed = self.exit.is_some_and(|exit| exit != Exit::Code(0));
        let bound = self.limits.file_size.get();
        if failed && let Some(size) = collect::file_at_limit(&self.warm.stage, bound) {
            self.event_at(at, LimitHit::FileSize, size, bound);
        }
    }

    /// The work directory without room for another byte, or for another file: the first time is an event.
    fn look_at_directory(&mut self, at: Duration) {
        let Ok(used) = collect::used(&self.warm.stage) else { return };
        let (disk, inodes) = (self.limits.disk.get(), u64::from(self.limits.inodes));
        if used.no_bytes_left && !self.fired(LimitHit::Disk) {
            self.event_at(at, LimitHit::Disk, used.bytes, disk);
        }
        if used.no_inodes_left && !self.fired(LimitHit::Inodes) {
            self.event_at(at, LimitHit::Inodes, used.inodes, inodes);
        }
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
        let used = if let Some(group) = &self.warm.group {
            group.memory_now().map_err(SandboxError::host("read the memory of a box"))?.used
        } else {
            let tree = sampled::tree(self.warm.pid);
            // RLIMIT_DATA bounds everything but the stack, so a process beyond it has its memory there.
            let bound = self.limits.memory.get();
            if tree.most > bound.saturating_add(MEMORY_OVERHEAD) && !self.fired(LimitHit::Memory) {
                self.event(LimitHit::Memory, tree.most, bound);
            }
            tree.rss
        };
        self.peak_used = self.peak_used.max(used);
        Ok(())
    }

    /// What the box held when the kernel killed for its memory: the group's own peak, because the last sample before
    /// may be far below.
    fn memory_taken(&self) -> u64 {
        let peak = self.warm.group.as_ref().and_then(BoxGroup::memory_peak);
        self.peak_used.max(peak.unwrap_or(0))
    }

    /// Takes what the pipes hold at this moment; later bytes of stray children do not count.
    fn freeze_output(&mut self) -> Result<(), SandboxError> {
        self.out.read_present(self.room()).map_err(SandboxError::host("read standard output"))?;
        if !self.over_output() {
            self.err.read_present(self.room()).map_err(SandboxError::host("read standard error"))?;
            self.over_output();
        }
        Ok(())
    }

    /// Kills what is left and makes the facts.
    pub(crate) fn settle(&mut self, end: End) -> Result<RunFacts, SandboxError> {
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
        if oom_kills > 0 && !self.fired(LimitHit::Memory) {
            self.event(LimitHit::Memory, self.memory_taken(), self.limits.memory.get());
        }
        let killed_by_us = !self.events.is_empty() || self.violation.is_some() || self.dismissed;
        if self.exit.is_none() && !killed_by_us {
            return Err(SandboxError::Lost { during: "run" });
        }
        self.look_at_files(end.wall);
        self.look_at_directory(end.wall);
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
            written_bytes: self
                .limits
                .output_and_files
                .map(|_| collect::written(&self.warm.stage, self.given)),
            limit_events: std::mem::take(&mut self.events),
            oom_kills,
            process_limit_hits,
            violation: self.violation.take(),
            accounting: if group.is_some() { Accounting::Exact } else { Accounting::Sampled },
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

impl WarmBox {
    fn oom_kills(&self) -> Result<u64, SandboxError> {
        match &self.group {
            Some(group) => {
                let read = SandboxError::host("read the OOM kills of a box");
                let kills = group.oom_kills().and_then(|n| Ok((n, n == 0 || group.reached_own_limit()?)));
                let (kills, own) = kills.map_err(read)?;
                if own {
                    Ok(kills)
                } else {
                    // Memory ran out above the box: no fact about the program follows from that.
                    Err(SandboxError::Host {
                        what: "keep a box alive while the host is short of memory".into(),
                        source: std::io::ErrorKind::OutOfMemory.into(),
                    })
                }
            }
            None => Ok(0),
        }
    }
}

/// Descriptors of one watch.
const DESCRIPTORS: usize = 7;

/// Waits until something is ready for one of `watches`, or one has to look at a clock. Returns what is ready for
/// each, and how long this process itself stood still meanwhile.
pub(crate) fn wait<const N: usize>(
    watches: [&Watch<'_>; N],
    most: Duration,
) -> Result<([Ready; N], Duration), SandboxError> {
    let asked = watches.iter().map(|watch| watch.time_left()).fold(most, Duration::min);
    let begun = Instant::now();
    let mut fds: Vec<PollFd<'_>> = watches.iter().flat_map(|watch| watch.descriptors()).collect();
    // Rounded up: a wake-up before the deadline would only go round once more.
    let timeout = asked.saturating_add(Duration::from_micros(999));
    match poll(&mut fds, PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX)) {
        Ok(_) | Err(nix::Error::EINTR) => {}
        Err(e) => return Err(SandboxError::Host { what: "wait for a box".into(), source: e.into() }),
    }
    let ready = std::array::from_fn(|i| watches[i].ready(&fds[i * DESCRIPTORS..(i + 1) * DESCRIPTORS]));
    Ok((ready, overslept(asked, begun.elapsed())))
}

/// What poll found.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ready {
    cancel: bool,
    init: bool,
    dead: bool,
    listener: bool,
    unfiltered: bool,
    out: bool,
    err: bool,
    /// What another program has not taken yet can go on.
    outlet: bool,
}

fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

fn cpus() -> u32 {
    use std::sync::OnceLock;
    static CPUS: OnceLock<u32> = OnceLock::new();
    *CPUS.get_or_init(|| std::thread::available_parallelism().map_or(1, |n| n.get() as u32))
}

#[cfg(test)]
mod tests;
