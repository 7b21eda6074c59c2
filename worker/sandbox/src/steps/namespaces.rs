//! Entering the last namespaces and forbidding further ones.
//!
//! The user namespace of a box is fresh like all others. The box server makes it ahead ([`make_user`]), maps it
//! and forbids nesting in it; the init only enters it. Where that was not done in time, the init makes its
//! own and the worker maps it.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use nix::sched::{CloneFlags, unshare};
use rustix::fs::{Mode, OFlags, openat};

use super::{At, Failure};
use crate::error::Step;
use crate::sys::{self, Forked};
use crate::wire::PROGRAM_ID;

/// Seconds a box's monotonic and boot clocks show when it is made: not the host's uptime.
const CLOCK_START: i64 = 1000;

/// CLONE_NEWTIME (linux/sched.h); nix has no name for it.
const NEWTIME: CloneFlags = CloneFlags::from_bits_retain(0x80);

/// New kinds of namespaces per user namespace, as files in /proc/sys/user.
const KINDS: [&str; 8] = ["user", "pid", "net", "mnt", "ipc", "uts", "cgroup", "time"];

/// What a box may use up of accounts that the kernel keeps for the whole host: instances and watches of inotify
/// are counted again for the user who made the user namespace (`inc_ucount` in kernel/ucount.c), and that is the
/// same root for all boxes. fs.inotify.max_user_instances is 128 by default, so sixteen boxes can hold all they may.
/// One box without a bound of its own took them from its neighbours and from the host's root.
const SHARED: [(&str, &[u8]); 2] = [("max_inotify_instances", b"8"), ("max_inotify_watches", b"1024")];

/// Gives the box a name that tells nothing.
pub(crate) fn hostname() -> Result<(), Failure> {
    nix::unistd::sethostname("box").at(Step::Hostname, 0)
}

/// From here on `/proc/self/cgroup` shows the box's groups as roots. Only after the groups hold us.
pub(crate) fn cgroup() -> Result<(), Failure> {
    unshare(CloneFlags::CLONE_NEWCGROUP).at(Step::CgroupNamespace, 0)
}

/// Children live on clocks that started [`CLOCK_START`] seconds ago (time_namespaces(7)).
pub(crate) fn time() -> Result<(), Failure> {
    use nix::time::{ClockId, clock_gettime};
    unshare(NEWTIME).at(Step::TimeNamespace, 0)?;
    let mut text = String::new();
    for (name, clock) in [("monotonic", ClockId::CLOCK_MONOTONIC), ("boottime", ClockId::CLOCK_BOOTTIME)] {
        let now = clock_gettime(clock).at(Step::TimeNamespace, 1)?;
        text.push_str(&format!("{name} {} 0\n", CLOCK_START - now.tv_sec()));
    }
    std::fs::OpenOptions::new()
        .write(true)
        .open("/proc/self/timens_offsets")
        .and_then(|mut f| f.write_all(text.as_bytes()))
        .at(Step::TimeNamespace, 2)
}

/// Opened before the root changes; the limits written through it are those of the opener's later user
/// namespace, because the kernel looks the table up when a file below it is opened.
pub(crate) fn limits_dir() -> Result<OwnedFd, Failure> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open("/proc/sys/user", flags, Mode::empty()).at(Step::NamespaceLimits, 0)
}

/// Writes zero to every `max_*_namespaces` of the box's user namespace: the wall behind seccomp
/// (namespaces(7), sandbox.md M11).
///
/// Before them it bounds what is counted for the host as a whole: the last one written stands for all.
pub(crate) fn forbid_nested(dir: &OwnedFd) -> Result<(), Failure> {
    for (i, (name, most)) in (40..).zip(SHARED) {
        match openat(dir, name, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(file) => rustix::io::write(&file, most).at(Step::NamespaceLimits, i)?,
            // A kernel without inotify has nothing to bound.
            Err(rustix::io::Errno::NOENT) => continue,
            Err(e) => Err(e).at(Step::NamespaceLimits, i)?,
        };
    }
    for (i, kind) in (1..).zip(KINDS) {
        let name = format!("max_{kind}_namespaces");
        let file = openat(dir, name, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
            .at(Step::NamespaceLimits, i)?;
        rustix::io::write(&file, b"0").at(Step::NamespaceLimits, i)?;
    }
    Ok(())
}

/// Whether `dir` already holds the zeroes of [`forbid_nested`]: the last one written is looked at.
pub(crate) fn nesting_is_forbidden(dir: &OwnedFd) -> bool {
    let name = format!("max_{}_namespaces", KINDS[KINDS.len() - 1]);
    let mut text = [0; 2];
    openat(dir, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .is_ok_and(|file| rustix::io::read(&file, &mut text).is_ok_and(|n| text[..n] == *b"0\n"))
}

/// This box's mount namespace, as a descriptor. Whoever holds it keeps the tree from being taken down by the
/// init's exit, which would wait for the kernel there.
pub(crate) fn own_mounts() -> Result<OwnedFd, Failure> {
    rustix::fs::open("/proc/self/ns/mnt", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).at(Step::Pivot, 4)
}

/// Makes a user namespace in which `base` is 0 and `base` + [`PROGRAM_ID`] is the program, and in which no
/// further namespace can be made. A short-lived child stands in it while it is being set up; the returned
/// descriptor keeps it.
pub(crate) fn make_user(base: u32) -> Result<OwnedFd, Failure> {
    let (go, wait) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).at(Step::UserNamespace, 20)?;
    let (done, end) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).at(Step::UserNamespace, 20)?;
    let limits = limits_dir()?;
    let (read_go, write_go) = (std::fs::File::from(go), std::fs::File::from(wait));
    let (read_done, write_done) = (std::fs::File::from(done), std::fs::File::from(end));
    match sys::fork_checked(CloneFlags::CLONE_NEWUSER.bits() as u64, None).at(Step::UserNamespace, 21)? {
        Forked::Child => {
            drop((write_go, read_done));
            let mut byte = [0];
            let held = (&read_go).read(&mut byte).is_ok_and(|n| n == 1) && forbid_nested(&limits).is_ok();
            if held {
                let _ = (&write_done).write_all(&byte);
            }
            sys::exit(i32::from(!held));
        }
        Forked::Parent { pid, .. } => {
            drop((read_go, write_done));
            let proc = PathBuf::from(format!("/proc/{pid}"));
            let namespace = std::fs::File::open(proc.join("ns/user")).at(Step::UserNamespace, 22)?;
            let map = format!("0 {base} 1\n{PROGRAM_ID} {} 1\n", base + PROGRAM_ID);
            std::fs::write(proc.join("uid_map"), &map).at(Step::UserNamespace, 23)?;
            std::fs::write(proc.join("setgroups"), "deny").at(Step::UserNamespace, 23)?;
            std::fs::write(proc.join("gid_map"), &map).at(Step::UserNamespace, 23)?;
            (&write_go).write_all(b"m").at(Step::UserNamespace, 24)?;
            let mut byte = [0];
            (&read_done).read_exact(&mut byte).at(Step::NamespaceLimits, 20)?;
            Ok(namespace.into())
        }
    }
}

/// Enters a user namespace made by [`make_user`].
pub(crate) fn enter_user(namespace: &OwnedFd) -> Result<(), Failure> {
    nix::sched::setns(namespace, CloneFlags::CLONE_NEWUSER).at(Step::UserNamespace, 25)
}
