//! Who may do what at the same time, over threads and processes alike. All locks are `flock`s: they end with the
//! process that holds them, however it ends.
//!
//! ```text
//! build.lock     exclusive  one build at a time
//! writers.lock   shared     whoever adds blobs or layers that no name holds yet (build, pull, import, unpack)
//!                exclusive  whoever removes what no name holds (remove, gc, eviction, sweeping)
//! locks/<layer>  exclusive  one unpacks a layer, the others wait and find it
//! lock           exclusive  reading, changing and writing the list of names
//! layers/<layer>/complete  shared: a run reads this layer; exclusive: it is being removed
//! ```
//! They are taken in this order, so nobody waits in a circle.

use std::fs::File;
use std::path::Path;

use proto::id::Digest;
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::blobs::TEMPORARY;
use crate::build::WORK;
use crate::error::{Doing, Result};
use crate::store::Store;

/// Start of the names of folders that hold an archive while it is imported.
pub(crate) const INCOMING: &str = ".incoming-";

/// Blobs and layers may be added that no name holds yet: nobody removes such meanwhile.
#[derive(Debug)]
pub(crate) struct Writing {
    _lock: File,
}

/// Nobody else adds anything.
#[derive(Debug)]
pub(crate) struct Alone {
    _lock: File,
}

/// The one build.
#[derive(Debug)]
pub(crate) struct Building {
    _writing: Writing,
    _lock: File,
}

impl Store {
    /// Waits until nobody else changes the list of names.
    pub(crate) fn lock(&self) -> Result<File> {
        self.lock_file("lock", FlockOperation::LockExclusive)
    }

    /// Waits until no other process builds into the store.
    pub(crate) fn lock_build(&self) -> Result<Building> {
        let lock = self.lock_file("build.lock", FlockOperation::LockExclusive)?;
        Ok(Building { _writing: self.writing()?, _lock: lock })
    }

    /// Waits until nobody removes anything. What crashes left goes when there is nobody it could belong to.
    pub(crate) fn writing(&self) -> Result<Writing> {
        self.sweep_if_alone()?;
        Ok(Writing { _lock: self.lock_file("writers.lock", FlockOperation::LockShared)? })
    }

    /// Waits until nobody adds anything, which may take as long as a pull.
    pub(crate) fn alone(&self) -> Result<Alone> {
        Ok(Alone { _lock: self.lock_file("writers.lock", FlockOperation::LockExclusive)? })
    }

    /// The same without waiting.
    pub(crate) fn try_alone(&self) -> Result<Option<Alone>> {
        let file = self.open_lock("writers.lock")?;
        let got = flock(&file, FlockOperation::NonBlockingLockExclusive);
        match got {
            Ok(()) => Ok(Some(Alone { _lock: file })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error).doing("lock", self.path()),
        }
    }

    /// Waits until nobody else unpacks this layer. The caller holds [`Writing`].
    pub(crate) fn lock_layer(&self, id: &Digest) -> Result<File> {
        let folder = self.path().join("locks");
        std::fs::create_dir_all(&folder).doing("create", &folder)?;
        self.lock_file(&format!("locks/{}", id.hex()), FlockOperation::LockExclusive)
    }

    /// Removes what killed processes left half-made: whatever has a temporary name while nobody adds anything.
    pub(crate) fn sweep_if_alone(&self) -> Result<()> {
        let Some(_alone) = self.try_alone()? else { return Ok(()) };
        let places: [(&Path, &[&str]); 3] = [
            (self.path(), &[TEMPORARY, INCOMING, WORK]),
            (self.blobs.folder(), &[TEMPORARY]),
            (self.layers.folder(), &[TEMPORARY]),
        ];
        for (folder, prefixes) in places {
            for entry in std::fs::read_dir(folder).doing("list", folder)? {
                let entry = entry.doing("list", folder)?;
                let name = entry.file_name();
                if prefixes.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                    let path = entry.path();
                    let removed = if entry.file_type().doing("look at", &path)?.is_dir() {
                        std::fs::remove_dir_all(&path)
                    } else {
                        std::fs::remove_file(&path)
                    };
                    removed.doing("remove", path)?;
                }
            }
        }
        Ok(())
    }

    fn lock_file(&self, name: &str, how: FlockOperation) -> Result<File> {
        let file = self.open_lock(name)?;
        flock(&file, how).doing("lock", self.path().join(name))?;
        Ok(file)
    }

    fn open_lock(&self, name: &str) -> Result<File> {
        let path = self.path().join(name);
        File::options().create(true).truncate(false).write(true).open(&path).doing("open", path)
    }
}

/// Takes or gives back a lock; a signal in between does not end the wait.
pub(crate) fn flock(file: &File, how: FlockOperation) -> std::result::Result<(), Errno> {
    loop {
        match rustix::fs::flock(file, how) {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}
