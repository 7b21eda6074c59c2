//! One layer, from its compressed bytes to a directory that overlayfs understands.
//!
//! The rules of OCI layers (image-spec, layer.md) under the suspicion of sandbox.md R18: names stay beneath
//! the root, links are never followed, devices are dropped, setuid bits and extended attributes too, and caps
//! bound entries and bytes. `.wh.x` becomes an overlay whiteout, `.wh..wh..opq` an opaque directory. Both the
//! digest of the compressed bytes and the diff_id of the archive are computed on the way; the caller syncs
//! and keeps the directory only when this function returns.
//!
//! It runs in the process that asks. The unprivileged, network-less helper of R18 can call it unchanged: it
//! needs a directory and a reader, nothing else.

use std::collections::HashSet;
use std::io::{self, BufReader, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

use proto::id::Digest;
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use crate::error::{Doing, ImageError, Result};
use crate::layer::entries::{self, Entry, EntryPath, Kind, broken, hostile};
use crate::layer::tree::{Found, Tree};

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
const RESERVED: &[u8] = b".wh..wh.";

/// How the bytes of a layer are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// What one layer may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caps {
    /// Entries of the archive.
    pub entries: u64,
    /// Bytes of the uncompressed archive, which bounds what lands on the disk.
    pub bytes: u64,
    /// Bytes of all names together, which bounds what is kept in memory.
    pub name_bytes: u64,
}

impl Default for Caps {
    /// Twenty times a large compiler: a bomb stops long before it fills a disk.
    fn default() -> Self {
        Self { entries: 1_000_000, bytes: 16 << 30, name_bytes: 256 << 20 }
    }
}

/// What a layer should be.
#[derive(Debug, Clone)]
pub(crate) struct Expected<'a> {
    /// Of the packed bytes.
    pub digest: &'a Digest,
    /// Length of the packed bytes.
    pub size: u64,
    /// Of the plain archive.
    pub diff_id: &'a Digest,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Unpacked {
    /// Entries made.
    pub entries: u64,
    /// Bytes of file content.
    pub bytes: u64,
    /// Device nodes, FIFOs and sockets left out.
    pub dropped: u64,
}

/// Unpacks into `dir`, which exists and is empty.
///
/// # Errors
/// [`ImageError::HostileLayer`], [`ImageError::BrokenLayer`], [`ImageError::DigestMismatch`],
/// [`ImageError::NoXattr`] and [`ImageError::Io`]. The directory then holds rubbish and has to go.
pub(crate) fn unpack(
    packed: impl Read,
    packing: Packing,
    expected: &Expected<'_>,
    caps: Caps,
    dir: &Path,
) -> Result<Unpacked> {
    let mut outer = Hashing::new(packed, expected.size);
    let (unpacked, diff_id) = {
        let buffered = BufReader::with_capacity(1 << 17, &mut outer);
        match packing {
            Packing::Plain => unpack_stream(buffered, caps, dir)?,
            Packing::Gzip => unpack_stream(flate2::bufread::MultiGzDecoder::new(buffered), caps, dir)?,
            Packing::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(buffered).map_err(broken)?;
                unpack_stream(decoder, caps, dir)?
            }
        }
    };
    io::copy(&mut outer, &mut io::sink()).map_err(broken)?;
    check("the packed layer", expected.digest, outer.finish())?;
    check("the unpacked layer", expected.diff_id, diff_id)?;
    Ok(unpacked)
}

fn check(what: &'static str, expected: &Digest, found: Digest) -> Result<()> {
    if *expected == found {
        Ok(())
    } else {
        Err(ImageError::DigestMismatch { what, expected: expected.clone(), found })
    }
}

fn unpack_stream(stream: impl Read, caps: Caps, dir: &Path) -> Result<(Unpacked, Digest)> {
    let mut inner = Hashing::new(stream, caps.bytes);
    let mut unpacker = Unpacker {
        tree: Tree::open(dir).doing("open", dir)?,
        root: dir,
        caps,
        dirs: Vec::new(),
        whiteouts: HashSet::new(),
        name_bytes: 0,
        done: Unpacked::default(),
    };
    entries::for_each(&mut inner, |entry, content| unpacker.place(entry, content))?;
    unpacker.finish()?;
    // The end of the archive is not the end of the stream: the rest belongs to the diff_id.
    io::copy(&mut inner, &mut io::sink()).map_err(broken)?;
    Ok((unpacker.done, inner.finish()))
}

struct Unpacker<'a> {
    tree: Tree,
    root: &'a Path,
    caps: Caps,
    /// Directories with their final mode and time, given when everything is in them.
    dirs: Vec<(EntryPath, u32, u64)>,
    whiteouts: HashSet<EntryPath>,
    name_bytes: u64,
    done: Unpacked,
}

impl Unpacker<'_> {
    fn place(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<()> {
        self.done.entries += 1;
        if self.done.entries > self.caps.entries {
            return Err(hostile(
                &entry.path.bytes(),
                format!("the layer has more than {} entries", self.caps.entries),
            ));
        }
        self.name_bytes += entry.path.bytes().len() as u64;
        if self.name_bytes > self.caps.name_bytes {
            return Err(hostile(
                &entry.path.bytes(),
                format!("the names of the layer have more than {} bytes together", self.caps.name_bytes),
            ));
        }
        if entry.kind == Kind::Special {
            self.done.dropped += 1;
            return Ok(());
        }
        self.place_in_tree(entry, content).map_err(|source| self.explain(entry, source))?
    }

    /// The outer error is the system's, the inner one ours.
    fn place_in_tree(&mut self, entry: &Entry, content: &mut dyn Read) -> io::Result<Result<()>> {
        let Some((parent, name)) = self.tree.parent_of(&entry.path)? else {
            self.dirs.push((entry.path.clone(), entry.mode, entry.mtime));
            return Ok(Ok(()));
        };
        if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            return self.place_whiteout(entry, &parent, name, hidden);
        }
        match &entry.kind {
            Kind::Dir => self.place_dir(entry, &parent, name)?,
            Kind::File => {
                Tree::clear(&parent, name)?;
                let copied = self.tree.make_file(&parent, name, entry.mode, entry.mtime, content)?;
                self.done.bytes += copied;
                if copied != entry.size {
                    return Ok(Err(broken(io::ErrorKind::UnexpectedEof.into())));
                }
            }
            Kind::Symlink(target) => {
                Tree::clear(&parent, name)?;
                self.tree.make_symlink(&parent, name, target, entry.mtime)?;
            }
            Kind::Hardlink(target) if *target == entry.path => {}
            Kind::Hardlink(target) => {
                Tree::clear(&parent, name)?;
                if self.tree.make_hardlink(&parent, name, target)?.is_none() || self.hides(target) {
                    return Ok(Err(hostile(
                        &entry.path.bytes(),
                        format!("its hard link target `{}` is not a file of this layer", target.display()),
                    )));
                }
            }
            Kind::Special => {}
        }
        self.whiteouts.remove(&entry.path);
        Ok(Ok(()))
    }

    fn place_dir(&mut self, entry: &Entry, parent: &OwnedFd, name: &[u8]) -> io::Result<()> {
        if Tree::look(parent, name)? != Found::Dir {
            Tree::clear(parent, name)?;
            self.tree.make_dir(parent, name)?;
            if self.hides(&entry.path) {
                // Removed below and made again here: nothing of the old one shows through.
                Tree::make_opaque(&self.tree.existing_dir(&entry.path)?)?;
            }
        }
        self.dirs.push((entry.path.clone(), entry.mode, entry.mtime));
        Ok(())
    }

    fn place_whiteout(
        &mut self,
        entry: &Entry,
        parent: &OwnedFd,
        name: &[u8],
        hidden: &[u8],
    ) -> io::Result<Result<()>> {
        if name == OPAQUE {
            Tree::make_opaque(parent)?;
            return Ok(Ok(()));
        }
        if name.starts_with(RESERVED) {
            // Bookkeeping of aufs, which some old images carry; it names no file.
            return Ok(Ok(()));
        }
        if matches!(hidden, b"" | b"." | b"..") {
            return Ok(Err(hostile(&entry.path.bytes(), "it is a whiteout of no name")));
        }
        let path = entry.path.with_name(hidden);
        // A whiteout speaks of lower layers only: what this layer has itself stays.
        match Tree::look(parent, hidden)? {
            Found::Dir => Tree::make_opaque(&self.tree.existing_dir(&path)?)?,
            Found::File | Found::Symlink | Found::Other => {}
            Found::Nothing => {
                self.tree.make_whiteout(parent, hidden)?;
                self.whiteouts.insert(path);
            }
        }
        Ok(Ok(()))
    }

    fn hides(&self, path: &EntryPath) -> bool {
        self.whiteouts.contains(path)
    }

    /// Deepest first, so that no finished directory is touched again.
    fn finish(&mut self) -> Result<()> {
        let mut dirs = std::mem::take(&mut self.dirs);
        dirs.reverse();
        dirs.sort_by_key(|(path, ..)| std::cmp::Reverse(path.parts().len()));
        let mut seen = HashSet::new();
        for (path, mode, mtime) in dirs {
            // The last entry about a directory counts; the sort is stable and the list was reversed.
            if seen.insert(path.clone()) {
                match self.tree.finish_dir(&path, mode, mtime) {
                    // A later entry of the archive put something else in its place.
                    Err(error) if replaced(&error) => {}
                    other => other.doing("finish", self.root.join(path.display()))?,
                }
            }
        }
        Ok(())
    }

    fn explain(&self, entry: &Entry, source: io::Error) -> ImageError {
        let path = entry.path.bytes();
        match Errno::from_io_error(&source) {
            Some(Errno::LOOP) => hostile(&path, "one of its parents is a symbolic link"),
            Some(Errno::XDEV) => hostile(&path, "it leads out of the layer"),
            Some(Errno::NOTDIR) => hostile(&path, "one of its parents is not a directory"),
            Some(Errno::NOTEMPTY) => hostile(&path, "it replaces a directory that is not empty"),
            Some(Errno::NOENT) => hostile(&path, "its hard link target is not in this layer"),
            Some(Errno::OPNOTSUPP) => ImageError::NoXattr { path: self.root.to_path_buf(), source },
            None => broken(source),
            Some(_) => ImageError::Io { doing: "unpack", path: self.root.join(entry.path.display()), source },
        }
    }
}

fn replaced(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOTDIR | Errno::NOENT | Errno::LOOP))
}

/// Hashes what passes and stops after `left` bytes.
pub(crate) struct Hashing<R> {
    inner: R,
    hash: Sha256,
    left: u64,
}

impl<R: Read> Hashing<R> {
    pub(crate) fn new(inner: R, max: u64) -> Self {
        Self { inner, hash: Sha256::new(), left: max }
    }

    pub(crate) fn finish(self) -> Digest {
        Digest::from_raw(&self.hash.finalize())
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(n as u64).ok_or_else(|| {
            io::Error::new(io::ErrorKind::FileTooLarge, "the layer is larger than it may be or says it is")
        })?;
        self.hash.update(&buffer[..n]);
        Ok(n)
    }
}
