//! A box from the request to `Ready`, and its end: the worker's half of the talk with init and program process.
//!
//! ```text
//!  Born (server: pid, pidfd) -> attach to the cgroups, Go -> Unshared (init: writable directories)
//!     [-> id maps, Mapped] -> Ready (program process: seccomp listener)
//! ```
//! Used by `keeper`. A box is only handed out when both the init and the program process have said that they
//! are done.

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::cgroup::BoxGroup;
use crate::channel::{self, Frame, Tag};
use crate::error::{SandboxError, Step};
use crate::ids::{IdPool, Lease};
use crate::keeper::WarmBox;
use crate::wire::PROGRAM_ID;

/// How long making a box may take before the host is called broken.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(20);

/// A box between the request and `Ready`.
#[derive(Debug)]
pub(crate) struct Birth {
    pub(crate) group: Option<BoxGroup>,
    pub(crate) lease: Option<Lease>,
    pub(crate) init: OwnedFd,
    pub(crate) program: OwnedFd,
    pub(crate) born: Option<(i32, OwnedFd)>,
    pub(crate) stage: Option<OwnedFd>,
    pub(crate) mapped: bool,
}

impl Birth {
    /// Answers the init until the program process is ready; returns the seccomp listener and the bytes
    /// resident in that process. `line` is the server's: while it has not cloned the init, its death is ours.
    pub(crate) fn complete(&mut self, line: &OwnedFd) -> Result<(OwnedFd, u64), SandboxError> {
        let lost = || SandboxError::Lost { during: "made" };
        let end = Instant::now() + PREPARE_TIMEOUT;
        let mut ready = None;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(SandboxError::Host {
                    what: format!("make a box within {} s", PREPARE_TIMEOUT.as_secs()),
                    source: std::io::ErrorKind::TimedOut.into(),
                });
            }
            let mut fds = vec![
                PollFd::new(self.init.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.program.as_fd(), PollFlags::POLLIN),
            ];
            if self.born.is_none() {
                fds.push(PollFd::new(line.as_fd(), PollFlags::empty()));
            }
            match poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
                Ok(_) | Err(nix::Error::EINTR) => {}
                Err(e) => return Err(SandboxError::Host { what: "wait for a box".into(), source: e.into() }),
            }
            let any = |i: usize| fds[i].any().unwrap_or(false);
            let (from_init, from_program) = (any(0), any(1));
            if from_init {
                let (frame, fds) = receive(&self.init)?.ok_or_else(lost)?;
                self.answer(frame, fds)?;
            } else if from_program {
                // The other end is open in the init too until it forks, so an end here is an end of both.
                let (frame, mut fds) = receive(&self.program)?.ok_or_else(lost)?;
                match (frame.tag, fds.pop()) {
                    (Tag::Ready, Some(listener)) => ready = Some((listener, (frame.a.max(0) as u64) << 10)),
                    _ => return Err(failed(frame)),
                }
            } else if fds.len() > 2 && any(2) {
                return Err(lost());
            }
            // The init hands the directories over as its last act before it only reaps.
            if self.stage.is_some() && self.born.is_some() {
                if let Some(ready) = ready.take() {
                    return Ok(ready);
                }
            }
        }
    }

    fn answer(&mut self, frame: Frame, mut fds: Vec<OwnedFd>) -> Result<(), SandboxError> {
        let lost = |_| SandboxError::Lost { during: "made" };
        match (frame.tag, fds.pop()) {
            (Tag::Born, Some(pidfd)) => {
                let pid = frame.a as i32;
                self.born = Some((pid, pidfd));
                if let Some(group) = &self.group {
                    group
                        .attach(pid as u32)
                        .map_err(SandboxError::host("attach a box to its control group"))?;
                }
                channel::send_frame(&self.init, Frame::new(Tag::Go, 0, 0, 0), &[]).map_err(lost)
            }
            (Tag::Unshared, Some(stage)) if frame.a == 1 => {
                self.stage = Some(stage);
                Ok(())
            }
            (Tag::Unshared, stage) => {
                if !self.mapped {
                    let pid = self.born.as_ref().map_or(0, |(pid, _)| *pid);
                    map_ids(pid, self.lease.as_ref())
                        .map_err(SandboxError::host("write the id maps of a box"))?;
                    self.mapped = true;
                }
                self.stage = stage;
                channel::send_frame(&self.init, Frame::new(Tag::Mapped, 0, 0, 0), &[]).map_err(lost)
            }
            _ => Err(failed(frame)),
        }
    }

    pub(crate) fn finish(self, listener: OwnedFd, own_rss: u64) -> Result<WarmBox, SandboxError> {
        let (Some((pid, pidfd)), Some(stage)) = (self.born, self.stage) else {
            return Err(SandboxError::Lost { during: "made" });
        };
        Ok(WarmBox {
            init: self.init,
            program: self.program,
            pidfd,
            pid,
            stage,
            listener,
            own_rss,
            group: self.group,
            lease: self.lease,
            made: Instant::now(),
        })
    }

    /// Ends a box that did not get ready. Returns whether it is dead.
    pub(crate) fn abort(self, ids: Option<&IdPool>) -> bool {
        if let Some((_, pidfd)) = &self.born {
            if kill_and_wait(self.group.as_ref(), pidfd).is_err() {
                quarantine(self.group, self.lease);
                return false;
            }
        }
        if let (Some(ids), Some(lease)) = (ids, self.lease) {
            ids.give_back(lease);
        }
        true
    }
}

impl WarmBox {
    /// Whether its init still lives.
    pub(crate) fn is_alive(&self) -> bool {
        !readable(&self.pidfd, Duration::ZERO)
    }
}

pub(crate) fn receive(from: &OwnedFd) -> Result<Option<(Frame, Vec<OwnedFd>)>, SandboxError> {
    channel::receive_frame(from).map_err(SandboxError::host("hear from a box"))
}

/// Turns a `Failed` frame into the error it tells.
pub(crate) fn failed(frame: Frame) -> SandboxError {
    match (frame.tag, Step::from_wire(frame.a)) {
        (Tag::Failed, Some(step)) => SandboxError::Setup {
            step,
            index: frame.b as u32,
            source: std::io::Error::from_raw_os_error(frame.c as i32),
        },
        _ => SandboxError::Lost { during: "made" },
    }
}

/// Two lines each: the box's 0 and its program's user (user_namespaces(7)). Rootless: one line, us.
fn map_ids(pid: i32, lease: Option<&Lease>) -> std::io::Result<()> {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    let (uid, gid) = match lease {
        Some(lease) => {
            let base = lease.base();
            let map = format!("0 {base} 1\n{PROGRAM_ID} {} 1\n", base + PROGRAM_ID);
            (map.clone(), map)
        }
        None => (
            format!("{PROGRAM_ID} {} 1\n", nix::unistd::geteuid()),
            format!("{PROGRAM_ID} {} 1\n", nix::unistd::getegid()),
        ),
    };
    std::fs::write(proc.join("uid_map"), uid)?;
    std::fs::write(proc.join("setgroups"), "deny")?;
    std::fs::write(proc.join("gid_map"), gid)
}

/// SIGKILLs the whole box and waits until its pid namespace is gone: pid 1 is dead only when all are.
pub(crate) fn kill_and_wait(group: Option<&BoxGroup>, pidfd: &OwnedFd) -> Result<(), SandboxError> {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        if !group.is_some_and(BoxGroup::kill) {
            let pidfd = pidfd.as_fd();
            let _ = rustix::process::pidfd_send_signal(pidfd, rustix::process::Signal::KILL);
        }
        if readable(pidfd, Duration::from_millis(200)) {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(SandboxError::Host {
                what: "kill a box within 5 s".into(),
                source: std::io::ErrorKind::TimedOut.into(),
            });
        }
    }
}

fn readable(fd: &OwnedFd, timeout: Duration) -> bool {
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
    matches!(poll(&mut fds, timeout), Ok(n) if n > 0)
}

/// A range in which something may still live is never used again while this process lives: its lock stays, and
/// so does its group.
pub(crate) fn quarantine(group: Option<BoxGroup>, lease: Option<Lease>) {
    if let Some(group) = group {
        group.abandon();
    }
    if let Some(lease) = lease {
        tracing::error!(base = lease.base(), "a box could not be killed; its host ids stay locked");
        std::mem::forget(lease);
    }
}
