//! The box server as a process of ours: started, asked, and started again when it died.
//!
//! Used by `keeper`, which keeps groups, ids and the run directory meanwhile: a new server needs none of them
//! made again. Boxes of the dead server died with it (PR_SET_PDEATHSIG of their inits); whoever waited for one
//! gets [`SandboxError::Lost`], which is tried again and never a verdict.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::channel;
use crate::error::SandboxError;
use crate::start::start_server;

/// Holds the line to the living box server.
#[derive(Debug)]
pub(crate) struct Supervisor {
    base: PathBuf,
    line: RwLock<Arc<OwnedFd>>,
    restarts: AtomicU32,
}

impl Supervisor {
    /// Starts the first server; it mounts below `base`.
    pub(crate) fn start(base: PathBuf) -> Result<Self, SandboxError> {
        let line = RwLock::new(Arc::new(start_server(&base)?));
        Ok(Self { base, line, restarts: AtomicU32::new(0) })
    }

    /// Sends a request to the server, after starting another one where it died. Returns the line it went over:
    /// the request is lost when that hangs up.
    pub(crate) fn send(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<Arc<OwnedFd>, SandboxError> {
        let line = self.living()?;
        match channel::send(line.as_fd(), bytes, fds) {
            Ok(()) => Ok(line),
            Err(_) => Err(SandboxError::Lost { during: "requested" }),
        }
    }

    /// How often another server had to be started.
    pub(crate) fn restarts(&self) -> u32 {
        self.restarts.load(Ordering::Relaxed)
    }

    fn living(&self) -> Result<Arc<OwnedFd>, SandboxError> {
        let line = Arc::clone(&self.line.read().unwrap_or_else(PoisonError::into_inner));
        if !hung_up(&line) {
            return Ok(line);
        }
        let mut current = self.line.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been faster.
        if hung_up(&current) {
            tracing::error!("the box server died; starting another");
            *current = Arc::new(start_server(&self.base)?);
            self.restarts.fetch_add(1, Ordering::Relaxed);
        }
        Ok(Arc::clone(&current))
    }
}

/// Whether the other end of a line is closed.
fn hung_up(line: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(line.as_fd(), PollFlags::empty())];
    matches!(poll(&mut fds, PollTimeout::ZERO), Ok(n) if n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_hangs_up_when_its_last_other_end_is_closed() {
        let (ours, theirs) = channel::pair().unwrap();
        let copy = theirs.try_clone().unwrap();
        assert!(!hung_up(&ours));
        drop(theirs);
        assert!(!hung_up(&ours), "a box that is just being cloned holds a copy for a moment");
        drop(copy);
        assert!(hung_up(&ours));
    }
}
