//! The program process: forked, stripped and filtered while the box is warm; then it waits for its program.
//!
//! From [`crate::steps::filters::install`] on it lives under the same filters as the program.

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::resource::{UsageWho, getrusage};

use crate::channel::{self, Frame, MESSAGE_MAX, Tag};
use crate::error::Step;
use crate::init::report;
use crate::policy::Filters;
use crate::steps::{At, Failure, credentials, filters, landlock, namespaces};
use crate::sys::{self, PointerArray};
use crate::wire::{StartPlan, WORK_DIR};

/// How often execve is tried again when the file was just written by somebody who is forking (ETXTBSY).
const BUSY_TRIES: u32 = 50;

/// Runs until execve. `id` is the user to become, `None` when rootless; `user` the user namespace to enter
/// first, when the init did not stand in it at the fork.
pub(crate) fn main(id: Option<u32>, user: Option<&OwnedFd>, filters: &Filters, worker: &OwnedFd) -> ! {
    let failure = match strip(id, user, filters, worker).and_then(|()| start(worker)) {
        Ok(never) => match never {},
        Err(failure) => failure,
    };
    report(worker, failure)
}

fn strip(id: Option<u32>, user: Option<&OwnedFd>, policy: &Filters, worker: &OwnedFd) -> Result<(), Failure> {
    nix::unistd::setsid().at(Step::Session, 0)?;
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    nix::unistd::chdir(WORK_DIR).at(Step::Session, 1)?;
    prefer_for_oom()?;
    if let Some(user) = user {
        credentials::drop_groups()?;
        namespaces::enter_user(user)?;
        credentials::bound()?;
    }
    if let Some(id) = id {
        credentials::become_id(id)?;
    }
    credentials::clear()?;
    credentials::die_with_parent()?;
    landlock::only_own_programs()?;
    let listener = filters::install_classes(policy)?;
    let rss = getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss());
    channel::send_frame(worker, Frame::new(Tag::Ready, rss, 0, 0), &[listener.as_fd()]).at(Step::Seccomp, 4)
}

/// When memory runs out the kernel takes the program before the init (oom_score_adj, proc(5)).
fn prefer_for_oom() -> Result<(), Failure> {
    sys::prctl(libc::PR_SET_DUMPABLE, 1, 0).at(Step::Session, 2)?;
    match std::fs::write("/proc/self/oom_score_adj", "500") {
        // Without it the init may be taken instead, which reads as MLE just the same.
        Ok(()) | Err(_) => Ok(()),
    }
}

fn start(worker: &OwnedFd) -> Result<std::convert::Infallible, Failure> {
    let mut buffer = vec![0; MESSAGE_MAX];
    let (len, fds) = channel::receive(worker.as_fd(), &mut buffer).at(Step::Start, 0)?;
    if len == 0 {
        sys::exit(125);
    }
    let bad = Failure { step: Step::Start, index: 1, errno: libc::EPROTO };
    let plan: StartPlan = serde_json::from_slice(&buffer[..len]).map_err(|_| bad)?;
    let argv = PointerArray::new(strings(&plan.argv).ok_or(bad)?);
    let env = PointerArray::new(strings(&plan.env).ok_or(bad)?);
    let candidates = strings(&plan.candidates).ok_or(bad)?;
    if fds.len() != 3 {
        return Err(bad);
    }
    for (i, fd) in (0..).zip(&fds) {
        sys::dup_onto(fd.as_fd(), i).at(Step::Stdio, i as u32)?;
    }
    for (i, (resource, value)) in (0..).zip(&plan.rlimits) {
        // The hard limit may be below already and cannot be raised.
        let hard = sys::hard_rlimit(*resource).at(Step::ResourceLimits, i)?;
        let value = (*value).min(hard);
        sys::set_rlimit(*resource, value, value).at(Step::ResourceLimits, i)?;
    }
    sys::reset_signals();
    sys::close_from(3, true).at(Step::Exec, 0)?;
    Err(execute(&candidates, &argv, &env))
}

/// execvp(3)'s search over prepared paths: absent and forbidden ones are passed over.
fn execute(candidates: &[CString], argv: &PointerArray, env: &PointerArray) -> Failure {
    let mut errno = libc::ENOENT;
    for path in candidates {
        let mut error = sys::execve(path, argv, env);
        for _ in 0..BUSY_TRIES {
            if error.raw_os_error() != Some(libc::ETXTBSY) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
            error = sys::execve(path, argv, env);
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
