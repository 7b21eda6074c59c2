//! An image as an OCI image layout of its own, for other tools and other machines.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::Path;

use oci_spec::image::Descriptor;
use proto::id::Digest;
use sha2::{Digest as _, Sha256};

use crate::blobs::sync_dir;
use crate::error::{Doing, ImageError, Result};
use crate::index::{IndexFile, Named};
use crate::progress::{OnProgress, Progress};
use crate::store::{Store, plain_digest};

impl Store {
    /// Writes an image, by name or digest, as a layout into `path`, which must not exist or be an empty directory. It
    /// appears there as a whole or not at all; every blob is hashed on the way. Returns the digest of its manifest.
    ///
    /// # Errors
    /// [`ImageError::UnknownImage`], [`ImageError::BadRequest`] when something is at `path`,
    /// [`ImageError::DigestMismatch`] when the store is damaged.
    pub fn export(&self, wanted: &str, path: &Path, progress: OnProgress<'_>) -> Result<Digest> {
        // Nothing of the image is removed meanwhile.
        let _writing = self.writing()?;
        let named = self.find(wanted)?;
        let image = self.load(&named.digest)?;
        if std::fs::read_dir(path).map_or_else(|_| path.exists(), |mut list| list.next().is_some()) {
            return Err(ImageError::BadRequest(format!(
                "{} is there already and not an empty directory; name a new one",
                path.display()
            )));
        }
        let beside = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let making = tempfile::Builder::new()
            .prefix(".tribunal-export-")
            .tempdir_in(beside)
            .doing("create a directory in", beside)?;
        let blobs = making.path().join("blobs/sha256");
        std::fs::create_dir_all(&blobs).doing("create", &blobs)?;
        let mut wanted: Vec<(Digest, u64)> = vec![(named.digest.clone(), named.size)];
        wanted.push((plain_digest(image.manifest.config())?, image.manifest.config().size()));
        for layer in image.manifest.layers() {
            wanted.push((plain_digest(layer)?, layer.size()));
        }
        let total = wanted.iter().map(|(_, size)| size).sum();
        let mut done = 0;
        for (digest, size) in &wanted {
            self.copy_out(digest, &blobs)?;
            done += size;
            let (image, doing) = (named.name.clone(), "writing blobs".to_owned());
            progress(Progress::Bytes { image, doing, done, total });
        }
        IndexFile::open(making.path())?.write(&[Named {
            languages: Vec::new(),
            built: false,
            ..named.clone()
        }])?;
        crate::layers::open_to_all(making.path())?;
        sync_dir(&blobs)?;
        std::fs::rename(making.path(), path).doing("rename to", path)?;
        let _ = making.keep();
        sync_dir(beside)?;
        progress(Progress::Done { image: named.name });
        Ok(named.digest)
    }

    fn copy_out(&self, digest: &Digest, to: &Path) -> Result<()> {
        let path = to.join(digest.hex());
        let mut from = self.blobs.file(digest)?;
        let mut file = File::options().create_new(true).write(true).open(&path).doing("create", &path)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 17];
        loop {
            let n = match from.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other.doing("read", self.blobs.path(digest))?,
            };
            if n == 0 {
                break;
            }
            hash.update(&buffer[..n]);
            file.write_all(&buffer[..n]).doing("write", &path)?;
        }
        let found = Digest::from_raw(&hash.finalize());
        if found != *digest {
            return Err(ImageError::DigestMismatch { what: "a blob", expected: digest.clone(), found });
        }
        file.sync_all().doing("write", path)
    }
}

/// All blobs of a manifest but itself: what has to be somewhere before it.
pub(crate) fn parts(image: &crate::store::Image) -> Vec<&Descriptor> {
    let mut parts: Vec<&Descriptor> = image.manifest.layers().iter().collect();
    parts.push(image.manifest.config());
    parts
}
