//! Files of a harness or of a submission, read whole and bounded: a folder, one file, or a zip.
//!
//! Both come from outside. Links and devices are refused, sizes are counted while reading, and nothing is
//! opened that could block.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use nix::libc;
use proto::id::Digest;
use proto::job::SourceFile;
use sha2::{Digest as _, Sha256};

use crate::tarball;

/// Deepest folder.
const DEPTH_MAX: usize = 24;

/// How much is read.
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    /// Bytes of all files together, and of a zip.
    pub bytes: u64,
    /// How many files.
    pub files: usize,
}

impl Caps {
    /// A submission: far more than a program, less than a data set.
    pub const SUBMISSION: Caps = Caps { bytes: 64 << 20, files: 5_000 };
    /// A harness with its data.
    pub const HARNESS: Caps = Caps { bytes: 256 << 20, files: 20_000 };
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its bytes.
    pub content: Arc<[u8]>,
    /// Whether its owner may execute it.
    pub executable: bool,
}

/// How a tree may be packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packed {
    /// As a zip.
    Zip,
    /// As a tar through gzip.
    TarGz,
}

impl Packed {
    /// What a file of this name is, upper or lower case; `None` when it is no packed tree.
    pub fn of(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let ends = |end: &str| name.len() > end.len() && name.ends_with(end);
        if ends(".zip") {
            return Some(Packed::Zip);
        }
        (ends(".tar.gz") || ends(".tgz")).then_some(Packed::TarGz)
    }
}

/// Files by their path below a root, `/` between components, in byte order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// The files themselves.
    pub files: BTreeMap<String, Entry>,
}

/// Why a tree was not taken. Always what the sender can change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct TreeError {
    /// The file or folder.
    pub place: String,
    /// What is wrong with it, and what would be right.
    pub what: String,
}

fn refused(place: impl std::fmt::Display, what: impl Into<String>) -> TreeError {
    TreeError { place: crate::findings::cut(&place.to_string(), 200), what: what.into() }
}

impl Tree {
    /// Reads a folder, a zip, or a single file, which is then known by its last name.
    ///
    /// # Errors
    /// The first thing that may not be in it, with its name.
    pub fn read(path: &Path, caps: Caps) -> Result<Self, TreeError> {
        let meta = fs::metadata(path).map_err(|e| refused(path.display(), format!("cannot be read: {e}")))?;
        let mut reading = Reading { caps, left: caps.bytes, tree: Tree::default() };
        if meta.is_dir() {
            reading.folder(path, "", 0)?;
            return Ok(reading.tree);
        }
        let content = reading.file(path, &path.display().to_string())?;
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if Path::new(name).extension().is_some_and(|e| e.eq_ignore_ascii_case("zip")) {
            return Self::unzip(&content, name, caps);
        }
        let executable = meta.permissions().mode() & 0o100 != 0;
        reading.keep(name.to_owned(), content, executable)?;
        Ok(reading.tree)
    }

    /// Reads a packed tree out of its bytes: a zip, or a tar through gzip, by what it is called.
    ///
    /// # Errors
    /// Why it may not be unpacked, with the entry's name.
    pub fn unpack(bytes: &[u8], name: &str, caps: Caps) -> Result<Self, TreeError> {
        match Packed::of(name) {
            Some(Packed::Zip) => Self::unzip(bytes, name, caps),
            Some(Packed::TarGz) => tarball::unpack(bytes, caps).map_err(|why| refused(name, why)),
            None => Err(refused(name, "is called neither .zip nor .tar.gz nor .tgz")),
        }
    }

    pub(crate) fn unzip(bytes: &[u8], name: &str, caps: Caps) -> Result<Self, TreeError> {
        let cannot = |e: std::io::Error| refused(name, format!("cannot be unpacked here: {e}"));
        let scratch = tempfile::Builder::new().prefix("tribunal-zip-").tempdir().map_err(cannot)?;
        problem::unpack_zip(bytes, scratch.path(), caps.bytes, caps.files)
            .map_err(|why| refused(name, why))?;
        let mut reading = Reading { caps, left: caps.bytes, tree: Tree::default() };
        reading.folder(scratch.path(), "", 0)?;
        Ok(reading.tree)
    }

    /// A submission's sources, whose names were checked when they were taken.
    pub fn of_sources(files: &[SourceFile]) -> Self {
        let entry = |file: &SourceFile| Entry { content: file.content.as_slice().into(), executable: false };
        Self { files: files.iter().map(|file| (file.name.clone(), entry(file))).collect() }
    }

    /// The digest of all paths, modes and contents.
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        for (path, entry) in &self.files {
            hash.update((path.len() as u64).to_le_bytes());
            hash.update(path.as_bytes());
            hash.update([u8::from(entry.executable)]);
            hash.update((entry.content.len() as u64).to_le_bytes());
            hash.update(&entry.content);
        }
        Digest::from_raw(&hash.finalize())
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    pub(crate) fn text(&self, path: &str) -> Option<String> {
        self.files.get(path).map(|entry| String::from_utf8_lossy(&entry.content).into_owned())
    }

    /// Sets a file's bytes and mode, in place of an earlier one.
    pub fn put(&mut self, path: &str, content: impl Into<Arc<[u8]>>, executable: bool) {
        self.files.insert(path.to_owned(), Entry { content: content.into(), executable });
    }

    /// Everything below `folder`, by its path there.
    pub(crate) fn below(&self, folder: &str) -> Tree {
        let prefix = format!("{folder}/");
        let inside = self.files.iter().filter_map(|(path, entry)| {
            path.strip_prefix(&prefix).map(|rest| (rest.to_owned(), entry.clone()))
        });
        Tree { files: inside.collect() }
    }

    /// The name of the only top folder, when everything lies in it.
    pub(crate) fn only_folder(&self) -> Option<String> {
        let first = self.files.keys().next()?.split_once('/')?.0.to_owned();
        let prefix = format!("{first}/");
        self.files.keys().all(|path| path.starts_with(&prefix)).then_some(first)
    }
}

struct Reading {
    caps: Caps,
    left: u64,
    tree: Tree,
}

impl Reading {
    fn folder(&mut self, folder: &Path, below: &str, depth: usize) -> Result<(), TreeError> {
        if depth > DEPTH_MAX {
            return Err(refused(below, format!("is nested more than {DEPTH_MAX} folders deep")));
        }
        let cannot = |e: std::io::Error| refused(folder.display(), format!("cannot be listed: {e}"));
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).map_err(cannot)? {
            names.push(entry.map_err(cannot)?.file_name());
            if names.len() > self.caps.files {
                return Err(refused(below, format!("holds more than {} files", self.caps.files)));
            }
        }
        names.sort();
        for name in names {
            let Some(text) = name.to_str() else {
                return Err(refused(name.to_string_lossy(), "the name is not UTF-8"));
            };
            let path = if below.is_empty() { text.to_owned() } else { format!("{below}/{text}") };
            let disk = folder.join(&name);
            let meta = fs::symlink_metadata(&disk).map_err(|e| refused(&path, e.to_string()))?;
            if meta.is_dir() {
                self.folder(&disk, &path, depth + 1)?;
            } else if meta.is_file() {
                let content = self.file(&disk, &path)?;
                self.keep(path, content, meta.permissions().mode() & 0o100 != 0)?;
            } else {
                return Err(refused(&path, "is a link or a device; only files and folders are taken"));
            }
        }
        Ok(())
    }

    fn file(&self, disk: &Path, path: &str) -> Result<Vec<u8>, TreeError> {
        // The file may have been exchanged since it was looked at: no link is followed, no FIFO waited for.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let opened = fs::OpenOptions::new().read(true).custom_flags(flags).open(disk);
        let file = opened.map_err(|e| refused(path, format!("cannot be read: {e}")))?;
        let mut content = Vec::new();
        file.take(self.left + 1)
            .read_to_end(&mut content)
            .map_err(|e| refused(path, format!("cannot be read: {e}")))?;
        if content.len() as u64 > self.left {
            return Err(refused(path, format!("all files together are more than {} bytes", self.caps.bytes)));
        }
        Ok(content)
    }

    fn keep(&mut self, path: String, content: Vec<u8>, executable: bool) -> Result<(), TreeError> {
        if self.tree.files.len() == self.caps.files {
            return Err(refused(path, format!("there are more than {} files", self.caps.files)));
        }
        self.left = self.left.saturating_sub(content.len() as u64);
        self.tree.files.insert(path, Entry { content: content.into(), executable });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_or_a_fifo_is_refused_by_name_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("good.py"), "1").unwrap();
        assert_eq!(Tree::read(dir.path(), Caps::SUBMISSION).unwrap().files.len(), 1);
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("link.py")).unwrap();
        let error = Tree::read(dir.path(), Caps::SUBMISSION).unwrap_err();
        assert_eq!(error.place, "link.py");
        fs::remove_file(dir.path().join("link.py")).unwrap();
        nix::unistd::mkfifo(&dir.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(Tree::read(dir.path(), Caps::SUBMISSION).unwrap_err().place, "pipe");
    }

    #[test]
    fn files_and_bytes_are_bounded() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..3 {
            fs::write(dir.path().join(n.to_string()), [0; 10]).unwrap();
        }
        assert!(Tree::read(dir.path(), Caps { bytes: 30, files: 3 }).is_ok());
        assert!(Tree::read(dir.path(), Caps { bytes: 29, files: 3 }).is_err());
        assert!(Tree::read(dir.path(), Caps { bytes: 30, files: 2 }).is_err());
    }

    #[test]
    fn a_file_with_more_in_it_than_it_says_is_bounded_by_what_is_read() {
        // Such is every file of procfs, and one that grows while it is read.
        let path = Path::new("/proc/self/maps");
        assert_eq!(fs::metadata(path).unwrap().len(), 0);
        assert!(Tree::read(path, Caps { bytes: 1 << 20, files: 1 }).is_ok());
        let error = Tree::read(path, Caps { bytes: 10, files: 1 }).unwrap_err();
        assert!(error.what.contains("more than 10 bytes"), "{error}");
    }

    #[test]
    fn the_digest_sees_names_modes_and_contents() {
        let mut tree = Tree::default();
        tree.put("a", *b"1", false);
        let first = tree.digest();
        tree.put("a", *b"1", true);
        let second = tree.digest();
        tree.put("a", *b"2", true);
        let third = tree.digest();
        assert!(first != second && second != third && first != third);
    }
}
