//! Problem packages on a worker: fetched by digest, checked, unpacked once, kept while there is room.
//!
//! A package is untrusted and content-addressed. What arrives must have the digest that was asked for, and
//! the problem read from it the digest the job pins; otherwise nothing is judged. The folder belongs to
//! this process alone: each start makes its own and holds a lock on it, and folders of the dead are swept.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::fcntl::{Flock, FlockArg};
use problem::model::Problem;
use proto::http::RoomLeft;
use proto::id::{Digest, WorkerId};
use proto::report::{NoRoom, Stored};
use proto::units::Bytes;
use queue::Coordinator;
use tokio::sync::OnceCell;

use crate::engine::blocking;
use crate::error::JudgeError;
use crate::room::Room;

/// Unpacked packages together, in bytes on disk, before the longest unused are dropped.
pub const DEFAULT_CACHE_BYTES: u64 = 4 << 30;

/// Packages that did not fit whose sizes are remembered.
const SIZES_MAX: usize = 1024;

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
    /// Bytes that packages being unpacked will have.
    promised: u64,
    /// What packages need that did not fit, the oldest first.
    sizes: VecDeque<(Digest, u64)>,
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
    room: Room,
    shelf: Mutex<Shelf>,
    found: AtomicU64,
    fetched: AtomicU64,
}

impl Packages {
    /// Opens this process's own folder under `data/packages` and removes those of processes that died. `cap` is the bytes
    /// on disk that the packages may have together; no package of more is unpacked.
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
        let room = Room::of(data);
        Ok(Self { folder, _lock: lock, cap, room, shelf: Mutex::default(), found: none(), fetched: none() })
    }

    /// The problem in the zip `blob`, which must read as `digest`.
    ///
    /// # Errors
    /// `Failed`: with a retry when the API could not be reached, without when the package is not what the
    /// job says it is or cannot be read. `NoRoom` when it does not fit even with every package gone that nobody uses.
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
        match cell.get_or_try_init(|| self.fetch(coordinator, name, digest, blob)).await {
            Ok(unpacked) => Ok(Held { unpacked: Arc::clone(unpacked) }),
            Err(error) => {
                self.forget_empty(digest);
                Err(error)
            }
        }
    }

    /// How many packages that were asked for were there, and how many had to be fetched.
    pub fn counts(&self) -> (u64, u64) {
        (self.found.load(Ordering::Relaxed), self.fetched.load(Ordering::Relaxed))
    }

    /// The largest package that could be had now: one in use already, or one for which all goes that nobody uses.
    pub fn room(&self) -> Option<RoomLeft> {
        let shelf = self.shelf();
        let (mut idle, mut used) = (0, 0);
        for unpacked in shelf.entries.values().filter_map(|e| e.cell.get()) {
            if Arc::strong_count(unpacked) == 1 {
                idle += unpacked.bytes;
            } else {
                used = used.max(unpacked.bytes);
            }
        }
        let left = self.room.left()?.saturating_sub(shelf.promised);
        Some(RoomLeft { free_bytes: used.max(left + idle), cap_bytes: self.cap.min(i64::MAX as u64) })
    }

    /// Drops packages nobody uses while the data directory has no room: it is needed for more than them.
    pub fn yield_room(&self) {
        let mut shelf = self.shelf();
        while self.room.lacks(false).is_some() && shelf.drop_longest_unused() {}
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, digest: &Digest) -> Arc<OnceCell<Arc<Unpacked>>> {
        let mut shelf = self.shelf();
        shelf.clock += 1;
        let now = shelf.clock;
        let entry = shelf.entries.entry(digest.clone()).or_default();
        entry.last_used = now;
        Arc::clone(&entry.cell)
    }

    fn forget_empty(&self, digest: &Digest) {
        let mut shelf = self.shelf();
        if shelf.entries.get(digest).is_some_and(|entry| !entry.cell.initialized()) {
            shelf.entries.remove(digest);
        }
    }

    async fn fetch(
        &self,
        coordinator: &dyn Coordinator,
        name: &str,
        digest: &Digest,
        blob: &Digest,
    ) -> Result<Arc<Unpacked>, JudgeError> {
        // One that did not fit lately is not fetched again to find that out.
        let known = self.shelf().sizes.iter().find(|(there, _)| there == digest).map(|(_, bytes)| *bytes);
        if let Some(bytes) = known {
            drop(self.promise(name, bytes)?);
        }
        let zip = coordinator
            .blob(blob)
            .await
            .map_err(|e| JudgeError::failed(format!("could not fetch problem {name}: {e}")))?;
        let bytes = problem::bytes_on_disk(&zip).unwrap_or(0);
        let told = |error: JudgeError| {
            if let JudgeError::NoRoom { lacking, .. } = &error {
                self.shelf().remember(digest, lacking.bytes);
            }
            error
        };
        let promised = self.promise(name, bytes).map_err(told)?;
        let mut tries = 0;
        loop {
            tries += 1;
            let (folder, name, zip) = (self.folder.clone(), name.to_owned(), zip.clone());
            let (digest, blob) = (digest.clone(), blob.clone());
            let unpacked = blocking(move || unpack(&folder, &name, &zip, &digest, &blob)).await?;
            match unpacked {
                // Somebody else wrote at the same time, or files ran out and not bytes.
                Err(Unpackable::Room(_)) if tries == 1 && self.shelf().drop_all_unused() => {}
                Err(Unpackable::Room(cause)) => {
                    drop(promised);
                    return Err(told(no_room(cause, bytes)));
                }
                Err(Unpackable::Package(error)) => return Err(error),
                Ok(unpacked) => return Ok(Arc::new(unpacked)),
            }
        }
    }

    /// Makes room for a package of `bytes` and keeps others from it until the answer is dropped.
    fn promise(&self, name: &str, bytes: u64) -> Result<Promised<'_>, JudgeError> {
        let needs = format!("problem {name} needs {} on the disk of a worker", Bytes(bytes).in_mib());
        if bytes > self.cap {
            let cap = Bytes(self.cap).in_mib();
            let cause = format!("{needs}, and this one keeps packages of at most {cap} (`--packages-cap`)");
            return Err(no_room(cause, bytes));
        }
        let mut shelf = self.shelf();
        loop {
            let left = self.room.left().map_or(u64::MAX, |left| left.saturating_sub(shelf.promised));
            if left >= bytes && shelf.unpacked() + shelf.promised + bytes <= self.cap {
                break;
            }
            if shelf.drop_longest_unused() {
                continue;
            }
            if left >= bytes {
                // Over the cap, but by what is in use.
                break;
            }
            let cause = format!("{needs}, and {} is left on this one's", Bytes(left).in_mib());
            return Err(no_room(cause, bytes));
        }
        shelf.promised += bytes;
        Ok(Promised { of: self, bytes })
    }
}

/// Room on the disk that is taken soon.
#[derive(Debug)]
struct Promised<'a> {
    of: &'a Packages,
    bytes: u64,
}

impl Drop for Promised<'_> {
    fn drop(&mut self) {
        self.of.shelf().promised -= self.bytes;
    }
}

impl Shelf {
    /// Bytes on disk of all that is unpacked.
    fn unpacked(&self) -> u64 {
        self.entries.values().filter_map(|e| e.cell.get()).map(|u| u.bytes).sum()
    }

    /// Drops what nobody used for longest, and nobody uses; whether there was one.
    fn drop_longest_unused(&mut self) -> bool {
        let unused = |entry: &Entry| entry.cell.get().is_some_and(|u| Arc::strong_count(u) == 1);
        let longest = self.entries.iter().filter(|(_, e)| unused(e)).min_by_key(|(_, e)| e.last_used);
        let Some(digest) = longest.map(|(digest, _)| digest.clone()) else { return false };
        self.entries.remove(&digest);
        true
    }

    /// Drops all that nobody uses; whether there was something.
    fn drop_all_unused(&mut self) -> bool {
        let mut any = false;
        while self.drop_longest_unused() {
            any = true;
        }
        any
    }

    /// Notes what a package needs that did not fit.
    fn remember(&mut self, digest: &Digest, bytes: u64) {
        self.sizes.retain(|(there, _)| there != digest);
        if self.sizes.len() == SIZES_MAX {
            self.sizes.pop_front();
        }
        self.sizes.push_back((digest.clone(), bytes));
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

fn no_room(cause: String, bytes: u64) -> JudgeError {
    JudgeError::NoRoom { cause, lacking: NoRoom { what: Stored::Package, bytes } }
}

/// Why a package is not unpacked.
#[derive(Debug)]
enum Unpackable {
    /// It, or what arrived, is at fault.
    Package(JudgeError),
    /// The disk took no more.
    Room(String),
}

impl From<JudgeError> for Unpackable {
    fn from(error: JudgeError) -> Self {
        Unpackable::Package(error)
    }
}

fn unpack(
    folder: &Path,
    name: &str,
    zip: &[u8],
    digest: &Digest,
    blob: &Digest,
) -> Result<Unpacked, Unpackable> {
    let arrived = Digest::of(zip);
    if arrived != *blob {
        let cause = format!("problem {name} arrived as {arrived} instead of {blob}");
        return Err(JudgeError::failed(cause).into());
    }
    let ours = |what: &str, e: io::Error| {
        let cause = format!("could not {what} problem {name}: {e}");
        match e.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Unpackable::Room(cause),
            _ => JudgeError::failed(cause).into(),
        }
    };
    let scratch = tempfile::Builder::new()
        .prefix("package-")
        .tempdir_in(folder)
        .map_err(|e| ours(&format!("make a folder in {} for", folder.display()), e))?;
    let loaded = problem::open_zip(zip, name, scratch.path()).map_err(|e| match e {
        problem::OpenError::Package(e) => {
            JudgeError::hopeless(format!("problem {name} cannot be read: {e}")).into()
        }
        problem::OpenError::Room { .. } => Unpackable::Room(format!("could not unpack problem {name}: {e}")),
    })?;
    if loaded.problem.digest != *digest {
        let cause = format!(
            "problem {name} reads as {} here, but the job pins {digest}; do API and worker have one version?",
            loaded.problem.digest
        );
        return Err(JudgeError::hopeless(cause).into());
    }
    let bytes = size_of(scratch.path()).map_err(|e| ours("measure", e))?;
    Ok(Unpacked { problem: Arc::new(loaded.problem), bytes, _folder: scratch })
}

/// Bytes on disk.
fn size_of(folder: &Path) -> io::Result<u64> {
    /// What `st_blocks` counts in (stat(3type)).
    const SECTOR: u64 = 512;
    let mut total = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        total += meta.blocks() * SECTOR;
        if meta.is_dir() {
            total += size_of(&entry.path())?;
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use async_trait::async_trait;
    use proto::http::{ClaimReply, ClaimRequest, Heartbeat, HeartbeatReply, WorkerRegistration};
    use proto::id::JudgementId;
    use queue::QueueError;

    use super::*;

    /// Packages by the digest of their zip, and how often one was asked for.
    #[derive(Default)]
    struct Api {
        zips: BTreeMap<Digest, Vec<u8>>,
        asked: AtomicU64,
    }

    #[async_trait]
    impl Coordinator for Api {
        async fn register(&self, _: &WorkerRegistration) -> Result<(), QueueError> {
            Ok(())
        }
        async fn heartbeat(&self, _: WorkerId, _: &Heartbeat) -> Result<HeartbeatReply, QueueError> {
            Ok(HeartbeatReply::default())
        }
        async fn claim(&self, _: JudgementId, _: &ClaimRequest) -> Result<ClaimReply, QueueError> {
            Err(QueueError::Closed)
        }
        async fn blob(&self, digest: &Digest) -> Result<bytes::Bytes, QueueError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            Ok(self.zips[digest].clone().into())
        }
    }

    /// A package whose one input has `kib` KiB of `fill`: its digest and that of its zip.
    fn package(api: &mut Api, kib: usize, fill: u8) -> (Digest, Digest) {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("p");
        fs::create_dir_all(at.join("data/secret")).unwrap();
        let manifest = "problem_format_version: 2025-09\nname: P\nuuid: p\nlimits: {time_limit: 1}\n";
        fs::write(at.join("problem.yaml"), manifest).unwrap();
        fs::write(at.join("data/secret/1.in"), vec![fill; kib << 10]).unwrap();
        fs::write(at.join("data/secret/1.ans"), "1").unwrap();
        let zip = problem::pack_zip(&at).unwrap();
        let ids = (problem::digest_dir(&at).unwrap(), Digest::of(&zip));
        api.zips.insert(ids.1.clone(), zip);
        ids
    }

    fn opened(cap: u64) -> (tempfile::TempDir, Packages) {
        let data = tempfile::tempdir().unwrap();
        let packages = Packages::open(data.path(), WorkerId::new(), cap).unwrap();
        (data, packages)
    }

    fn unpacked(packages: &Packages) -> usize {
        fs::read_dir(&packages.folder).unwrap().flatten().filter(|e| e.path().is_dir()).count()
    }

    #[tokio::test]
    async fn a_package_over_the_cap_has_no_room_names_the_flag_and_is_fetched_once() {
        let mut api = Api::default();
        let (digest, blob) = package(&mut api, 300, b'x');
        let (_data, packages) = opened(200 << 10);
        for _ in 0..3 {
            let error = packages.problem(&api, "big", &digest, &blob).await.unwrap_err();
            let JudgeError::NoRoom { cause, lacking } = &error else { panic!("{error:?}") };
            assert!(
                cause.contains("problem big needs 0.3 MiB") && cause.contains("--packages-cap"),
                "{cause}"
            );
            assert_eq!((lacking.what, lacking.bytes), (Stored::Package, (300 << 10) + 2 * 4096));
            assert_eq!(packages.room().unwrap().most(), 200 << 10, "it is told so, and gets none of them");
        }
        assert_eq!((api.asked.load(Ordering::SeqCst), unpacked(&packages)), (1, 0));
    }

    #[tokio::test]
    async fn what_nobody_uses_goes_for_what_is_needed_and_what_is_used_stays() {
        let mut api = Api::default();
        let ids: Vec<_> = (0..4).map(|n| package(&mut api, 100, n)).collect();
        let (_data, packages) = opened(250 << 10);
        let get = async |n: usize| packages.problem(&api, "p", &ids[n].0, &ids[n].1).await.unwrap();
        let held = get(0).await;
        drop(get(1).await);
        assert_eq!(unpacked(&packages), 2);
        drop(get(2).await);
        assert_eq!(unpacked(&packages), 2, "the one that nobody used went before the third came");
        let also = get(3).await;
        assert_eq!(unpacked(&packages), 2);
        drop(get(1).await);
        assert_eq!(unpacked(&packages), 3, "above the cap, but by what is in use");
        assert!([&held, &also].iter().all(|h| h.problem().cases[0].input.exists()));
        drop((held, also));
        packages.shelf().drop_all_unused();
        assert_eq!(unpacked(&packages), 0);
    }

    #[tokio::test]
    async fn room_promised_to_one_is_not_given_to_another() {
        let (_data, packages) = opened(u64::MAX);
        let before = packages.room().unwrap().free_bytes;
        let promised = packages.promise("one", before / 2).unwrap();
        let other = packages.promise("other", before / 4 * 3).unwrap_err();
        assert!(
            matches!(&other, JudgeError::NoRoom { cause, .. } if cause.contains("is left on")),
            "{other:?}"
        );
        assert!(packages.room().unwrap().free_bytes < before / 4 * 3);
        drop(promised);
        assert!(packages.promise("other", before / 4 * 3).is_ok());
    }

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
        let Unpackable::Package(JudgeError::Failed { cause, retry: true }) = error else {
            panic!("{error:?}")
        };
        assert!(cause.contains("instead of"), "{cause}");
    }
}
