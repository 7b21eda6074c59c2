//! Getting bytes into a box: files of the work directory and standard input.
//!
//! Files are written through the O_PATH descriptor of the box's own tmpfs, before any foreign code ran in it,
//! one component at a time, never following a symlink.

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::memfd::{MFdFlags, memfd_create};
use rustix::fs::{FileType, Gid, Mode, OFlags, SealFlags, Uid};

use crate::error::SandboxError;
use crate::keeper::WarmBox;
use crate::spec::{BoxFile, Content, OpenFile, RunSpec, Stdin};
use crate::wire::PROGRAM_ID;

/// Most bytes of standard input: they are memory of the worker, not of the box, while the box lives.
const STDIN_MAX: u64 = 2 << 30;

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

/// Bytes in what [`place`] puts there.
pub(crate) fn bytes(spec: &RunSpec) -> u64 {
    spec.files.iter().map(|file| file.content.len()).sum()
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
            return fill(&std::fs::File::from(fd), &file.content);
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

fn fill(mut to: &std::fs::File, content: &Content) -> io::Result<()> {
    match content {
        Content::Bytes(bytes) => to.write_all(bytes),
        Content::File(from) => {
            copy(from.fd(), to, from.len())?;
            // What was copied of one that somebody writes is nobody's file.
            from.unchanged()
        }
    }
}

fn give(fd: &impl AsFd, owner: Option<u32>) -> io::Result<()> {
    match owner {
        Some(id) => Ok(rustix::fs::fchown(fd, Some(Uid::from_raw(id)), Some(Gid::from_raw(id)))?),
        None => Ok(()),
    }
}

/// A descriptor to read from: a sealed memfd opened again read-only, which the program can neither change nor
/// grow (memfd_create(2), "File sealing").
///
/// A regular file of the host is copied into one as well. Its own descriptor would tell its path (readlink of
/// `/proc/self/fd/0`: which test this is), share its inode's locks and watches with every other box that
/// reads it, and be writable where its mode is lax.
pub(crate) fn stdin(stdin: &Stdin) -> io::Result<OwnedFd> {
    match stdin {
        Stdin::Empty => Ok(std::fs::File::open("/dev/null")?.into()),
        Stdin::Bytes(bytes) => sealed(|memfd| memfd.write_all(bytes)),
        Stdin::Fd(fd) => match FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode) {
            FileType::RegularFile => {
                let file = OpenFile::try_from(fd.try_clone()?)?;
                let size = input_size(&file)?;
                sealed(|memfd| {
                    copy(file.fd(), memfd, size)?;
                    file.unchanged()
                })
            }
            // A pipe or socket has no name, and its end is the caller's to choose.
            _ => fd.try_clone(),
        },
    }
}

fn sealed(fill: impl FnOnce(&mut std::fs::File) -> io::Result<()>) -> io::Result<OwnedFd> {
    let memfd = memfd_create(c"stdin", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
    let mut file = std::fs::File::from(memfd);
    fill(&mut file)?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals)?;
    // Readable by the program's uid when it opens /dev/stdin again.
    rustix::fs::fchmod(&file, Mode::from_raw_mode(0o444))?;
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
    Ok(std::fs::File::open(path)?.into())
}

fn input_size(of: &OpenFile) -> io::Result<u64> {
    let size = of.len();
    if size > STDIN_MAX {
        let what = format!("standard input is {size} bytes; at most {STDIN_MAX} are possible");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(size)
}

/// Copies the first `size` bytes of the file `from`, whatever its offset is: one descriptor may serve several runs at
/// once.
fn copy(from: &OwnedFd, to: &std::fs::File, size: u64) -> io::Result<()> {
    let mut offset = 0;
    while offset < size {
        let left = usize::try_from(size - offset).unwrap_or(usize::MAX);
        if rustix::fs::sendfile(to, from, Some(&mut offset), left)? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it became shorter while it was copied",
            ));
        }
    }
    Ok(())
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
    fn a_file_of_a_box_is_filled_from_an_open_one_and_never_from_one_that_changed() {
        let from = tempfile::NamedTempFile::new().unwrap();
        let text: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
        std::fs::write(from.path(), &text).unwrap();
        let open = OpenFile::open(from.path()).unwrap();
        let into = || {
            let to = tempfile::NamedTempFile::new().unwrap();
            let filled = fill(to.as_file(), &Content::File(open.clone()));
            (filled, std::fs::read(to.path()).unwrap())
        };
        for _ in 0..2 {
            let (filled, got) = into();
            assert!(filled.is_ok() && got == text);
        }
        std::fs::write(from.path(), [&text[..], b"more"].concat()).unwrap();
        assert!(into().0.is_err(), "it grew");
        std::fs::write(from.path(), "less").unwrap();
        assert!(into().0.is_err(), "it shrank");
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

    #[test]
    fn an_input_from_a_file_has_neither_its_path_nor_its_inode_nor_its_offset() {
        use std::io::{Read, Seek};
        use std::os::unix::fs::MetadataExt;
        let mut host = tempfile::tempfile().unwrap();
        let text: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
        host.write_all(&text).unwrap();
        let (inode, shared) = (host.metadata().unwrap().ino(), Stdin::Fd(std::sync::Arc::new(host.into())));
        for _ in 0..2 {
            let mut file = std::fs::File::from(stdin(&shared).unwrap());
            let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
            assert!(std::fs::read_link(path).unwrap().to_str().unwrap().starts_with("/memfd:stdin"));
            assert_ne!(file.metadata().unwrap().ino(), inode);
            let mut read = Vec::new();
            file.read_to_end(&mut read).unwrap();
            assert_eq!(read, text);
            file.rewind().unwrap();
        }
        let large = tempfile::tempfile().unwrap();
        large.set_len(STDIN_MAX + 1).unwrap();
        let error = stdin(&Stdin::Fd(std::sync::Arc::new(large.into()))).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
