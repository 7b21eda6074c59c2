//! Making files beneath one directory, whatever the names say.
//!
//! Every parent is opened with `openat2` under `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS`, and every file is
//! made anew in it with `O_EXCL | O_NOFOLLOW`: a symbolic link that an earlier entry planted is never followed,
//! and nothing that exists is ever written into.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use crate::layer::entries::EntryPath;

const BENEATH: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// What is at a path, as far as an unpacker cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    Dir,
    File,
    Symlink,
    Other,
}

/// A file that was made.
#[derive(Debug)]
pub(crate) struct Made {
    /// Bytes there were.
    pub bytes: u64,
    /// Its inode's number.
    pub inode: u64,
    /// SHA-256 of its content.
    pub content: [u8; 32],
}

/// A directory by the components of its path.
type Opened = (Vec<Vec<u8>>, Rc<OwnedFd>);

/// What is read of an entry at once.
pub(crate) const CHUNK: usize = 128 << 10;

/// A directory under construction.
#[derive(Debug)]
pub(crate) struct Tree {
    root: OwnedFd,
    /// The directory the last entry went into: archives list a directory's content together. Forgotten whenever a
    /// directory is removed, so that nothing is ever made in one that is no longer there.
    last: RefCell<Option<Opened>>,
    /// Whether we may give files to root; else they stay the caller's.
    as_root: bool,
}

impl Tree {
    /// Opens a directory that exists.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let root = rustix::fs::openat(
            CWD,
            path,
            OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW,
            Mode::empty(),
        )?;
        Ok(Self { root, last: RefCell::new(None), as_root: rustix::process::geteuid().is_root() })
    }

    /// The directory that holds `path`, made when it does not exist yet; `None` for the root.
    pub(crate) fn parent_of<'a>(&self, path: &'a EntryPath) -> io::Result<Option<(Rc<OwnedFd>, &'a [u8])>> {
        let Some((name, parents)) = path.split_last() else { return Ok(None) };
        let mut last = self.last.borrow_mut();
        if let Some((parts, dir)) = &*last
            && parts == parents
        {
            return Ok(Some((Rc::clone(dir), name)));
        }
        let dir = Rc::new(self.dir(parents)?);
        *last = Some((parents.to_vec(), Rc::clone(&dir)));
        Ok(Some((dir, name)))
    }

    /// The directory itself.
    pub(crate) fn root(&self) -> &OwnedFd {
        &self.root
    }

    /// Opens the directory of these components, making what is missing.
    fn dir(&self, parts: &[Vec<u8>]) -> io::Result<OwnedFd> {
        match self.open_dir(parts) {
            Err(Errno::NOENT) => {}
            other => return Ok(other?),
        }
        for depth in 1..=parts.len() {
            let (above, name) = (&parts[..depth - 1], &parts[depth - 1]);
            let parent = self.open_dir(above)?;
            match rustix::fs::mkdirat(&parent, name.as_slice(), Mode::from_raw_mode(0o755)) {
                Ok(()) => self.settle(&self.open_dir(&parts[..depth])?, 0o755)?,
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.open_dir(parts)?)
    }

    fn open_dir(&self, parts: &[Vec<u8>]) -> Result<OwnedFd, Errno> {
        // Not O_NOFOLLOW: RESOLVE_NO_SYMLINKS covers the last component too, and tells a link as ELOOP.
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let joined = if parts.is_empty() { b".".to_vec() } else { parts.join(&b'/') };
        rustix::fs::openat2(&self.root, joined, flags, Mode::empty(), BENEATH)
    }

    /// Opens a directory that must exist.
    pub(crate) fn existing_dir(&self, path: &EntryPath) -> io::Result<OwnedFd> {
        Ok(self.open_dir(path.parts())?)
    }

    /// Looks without following.
    pub(crate) fn look(parent: &OwnedFd, name: &[u8]) -> io::Result<Found> {
        match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(Found::Nothing),
            Err(error) => Err(error.into()),
            Ok(stat) => Ok(match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => Found::Dir,
                FileType::RegularFile => Found::File,
                FileType::Symlink => Found::Symlink,
                _ => Found::Other,
            }),
        }
    }

    /// Makes room for a new entry: removes a file or an empty directory.
    pub(crate) fn clear(&self, parent: &OwnedFd, name: &[u8]) -> io::Result<()> {
        match Self::look(parent, name)? {
            Found::Nothing => Ok(()),
            Found::Dir => {
                *self.last.borrow_mut() = None;
                Ok(rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)?)
            }
            Found::File | Found::Symlink | Found::Other => {
                Ok(rustix::fs::unlinkat(parent, name, AtFlags::empty())?)
            }
        }
    }

    /// Makes an empty directory, writable for us until [`finish_dir`](Self::finish_dir).
    pub(crate) fn make_dir(&self, parent: &OwnedFd, name: &[u8]) -> io::Result<()> {
        rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o755))?;
        if self.as_root {
            rustix::fs::chownat(parent, name, Some(Uid::ROOT), Some(Gid::ROOT), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(())
    }

    /// Copies `content` into a new file, through `buffer`. Nothing is read when something of that name is there.
    pub(crate) fn make_file(
        &self,
        parent: &OwnedFd,
        name: &[u8],
        mode: u32,
        mtime: u64,
        content: &mut dyn Read,
        buffer: &mut [u8],
    ) -> io::Result<Made> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let fd = rustix::fs::openat2(parent, name, flags, Mode::from_raw_mode(0o600), BENEATH)?;
        let mut file = std::fs::File::from(fd);
        let (mut bytes, mut hash) = (0, Sha256::new());
        loop {
            let n = content.read(buffer)?;
            if n == 0 {
                break;
            }
            hash.update(&buffer[..n]);
            file.write_all(&buffer[..n])?;
            bytes += n as u64;
        }
        self.settle(&file, mode)?;
        rustix::fs::futimens(&file, &times(mtime))?;
        let inode = rustix::fs::fstat(&file)?.st_ino as u64;
        Ok(Made { bytes, inode, content: hash.finalize().into() })
    }

    /// Makes a symbolic link. Its text is data: it is never followed here.
    pub(crate) fn make_symlink(
        &self,
        parent: &OwnedFd,
        name: &[u8],
        target: &[u8],
        mtime: u64,
    ) -> io::Result<()> {
        rustix::fs::symlinkat(target, parent, name)?;
        if self.as_root {
            rustix::fs::chownat(parent, name, Some(Uid::ROOT), Some(Gid::ROOT), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        rustix::fs::utimensat(parent, name, &times(mtime), AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(())
    }

    /// Gives `name` in `parent` to the file or symbolic link `target` of this same tree; `None` when it is
    /// neither.
    pub(crate) fn make_hardlink(
        &self,
        parent: &OwnedFd,
        name: &[u8],
        target: &EntryPath,
    ) -> io::Result<Option<()>> {
        let Some((target_name, above)) = target.split_last() else { return Ok(None) };
        let target_parent = self.open_dir(above)?;
        // A link to a symbolic link is one more name of the link itself; nothing is followed.
        if !matches!(Self::look(&target_parent, target_name)?, Found::File | Found::Symlink) {
            return Ok(None);
        }
        rustix::fs::linkat(&target_parent, target_name, parent, name, AtFlags::empty())?;
        Ok(Some(()))
    }

    /// Hides `name` of lower layers: a 0/0 character device, or where the kernel denies those the attribute
    /// form of Linux 6.7, which its directory has to announce (Documentation/filesystems/overlayfs.rst).
    pub(crate) fn make_whiteout(&self, parent: &OwnedFd, name: &[u8]) -> io::Result<()> {
        match rustix::fs::mknodat(parent, name, FileType::CharacterDevice, Mode::empty(), 0) {
            Err(Errno::PERM) => self.make_xattr_whiteout(parent, name),
            other => Ok(other?),
        }
    }

    /// The attribute form of a whiteout.
    pub(crate) fn make_xattr_whiteout(&self, parent: &OwnedFd, name: &[u8]) -> io::Result<()> {
        self.make_file(parent, name, 0o600, 0, &mut io::empty(), &mut [0; 1])?;
        let fd = rustix::fs::openat2(
            parent,
            name,
            OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW,
            Mode::empty(),
            BENEATH,
        )?;
        rustix::fs::fsetxattr(&fd, c"user.overlay.whiteout", b"y", XattrFlags::empty())?;
        // `y` hides everything below and says more than `x`; it stays.
        match rustix::fs::fsetxattr(parent, c"user.overlay.opaque", b"x", XattrFlags::CREATE) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a directory hide the whole directory of that name in lower layers.
    pub(crate) fn make_opaque(dir: &OwnedFd) -> io::Result<()> {
        Ok(rustix::fs::fsetxattr(dir, c"user.overlay.opaque", b"y", XattrFlags::empty())?)
    }

    /// Gives a directory its final mode and time, when all its entries are made.
    pub(crate) fn finish_dir(&self, path: &EntryPath, mode: u32, mtime: u64) -> io::Result<()> {
        let dir = self.existing_dir(path)?;
        self.settle(&dir, mode | 0o700)?;
        rustix::fs::futimens(&dir, &times(mtime))?;
        Ok(())
    }

    /// Owner root, and the mode without setuid and setgid; the owner can always read.
    fn settle(&self, fd: &impl AsFd, mode: u32) -> io::Result<()> {
        if self.as_root {
            rustix::fs::fchown(fd, Some(Uid::ROOT), Some(Gid::ROOT))?;
        }
        rustix::fs::fchmod(fd, Mode::from_raw_mode(mode & 0o1777 | 0o400))?;
        Ok(())
    }
}

fn times(mtime: u64) -> Timestamps {
    let at = Timespec { tv_sec: i64::try_from(mtime).unwrap_or(0), tv_nsec: 0 };
    Timestamps { last_access: at, last_modification: at }
}
