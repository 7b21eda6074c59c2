//! What goes into a file of a box or comes out of one: bytes at hand, or an open file that holds them.
//!
//! A long input, answer or output is never read into memory here: it is copied inside the kernel, or read piece by
//! piece by whoever compares it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FileType, fstat};

use crate::spec::Stdin;

/// Bytes of a file, wherever they are.
#[derive(Debug, Clone)]
pub enum Content {
    /// At hand.
    Bytes(Arc<[u8]>),
    /// In a file that is open.
    File(OpenFile),
}

impl Content {
    /// How many bytes it has.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::File(file) => file.len(),
        }
    }

    /// The bytes, where they are at hand.
    pub fn at_hand(&self) -> Option<&[u8]> {
        match self {
            Content::Bytes(bytes) => Some(bytes),
            Content::File(_) => None,
        }
    }

    /// The file, where they are in one.
    pub fn file(&self) -> Option<&OpenFile> {
        match self {
            Content::Bytes(_) => None,
            Content::File(file) => Some(file),
        }
    }

    /// The same as standard input.
    pub fn stdin(&self) -> Stdin {
        match self {
            Content::Bytes(bytes) => Stdin::Bytes(Arc::clone(bytes)),
            Content::File(file) => Stdin::Fd(Arc::clone(&file.fd)),
        }
    }
}

impl From<Arc<[u8]>> for Content {
    fn from(bytes: Arc<[u8]>) -> Self {
        Content::Bytes(bytes)
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        Content::Bytes(bytes.into())
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Content::Bytes(bytes.into())
    }
}

/// A regular file that is open to be read, and what it was when it was opened. It is meant to stay as it is; where
/// somebody may change it, [`unchanged`](Self::unchanged) tells afterwards.
///
/// While it is open its file system cannot go: one of a box keeps its memory until the last of these is dropped.
#[derive(Debug, Clone)]
pub struct OpenFile {
    fd: Arc<OwnedFd>,
    was: Stamp,
}

/// What changes with a file's content. Not the time of its inode: a name that is removed changes that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: (i64, i64),
}

impl OpenFile {
    /// Opens the regular file at `path`.
    ///
    /// # Errors
    /// When it cannot be opened, or is none.
    pub fn open(path: &Path) -> io::Result<Self> {
        File::open(path)?.try_into()
    }

    /// How many bytes it had when it was opened.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> u64 {
        self.was.bytes
    }

    /// Reads it from its begin on, whoever else reads it meanwhile. What was cut off since it was opened is an error,
    /// what was added is not seen. Errors say from which byte on nothing could be read, and the system's words.
    pub fn reader(&self) -> io::Result<Reading> {
        Ok(Reading { file: self.fd.try_clone()?.into(), at: 0, end: self.len() })
    }

    /// Says so when it is not what it was when it was opened: what was read of it in between may be of both.
    ///
    /// # Errors
    /// Then, or when it cannot be asked.
    pub fn unchanged(&self) -> io::Result<()> {
        if stamp(&self.fd)? == self.was {
            Ok(())
        } else {
            Err(io::Error::other("it changed while it was read"))
        }
    }

    pub(crate) fn fd(&self) -> &OwnedFd {
        &self.fd
    }
}

impl TryFrom<File> for OpenFile {
    type Error = io::Error;

    fn try_from(file: File) -> io::Result<Self> {
        OwnedFd::from(file).try_into()
    }
}

impl TryFrom<OwnedFd> for OpenFile {
    type Error = io::Error;

    fn try_from(fd: OwnedFd) -> io::Result<Self> {
        let was = stamp(&fd)?;
        Ok(Self { fd: Arc::new(fd), was })
    }
}

fn stamp(fd: &OwnedFd) -> io::Result<Stamp> {
    let stat = fstat(fd)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("it is no regular file"));
    }
    let modified = (stat.st_mtime, stat.st_mtime_nsec.cast_signed());
    Ok(Stamp { bytes: stat.st_size.unsigned_abs(), modified })
}

/// Reads an [`OpenFile`], at a place of its own.
#[derive(Debug)]
pub struct Reading {
    file: File,
    at: u64,
    end: u64,
}

impl Read for Reading {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let most = into.len().min(left);
        let told = |kind, why: &dyn std::fmt::Display| {
            io::Error::new(kind, format!("{why}, from byte {} of {} on", self.at, self.end))
        };
        let n = self.file.read_at(&mut into[..most], self.at).map_err(|e| told(e.kind(), &e))?;
        if n == 0 && most > 0 {
            return Err(told(io::ErrorKind::UnexpectedEof, &"it became shorter while it was read"));
        }
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Reading {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.end.checked_add_signed(by),
        };
        let inside = place.filter(|at| *at <= self.end);
        self.at = inside.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> (tempfile::NamedTempFile, OpenFile) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let open = OpenFile::open(file.path()).unwrap();
        (file, open)
    }

    #[test]
    fn each_reader_of_an_open_file_is_at_its_own_place() {
        let (_file, open) = file(b"one two");
        let (mut first, mut second) = (open.reader().unwrap(), open.reader().unwrap());
        first.read_exact(&mut [0; 4]).unwrap();
        assert_eq!(io::read_to_string(&mut second).unwrap(), "one two");
        assert_eq!(io::read_to_string(&mut first).unwrap(), "two");
        assert_eq!(first.seek(SeekFrom::Start(4)).unwrap(), 4);
        assert_eq!(io::read_to_string(&mut first).unwrap(), "two");
        assert!(first.seek(SeekFrom::Start(8)).is_err(), "nothing is beyond its end");
        assert_eq!(open.unchanged().map_err(|e| e.to_string()), Ok(()));
    }

    #[test]
    fn a_file_that_somebody_changes_says_so() {
        let (kept, open) = file(b"one two");
        kept.as_file().set_len(3).unwrap();
        assert!(open.unchanged().is_err());
        assert_eq!(
            io::read_to_string(open.reader().unwrap()).unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof,
            "half a file is none"
        );
        std::fs::write(kept.path(), "one two three").unwrap();
        assert!(open.unchanged().is_err());
        assert_eq!(
            io::read_to_string(open.reader().unwrap()).unwrap(),
            "one two",
            "what was added is not seen"
        );
    }

    #[test]
    fn what_is_no_regular_file_is_no_content() {
        for path in ["/dev/null", "/tmp"] {
            assert!(OpenFile::open(Path::new(path)).is_err(), "{path}");
        }
    }
}
