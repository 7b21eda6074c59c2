//! Files by key below one folder, at most so many bytes of them: what was not used for longest goes first.
//!
//! Any number of processes may use one folder. An entry appears whole under its name, by a rename, and has
//! its own hash in front: one that was cut or changed is dropped and counts as not there. Whatever goes wrong
//! with the disk is a miss, never a failure of the judging.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;
use proto::id::Digest;
use proto::units::Bytes;
use sha2::{Digest as _, Sha256};

/// An entry has at most this part of the whole.
const PART_OF_WHOLE: u64 = 8;
/// Down to how much of the whole is made room, in hundredths, so that it is not done at every entry.
const ROOM_PERCENT: u64 = 90;
/// A half-written file older than this belongs to a process that is gone.
const STALE: Duration = Duration::from_hours(1);
/// Name of the folder for entries on their way.
const UNFINISHED: &str = "unfinished";

/// The files.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    most: u64,
    /// Bytes there when last counted and put since; other processes put, too, which the next count shows.
    used: Mutex<Option<u64>>,
}

impl Store {
    /// Uses `folder` for at most `most` bytes, and makes it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(folder: &Path, most: Bytes) -> io::Result<Self> {
        let unfinished = folder.join(UNFINISHED);
        // Outputs, and what validators say of secret data: nobody else's business.
        DirBuilder::new().recursive(true).mode(0o700).create(&unfinished)?;
        for left in fs::read_dir(&unfinished)?.flatten() {
            let age = left.metadata().and_then(|m| m.modified()).ok().and_then(|at| at.elapsed().ok());
            if age.is_some_and(|age| age > STALE) {
                let _ = fs::remove_file(left.path());
            }
        }
        Ok(Self { folder: folder.to_owned(), most: most.get(), used: Mutex::new(None) })
    }

    fn place(&self, key: &Digest) -> PathBuf {
        self.folder.join(&key.hex()[..2]).join(key.hex())
    }

    /// What is kept under `key`. Blocks.
    pub(super) fn get(&self, key: &Digest) -> Option<Vec<u8>> {
        let place = self.place(key);
        let mut file = File::open(&place).ok()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        let whole = bytes
            .split_first_chunk::<32>()
            .is_some_and(|(hash, content)| Sha256::digest(content)[..] == hash[..]);
        if !whole {
            tracing::warn!(key = key.hex(), "an entry of the cache was damaged; it is dropped");
            let _ = fs::remove_file(&place);
            return None;
        }
        // Used now: that is what the order of going is made of.
        let _ = futimens(&file, &TimeSpec::UTIME_NOW, &TimeSpec::UTIME_NOW);
        Some(bytes.split_off(32))
    }

    /// Keeps `content` under `key`, unless it is empty or too large. Blocks.
    pub(super) fn put(&self, key: &Digest, content: &[u8]) {
        let size = content.len() as u64 + 32;
        if content.is_empty() || size > self.most / PART_OF_WHOLE {
            return;
        }
        match self.write(key, content) {
            Ok(()) => self.make_room(size),
            Err(error) => tracing::warn!(%error, "the cache cannot be written"),
        }
    }

    fn write(&self, key: &Digest, content: &[u8]) -> io::Result<()> {
        let place = self.place(key);
        let mut file = tempfile::NamedTempFile::new_in(self.folder.join(UNFINISHED))?;
        file.write_all(&Sha256::digest(content))?;
        file.write_all(content)?;
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        file.persist(place)?;
        Ok(())
    }

    fn make_room(&self, added: u64) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = *used
            && known + added <= self.most
        {
            *used = Some(known + added);
            return;
        }
        let mut entries = self.entries();
        let mut total: u64 = entries.iter().map(|(_, _, size)| size).sum();
        if total > self.most {
            entries.sort_unstable_by_key(|(used_at, ..)| *used_at);
            let room = self.most / 100 * ROOM_PERCENT;
            for (_, path, size) in entries {
                if total <= room {
                    break;
                }
                // Gone already: another process made room, too.
                let _ = fs::remove_file(path);
                total -= size;
            }
        }
        *used = Some(total);
    }

    /// When each was used (seconds and nanoseconds of the disk's own stamps), where it is, its size.
    fn entries(&self) -> Vec<((i64, i64), PathBuf, u64)> {
        let folders = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let files = folders
            .filter(|folder| folder.file_name() != UNFINISHED)
            .flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten().flatten());
        let known = |file: fs::DirEntry| {
            let meta = file.metadata().ok()?;
            Some(((meta.mtime(), meta.mtime_nsec()), file.path(), meta.len()))
        };
        files.filter_map(known).collect()
    }
}
