//! Giving room back: images nobody wants, what no image needs, and what was not used for longest when the store has
//! outgrown its cap. What a running judge reads is never taken: its layers are leased.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use oci_spec::image::Descriptor;
use proto::id::Digest;

use crate::error::{Doing, Result};
use crate::host;
use crate::skeleton;
use crate::store::locks::Alone;
use crate::store::{Store, plain_digest};

/// What a clean-up did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Freed {
    /// Bytes on the disk that were given back.
    pub bytes: u64,
    /// Unpacked layers that would have gone and stayed, because something is running on them.
    pub in_use: u64,
    /// Images whose name went, because the cap asked for it.
    pub images: Vec<String>,
    /// Bytes the store has now, packed and unpacked.
    pub left_bytes: u64,
}

impl Store {
    /// Forgets an image by name or digest, and removes what no other image needs. Layers that something runs on stay
    /// until the next clean-up. Waits for builds and pulls to end: they have blobs no name holds yet.
    ///
    /// # Errors
    /// [`ImageError::UnknownImage`](crate::ImageError::UnknownImage) when there is none.
    pub fn remove(&self, wanted: &str) -> Result<Freed> {
        let alone = self.alone()?;
        let _lock = self.lock()?;
        let gone = self.find(wanted)?;
        self.forget(&gone.name)?;
        self.collect_garbage(&alone)
    }

    /// Removes blobs and unpacked layers that no named image needs. Waits as [`remove`](Self::remove) does.
    ///
    /// # Errors
    /// [`ImageError::Io`](crate::ImageError::Io) when something cannot be removed.
    pub fn gc(&self) -> Result<Freed> {
        let alone = self.alone()?;
        let _lock = self.lock()?;
        let freed = self.collect_garbage(&alone)?;
        let locks = self.path().join("locks");
        // Whoever unpacks holds the writers' lock, so nobody holds one of these.
        if locks.exists() {
            std::fs::remove_dir_all(&locks).doing("remove", &locks)?;
        }
        Ok(freed)
    }

    /// Brings the store below `cap` bytes, least recently used first: unpacked layers, which unpack again when they
    /// are wanted; then whole images that were pulled, which can be pulled again. Images that were built or imported
    /// here are nowhere else and stay, `keep` too, and whatever something runs on.
    ///
    /// Waits as [`remove`](Self::remove) does.
    pub fn shrink(&self, cap: u64, keep: Option<&str>) -> Result<Freed> {
        let alone = self.alone()?;
        self.shrink_alone(&alone, cap, keep)
    }

    /// Keeps to the cap after something was added, unless somebody else is adding: then it is up to them.
    pub(crate) fn keep_to_cap(&self, keep: Option<&str>) -> Result<()> {
        let Some(cap) = self.cap else { return Ok(()) };
        if self.usage()? <= cap {
            return Ok(());
        }
        let Some(alone) = self.try_alone()? else { return Ok(()) };
        let freed = self.shrink_alone(&alone, cap, keep)?;
        for image in &freed.images {
            tracing::warn!(
                image,
                cap,
                "an image was removed, because the store had outgrown its cap; pull it again to use it"
            );
        }
        if freed.left_bytes > cap {
            tracing::warn!(
                bytes = freed.left_bytes,
                cap,
                "the image store stays above its cap: what is left is in use, built or imported here"
            );
        }
        Ok(())
    }

    fn shrink_alone(&self, alone: &Alone, cap: u64, keep: Option<&str>) -> Result<Freed> {
        let _lock = self.lock()?;
        let mut freed = self.collect_garbage(alone)?;
        for layer in self.layers_by_use()? {
            if freed.left_bytes <= cap {
                return Ok(freed);
            }
            match self.layers.remove(&layer)? {
                Some(bytes) => freed.bytes += bytes,
                None => freed.in_use += 1,
            }
            freed.left_bytes = self.usage()?;
        }
        let origins = self.index.origins()?;
        let mut images = self.index.read()?;
        images.retain(|image| origins.contains_key(&image.name) && Some(image.name.as_str()) != keep);
        images.sort_by_key(|image| self.last_used(&image.digest));
        for image in images {
            if freed.left_bytes <= cap {
                break;
            }
            if self.is_in_use(&image.digest) {
                continue;
            }
            self.forget(&image.name)?;
            let more = self.collect_garbage(alone)?;
            freed.images.push(image.name);
            freed.bytes += more.bytes;
            freed.left_bytes = more.left_bytes;
        }
        Ok(freed)
    }

    /// Bytes of all blobs and all unpacked layers, as they were when they were made.
    pub fn usage(&self) -> Result<u64> {
        let packed: u64 = self.blobs.all()?.into_iter().map(|(_, bytes)| bytes).sum();
        Ok(packed + self.layers.usage()?)
    }

    /// Unpacked layers of images, least recently used first.
    fn layers_by_use(&self) -> Result<Vec<Digest>> {
        let mut used: BTreeMap<Digest, SystemTime> = BTreeMap::new();
        for named in self.index.read()? {
            let at = self.last_used(&named.digest).unwrap_or(SystemTime::UNIX_EPOCH);
            for layer in self.load(&named.digest)?.diff_ids() {
                let last = used.entry(layer).or_insert(at);
                *last = at.max(*last);
            }
        }
        let mut layers: Vec<(SystemTime, Digest)> = used.into_iter().map(|(id, at)| (at, id)).collect();
        layers.sort();
        Ok(layers.into_iter().map(|(_, id)| id).filter(|id| self.layers.find(id).is_some()).collect())
    }

    fn is_in_use(&self, digest: &Digest) -> bool {
        self.load(digest).is_ok_and(|image| image.diff_ids().any(|id| self.layers.is_leased(&id)))
    }

    /// The caller holds the lock of the names.
    fn forget(&self, name: &str) -> Result<()> {
        let mut left = self.index.read()?;
        left.retain(|image| image.name != name);
        self.index.write(&left)
    }

    /// Blobs and layers no named image needs. The caller holds the lock of the names.
    fn collect_garbage(&self, _alone: &Alone) -> Result<Freed> {
        let mut blobs = BTreeSet::new();
        let mut images = BTreeSet::new();
        let mut layers = vec![skeleton::digest(&skeleton::common())];
        if let Ok(plan) = host::plan(&self.host_root) {
            layers.push(plan.skeleton);
        }
        for named in self.index.read()? {
            let image = match self.load(&named.digest) {
                Ok(image) => image,
                Err(error) => {
                    tracing::warn!(image = named.name, %error, "nothing is cleaned up: what this image needs is not known");
                    return Ok(Freed { left_bytes: self.usage()?, ..Freed::default() });
                }
            };
            blobs.insert(plain_digest(image.manifest.config())?.hex().to_owned());
            for layer in image.manifest.layers() {
                blobs.insert(plain_digest(layer)?.hex().to_owned());
            }
            layers.extend(image.diff_ids());
            blobs.insert(named.digest.hex().to_owned());
            images.insert(named.digest.hex().to_owned());
        }
        let mut freed = Freed::default();
        for (path, bytes) in self.blobs.all()? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if !blobs.contains(name) {
                std::fs::remove_file(&path).doing("remove", &path)?;
                freed.bytes += bytes;
            }
        }
        for id in self.layers.all()? {
            if !layers.contains(&id) {
                match self.layers.remove(&id)? {
                    Some(bytes) => freed.bytes += bytes,
                    None => freed.in_use += 1,
                }
            }
        }
        self.forget_uses(&images)?;
        freed.left_bytes = self.usage()?;
        Ok(freed)
    }
}

/// All sizes of a manifest.
pub(crate) fn packed_size(manifest: &oci_spec::image::ImageManifest) -> u64 {
    manifest.config().size() + manifest.layers().iter().map(Descriptor::size).sum::<u64>()
}
