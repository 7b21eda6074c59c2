//! One layer, from its compressed bytes to a directory that overlayfs understands.
//!
//! The rules of OCI layers (image-spec, layer.md) under the suspicion of sandbox.md R18: names stay beneath
//! the root, links are never followed, devices are dropped, setuid bits and extended attributes too, and caps
//! bound entries and bytes. `.wh.x` becomes an overlay whiteout, `.wh..wh..opq` an opaque directory. Both the
//! digest of the compressed bytes and the diff_id of the archive are computed on the way; the caller syncs
//! and keeps the directory only when this function returns.
//!
//! Three threads share the work, because each of unpacking, hashing and writing takes about as long as the others:
//!
//! ```text
//! packed bytes ─> decompress, digest ─┬─> hash: diff_id
//!                                     └─> read entries, make files (the caller's thread)
//! ```
//! It needs a directory and a reader, nothing else: the unprivileged, network-less helper of R18 (helper.rs) calls it.

use std::collections::HashSet;
use std::io::{self, BufReader, Read};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use proto::id::Digest;
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use crate::error::{Doing, ImageError, Result};
use crate::layer::digest::{Contents, TreeDigest};
use crate::layer::entries::{self, Entry, EntryPath, Kind, broken, hostile};
use crate::layer::tree::{CHUNK, Found, Made, Tree};

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
const RESERVED: &[u8] = b".wh..wh.";

/// Bytes that go from thread to thread at once, and how many such pieces may wait.
const PIECE: usize = 256 << 10;
const PIECES: usize = 16;

/// How the bytes of a layer are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// What one layer may hold.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Caps {
    /// Entries of the archive.
    pub entries: u64,
    /// Bytes of the uncompressed archive, which bounds what lands on the disk.
    pub bytes: u64,
    /// An archive of so many bytes is no bomb, however small it was packed.
    pub harmless: u64,
    /// Uncompressed bytes for each packed one beyond that. Layers of compilers have 3 to 6; gzip can reach 1032, zstd
    /// a hundred times that.
    pub ratio: u64,
    /// Bytes of all names together, which bounds what is kept in memory.
    pub name_bytes: u64,
}

impl Default for Caps {
    /// Ten times a large compiler: a bomb stops long before it fills a disk.
    fn default() -> Self {
        Self { entries: 500_000, bytes: 16 << 30, harmless: 1 << 30, ratio: 200, name_bytes: 128 << 20 }
    }
}

impl Caps {
    /// These caps for a layer of `packed` bytes.
    fn of_packed(self, packed: u64) -> Self {
        Self { bytes: self.bytes.min(packed.saturating_mul(self.ratio).max(self.harmless)), ..self }
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
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Unpacked {
    /// Entries made.
    pub entries: u64,
    /// Bytes of file content.
    pub bytes: u64,
    /// Device nodes, FIFOs and sockets left out.
    pub dropped: u64,
    /// The tree that was made, as [`TreeDigest`] has it.
    pub tree: Digest,
    /// Bytes it takes on the disk.
    pub disk: u64,
}

/// Unpacks into `dir`, which exists and is empty.
///
/// # Errors
/// [`ImageError::HostileLayer`], [`ImageError::BrokenLayer`], [`ImageError::DigestMismatch`],
/// [`ImageError::NoXattr`] and [`ImageError::Io`]. The directory then holds rubbish and has to go.
#[cfg(any(test, fuzzing))]
pub(crate) fn unpack(
    packed: impl Read + Send,
    packing: Packing,
    expected: &Expected<'_>,
    caps: Caps,
    dir: &Path,
) -> Result<Unpacked> {
    unpack_telling(packed, packing, expected, caps, dir, |_| ())
}

/// The same, telling now and then how many packed bytes are done.
pub(crate) fn unpack_telling(
    packed: impl Read + Send,
    packing: Packing,
    expected: &Expected<'_>,
    caps: Caps,
    dir: &Path,
    tell: impl Fn(u64) + Send,
) -> Result<Unpacked> {
    let caps = caps.of_packed(expected.size);
    let (unpacked, digest, diff_id) = std::thread::scope(|scope| {
        let (pieces, stream) = sync_channel(PIECES);
        let (copies, to_hash) = sync_channel(PIECES);
        let size = expected.size;
        let decompress = scope.spawn(move || {
            let counted = Telling { inner: packed, done: 0, tell };
            let mut outer = Hashing::new(counted, size);
            if let Err(error) = decompress(&mut outer, packing, caps.bytes, &pieces, &copies) {
                // Whoever reads has gone only when it has an error of its own.
                let _ = pieces.send(Err(error));
            }
            outer.finish()
        });
        let hash = scope.spawn(move || hash(&to_hash));
        let mut stream = Pieces { stream, piece: Arc::default(), at: 0 };
        let unpacked = place_all(&mut stream, caps, dir);
        drop(stream);
        let lost = |_| broken(io::Error::other("a thread that unpacks ended in a panic"));
        let digest = decompress.join().map_err(lost);
        let diff_id = hash.join().map_err(lost);
        Ok((unpacked?, digest?, diff_id?))
    })?;
    check("the packed layer", expected.digest, digest)?;
    check("the unpacked layer", expected.diff_id, diff_id)?;
    Ok(unpacked)
}

/// Sends the plain bytes to both readers, piece by piece, and reads the packed ones to their end.
fn decompress<R: Read>(
    outer: &mut Hashing<R>,
    packing: Packing,
    max: u64,
    pieces: &SyncSender<io::Result<Arc<Vec<u8>>>>,
    copies: &SyncSender<Arc<Vec<u8>>>,
) -> io::Result<()> {
    {
        let buffered = BufReader::with_capacity(1 << 17, &mut *outer);
        let mut plain: Box<dyn Read + '_> = match packing {
            Packing::Plain => Box::new(buffered),
            Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(buffered)),
            Packing::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(buffered)?),
        };
        let mut left = max;
        loop {
            let mut piece = vec![0; PIECE];
            let n = fill(&mut plain, &mut piece)?;
            if n == 0 {
                break;
            }
            left = left.checked_sub(n as u64).ok_or_else(|| bomb(max))?;
            piece.truncate(n);
            let piece = Arc::new(piece);
            if copies.send(Arc::clone(&piece)).is_err() || pieces.send(Ok(piece)).is_err() {
                return Ok(());
            }
        }
    }
    io::copy(outer, &mut io::sink()).map(drop)
}

/// Reads until the buffer is full or the stream ends.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn hash(pieces: &Receiver<Arc<Vec<u8>>>) -> Digest {
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update(&*piece);
    }
    Digest::from_raw(&hash.finalize())
}

/// The plain stream, put together again.
struct Pieces {
    stream: Receiver<io::Result<Arc<Vec<u8>>>>,
    piece: Arc<Vec<u8>>,
    at: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() {
            // The sender has gone: that is the end.
            let Ok(piece) = self.stream.recv() else { return Ok(0) };
            (self.piece, self.at) = (piece?, 0);
        }
        let n = buffer.len().min(self.piece.len() - self.at);
        buffer[..n].copy_from_slice(&self.piece[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

struct Telling<R, T> {
    inner: R,
    done: u64,
    tell: T,
}

impl<R: Read, T: Fn(u64)> Read for Telling<R, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.done += n as u64;
        (self.tell)(self.done);
        Ok(n)
    }
}

fn check(what: &'static str, expected: &Digest, found: Digest) -> Result<()> {
    if *expected == found {
        Ok(())
    } else {
        Err(ImageError::DigestMismatch { what, expected: expected.clone(), found })
    }
}

fn place_all(stream: &mut impl Read, caps: Caps, dir: &Path) -> Result<Unpacked> {
    let mut unpacker = Unpacker {
        tree: Tree::open(dir).doing("open", dir)?,
        root: dir,
        caps,
        dirs: Vec::new(),
        whiteouts: HashSet::new(),
        name_bytes: 0,
        contents: Contents::new(),
        buffer: vec![0; CHUNK],
        entries: 0,
        bytes: 0,
        dropped: 0,
    };
    entries::for_each(&mut *stream, |entry, content| unpacker.place(entry, content))?;
    // The end of the archive is not the end of the stream: the rest belongs to the diff_id.
    io::copy(stream, &mut io::sink()).map_err(broken)?;
    unpacker.finish()?;
    let found = TreeDigest::with(unpacker.tree.root(), &unpacker.contents).doing("read", dir)?;
    Ok(Unpacked {
        entries: unpacker.entries,
        bytes: unpacker.bytes,
        dropped: unpacker.dropped,
        tree: found.digest,
        disk: found.disk,
    })
}

struct Unpacker<'a> {
    tree: Tree,
    root: &'a Path,
    caps: Caps,
    /// Directories with their final mode and time, given when everything is in them.
    dirs: Vec<(EntryPath, u32, u64)>,
    whiteouts: HashSet<EntryPath>,
    name_bytes: u64,
    /// Of the files made, so that the tree's digest need not read them again.
    contents: Contents,
    buffer: Vec<u8>,
    entries: u64,
    bytes: u64,
    dropped: u64,
}

impl Unpacker<'_> {
    fn place(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<()> {
        self.entries += 1;
        if self.entries > self.caps.entries {
            return Err(hostile(
                &entry.path.bytes(),
                format!("the layer has more than {} entries", self.caps.entries),
            ));
        }
        self.name_bytes += entry.path.bytes().len() as u64;
        // Before a byte of it is written: what a bomb says it has would fill the disk first.
        if entry.size > self.caps.bytes {
            return Err(hostile(
                &entry.path.bytes(),
                format!("it has {} bytes; the whole layer may have at most {}", entry.size, self.caps.bytes),
            ));
        }
        if self.name_bytes > self.caps.name_bytes {
            return Err(hostile(
                &entry.path.bytes(),
                format!("the names of the layer have more than {} bytes together", self.caps.name_bytes),
            ));
        }
        if entry.kind == Kind::Special {
            self.dropped += 1;
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
                let made = self.place_file(entry, &parent, name, content)?;
                self.bytes += made.bytes;
                if made.bytes != entry.size {
                    return Ok(Err(broken(io::ErrorKind::UnexpectedEof.into())));
                }
                self.contents.insert(made.inode, made.content);
            }
            Kind::Symlink(target) => {
                self.tree.clear(&parent, name)?;
                self.tree.make_symlink(&parent, name, target, entry.mtime)?;
            }
            Kind::Hardlink(target) if *target == entry.path => {}
            Kind::Hardlink(target) => {
                self.tree.clear(&parent, name)?;
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

    fn place_file(
        &mut self,
        entry: &Entry,
        parent: &OwnedFd,
        name: &[u8],
        content: &mut dyn Read,
    ) -> io::Result<Made> {
        let Self { tree, buffer, .. } = self;
        let mut make = || tree.make_file(parent, name, entry.mode, entry.mtime, content, buffer);
        match make() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                tree.clear(parent, name)?;
                make()
            }
            other => other,
        }
    }

    fn place_dir(&mut self, entry: &Entry, parent: &OwnedFd, name: &[u8]) -> io::Result<()> {
        if Tree::look(parent, name)? != Found::Dir {
            self.tree.clear(parent, name)?;
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

fn bomb(max: u64) -> io::Error {
    let why =
        format!("the layer unpacks to more than {max} bytes, the most that one packed so small may have");
    io::Error::new(io::ErrorKind::FileTooLarge, why)
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "the layer is larger than it may be or says it is")
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
        self.left = self.left.checked_sub(n as u64).ok_or_else(too_large)?;
        self.hash.update(&buffer[..n]);
        Ok(n)
    }
}
