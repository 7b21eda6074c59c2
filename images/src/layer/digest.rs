//! A whole unpacked tree in one digest: names, kinds, modes, times and contents of files, links, and the marks overlayfs
//! reads. Owners and times of directories are left out: the store may be copied, and reading it is no damage.
//!
//! [`TreeDigest::of`] reads everything; after unpacking, the contents are known already and only the names are walked.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use proto::id::Digest;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

/// Deepest nesting that is read; unpacking makes at most 64 levels.
const DEPTH_MAX: u32 = 100;
/// What is read of a file at once.
const CHUNK: usize = 128 << 10;

/// SHA-256 of the content of each file, by inode number.
pub(crate) type Contents = HashMap<u64, [u8; 32]>;

/// What a walk found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeDigest {
    pub digest: Digest,
    /// Names, the root left out.
    pub entries: u64,
    /// Of file contents; a file with two names counts twice.
    pub bytes: u64,
    /// On the disk.
    pub disk: u64,
}

impl TreeDigest {
    /// Reads the tree at `path`.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        Self::with(&open_dir(CWD, path.as_os_str().as_encoded_bytes())?, &Contents::new())
    }

    /// Walks the tree; files whose contents are known are not read.
    pub(crate) fn with(root: &OwnedFd, known: &Contents) -> io::Result<Self> {
        let mut walk =
            Walk { hash: Sha256::new(), known, entries: 0, bytes: 0, disk: 0, buffer: vec![0; CHUNK] };
        walk.hash.update(b"tribunal tree 1\n");
        walk.dir(root, 0)?;
        Ok(Self {
            digest: Digest::from_raw(&walk.hash.finalize()),
            entries: walk.entries,
            bytes: walk.bytes,
            disk: walk.disk,
        })
    }
}

struct Walk<'a> {
    hash: Sha256,
    known: &'a Contents,
    entries: u64,
    bytes: u64,
    disk: u64,
    buffer: Vec<u8>,
}

impl Walk<'_> {
    fn dir(&mut self, dir: &OwnedFd, depth: u32) -> io::Result<()> {
        if depth > DEPTH_MAX {
            return Err(io::Error::other("the tree is nested deeper than any layer"));
        }
        let mut names = Vec::new();
        for entry in Dir::read_from(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(name.to_vec());
            }
        }
        names.sort();
        self.attribute(dir, c"user.overlay.opaque")?;
        for name in names {
            self.entries += 1;
            let stat = rustix::fs::statat(dir, name.as_slice(), AtFlags::SYMLINK_NOFOLLOW)?;
            self.disk +=
                if stat.st_nlink > 1 && FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
                    // Each name has its part, whichever of them are in this tree.
                    stat.st_blocks as u64 * 512 / u64::from(stat.st_nlink as u32)
                } else {
                    stat.st_blocks as u64 * 512
                };
            self.field(&name);
            self.hash.update(stat.st_mode.to_be_bytes());
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => {
                    let below = open_dir(dir, &name)?;
                    self.dir(&below, depth + 1)?;
                }
                FileType::RegularFile => self.file(dir, &name, &stat)?,
                FileType::Symlink => {
                    let target = rustix::fs::readlinkat(dir, name.as_slice(), Vec::new())?;
                    self.field(target.to_bytes());
                }
                _ => self.hash.update((stat.st_rdev as u64).to_be_bytes()),
            }
        }
        // No name is empty, so this ends the directory.
        self.field(b"");
        Ok(())
    }

    fn file(&mut self, dir: &OwnedFd, name: &[u8], stat: &rustix::fs::Stat) -> io::Result<()> {
        let size = stat.st_size as u64;
        self.bytes += size;
        self.hash.update(stat.st_mtime.to_be_bytes());
        self.hash.update(size.to_be_bytes());
        if let Some(content) = self.known.get(&stat.st_ino).filter(|_| size > 0) {
            self.hash.update(content);
            return Ok(());
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let fd = rustix::fs::openat(dir, name, flags, Mode::empty())?;
        if size == 0 {
            self.attribute(&fd, c"user.overlay.whiteout")?;
        }
        let mut file = File::from(fd);
        let mut content = Sha256::new();
        loop {
            let n = file.read(&mut self.buffer)?;
            if n == 0 {
                break;
            }
            content.update(&self.buffer[..n]);
        }
        self.hash.update(content.finalize());
        Ok(())
    }

    fn attribute(&mut self, fd: &impl AsFd, name: &std::ffi::CStr) -> io::Result<()> {
        let mut value = [0u8; 16];
        match rustix::fs::fgetxattr(fd, name, &mut value[..]) {
            Ok(n) => self.field(&value[..n]),
            Err(Errno::NODATA | Errno::OPNOTSUPP) => self.field(b""),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Preceded by its length, so that no two lists of fields look alike.
    fn field(&mut self, bytes: &[u8]) {
        self.hash.update((bytes.len() as u64).to_be_bytes());
        self.hash.update(bytes);
    }
}

fn open_dir(dir: impl AsFd, name: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(rustix::fs::openat(dir, name, flags, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("d")).unwrap();
        std::fs::write(folder.path().join("d/a"), "one").unwrap();
        std::fs::write(folder.path().join("empty"), "").unwrap();
        std::os::unix::fs::symlink("d/a", folder.path().join("link")).unwrap();
        for name in ["d/a", "empty"] {
            let file = File::options().append(true).open(folder.path().join(name)).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        }
        folder
    }

    #[test]
    fn equal_trees_have_equal_digests_and_every_change_shows() {
        let first = TreeDigest::of(tree().path()).unwrap();
        assert_eq!((first.entries, first.bytes), (4, 3));
        let changed = |change: &dyn Fn(&Path)| {
            let folder = tree();
            change(folder.path());
            TreeDigest::of(folder.path()).unwrap().digest
        };
        assert_eq!(changed(&|_| ()), first.digest);
        let rewrite = |path: &Path, text: &str| {
            std::fs::write(path, text).unwrap();
            let file = File::options().append(true).open(path).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        };
        let changes: [&dyn Fn(&Path); 7] = [
            &|t| rewrite(&t.join("d/a"), "two"),
            &|t| std::fs::set_permissions(t.join("d/a"), PermissionsExt::from_mode(0o755)).unwrap(),
            &|t| std::fs::rename(t.join("d/a"), t.join("a")).unwrap(),
            &|t| std::fs::remove_file(t.join("empty")).unwrap(),
            &|t| std::fs::write(t.join("more"), "").unwrap(),
            &|t| {
                std::fs::remove_file(t.join("link")).unwrap();
                std::os::unix::fs::symlink("d/b", t.join("link")).unwrap();
            },
            &|t| std::fs::write(t.join("d/a"), "one").unwrap(),
        ];
        for (number, change) in changes.iter().enumerate() {
            assert_ne!(changed(change), first.digest, "change {number}");
        }
    }
}
