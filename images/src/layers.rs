//! Unpacked layers: `layers/<diff_id>/fs`, each unpacked once and then only read.
//!
//! A layer is made in a temporary directory beside its place, synced, given its marker file `complete`, and
//! renamed. A directory without the marker is what a crash left; it is never given out, and goes when the
//! layer is next wanted. Callers hold the store's lock while they make or remove one.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use proto::id::Digest;
use serde::{Deserialize, Serialize};

use crate::blobs::{Blobs, sync_dir};
use crate::error::{Doing, Result};
use crate::layer::unpack::{Caps, Expected, Packing, unpack};

const MARKER: &str = "complete";
const TREE: &str = "fs";
const TEMPORARY: &str = ".tmp-";

/// The folder of unpacked layers of one store.
#[derive(Debug, Clone)]
pub(crate) struct Layers {
    folder: PathBuf,
}

/// What the marker file says.
#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    entries: u64,
    bytes: u64,
    dropped: u64,
}

impl Layers {
    pub(crate) fn open(images: &Path) -> Result<Self> {
        let folder = images.join("layers");
        std::fs::create_dir_all(&folder).doing("create", &folder)?;
        Ok(Self { folder })
    }

    fn place(&self, id: &Digest) -> PathBuf {
        self.folder.join(id.hex())
    }

    /// The tree of a layer, if it is there and whole.
    pub(crate) fn find(&self, id: &Digest) -> Option<PathBuf> {
        let place = self.place(id);
        place.join(MARKER).is_file().then(|| place.join(TREE))
    }

    /// The tree of a layer of an image, unpacked now if need be. The caller holds the store's lock.
    pub(crate) fn unpack(&self, blobs: &Blobs, packing: Packing, expected: &Expected<'_>) -> Result<PathBuf> {
        self.make(expected.diff_id, |tree| {
            let done = unpack(blobs.file(expected.digest)?, packing, expected, Caps::default(), tree)?;
            if done.dropped > 0 {
                tracing::info!(layer = %expected.diff_id, dropped = done.dropped, "device nodes left out of a layer");
            }
            Ok(Marker { entries: done.entries, bytes: done.bytes, dropped: done.dropped })
        })
    }

    /// The tree of a layer made by `fill`, which is given an empty directory. The caller holds the lock.
    pub(crate) fn generate(&self, id: &Digest, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        self.make(id, |tree| {
            fill(tree)?;
            Ok(Marker { entries: 0, bytes: 0, dropped: 0 })
        })
    }

    fn make(&self, id: &Digest, fill: impl FnOnce(&Path) -> Result<Marker>) -> Result<PathBuf> {
        if let Some(tree) = self.find(id) {
            return Ok(tree);
        }
        self.sweep()?;
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
        let file = File::open(&tree).doing("open", &tree)?;
        rustix::fs::syncfs(&file).doing("sync", &tree)?;
        let text = serde_json::to_string(&marker).map_err(std::io::Error::other).doing("encode", &tree)?;
        let path = making.path().join(MARKER);
        File::create(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .doing("write", &path)?;
        sync_dir(making.path())?;
        let made = making.keep();
        std::fs::rename(&made, &place).doing("rename", &made)?;
        sync_dir(&self.folder)?;
        Ok(place.join(TREE))
    }

    /// Removes every layer that is not in `keep`, and what crashes left. The caller holds the lock.
    pub(crate) fn keep_only(&self, keep: &[Digest]) -> Result<()> {
        for path in self.entries()? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if !keep.iter().any(|id| id.hex() == name) {
                // The marker goes first: a half-removed tree is never taken for a whole one.
                let _ = std::fs::remove_file(path.join(MARKER));
                remove_tree(&path)?;
            }
        }
        Ok(())
    }

    /// Removes what crashes left. Under the lock nobody else is making a layer.
    fn sweep(&self) -> Result<()> {
        for path in self.entries()? {
            if path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(TEMPORARY))
            {
                remove_tree(&path)?;
            }
        }
        Ok(())
    }

    fn entries(&self) -> Result<Vec<PathBuf>> {
        std::fs::read_dir(&self.folder)
            .and_then(|list| list.map(|entry| entry.map(|e| e.path())).collect())
            .doing("list", &self.folder)
    }
}

/// Mode 0755 whatever the umask: the program of a box reads these trees as another user.
pub(crate) fn open_to_all(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).doing("set the mode of", path)
}

fn remove_tree(path: &Path) -> Result<()> {
    std::fs::remove_dir_all(path).doing("remove", path)
}
