//! The box server: the same executable, executed again through `/proc/self/exe`, with one thread.
//!
//! It lives in a mount namespace of its own with as little mounted as possible, clones box inits on request
//! and does nothing else: no timers, no pumps, no policy. A worker that clones itself would copy a large,
//! multi-threaded address space; this process is small and its allocator is never held by another thread.
//!
//! What does not depend on the box is done ahead: as root the server already stands in network, IPC and UTS
//! namespaces that nobody ever used. A box inherits them by its clone, and the server leaves them for new
//! ones when the worker says that there is time ([`Request::Ahead`]), so that this work takes nothing from a
//! program; so it does with the user namespace of the next ids. Making a network namespace is the dearest part of a box (performance.md 5).
//! The argument filter is installed here once and inherited.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use nix::mount::{MntFlags, umount2};
use nix::sched::{CloneFlags, unshare};

use crate::channel::{self, Frame, Tag};
use crate::error::Step;
use crate::init::{self, Hands, Room};
use crate::policy::{self, Filters};
use crate::steps::{At, Failure, filters, landlock, mounts, namespaces};
use crate::sys::{self, Forked};
use crate::wire::{BoxPlan, Request};

/// `argv[0]` by which this executable knows that it is the box server.
pub(crate) const NAME: &str = "tribunal-box-server";

/// File systems of the host that no box needs and that would be copied into each one's mount namespace.
const NOT_NEEDED: [&str; 14] = [
    "sysfs",
    "cgroup",
    "cgroup2",
    "devpts",
    "mqueue",
    "hugetlbfs",
    "debugfs",
    "tracefs",
    "securityfs",
    "pstore",
    "bpf",
    "configfs",
    "fusectl",
    "binfmt_misc",
];

/// Serves until the worker closes the line. Standard input is the line; `argv[1]` the base directory.
pub(crate) fn main() -> ! {
    let base = std::env::args().nth(1).unwrap_or_default();
    sys::reap_automatically();
    let Ok(line) = std::io::stdin().as_fd().try_clone_to_owned() else { sys::exit(3) };
    let ready = prepare(Path::new(&base)).and_then(|()| {
        let compiled = policy::filters();
        let policy = compiled.map_err(|_| Failure { step: Step::Seccomp, index: 9, errno: libc::EINVAL })?;
        filters::install_arguments(&policy)?;
        Ok(policy)
    });
    let policy = match ready {
        Ok(policy) => policy,
        Err(failure) => init::report(&line, failure),
    };
    landlock::is_supported();
    let mut ahead = Ahead { fresh: false, user: None };
    ahead.renew(None);
    if channel::send_frame(&line, Frame::new(Tag::Ready, 0, 0, 0), &[]).is_err() {
        sys::exit(3);
    }
    serve(&line, &policy, &mut ahead)
}

/// What is ready for the next box.
struct Ahead {
    /// Whether no box was cloned from here since our network, IPC and UTS namespaces were made.
    fresh: bool,
    /// A user namespace nobody used, and its first host id.
    user: Option<(u32, OwnedFd)>,
}

impl Ahead {
    /// Leaves the present namespaces for new ones. Rootless boxes own theirs and make them in their clone.
    fn renew(&mut self, base: Option<u32>) {
        if !is_root() {
            return;
        }
        if let Some(base) = base.filter(|b| self.user.as_ref().is_none_or(|(have, _)| have != b)) {
            self.user = namespaces::make_user(base).ok().map(|fd| (base, fd));
        }
        if !self.fresh {
            let kinds = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS;
            self.fresh = unshare(kinds).is_ok();
        }
    }

    /// The user namespace made for these ids, once.
    fn user(&mut self, base: Option<u32>) -> Option<OwnedFd> {
        self.user.take_if(|(have, _)| Some(*have) == base).map(|(_, fd)| fd)
    }

    /// What the clone of the next box still has to make: nothing of it when it is ready here.
    fn clone_flags(&mut self) -> CloneFlags {
        if std::mem::take(&mut self.fresh) {
            CloneFlags::empty()
        } else {
            CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS
        }
    }
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn prepare(base: &Path) -> Result<(), Failure> {
    sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64, 0).at(Step::ParentDeath, 0)?;
    if is_root() {
        // Rootless, the id maps of a box are files that only the owner of a dumpable process may write.
        sys::prctl(libc::PR_SET_DUMPABLE, 0, 0).at(Step::ParentDeath, 1)?;
    }
    sys::set_rlimit(libc::RLIMIT_CORE, 0, 0).at(Step::ResourceLimits, 0)?;
    // The line is on another descriptor; standard streams lead nowhere, so that nothing of the worker's
    // is ever inherited by a box.
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null").at(Step::Stdio, 0)?;
    sys::dup_onto(null.as_fd(), 0).at(Step::Stdio, 0)?;
    sys::dup_onto(null.as_fd(), 1).at(Step::Stdio, 1)?;
    sys::dup_onto(null.as_fd(), 2).at(Step::Stdio, 2)?;
    nix::unistd::chdir("/").at(Step::Session, 0)?;
    if is_root() {
        unshare(CloneFlags::CLONE_NEWNS).at(Step::WorkDir, 9)?;
        mounts::private()?;
        detach_not_needed();
        mounts::place(base)?;
    }
    Ok(())
}

/// Detaches, in this namespace only, what is mounted here of [`NOT_NEEDED`] kinds, and what a container engine puts over
/// parts of /proc: a read-only /proc/sys would keep the limits on nested namespaces from being written. Deepest first.
fn detach_not_needed() {
    let Ok(text) = std::fs::read_to_string("/proc/self/mountinfo") else { return };
    let mut points: Vec<&str> = text
        .lines()
        .filter_map(|line| {
            let (left, right) = line.split_once(" - ")?;
            let (kind, point) = (right.split(' ').next()?, left.split(' ').nth(4)?);
            (NOT_NEEDED.contains(&kind) || point.starts_with("/proc/")).then_some(point)
        })
        .collect();
    points.sort_by_key(|p| std::cmp::Reverse(p.len()));
    for point in points {
        // A mount that stays costs a microsecond per box and nothing else.
        let _ = umount2(point, MntFlags::MNT_DETACH);
    }
}

fn serve(line: &OwnedFd, filters: &Filters, ahead: &mut Ahead) -> ! {
    let mut room = Room::new();
    loop {
        let Ok((len, fds)) = channel::receive(line.as_fd(), &mut room.message) else { sys::exit(3) };
        if len == 0 {
            sys::exit(0);
        }
        let mut fds = fds.into_iter();
        let first = fds.next();
        match (serde_json::from_slice::<Request>(&room.message[..len]), first) {
            (Ok(Request::Make(plan)), Some(worker)) => {
                let group = if plan.enters { fds.next() } else { None };
                let flags = ahead.clone_flags();
                let user = ahead.user(plan.host_id);
                let hands = Hands { worker, tasks: fds.collect(), user };
                make(line, &plan, filters, flags, group, hands, &mut room);
            }
            (Ok(Request::Ahead(base)), done) => {
                ahead.renew(base);
                if let Some(done) = done {
                    let _ = channel::send_frame(&done, Frame::new(Tag::Ready, 0, 0, 0), &[]);
                }
            }
            (_, Some(worker)) => refuse(&worker, libc::EPROTO),
            (_, None) => {}
        }
    }
}

fn refuse(worker: &OwnedFd, errno: i32) {
    let frame = Frame::new(Tag::Failed, Step::Clone as i64, 0, i64::from(errno));
    let _ = channel::send_frame(worker, frame, &[]);
}

fn make(
    line: &OwnedFd,
    plan: &BoxPlan,
    filters: &Filters,
    flags: CloneFlags,
    group: Option<OwnedFd>,
    hands: Hands,
    room: &mut Room,
) {
    let mut flags = flags | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS;
    if plan.host_id.is_none() {
        flags |= CloneFlags::CLONE_NEWUSER;
    }
    match sys::fork_checked(flags.bits() as u64, group.as_ref().map(AsFd::as_fd)) {
        Ok(Forked::Child) => {
            // The line belongs to the server alone: with a copy here the worker would not see it die.
            let _ = nix::unistd::close(line.as_raw_fd());
            drop(group);
            init::main(plan, filters, hands, room);
        }
        Ok(Forked::Parent { pid, pidfd }) => {
            let frame = Frame::new(Tag::Born, i64::from(pid), 0, 0);
            let _ = channel::send_frame(&hands.worker, frame, &[pidfd.as_fd()]);
        }
        Err(e) => refuse(&hands.worker, e.raw_os_error().unwrap_or(libc::EIO)),
    }
}
