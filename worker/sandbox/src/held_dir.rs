//! A process's own folder beside those of others, which the next process removes when its own could not: below
//! `/run/tribunal` the skeleton of a worker's boxes and where they are mounted.
//!
//! It is held by an flock(2) for as long as the process lives. Process ids would not do: the parent is shared by all
//! workers of the host, and one in a container sees no other's process.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use tempfile::TempDir;

/// How often a folder may be taken for left behind between its making and its lock.
const TRIES: usize = 16;

/// Removed when dropped, and by the next process of the host that makes one of its kind where that could not be.
#[derive(Debug)]
pub struct HeldDir {
    // Before the lock: what is locked is nobody else's to remove.
    dir: TempDir,
    _lock: Flock<File>,
}

impl HeldDir {
    /// Makes one in `parent`, after removing what dead processes left there. `kind` begins its name and those of all
    /// others of its kind: whatever is called so and held by nobody goes.
    ///
    /// # Errors
    /// When it cannot be made or locked.
    pub fn make(parent: &Path, kind: &str) -> io::Result<Self> {
        sweep(parent, kind);
        // The process id tells people and tests whose it is, and nothing else.
        let prefix = format!("{kind}{}-", std::process::id());
        for _ in 0..TRIES {
            let dir = tempfile::Builder::new().prefix(&prefix).tempdir_in(parent)?;
            match lock(dir.path()) {
                Ok(Some(lock)) if is_at(&lock, dir.path()) => return Ok(Self { dir, _lock: lock }),
                // A process that starts just now took it for a dead one's.
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
        }
        Err(io::Error::other("other processes remove each folder made here"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// The lock of a folder, unless somebody has it.
fn lock(path: &Path) -> io::Result<Option<Flock<File>>> {
    let folder = File::options().read(true).custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW).open(path)?;
    match Flock::lock(folder, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, e)) => Err(e.into()),
    }
}

/// Whether the folder that is locked still stands where it was made.
fn is_at(lock: &Flock<File>, path: &Path) -> bool {
    let (Ok(held), Ok(there)) = (lock.metadata(), std::fs::symlink_metadata(path)) else { return false };
    (held.dev(), held.ino()) == (there.dev(), there.ino())
}

/// Removes the folders nobody holds. Nothing is mounted there in this mount namespace.
fn sweep(parent: &Path, kind: &str) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        if !entry.file_name().as_encoded_bytes().starts_with(kind.as_bytes()) {
            continue;
        }
        if let Ok(Some(_dead)) = lock(&entry.path()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_workers_folder_stays_and_a_dead_ones_goes() {
        let parent = tempfile::tempdir().unwrap();
        let living = HeldDir::make(parent.path(), "run-").unwrap();
        let dead = parent.path().join("run-dead");
        std::fs::create_dir_all(dead.join("skeleton/w")).unwrap();
        let other = parent.path().join("ids");
        std::fs::create_dir(&other).unwrap();
        let next = HeldDir::make(parent.path(), "run-").unwrap();
        assert!(living.path().is_dir() && next.path().is_dir() && other.is_dir() && !dead.exists());
        let gone = living.path().to_owned();
        drop(living);
        assert!(!gone.exists());
    }

    #[test]
    fn workers_that_start_at_once_do_not_take_each_others_folders() {
        let parent = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            let started: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        (0..20).map(|_| HeldDir::make(parent.path(), "run-").unwrap()).collect::<Vec<_>>()
                    })
                })
                .collect();
            let all: Vec<HeldDir> = started.into_iter().flat_map(|t| t.join().unwrap()).collect();
            assert!(all.iter().all(|one| one.path().is_dir()));
        });
    }
}
