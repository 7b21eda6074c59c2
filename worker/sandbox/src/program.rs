//! The program process, from the fork to execve: becomes the program's user, takes its streams and limits, and
//! executes it. Capability bounds, no_new_privs and the filters are the init's and inherited.
//!
//! It runs on the init's memory while the init stands still ([`sys::run_on_our_memory`]), so everything that
//! allocates is done before, in [`Program::new`].

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};

use crate::error::Step;
use crate::init::report;
use crate::steps::{At, Failure, credentials};
use crate::sys::{self, PointerArray};
use crate::wire::StartPlan;

/// How often execve is tried again when the file was just written by somebody who is forking (ETXTBSY).
const BUSY_TRIES: u32 = 50;

/// A program ready to be executed.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    candidates: Vec<CString>,
    argv: PointerArray,
    env: PointerArray,
    rlimits: &'a [(u32, u64)],
    streams: [OwnedFd; 3],
    /// The user to become, `None` when rootless.
    id: Option<u32>,
    /// What execve carries for the filter of the strict profile; 0 elsewhere.
    word: u64,
}

impl<'a> Program<'a> {
    /// `None` when the plan holds a NUL byte or there are not three streams.
    pub(crate) fn new(
        plan: &'a StartPlan,
        streams: Vec<OwnedFd>,
        id: Option<u32>,
        word: u64,
    ) -> Option<Self> {
        Some(Self {
            candidates: strings(&plan.candidates)?,
            argv: PointerArray::new(strings(&plan.argv)?),
            env: PointerArray::new(strings(&plan.env)?),
            rlimits: &plan.rlimits,
            streams: streams.try_into().ok()?,
            id,
            word,
        })
    }

    /// Gives the streams back.
    pub(crate) fn into_streams(self) -> [OwnedFd; 3] {
        self.streams
    }

    /// Never returns: executes, or tells the worker what failed and ends.
    pub(crate) fn become_it(&self, worker: &OwnedFd) -> ! {
        let failure = match self.strip() {
            Ok(()) => execute(&self.candidates, &self.argv, &self.env, self.word),
            Err(failure) => failure,
        };
        report(worker, failure)
    }

    fn strip(&self) -> Result<(), Failure> {
        nix::unistd::setsid().at(Step::Session, 0)?;
        nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
        for (i, stream) in (0..).zip(&self.streams) {
            sys::dup_onto(stream.as_fd(), i).at(Step::Stdio, i as u32)?;
        }
        for (i, (resource, value)) in (0..).zip(self.rlimits) {
            // The hard limit may be below already and cannot be raised.
            let hard = sys::hard_rlimit(*resource).at(Step::ResourceLimits, i)?;
            let value = (*value).min(hard);
            sys::set_rlimit(*resource, value, value).at(Step::ResourceLimits, i)?;
        }
        if let Some(id) = self.id {
            credentials::become_id(id)?;
        }
        credentials::clear()?;
        credentials::die_with_parent()?;
        sys::close_from(3, true).at(Step::Exec, 0)
    }
}

/// execvp(3)'s search over prepared paths: absent and forbidden ones are passed over.
fn execute(candidates: &[CString], argv: &PointerArray, env: &PointerArray, word: u64) -> Failure {
    let mut errno = libc::ENOENT;
    for path in candidates {
        let mut error = sys::execve(path, argv, env, word);
        for _ in 0..BUSY_TRIES {
            if error.raw_os_error() != Some(libc::ETXTBSY) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
            error = sys::execve(path, argv, env, word);
        }
        match error.raw_os_error().unwrap_or(libc::EIO) {
            libc::ENOENT | libc::ENOTDIR => {}
            libc::EACCES => errno = libc::EACCES,
            other => return Failure { step: Step::Exec, index: 1, errno: other },
        }
    }
    Failure { step: Step::Exec, index: 1, errno }
}

fn strings(texts: &[String]) -> Option<Vec<CString>> {
    texts.iter().map(|t| CString::new(t.as_str()).ok()).collect()
}
