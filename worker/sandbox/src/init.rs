//! The box init: pid 1 of its pid namespace. Builds the box, forks the program process, then only reaps.
//!
//! It holds no capability once the program exists, is not dumpable, and has another uid than the program, so
//! the program can neither signal, trace nor read it. Its death kills the whole box.

use std::os::fd::{AsFd, OwnedFd};

use nix::sched::{CloneFlags, unshare};

use crate::channel::{self, Frame, Tag};
use crate::error::Step;
use crate::policy::Filters;
use crate::program;
use crate::steps::{At, Failure, credentials, mounts, namespaces};
use crate::sys::{self, Forked};
use crate::wire::{BoxPlan, PROGRAM_ID};

/// Runs as the init until everything in the box is dead.
///
/// `worker` is its line to the worker, `program` the future program's, `user` the box's user namespace when
/// it was made ahead.
pub(crate) fn main(
    plan: &BoxPlan,
    filters: &Filters,
    worker: OwnedFd,
    program: OwnedFd,
    user: Option<OwnedFd>,
) -> ! {
    match build(plan, filters, &worker, program, user) {
        Ok(pid) => reap(pid, &worker, plan.host_id.is_some()),
        Err(failure) => report(&worker, failure),
    }
}

/// Tells the worker what failed and ends.
pub(crate) fn report(worker: &impl AsFd, failure: Failure) -> ! {
    let frame =
        Frame::new(Tag::Failed, failure.step as i64, i64::from(failure.index), i64::from(failure.errno));
    let _ = channel::send_frame(worker, frame, &[]);
    sys::exit(125);
}

fn build(
    plan: &BoxPlan,
    filters: &Filters,
    worker: &OwnedFd,
    program: OwnedFd,
    user: Option<OwnedFd>,
) -> Result<i32, Failure> {
    // The server ignores SIGCHLD; with that inherited there would be no exit status to wait for.
    sys::reset_signals();
    credentials::die_with_parent()?;
    if plan.host_id.is_none() {
        // Rootless: the user namespace came first, and without a map no file can be made in it. The worker
        // has to know our pid (`Born`, then `Go`) before it can write one.
        wait_for(worker, Tag::Go, Step::Attach)?;
        channel::send_frame(worker, Frame::new(Tag::Unshared, 0, 0, 0), &[]).at(Step::UserNamespace, 2)?;
        wait_for(worker, Tag::Mapped, Step::UserNamespace)?;
    }
    let limits = namespaces::limits_dir()?;
    let stage = mounts::build(plan)?;
    namespaces::hostname()?;
    if plan.host_id.is_some() {
        wait_for(worker, Tag::Go, Step::Attach)?;
    }
    namespaces::cgroup()?;
    namespaces::time()?;
    // The user namespace is the last: nothing this box can reach is owned by it (sandbox.md M12).
    let pid = match (plan.host_id, user) {
        (Some(_), Some(user)) => {
            // Both of us enter it, each on its own: the program process strips itself while we detach the old
            // root. The worker starts nothing before it has heard from both.
            let pid = fork(Some(PROGRAM_ID), Some(&user), filters, program)?;
            mounts::detach_old_root()?;
            credentials::drop_groups()?;
            namespaces::enter_user(&user)?;
            credentials::become_id(0)?;
            credentials::bound()?;
            settle()?;
            hand_over(worker, stage, 1)?;
            return Ok(pid);
        }
        (Some(_), None) => {
            mounts::detach_old_root()?;
            credentials::drop_groups()?;
            unshare(CloneFlags::CLONE_NEWUSER).at(Step::UserNamespace, 0)?;
            hand_over(worker, stage, 0)?;
            wait_for(worker, Tag::Mapped, Step::UserNamespace)?;
            credentials::become_id(0)?;
            namespaces::forbid_nested(&limits)?;
            credentials::bound()?;
            fork(Some(PROGRAM_ID), None, filters, program)?
        }
        (None, _) => {
            mounts::detach_old_root()?;
            hand_over(worker, stage, 1)?;
            namespaces::forbid_nested(&limits)?;
            credentials::bound()?;
            fork(None, None, filters, program)?
        }
    };
    settle()?;
    Ok(pid)
}

/// The state in which the init only reaps: not dumpable, no capability, dies with the server.
fn settle() -> Result<(), Failure> {
    credentials::die_with_parent()?;
    sys::prctl(libc::PR_SET_DUMPABLE, 0, 0).at(Step::Ids, 3)?;
    credentials::clear()
}

/// Forks the program process; returns its pid here.
fn fork(
    id: Option<u32>,
    user: Option<&OwnedFd>,
    filters: &Filters,
    program: OwnedFd,
) -> Result<i32, Failure> {
    match sys::fork_checked(0, None).at(Step::Fork, 0)? {
        Forked::Child => program::main(id, user, filters, &program),
        Forked::Parent { pid, .. } => Ok(pid),
    }
}

/// Gives the worker the writable directories; `mapped` tells whether it has no id maps to write.
fn hand_over(worker: &OwnedFd, stage: OwnedFd, mapped: i64) -> Result<(), Failure> {
    channel::send_frame(worker, Frame::new(Tag::Unshared, mapped, 0, 0), &[stage.as_fd()])
        .at(Step::UserNamespace, 1)
}

fn wait_for(worker: &OwnedFd, tag: Tag, step: Step) -> Result<(), Failure> {
    match channel::receive_frame(worker).at(step, 10)? {
        Some((frame, _)) if frame.tag == tag => Ok(()),
        Some(_) => Err(Failure { step, index: 11, errno: libc::EPROTO }),
        // The worker is gone; so are we.
        None => sys::exit(125),
    }
}

/// Reaps everything; tells the worker how the program ended. Then it leaves, which kills what is left, unless
/// the worker still wants to sample its `/proc` figures (rootless).
fn reap(program: i32, worker: &OwnedFd, leave: bool) -> ! {
    loop {
        match sys::wait_any() {
            Ok((pid, status, rss)) if pid == program => {
                let frame = Frame::new(Tag::Exited, i64::from(status), rss, 0);
                if channel::send_frame(worker, frame, &[]).is_err() {
                    sys::exit(125);
                }
                if leave {
                    sys::exit(0);
                }
            }
            Ok(_) => {}
            Err(e) if e.raw_os_error() == Some(libc::EINTR) => {}
            // ECHILD: everything is dead.
            Err(_) => sys::exit(0),
        }
    }
}
