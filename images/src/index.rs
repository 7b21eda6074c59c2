//! `index.json`: which names the store knows, as an OCI image index. With `oci-layout` beside it the store
//! is an OCI image layout that other tools can read.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use oci_spec::image::{Descriptor, ImageIndex, ImageIndexBuilder, MediaType};
use proto::id::Digest;

use crate::blobs::{JSON_BYTES_MAX, sync_dir};
use crate::error::{Doing, ImageError, Result};

/// Name of an image.
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The reference an image was pulled by.
pub(crate) const ORIGIN: &str = "org.tribunal.origin";
/// Ids of the languages an image serves, separated by commas.
pub(crate) const LANGUAGES: &str = "org.tribunal.languages";

/// Whether an image was built in this store. An image's own labels say what its layers were made from; only what was
/// built here is believed, or a stranger's image could lend a later build its layers.
pub(crate) const BUILT: &str = "org.tribunal.built";

/// The file.
#[derive(Debug, Clone)]
pub(crate) struct IndexFile {
    folder: PathBuf,
}

/// One named image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub name: String,
    pub digest: Digest,
    pub size: u64,
    pub languages: Vec<String>,
    pub built: bool,
}

impl IndexFile {
    /// Makes an empty one when there is none.
    pub(crate) fn open(images: &Path) -> Result<Self> {
        let file = Self::at(images);
        file.make()?;
        Ok(file)
    }

    /// The one in this folder, which need not be there.
    pub(crate) fn at(images: &Path) -> Self {
        Self { folder: images.to_path_buf() }
    }

    fn layout(&self) -> PathBuf {
        self.folder.join("oci-layout")
    }

    pub(crate) fn is_there(&self) -> bool {
        self.layout().exists() && self.path().exists()
    }

    /// Makes what is missing. The caller holds the store's lock.
    pub(crate) fn make(&self) -> Result<()> {
        if !self.layout().exists() {
            self.replace("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        }
        if !self.path().exists() {
            self.write(&[])?;
        }
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.folder.join("index.json")
    }

    /// All images in order of their names.
    pub(crate) fn read(&self) -> Result<Vec<Named>> {
        let path = self.path();
        let damaged = |problem: String| ImageError::Damaged { what: path.display().to_string(), problem };
        let mut named = Vec::new();
        for descriptor in self.descriptors()? {
            let Some(name) = note(&descriptor, REF_NAME) else { continue };
            let digest = descriptor
                .digest()
                .to_string()
                .parse()
                .map_err(|error| damaged(format!("has a digest that is not one ({error})")))?;
            let languages = note(&descriptor, LANGUAGES).unwrap_or_default();
            let languages = languages.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect();
            let built = note(&descriptor, BUILT).is_some();
            named.push(Named { name, digest, size: descriptor.size(), languages, built });
        }
        named.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(named)
    }

    /// Names of the images that were pulled, with the reference.
    pub(crate) fn origins(&self) -> Result<HashMap<String, String>> {
        let pairs = self.descriptors()?.into_iter();
        Ok(pairs.filter_map(|d| Some((note(&d, REF_NAME)?, note(&d, ORIGIN)?))).collect())
    }

    fn descriptors(&self) -> Result<Vec<Descriptor>> {
        let path = self.path();
        let damaged = |problem: String| ImageError::Damaged { what: path.display().to_string(), problem };
        if std::fs::metadata(&path).doing("look at", &path)?.len() > JSON_BYTES_MAX {
            return Err(damaged("is far too large".to_owned()));
        }
        let text = std::fs::read(&path).doing("read", &path)?;
        let index: ImageIndex = serde_json::from_slice(&text)
            .map_err(|error| damaged(format!("is not an image index ({error})")))?;
        Ok(index.manifests().clone())
    }

    /// Names an image, or moves its name. The caller holds the store's lock.
    pub(crate) fn put(&self, image: Named) -> Result<()> {
        self.put_from(image, None)
    }

    /// The same of an image that was pulled by this reference.
    pub(crate) fn put_from(&self, image: Named, origin: Option<&str>) -> Result<()> {
        let mut origins = self.origins()?;
        origins.remove(&image.name);
        origins.extend(origin.map(|origin| (image.name.clone(), origin.to_owned())));
        let mut all = self.read()?;
        all.retain(|other| other.name != image.name);
        all.push(image);
        all.sort_by(|a, b| a.name.cmp(&b.name));
        self.write_all(&all, &origins)
    }

    /// Replaces the whole list. The caller holds the store's lock.
    pub(crate) fn write(&self, images: &[Named]) -> Result<()> {
        let origins = if self.path().exists() { self.origins()? } else { HashMap::new() };
        self.write_all(images, &origins)
    }

    fn write_all(&self, images: &[Named], origins: &HashMap<String, String>) -> Result<()> {
        let mut manifests = Vec::with_capacity(images.len());
        for image in images {
            let mut notes = HashMap::from([(REF_NAME.to_owned(), image.name.clone())]);
            if !image.languages.is_empty() {
                notes.insert(LANGUAGES.to_owned(), image.languages.join(","));
            }
            if image.built {
                notes.insert(BUILT.to_owned(), "yes".to_owned());
            }
            notes.extend(origins.get(&image.name).map(|origin| (ORIGIN.to_owned(), origin.clone())));
            let mut descriptor = descriptor(MediaType::ImageManifest, &image.digest, image.size);
            descriptor.set_annotations(Some(notes));
            manifests.push(descriptor);
        }
        let index = ImageIndexBuilder::default()
            .schema_version(2u32)
            .media_type(MediaType::ImageIndex)
            .manifests(manifests)
            .build()
            .map_err(std::io::Error::other)
            .doing("encode", self.path())?;
        let text =
            serde_json::to_vec_pretty(&index).map_err(std::io::Error::other).doing("encode", self.path())?;
        self.replace("index.json", &text)
    }

    fn replace(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        let mut file = tempfile::Builder::new()
            .prefix(".tmp-")
            .tempfile_in(&self.folder)
            .doing("create a file in", &self.folder)?;
        file.write_all(content).doing("write", &path)?;
        rustix::fs::fchmod(file.as_file(), rustix::fs::Mode::from_raw_mode(0o644))
            .doing("set the mode of", &path)?;
        file.as_file().sync_all().doing("write", &path)?;
        file.persist(&path).map_err(|error| error.error).doing("write", &path)?;
        sync_dir(&self.folder)
    }
}

fn note(descriptor: &Descriptor, key: &str) -> Option<String> {
    descriptor.annotations().as_ref().and_then(|notes| notes.get(key).cloned())
}

/// A descriptor of a blob.
pub(crate) fn descriptor(media_type: MediaType, digest: &Digest, size: u64) -> Descriptor {
    // Both digests are checked by construction: ours has the OCI form.
    let oci: oci_spec::image::Digest =
        digest.as_str().parse().unwrap_or_else(|error| panic!("{digest} is not an OCI digest: {error}"));
    Descriptor::new(media_type, size, oci)
}
