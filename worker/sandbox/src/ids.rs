//! Host ids: one range of 65,536 uids and gids per live box, leased on the whole host.
//!
//! Distinct host uids keep the kernel's per-user limits (processes, pipes, keys, inotify) of one box away
//! from the next. A lease is a locked file under `/run/tribunal/ids/`, so that `tribunal judge` beside
//! `tribunal serve` cannot collide; the kernel drops the lock when the process dies (corrections 23).

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Mutex;

use nix::fcntl::{Flock, FlockArg};

/// First host id of range 0. Above everything /etc/subuid hands out by default (524,288 and up, 65,536
/// each) for 20,000 users, below the 32-bit sign.
const FIRST: u32 = 0x7000_0000;

/// Ids per range.
const SPAN: u32 = 1 << 16;

/// Most ranges on one host.
const RANGES: u32 = 4096;

/// Hands out ranges.
#[derive(Debug)]
pub(crate) struct IdPool {
    dir: PathBuf,
    free: Mutex<Vec<Lease>>,
}

/// A range that is ours until dropped or given back.
#[derive(Debug)]
pub(crate) struct Lease {
    number: u32,
    _lock: Flock<File>,
}

impl Lease {
    /// The host id behind the box's 0.
    pub(crate) fn base(&self) -> u32 {
        host_ids(self.number).start
    }
}

/// The host ids of a lease, by the number that is its file's name: for whoever looks for what a box left.
///
/// # Panics
/// In debug builds, when there is no lease of that number.
pub fn host_ids(number: u32) -> Range<u32> {
    debug_assert!(number < RANGES);
    let first = FIRST + number * SPAN;
    first..first + SPAN
}

impl IdPool {
    /// Leases are files in `dir`, which is made.
    pub(crate) fn new(dir: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&dir)?;
        Ok(Self { dir, free: Mutex::new(Vec::new()) })
    }

    /// Takes a range nobody on this host holds.
    pub(crate) fn lease(&self) -> io::Result<Lease> {
        if let Some(lease) = self.free.lock().expect("no panic while held").pop() {
            return Ok(lease);
        }
        for number in 0..RANGES {
            let path = self.dir.join(number.to_string());
            let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(Lease { number, _lock: lock }),
                Err((_, nix::Error::EWOULDBLOCK)) => {}
                Err((_, e)) => return Err(e.into()),
            }
        }
        Err(io::Error::other(format!("all {RANGES} id ranges under {} are in use", self.dir.display())))
    }

    /// Gives a range back. No process of it may live.
    pub(crate) fn give_back(&self, lease: Lease) {
        self.free.lock().expect("no panic while held").push(lease);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pools_on_one_host_never_share_a_range() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (IdPool::new(dir.path().into()).unwrap(), IdPool::new(dir.path().into()).unwrap());
        let (first, second) = (a.lease().unwrap(), b.lease().unwrap());
        assert_ne!(first.base(), second.base());
        let base = first.base();
        a.give_back(first);
        assert_eq!(a.lease().unwrap().base(), base, "a given-back range is used again");
        drop(a);
        let third = b.lease().unwrap();
        assert_eq!(third.base(), base, "a dropped pool frees its ranges");
    }
}
