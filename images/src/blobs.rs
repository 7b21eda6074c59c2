//! Content-addressed files: `blobs/sha256/<hex>`, as in an OCI image layout. A blob is written under a
//! temporary name, synced, and renamed to its digest, so that a name in this folder always means the whole
//! content.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use proto::id::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::error::{Doing, ImageError, Result};

/// Manifests and configurations beyond this are refused unread; honest ones have some KiB.
pub(crate) const JSON_BYTES_MAX: u64 = 4 << 20;

/// Start of the names of blobs being written.
pub(crate) const TEMPORARY: &str = ".tmp-";

/// The blob folder of one store.
#[derive(Debug, Clone)]
pub(crate) struct Blobs {
    folder: PathBuf,
}

/// A blob that was just written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub digest: Digest,
    pub size: u64,
}

impl Blobs {
    pub(crate) fn open(images: &Path) -> Result<Self> {
        let folder = images.join("blobs/sha256");
        std::fs::create_dir_all(&folder).doing("create", &folder)?;
        Ok(Self { folder })
    }

    /// Stores bytes as they are.
    pub(crate) fn write_bytes(&self, bytes: &[u8]) -> Result<Written> {
        let mut writer = self.writer()?;
        writer.write_all(bytes).doing("write in", &self.folder)?;
        writer.finish()
    }

    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(digest.hex())
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts a blob; it does not exist until [`BlobWriter::finish`].
    pub(crate) fn writer(&self) -> Result<BlobWriter> {
        let file = tempfile::Builder::new()
            .prefix(TEMPORARY)
            .tempfile_in(&self.folder)
            .doing("create a file in", &self.folder)?;
        Ok(BlobWriter { file, hash: Sha256::new(), size: 0, folder: self.folder.clone() })
    }

    /// Stores `value` as JSON with sorted keys, so that equal values have equal digests.
    pub(crate) fn write_json<T: Serialize>(&self, value: &T) -> Result<Written> {
        let value = serde_json::to_value(value)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
            .doing("encode a document for", &self.folder)?;
        let mut writer = self.writer()?;
        writer.write_all(sorted(value).to_string().as_bytes()).doing("write in", &self.folder)?;
        writer.finish()
    }

    /// Reads a small JSON blob, checking its digest.
    pub(crate) fn read_json<T: DeserializeOwned>(&self, digest: &Digest) -> Result<T> {
        let bytes = self.read(digest)?;
        serde_json::from_slice(&bytes).map_err(|error| ImageError::Damaged {
            what: format!("blob {digest}"),
            problem: format!("is not the JSON document it should be ({error})"),
        })
    }

    /// Reads a small blob, checking its digest.
    pub(crate) fn read(&self, digest: &Digest) -> Result<Vec<u8>> {
        let path = self.path(digest);
        let file = self.file(digest)?;
        let mut bytes = Vec::new();
        file.take(JSON_BYTES_MAX + 1).read_to_end(&mut bytes).doing("read", &path)?;
        if bytes.len() as u64 > JSON_BYTES_MAX {
            return Err(ImageError::Damaged {
                what: format!("blob {digest}"),
                problem: format!("is larger than {JSON_BYTES_MAX} bytes, too large for a document"),
            });
        }
        let found = Digest::of(&bytes);
        if found != *digest {
            return Err(ImageError::DigestMismatch { what: "a blob", expected: digest.clone(), found });
        }
        Ok(bytes)
    }

    /// Whether the blob is there and has that length; its content is not looked at.
    pub(crate) fn has(&self, digest: &Digest, size: u64) -> bool {
        std::fs::metadata(self.path(digest)).is_ok_and(|meta| meta.is_file() && meta.len() == size)
    }

    /// Takes over a file of the same file system whose content has that digest, as its maker knows.
    pub(crate) fn take(&self, file: &Path, digest: &Digest) -> Result<()> {
        let path = self.path(digest);
        let open = File::open(file).doing("open", file)?;
        rustix::fs::fchmod(&open, rustix::fs::Mode::from_raw_mode(0o644)).doing("set the mode of", file)?;
        open.sync_all().doing("sync", file)?;
        std::fs::rename(file, &path).doing("rename", file)?;
        sync_dir(&self.folder)
    }

    /// All blobs with their length, files being written left out.
    pub(crate) fn all(&self) -> Result<Vec<(PathBuf, u64)>> {
        let list = std::fs::read_dir(&self.folder).doing("list", &self.folder)?;
        let mut all = Vec::new();
        for entry in list {
            let entry = entry.doing("list", &self.folder)?;
            if !entry.file_name().to_string_lossy().starts_with('.') {
                all.push((entry.path(), entry.metadata().doing("look at", entry.path())?.len()));
            }
        }
        Ok(all)
    }

    /// Opens a blob of any size; whoever reads it checks the digest.
    pub(crate) fn file(&self, digest: &Digest) -> Result<File> {
        let path = self.path(digest);
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(ImageError::Damaged { what: format!("blob {digest}"), problem: "is missing".to_owned() })
            }
            other => other.doing("open", path),
        }
    }

    /// Hashes a blob again.
    ///
    /// # Errors
    /// [`ImageError::DigestMismatch`] when its content changed, [`ImageError::Damaged`] when it is gone.
    pub(crate) fn verify(&self, digest: &Digest) -> Result<()> {
        let mut reader = BufReader::with_capacity(1 << 16, self.file(digest)?);
        let mut hash = Sha256::new();
        io::copy(&mut reader, &mut HashInto(&mut hash)).doing("read", self.path(digest))?;
        let found = Digest::from_raw(&hash.finalize());
        if found == *digest {
            Ok(())
        } else {
            Err(ImageError::DigestMismatch { what: "a blob", expected: digest.clone(), found })
        }
    }
}

/// A blob being written; dropped without [`finish`](Self::finish), it leaves nothing.
#[derive(Debug)]
pub(crate) struct BlobWriter {
    file: NamedTempFile,
    hash: Sha256,
    size: u64,
    folder: PathBuf,
}

impl BlobWriter {
    /// Forgets what was written: a transfer begins anew.
    pub(crate) fn restart(&mut self) -> Result<()> {
        use std::io::Seek as _;
        let file = self.file.as_file_mut();
        file.set_len(0).and_then(|()| file.rewind()).doing("empty a file in", &self.folder)?;
        self.hash = Sha256::new();
        self.size = 0;
        Ok(())
    }

    /// How much was written.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// As [`finish`](Self::finish), when the content is what it should be; else it leaves nothing.
    pub(crate) fn finish_as(self, digest: &Digest, what: &'static str) -> Result<Written> {
        let found = Digest::from_raw(&self.hash.clone().finalize());
        if found != *digest {
            return Err(ImageError::DigestMismatch { what, expected: digest.clone(), found });
        }
        self.finish()
    }

    pub(crate) fn finish(self) -> Result<Written> {
        let digest = Digest::from_raw(&self.hash.finalize());
        let path = self.folder.join(digest.hex());
        let file = self.file.as_file();
        rustix::fs::fchmod(file, rustix::fs::Mode::from_raw_mode(0o644)).doing("set the mode of", &path)?;
        file.sync_all().doing("write", &path)?;
        self.file.persist(&path).map_err(|error| error.error).doing("write", &path)?;
        sync_dir(&self.folder)?;
        Ok(Written { digest, size: self.size })
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.hash.update(&bytes[..n]);
        self.size += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

pub(crate) struct HashInto<'a>(pub &'a mut Sha256);

impl Write for HashInto<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn sync_dir(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|dir| dir.sync_all()).doing("sync", folder)
}

/// The same document with the keys of every object in alphabetical order.
fn sorted(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Object(map) => {
            let mut pairs: Vec<(String, Value)> = map.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(pairs.into_iter().collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_documents_have_equal_digests_whatever_the_order_of_their_keys() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let one = blobs.write_json(&serde_json::json!({"b": {"y": 1, "x": 2}, "a": 3})).unwrap();
        let two = blobs.write_json(&serde_json::json!({"a": 3, "b": {"x": 2, "y": 1}})).unwrap();
        assert_eq!(one, two);
        assert_eq!(std::fs::read(blobs.path(&one.digest)).unwrap(), br#"{"a":3,"b":{"x":2,"y":1}}"#);
    }

    #[test]
    fn a_blob_that_changed_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let written = blobs.write_json(&serde_json::json!([1])).unwrap();
        blobs.verify(&written.digest).unwrap();
        std::fs::write(blobs.path(&written.digest), "[2]").unwrap();
        assert!(matches!(blobs.verify(&written.digest), Err(ImageError::DigestMismatch { .. })));
        assert!(matches!(
            blobs.read_json::<serde_json::Value>(&written.digest),
            Err(ImageError::DigestMismatch { .. })
        ));
        std::fs::remove_file(blobs.path(&written.digest)).unwrap();
        assert!(matches!(blobs.verify(&written.digest), Err(ImageError::Damaged { .. })));
    }

    #[test]
    fn an_unfinished_blob_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let mut writer = blobs.writer().unwrap();
        writer.write_all(b"half").unwrap();
        drop(writer);
        assert_eq!(std::fs::read_dir(blobs.folder()).unwrap().count(), 0);
    }
}
