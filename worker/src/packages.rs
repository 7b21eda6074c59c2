//! Problem packages on a worker: fetched by digest, checked, unpacked once, kept while there is room.
//!
//! A package is untrusted and content-addressed. What arrives must have the digest that was asked for, and
//! the problem read from it the digest the job pins; otherwise nothing is judged. The folder belongs to
//! this process alone: each start makes its own and holds a lock on it, and folders of the dead are swept.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use nix::fcntl::{Flock, FlockArg};
use problem::model::Problem;
use proto::id::{Digest, WorkerId};
use queue::Coordinator;
use tokio::sync::OnceCell;

use crate::engine::blocking;
use crate::error::JudgeError;

/// Unpacked packages together, in bytes on disk, before the longest unused are dropped.
pub const DEFAULT_CACHE_BYTES: u64 = 4 << 30;

/// One unpacked package; its folder goes when the last user is done.
#[derive(Debug)]
struct Unpacked {
    problem: Arc<Problem>,
    bytes: u64,
    _folder: tempfile::TempDir,
}

#[derive(Debug, Default)]
struct Entry {
    cell: Arc<OnceCell<Arc<Unpacked>>>,
    last_used: u64,
}

#[derive(Debug, Default)]
struct Shelf {
    entries: HashMap<Digest, Entry>,
    clock: u64,
}

/// A problem, held in the cache as long as this lives.
#[derive(Debug, Clone)]
pub struct Held {
    unpacked: Arc<Unpacked>,
}

impl Held {
    /// The problem. Its files are there as long as `self`.
    pub fn problem(&self) -> Arc<Problem> {
        Arc::clone(&self.unpacked.problem)
    }
}

/// The packages of one worker process.
#[derive(Debug)]
pub struct Packages {
    folder: PathBuf,
    _lock: Flock<File>,
    cap: u64,
    shelf: Mutex<Shelf>,
    found: AtomicU64,
    fetched: AtomicU64,
}

impl Packages {
    /// Opens this process's own folder under `data/packages` and removes those of processes that died.
    ///
    /// # Errors
    /// When the data directory cannot be written.
    pub fn open(data: &Path, worker: WorkerId, cap: u64) -> io::Result<Self> {
        let parent = data.join("packages");
        fs::create_dir_all(&parent)?;
        sweep(&parent);
        let folder = parent.join(worker.to_string());
        fs::create_dir(&folder)?;
        let lock = Flock::lock(File::create(folder.join("lock"))?, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, errno)| io::Error::from(errno))?;
        let none = || AtomicU64::new(0);
        Ok(Self { folder, _lock: lock, cap, shelf: Mutex::default(), found: none(), fetched: none() })
    }

    /// The problem in the zip `blob`, which must read as `digest`.
    ///
    /// # Errors
    /// `Failed`: with a retry when the API could not be reached, without when the package is not what the
    /// job says it is or cannot be read.
    pub async fn problem(
        &self,
        coordinator: &dyn Coordinator,
        name: &str,
        digest: &Digest,
        blob: &Digest,
    ) -> Result<Held, JudgeError> {
        let cell = self.entry(digest);
        let counter = if cell.initialized() { &self.found } else { &self.fetched };
        counter.fetch_add(1, Ordering::Relaxed);
        let unpacked = cell.get_or_try_init(|| self.fetch(coordinator, name, digest, blob)).await?;
        let held = Held { unpacked: Arc::clone(unpacked) };
        self.make_room(digest);
        Ok(held)
    }

    /// How many packages that were asked for were there, and how many had to be fetched.
    pub fn counts(&self) -> (u64, u64) {
        (self.found.load(Ordering::Relaxed), self.fetched.load(Ordering::Relaxed))
    }

    fn entry(&self, digest: &Digest) -> Arc<OnceCell<Arc<Unpacked>>> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.clock += 1;
        let now = shelf.clock;
        let entry = shelf.entries.entry(digest.clone()).or_default();
        entry.last_used = now;
        Arc::clone(&entry.cell)
    }

    async fn fetch(
        &self,
        coordinator: &dyn Coordinator,
        name: &str,
        digest: &Digest,
        blob: &Digest,
    ) -> Result<Arc<Unpacked>, JudgeError> {
        let zip = coordinator
            .blob(blob)
            .await
            .map_err(|e| JudgeError::failed(format!("could not fetch problem {name}: {e}")))?;
        let (folder, name, digest, blob) =
            (self.folder.clone(), name.to_owned(), digest.clone(), blob.clone());
        blocking(move || unpack(&folder, &name, &zip, &digest, &blob)).await?.map(Arc::new)
    }

    /// Drops the longest unused packages nobody holds until the rest fits.
    fn make_room(&self, keep: &Digest) {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let mut idle: Vec<(u64, Digest)> = Vec::new();
        let mut total = 0;
        for (digest, entry) in &shelf.entries {
            let Some(unpacked) = entry.cell.get() else { continue };
            total += unpacked.bytes;
            if digest != keep && Arc::strong_count(unpacked) == 1 {
                idle.push((entry.last_used, digest.clone()));
            }
        }
        idle.sort();
        for (_, digest) in idle {
            if total <= self.cap {
                break;
            }
            if let Some(gone) = shelf.entries.remove(&digest).and_then(|e| e.cell.get().map(|u| u.bytes)) {
                total -= gone;
            }
        }
    }
}

impl Drop for Packages {
    fn drop(&mut self) {
        // Best effort: what stays is swept by the next start.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Removes folders whose owner no longer holds its lock.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let Ok(file) = File::open(entry.path().join("lock")) else { continue };
        if let Ok(lock) = Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            if let Err(error) = fs::remove_dir_all(entry.path()) {
                tracing::warn!(%error, "could not remove the packages of an earlier start");
            }
            drop(lock);
        }
    }
}

fn unpack(
    folder: &Path,
    name: &str,
    zip: &[u8],
    digest: &Digest,
    blob: &Digest,
) -> Result<Unpacked, JudgeError> {
    let arrived = Digest::of(zip);
    if arrived != *blob {
        return Err(JudgeError::failed(format!("problem {name} arrived as {arrived} instead of {blob}")));
    }
    let ours = |what: &str, e: io::Error| JudgeError::failed(format!("could not {what} problem {name}: {e}"));
    let scratch = tempfile::Builder::new()
        .prefix("package-")
        .tempdir_in(folder)
        .map_err(|e| ours(&format!("make a folder in {} for", folder.display()), e))?;
    let loaded = problem::open_zip(zip, name, scratch.path()).map_err(|e| match e {
        problem::OpenError::Package(e) => JudgeError::hopeless(format!("problem {name} cannot be read: {e}")),
        // Elsewhere, or later, there is room.
        problem::OpenError::Room { .. } => {
            JudgeError::failed(format!("could not unpack problem {name}: {e}"))
        }
    })?;
    if loaded.problem.digest != *digest {
        return Err(JudgeError::hopeless(format!(
            "problem {name} reads as {} here, but the job pins {digest}; do API and worker have one version?",
            loaded.problem.digest
        )));
    }
    let bytes = size_of(scratch.path()).map_err(|e| ours("measure", e))?;
    Ok(Unpacked { problem: Arc::new(loaded.problem), bytes, _folder: scratch })
}

fn size_of(folder: &Path) -> io::Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        total += if meta.is_dir() { size_of(&entry.path())? } else { meta.len() };
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_the_dead_are_swept_and_those_of_the_living_stay() {
        let data = tempfile::tempdir().unwrap();
        let dead = data.path().join("packages/dead");
        fs::create_dir_all(&dead).unwrap();
        File::create(dead.join("lock")).unwrap();

        let first = Packages::open(data.path(), WorkerId::new(), 1).unwrap();
        assert!(!dead.exists());
        let second = Packages::open(data.path(), WorkerId::new(), 1).unwrap();
        assert!(first.folder.exists() && second.folder.exists());
    }

    #[test]
    fn a_blob_of_another_digest_is_not_even_opened() {
        let data = tempfile::tempdir().unwrap();
        let asked = Digest::of(b"what was asked for");
        let error = unpack(data.path(), "aplusb", b"something else", &asked, &asked).unwrap_err();
        assert!(
            matches!(error, JudgeError::Failed { retry: true, ref cause } if cause.contains("instead of"))
        );
    }
}
