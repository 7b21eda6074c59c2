//! Unpacked layers: `layers/<diff_id>/fs`, each unpacked once and then only read.
//!
//! A layer is made in a temporary directory beside its place, synced, given its marker file `complete`, and
//! renamed. A directory without the marker is what a crash left; it is never given out, and goes when the
//! layer is next wanted. The marker also carries the lease: readers lock it shared, whoever removes the layer locks it
//! exclusively and takes it away first.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use proto::id::Digest;
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::blobs::{TEMPORARY, sync_dir};
use crate::error::{Doing, ImageError, Result};
use crate::layer::digest::TreeDigest;
use crate::store::locks::flock;

const MARKER: &str = "complete";
const TREE: &str = "fs";
/// Longest marker that is read.
const MARKER_BYTES_MAX: u64 = 64 << 10;
/// How often a lease is tried while layers come and go; each failed try means somebody else got on.
const LEASE_TRIES: u32 = 1000;

/// Trees of at most so many entries are synced file by file; beyond, one sync of the file system is cheaper.
const SYNCED_ALONE_MAX: u64 = 64;

/// The folder of unpacked layers of one store.
#[derive(Debug, Clone)]
pub(crate) struct Layers {
    folder: PathBuf,
}

/// What the marker file says.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Marker {
    pub entries: u64,
    /// Of file content.
    pub bytes: u64,
    pub dropped: u64,
    /// Everything in the tree in one digest; layers unpacked by versions before 0.2 have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<Digest>,
    /// Bytes the tree takes on the disk.
    #[serde(default)]
    pub disk: u64,
}

impl Marker {
    /// Of a tree that is there, read once more.
    pub(crate) fn of(tree: &Path) -> Result<Self> {
        let found = TreeDigest::of(tree).doing("read", tree)?;
        Ok(Self {
            entries: found.entries,
            bytes: found.bytes,
            dropped: 0,
            tree: Some(found.digest),
            disk: found.disk,
        })
    }
}

impl Layers {
    pub(crate) fn open(images: &Path) -> Result<Self> {
        let folder = images.join("layers");
        std::fs::create_dir_all(&folder).doing("create", &folder)?;
        Ok(Self { folder })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn place(&self, id: &Digest) -> PathBuf {
        self.folder.join(id.hex())
    }

    /// The tree of a layer, if it is there and whole. Without a lease it may go at any time.
    pub(crate) fn find(&self, id: &Digest) -> Option<PathBuf> {
        let place = self.place(id);
        place.join(MARKER).is_file().then(|| place.join(TREE))
    }

    /// The tree of a layer, if it is there and whole, and the lock that keeps it.
    pub(crate) fn lease(&self, id: &Digest) -> Result<Option<(PathBuf, File)>> {
        let path = self.place(id).join(MARKER);
        for _ in 0..LEASE_TRIES {
            let marker = match File::open(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                other => other.doing("open", &path)?,
            };
            flock(&marker, FlockOperation::LockShared).doing("lock", &path)?;
            // Between opening and locking, somebody may have removed the layer, and another made it again.
            let held = marker.metadata().doing("look at", &path)?.ino();
            if std::fs::metadata(&path).is_ok_and(|now| now.ino() == held) {
                return Ok(Some((self.place(id).join(TREE), marker)));
            }
        }
        Err(ImageError::Damaged {
            what: path.display().to_string(),
            problem: "does not hold still".to_owned(),
        })
    }

    /// Whether something reads the layer now.
    pub(crate) fn is_leased(&self, id: &Digest) -> bool {
        File::open(self.place(id).join(MARKER)).is_ok_and(|marker| {
            matches!(flock(&marker, FlockOperation::NonBlockingLockExclusive), Err(Errno::WOULDBLOCK))
        })
    }

    /// What is known about a layer that is there.
    pub(crate) fn marker(&self, id: &Digest) -> Result<Marker> {
        use std::io::Read as _;
        let path = self.place(id).join(MARKER);
        let mut text = Vec::new();
        File::open(&path)
            .and_then(|file| file.take(MARKER_BYTES_MAX).read_to_end(&mut text))
            .doing("read", &path)?;
        serde_json::from_slice(&text).map_err(|error| ImageError::Damaged {
            what: path.display().to_string(),
            problem: format!("is not what was written ({error})"),
        })
    }

    /// Bytes of all unpacked layers.
    pub(crate) fn usage(&self) -> Result<u64> {
        let markers = self.all()?.into_iter().map(|id| self.marker(&id).map_or(0, |marker| marker.disk));
        Ok(markers.sum())
    }

    /// The layer made by `fill`, which is given the path of an empty directory. The caller holds the layer's lock.
    pub(crate) fn make(
        &self,
        id: &Digest,
        fill: impl FnOnce(&Path) -> Result<Marker>,
    ) -> Result<(PathBuf, File)> {
        if let Some(found) = self.lease(id)? {
            return Ok(found);
        }
        let place = self.place(id);
        if place.exists() {
            remove_tree(&place)?;
        }
        let making = tempfile::Builder::new()
            .prefix(TEMPORARY)
            .tempdir_in(&self.folder)
            .doing("create", &self.folder)?;
        open_to_all(making.path())?;
        let tree = making.path().join(TREE);
        std::fs::create_dir(&tree).doing("create", &tree)?;
        open_to_all(&tree)?;
        let marker = fill(&tree)?;
        sync_tree(&tree, marker.entries)?;
        let text = serde_json::to_string(&marker).map_err(std::io::Error::other).doing("encode", &tree)?;
        let path = making.path().join(MARKER);
        File::create(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .doing("write", &path)?;
        sync_dir(making.path())?;
        std::fs::rename(making.path(), &place).doing("rename", making.path())?;
        let _ = making.keep();
        sync_dir(&self.folder)?;
        self.lease(id)?.ok_or_else(|| ImageError::Damaged {
            what: place.display().to_string(),
            problem: "went as soon as it was made".to_owned(),
        })
    }

    /// Removes a layer unless something reads it: then `None`, else the bytes it had.
    pub(crate) fn remove(&self, id: &Digest) -> Result<Option<u64>> {
        let place = self.place(id);
        let path = place.join(MARKER);
        let bytes = match File::open(&path) {
            // A crash left it, or somebody else is at it; nobody can have leased it.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            other => {
                let marker = other.doing("open", &path)?;
                match flock(&marker, FlockOperation::NonBlockingLockExclusive) {
                    Err(Errno::WOULDBLOCK) => return Ok(None),
                    other => other.doing("lock", &path)?,
                }
                let bytes = self.marker(id).map_or(0, |marker| marker.disk);
                // The marker goes first: a half-removed tree is never taken for a whole one.
                std::fs::remove_file(&path).doing("remove", &path)?;
                bytes
            }
        };
        remove_tree(&place)?;
        Ok(Some(bytes))
    }

    /// Ids of all layers, also of those a crash left half.
    pub(crate) fn all(&self) -> Result<Vec<Digest>> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(&self.folder).doing("list", &self.folder)? {
            let name = entry.doing("list", &self.folder)?.file_name();
            all.extend(format!("sha256:{}", name.to_string_lossy()).parse::<Digest>());
        }
        Ok(all)
    }
}

/// Mode 0755 whatever the umask: the program of a box reads these trees as another user.
pub(crate) fn open_to_all(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).doing("set the mode of", path)
}

/// Puts a new tree on the disk: few files one by one, many with everything else this file system has to write.
fn sync_tree(tree: &Path, entries: u64) -> Result<()> {
    let root = File::open(tree).doing("open", tree)?;
    if entries > SYNCED_ALONE_MAX {
        return rustix::fs::syncfs(&root).doing("sync", tree);
    }
    let mut folders = vec![tree.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).doing("list", &folder)? {
            let entry = entry.doing("list", &folder)?;
            let kind = entry.file_type().doing("look at", entry.path())?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                File::open(entry.path()).and_then(|file| file.sync_all()).doing("sync", entry.path())?;
            }
        }
        sync_dir(&folder)?;
    }
    Ok(())
}

fn remove_tree(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.doing("remove", path),
    }
}
