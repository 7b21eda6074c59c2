//! Getting bytes into a box: files of the work directory and standard input.
//!
//! Files are written through the O_PATH descriptor of the box's own tmpfs, before any foreign code ran in it,
//! one component at a time, never following a symlink.

use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::memfd::{MFdFlags, memfd_create};
use rustix::fs::{Gid, Mode, OFlags, SealFlags, Uid};

use crate::error::SandboxError;
use crate::keeper::WarmBox;
use crate::spec::{BoxFile, RunSpec, Stdin};
use crate::wire::PROGRAM_ID;

/// Longest path of a placed file, and most components.
const PATH_MAX: usize = 1024;
const DEPTH_MAX: usize = 32;

/// Writes the files of `spec` into `/w`.
pub(crate) fn place(warm: &WarmBox, spec: &RunSpec) -> Result<(), SandboxError> {
    if spec.files.is_empty() {
        return Ok(());
    }
    let owner = warm.lease.as_ref().map(|lease| lease.base() + if spec.writable { PROGRAM_ID } else { 0 });
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let work = rustix::fs::openat(&warm.stage, "w", flags, Mode::empty())
        .map_err(|e| SandboxError::host("open the work directory")(e.into()))?;
    for file in &spec.files {
        check(&file.path).map_err(SandboxError::BadSpec)?;
        write(&work, file, owner).map_err(|e| match e.raw_os_error() {
            Some(libc::ENOSPC) => SandboxError::BadSpec(format!(
                "the files do not fit into the work directory ({}, {} inodes)",
                spec.limits.disk, spec.limits.inodes
            )),
            _ => SandboxError::Host {
                what: format!("place `{}` into a box", file.path.escape_debug()),
                source: e,
            },
        })?;
    }
    Ok(())
}

/// A path that stays below its directory by its text alone.
fn check(path: &str) -> Result<(), String> {
    let fine = !path.is_empty()
        && path.len() <= PATH_MAX
        && path.split('/').count() <= DEPTH_MAX
        && !path.contains('\0')
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != ".." && part.len() <= 255);
    if fine {
        Ok(())
    } else {
        let shown: String = path.chars().take(80).collect();
        Err(format!("`{}` is no path below the work directory", shown.escape_debug()))
    }
}

fn write(work: &OwnedFd, file: &BoxFile, owner: Option<u32>) -> io::Result<()> {
    let mut dir: Option<OwnedFd> = None;
    let mut parts = file.path.split('/').peekable();
    while let Some(part) = parts.next() {
        let at = dir.as_ref().unwrap_or(work);
        if parts.peek().is_none() {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let mode = if file.executable { 0o755 } else { 0o644 };
            let fd = rustix::fs::openat(at, part, flags, Mode::from_raw_mode(mode))?;
            rustix::fs::fchmod(&fd, Mode::from_raw_mode(mode))?;
            give(&fd, owner)?;
            return std::fs::File::from(fd).write_all(&file.content);
        }
        match rustix::fs::mkdirat(at, part, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(e) => return Err(e.into()),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let next = rustix::fs::openat(at, part, flags, Mode::empty())?;
        give(&next, owner)?;
        dir = Some(next);
    }
    Ok(())
}

fn give(fd: &impl AsFd, owner: Option<u32>) -> io::Result<()> {
    match owner {
        Some(id) => Ok(rustix::fs::fchown(fd, Some(Uid::from_raw(id)), Some(Gid::from_raw(id)))?),
        None => Ok(()),
    }
}

/// A descriptor to read from. Bytes come from a sealed memfd opened again read-only: the program can neither
/// change nor grow it (memfd_create(2), "File sealing").
pub(crate) fn stdin(stdin: &Stdin) -> io::Result<OwnedFd> {
    match stdin {
        Stdin::Empty => Ok(std::fs::File::open("/dev/null")?.into()),
        Stdin::Fd(fd) => fd.try_clone(),
        Stdin::Bytes(bytes) => {
            let memfd = memfd_create(c"stdin", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
            let mut file = std::fs::File::from(memfd);
            file.write_all(bytes)?;
            file.rewind()?;
            let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
            rustix::fs::fcntl_add_seals(&file, seals)?;
            // Readable by the program's uid when it opens /dev/stdin again.
            rustix::fs::fchmod(&file, Mode::from_raw_mode(0o444))?;
            let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
            Ok(std::fs::File::open(path)?.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_could_leave_the_work_directory_are_refused() {
        for bad in ["", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/", "a\0b"] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        assert!(check(&"a/".repeat(40)).is_err());
        for good in ["a", "a/b.c", "..a", "-rf", "new\nline"] {
            assert!(check(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn standard_input_cannot_be_written() {
        let fd = stdin(&Stdin::Bytes(b"abc".to_vec().into())).unwrap();
        let mut file = std::fs::File::from(fd);
        assert!(file.write_all(b"x").is_err());
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        if let Ok(mut again) = std::fs::OpenOptions::new().write(true).open(path) {
            assert!(again.write_all(b"x").is_err(), "sealed");
        }
        assert_eq!(std::io::read_to_string(file).unwrap(), "abc");
    }
}
