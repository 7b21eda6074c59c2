//! A box from the request to `Ready`, and its end: the worker's half of the talk with init and program process.
//!
//! ```text
//!  Born (server: pid, pidfd), [Unshared (init) -> id maps, Mapped], Ready (init: writable directories, mounts,
//!  seccomp listener)
//! ```
//! Used by `keeper`.

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

/// How long a box is given to end by itself before it is killed: an init takes well under it, and a program over
/// its limit gains nothing that counts.
const LEAVE_TIME: Duration = Duration::from_millis(1);

/// A box between the request and `Ready`.
#[derive(Debug)]
pub(crate) struct Birth {
    pub(crate) group: Option<BoxGroup>,
    pub(crate) lease: Option<Lease>,
    pub(crate) init: OwnedFd,
    pub(crate) born: Option<(i32, OwnedFd)>,
    /// Whether the server died without a word of an init that may live.
    pub(crate) orphan: bool,
}

/// What an init hands over with `Ready`.
#[derive(Debug)]
pub(crate) struct Readiness {
    stage: OwnedFd,
    mounts: OwnedFd,
    listener: OwnedFd,
    own_rss: u64,
}

impl Birth {
    /// Answers the init until it only waits for its program. `line` is the server's: until it has told of the
    /// init, its death is the end of both.
    pub(crate) fn complete(&mut self, line: &OwnedFd) -> Result<Readiness, SandboxError> {
        let end = Instant::now() + PREPARE_TIMEOUT;
        let (mut ready, mut wants_maps) = (None, false);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(SandboxError::Host {
                    what: format!("make a box within {} s", PREPARE_TIMEOUT.as_secs()),
                    source: std::io::ErrorKind::TimedOut.into(),
                });
            }
            if !self.heard(line, left)? {
                continue;
            }
            let (frame, fds) = receive(&self.init)?.ok_or(SandboxError::Lost { during: "made" })?;
            match (frame.tag, <[OwnedFd; 3]>::try_from(fds)) {
                (Tag::Ready, Ok([stage, mounts, listener])) => {
                    let own_rss = (frame.a.max(0) as u64) << 10;
                    ready = Some(Readiness { stage, mounts, listener, own_rss });
                }
                (Tag::Born, Err(mut fds)) if fds.len() == 1 => {
                    self.born = fds.pop().map(|pidfd| (frame.a as i32, pidfd));
                }
                (Tag::Unshared, _) => wants_maps = true,
                _ => return Err(failed(frame)),
            }
            // The server and the init speak independently of each other.
            if let Some((pid, _)) = &self.born {
                if std::mem::take(&mut wants_maps) {
                    self.map(*pid)?;
                }
                if let Some(ready) = ready.take() {
                    return Ok(ready);
                }
            }
        }
    }

    /// Waits for a message of either; returns whether there is one.
    fn heard(&mut self, line: &OwnedFd, timeout: Duration) -> Result<bool, SandboxError> {
        if self.born.is_some() {
            return readable(&self.init, timeout);
        }
        let mut fds = [
            PollFd::new(self.init.as_fd(), PollFlags::POLLIN),
            // Nothing is said there: only its end is news.
            PollFd::new(line.as_fd(), PollFlags::empty()),
        ];
        match poll(&mut fds, PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX)) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(e) => return Err(SandboxError::Host { what: "wait for a box".into(), source: e.into() }),
        }
        let any = |i: usize| fds[i].any().unwrap_or(false);
        let (message, dead) = (any(0), any(1));
        if dead && !message {
            self.orphan = true;
            return Err(SandboxError::Lost { during: "made" });
        }
        Ok(message)
    }

    /// Writes the id maps of the init.
    fn map(&self, pid: i32) -> Result<(), SandboxError> {
        let lost = |_| SandboxError::Lost { during: "made" };
        map_ids(pid, self.lease.as_ref()).map_err(SandboxError::host("write the id maps of a box"))?;
        channel::send_frame(&self.init, Frame::new(Tag::Mapped, 0, 0, 0), &[]).map_err(lost)
    }

    pub(crate) fn finish(self, ready: Readiness) -> Result<WarmBox, SandboxError> {
        let Some((pid, pidfd)) = self.born else {
            return Err(SandboxError::Lost { during: "made" });
        };
        let Readiness { stage, mounts, listener, own_rss } = ready;
        Ok(WarmBox {
            init: self.init,
            pidfd,
            pid,
            stage,
            mounts,
            listener,
            own_rss,
            group: self.group,
            lease: self.lease,
            made: Instant::now(),
        })
    }

    /// Ends a box that did not get ready. Returns whether it is dead.
    pub(crate) fn abort(self, ids: Option<&IdPool>) -> bool {
        if let Some((_, pidfd)) = &self.born
            && kill_and_wait(self.group.as_ref(), pidfd).is_err()
        {
            quarantine(self.group, self.lease);
            return false;
        }
        if self.orphan {
            // It ends when it finds its line closed, at a moment nobody tells us: its ids are not used again.
            std::mem::forget(self.lease);
            return true;
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
        matches!(readable(&self.pidfd, Duration::ZERO), Ok(false))
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

/// How long the kernel is given to end a box before its slot is retired. Far above what it takes: hundreds of processes of
/// eight fork bombs at once on an emulated processor that others share took more than five seconds.
const KILL_TIMEOUT: Duration = Duration::from_secs(20);

/// SIGKILLs the whole box and waits until its pid namespace is gone: pid 1 is dead only when all are.
pub(crate) fn kill_and_wait(group: Option<&BoxGroup>, pidfd: &OwnedFd) -> Result<(), SandboxError> {
    let end = Instant::now() + KILL_TIMEOUT;
    // An init that told how its program ended is on its way out and takes the rest along.
    if readable(pidfd, LEAVE_TIME)? {
        return Ok(());
    }
    loop {
        if !group.is_some_and(BoxGroup::kill) {
            let pidfd = pidfd.as_fd();
            let _ = rustix::process::pidfd_send_signal(pidfd, rustix::process::Signal::KILL);
        }
        if readable(pidfd, Duration::from_millis(200))? {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(SandboxError::Host {
                what: format!("kill a box within {} s", KILL_TIMEOUT.as_secs()),
                source: std::io::ErrorKind::TimedOut.into(),
            });
        }
    }
}

/// Whether `fd` has something to read, or its other end is closed, within `timeout`.
pub(crate) fn readable(fd: &OwnedFd, timeout: Duration) -> Result<bool, SandboxError> {
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
    match poll(&mut fds, timeout) {
        Ok(n) => Ok(n > 0),
        Err(nix::Error::EINTR) => Ok(false),
        Err(e) => Err(SandboxError::Host { what: "wait for a box".into(), source: e.into() }),
    }
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
