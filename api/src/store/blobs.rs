//! Bytes by digest, on disk (`<folder>/<first two digits>/<64 digits>`) or in a bucket.
//!
//! A blob is written to a temporary file, made durable and then renamed, so a name always stands for whole
//! bytes; writing the same bytes twice is one blob.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use proto::id::Digest;

use super::bucket::Bucket;
use super::db::{Place, args};
use super::{Millis, Store, StoreError};

/// A blob is written before the row that needs it; for so long nobody may find that it has none.
const YOUNG: Duration = Duration::from_hours(1);

/// Where they lie.
#[derive(Debug, Clone)]
pub(crate) enum Blobs {
    Folder(BlobDir),
    Bucket(Bucket),
}

impl Blobs {
    /// The file of a blob in a folder.
    #[cfg(test)]
    pub(super) fn path_for_tests(&self, digest: &Digest) -> PathBuf {
        match self {
            Blobs::Folder(folder) => folder.path(digest),
            Blobs::Bucket(_) => panic!("a bucket has no files"),
        }
    }
}

/// The folder.
#[derive(Debug, Clone)]
pub(crate) struct BlobDir {
    root: PathBuf,
    place: Arc<Place>,
}

impl BlobDir {
    pub(crate) fn open(root: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Blob { path: root.display().to_string(), source };
        std::fs::create_dir_all(root).map_err(failed)?;
        let place = Arc::new(Place::new(format!("the blobs in {}", root.display())));
        let folder = Self { root: root.to_owned(), place };
        // Finding out now that nothing can be written beats finding out with the first upload.
        tempfile::NamedTempFile::new_in(root).map_err(|e| folder.failed(root, e))?;
        Ok(folder)
    }

    /// Whether it refused a blob lately for want of room.
    pub(super) fn is_full(&self) -> bool {
        self.place.is_full()
    }

    fn failed(&self, path: &Path, source: std::io::Error) -> StoreError {
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => self.place.full(&source),
            _ => StoreError::Blob { path: path.display().to_string(), source },
        }
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.root.join(&digest.hex()[..2]).join(digest.hex())
    }

    /// Held while a blob is written (shared) or removed (alone), by every process that uses this folder.
    fn lock(&self) -> std::io::Result<std::fs::File> {
        std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(self.root.join(".lock"))
    }

    fn write(&self, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.path(digest);
        let failed = |source| self.failed(&path, source);
        let lock = self.lock().map_err(failed)?;
        lock.lock_shared().map_err(failed)?;
        if let Ok(file) = std::fs::File::options().append(true).open(&path) {
            // Who wrote it again has yet to say what it is for: it is young once more.
            return file.set_modified(SystemTime::now()).map_err(failed);
        }
        let folder = path.parent().unwrap_or(&self.root);
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&path).map_err(|e| failed(e.error))?;
        std::fs::File::open(folder).and_then(|dir| dir.sync_all()).map_err(failed)
    }

    /// Removes a blob nobody has written for [`YOUNG`].
    fn remove(&self, digest: &Digest) -> Result<bool, StoreError> {
        let path = self.path(digest);
        let failed = |source| self.failed(&path, source);
        let lock = self.lock().map_err(failed)?;
        lock.lock().map_err(failed)?;
        let modified = match path.symlink_metadata().and_then(|meta| meta.modified()) {
            Ok(modified) => modified,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(true),
            Err(e) => return Err(failed(e)),
        };
        if modified.elapsed().is_ok_and(|age| age > YOUNG) {
            std::fs::remove_file(&path).map_err(failed)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn read(&self, digest: &Digest) -> Result<Option<Bytes>, StoreError> {
        let path = self.path(digest);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::Blob { path: path.display().to_string(), source }),
        }
    }
}

impl Store {
    /// Keeps `bytes` and returns their digest. Idempotent; durable when it returns.
    pub async fn put_blob(&self, bytes: Bytes, now: Millis) -> Result<Digest, StoreError> {
        let size = bytes.len() as i64;
        match &self.blobs {
            Blobs::Folder(folder) => {
                let folder = folder.clone();
                let digest = blocking(move || {
                    let digest = Digest::of(&bytes);
                    folder.write(&digest, &bytes).map(|()| digest)
                })
                .await?;
                self.note_blob(&digest, size, now).await?;
                Ok(digest)
            }
            Blobs::Bucket(bucket) => {
                let of = bytes.clone();
                let digest = blocking(move || Ok(Digest::of(&of))).await?;
                // First: from here on it is young, and nobody removes it.
                self.note_blob(&digest, size, now).await?;
                bucket.write(&digest, bytes).await?;
                Ok(digest)
            }
        }
    }

    /// Notes that a blob was brought.
    async fn note_blob(&self, digest: &Digest, size: i64, now: Millis) -> Result<(), StoreError> {
        self.db
            .exec(
                "INSERT INTO blobs (digest, size, created_ms) VALUES ($1, $2, $3) \
                 ON CONFLICT (digest) DO UPDATE SET created_ms = excluded.created_ms",
                args![digest, size, now],
            )
            .await
            .map(drop)
    }

    /// Removes a blob that no row names, and says whether it is gone; one that was written within the last hour stays.
    pub(super) async fn drop_blob(&self, digest: &Digest, now: Millis) -> Result<bool, StoreError> {
        match &self.blobs {
            Blobs::Folder(folder) => {
                let (folder, name) = (folder.clone(), digest.clone());
                let gone = blocking(move || folder.remove(&name)).await?;
                if gone {
                    self.db.exec("DELETE FROM blobs WHERE digest = $1", args![digest]).await?;
                }
                Ok(gone)
            }
            Blobs::Bucket(bucket) => {
                let mut tx = self.db.begin().await?;
                let old = now - YOUNG.as_millis() as Millis;
                let gone = tx
                    .exec("DELETE FROM blobs WHERE digest = $1 AND created_ms <= $2", args![digest, old])
                    .await?;
                if gone == 0 {
                    return Ok(false);
                }
                // Who brings it now waits for the row until this is committed.
                bucket.remove(digest).await?;
                tx.commit().await?;
                Ok(true)
            }
        }
    }

    /// Reads a blob; `None` when there is none.
    ///
    /// # Errors
    /// `Digest` when the file on disk was changed: it is never handed out.
    pub async fn blob(&self, digest: &Digest) -> Result<Option<Bytes>, StoreError> {
        let (blobs, digest) = (self.blobs.clone(), digest.clone());
        let from_bucket = match &blobs {
            Blobs::Folder(_) => None,
            Blobs::Bucket(bucket) => Some(bucket.read(&digest).await?),
        };
        blocking(move || {
            let read = match (&blobs, from_bucket) {
                (Blobs::Folder(folder), _) => folder.read(&digest)?,
                (Blobs::Bucket(_), read) => read.flatten(),
            };
            let Some(bytes) = read else { return Ok(None) };
            let found = Digest::of(&bytes);
            if found == digest {
                Ok(Some(bytes))
            } else {
                Err(StoreError::Digest { expected: digest.to_string(), found: found.to_string() })
            }
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => Err(StoreError::corrupt(format!("a file task ended early: {e}"))),
    }
}
