//! System calls the worker itself needs, each made for real.

use std::os::fd::OwnedFd;

use rustix::fs::{CWD, MemfdFlags, Mode, OFlags, ResolveFlags, SealFlags};

use super::Probe;
use super::table::row;
use crate::steps::landlock;
use crate::sys;

pub(super) fn probe() -> Vec<Probe> {
    let of = |name, result: Result<(), String>| match result {
        Ok(()) => row(name, true, "works"),
        Err(e) => row(name, false, e),
    };
    vec![
        of("openat2", openat2()),
        of("close_range", close_range()),
        of("pidfd", pidfd()),
        of("sealed memfd", sealed_memfd()),
        of("landlock", if landlock::is_supported() { Ok(()) } else { Err("absent".to_owned()) }),
    ]
}

/// Leaves `/` by `..`: must be refused with EXDEV by the rule, not for another reason.
fn openat2() -> Result<(), String> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let proc: OwnedFd =
        rustix::fs::openat(CWD, "/proc", flags, Mode::empty()).map_err(|e| format!("/proc: {e}"))?;
    match rustix::fs::openat2(&proc, "..", flags, Mode::empty(), ResolveFlags::BENEATH) {
        Err(rustix::io::Errno::XDEV) => Ok(()),
        Err(e) => Err(e.to_string()),
        Ok(_) => Err("a way out of the directory was followed".to_owned()),
    }
}

/// Over a range in which nothing can be open: descriptors end below RLIMIT_NOFILE, which is at most 2^30.
fn close_range() -> Result<(), String> {
    sys::close_from(u32::MAX, true).map_err(|e| e.to_string())
}

fn pidfd() -> Result<(), String> {
    rustix::process::pidfd_open(rustix::process::getpid(), rustix::process::PidfdFlags::empty())
        .map(drop)
        .map_err(|e| e.to_string())
}

fn sealed_memfd() -> Result<(), String> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = rustix::fs::memfd_create("doctor", flags).map_err(|e| e.to_string())?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals).map_err(|e| e.to_string())?;
    match rustix::io::write(&file, b"x") {
        Err(rustix::io::Errno::PERM) => Ok(()),
        Err(e) => Err(e.to_string()),
        Ok(_) => Err("a sealed file could be written".to_owned()),
    }
}
