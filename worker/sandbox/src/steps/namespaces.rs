//! Entering the last namespaces and forbidding further ones.

use std::io::Write;
use std::os::fd::OwnedFd;

use nix::sched::{CloneFlags, unshare};
use rustix::fs::{Mode, OFlags, openat};

use super::{At, Failure};
use crate::error::Step;

/// Seconds a box's monotonic and boot clocks show when it is made: not the host's uptime.
const CLOCK_START: i64 = 1000;

/// CLONE_NEWTIME (linux/sched.h); nix has no name for it.
const NEWTIME: CloneFlags = CloneFlags::from_bits_retain(0x80);

/// New kinds of namespaces per user namespace, as files in /proc/sys/user.
const KINDS: [&str; 8] = ["user", "pid", "net", "mnt", "ipc", "uts", "cgroup", "time"];

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
pub(crate) fn forbid_nested(dir: &OwnedFd) -> Result<(), Failure> {
    for (i, kind) in (1..).zip(KINDS) {
        let name = format!("max_{kind}_namespaces");
        let file = openat(dir, name, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
            .at(Step::NamespaceLimits, i)?;
        rustix::io::write(&file, b"0").at(Step::NamespaceLimits, i)?;
    }
    Ok(())
}
