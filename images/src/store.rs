//! The image store below a data directory: names, blobs, and unpacked layers.
//!
//! ```text
//! images/oci-layout, index.json   names        (an OCI image layout)
//! images/blobs/sha256/<hex>       manifests, configurations, packed layers
//! images/layers/<diff_id>/fs      unpacked layers, each once, shared by all images
//! images/lock, build.lock         one writer, one build at a time, over all processes
//! ```
//!
//! Everything blocks; an async caller uses a blocking thread. Several processes may share one store. Nothing
//! here runs a program but `build`, and nothing mounts.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use language::Language;
use oci_spec::image::{Descriptor, ImageConfiguration, ImageManifest, MediaType};
use proto::id::Digest;
use proto::language::LanguageInfo;

use crate::blobs::Blobs;
use crate::error::{Doing, ImageError, Result};
use crate::host::{self, HostPlan};
use crate::index::{IndexFile, Named};
use crate::layer::unpack::{Expected, Packing};
use crate::layers::Layers;
use crate::rootfs::{PATH, Rootfs, RootfsKind, RunConfig};
use crate::skeleton;

/// Most layers an image may have; overlayfs takes 500.
const LAYERS_MAX: usize = 128;
/// The name of the stand-in image.
pub const HOST: &str = "host";

/// An image as `tribunal images list` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageInfo {
    /// Its name, such as `cpp`.
    pub name: String,
    /// Digest of its manifest.
    pub digest: Digest,
    /// Manifest, configuration and packed layers together. Images share layers, so the sum over all images
    /// is more than the store holds.
    pub size_bytes: u64,
    /// Ids of the languages it serves; none for a base image.
    pub languages: Vec<String>,
    /// When it was made, as its configuration says (RFC 3339).
    pub created: Option<String>,
}

/// What [`Store::verify`] found about one image.
#[derive(Debug)]
pub struct Verified {
    /// Its name.
    pub name: String,
    /// Digest of its manifest.
    pub digest: Digest,
    /// The first thing that is wrong with it.
    pub problem: Option<ImageError>,
}

/// The store. Cheap calls read the disk; [`rootfs`](Self::rootfs) unpacks layers when they are first wanted.
#[derive(Debug)]
pub struct Store {
    images: PathBuf,
    pub(crate) blobs: Blobs,
    pub(crate) layers: Layers,
    pub(crate) index: IndexFile,
    /// The host's plan, read once: what runs must not change digest under a process that judges.
    host: Mutex<Option<(HostPlan, PathBuf)>>,
    host_root: PathBuf,
}

/// A manifest with its configuration.
#[derive(Debug)]
struct Image {
    manifest: ImageManifest,
    config: ImageConfiguration,
}

impl Store {
    /// Opens the store in the data directory `data`, making it when it does not exist.
    ///
    /// # Errors
    /// [`ImageError::Io`] when the directory cannot be made or written.
    pub fn open(data: &Path) -> Result<Self> {
        Self::open_with_host(data, Path::new("/"))
    }

    pub(crate) fn open_with_host(data: &Path, host_root: &Path) -> Result<Self> {
        let images = data.join("images");
        std::fs::create_dir_all(&images).doing("create", &images)?;
        // Overlay takes its layers by absolute path, whatever directory the caller is in later.
        let images = std::fs::canonicalize(&images).doing("open", &images)?;
        Ok(Self {
            blobs: Blobs::open(&images)?,
            layers: Layers::open(&images)?,
            index: IndexFile::open(&images)?,
            host: Mutex::new(None),
            host_root: host_root.to_path_buf(),
            images,
        })
    }

    /// The folder of the store.
    pub fn path(&self) -> &Path {
        &self.images
    }

    /// The root file system to judge a language in: its image when there is one, else the host's.
    ///
    /// # Errors
    /// [`ImageError::NoImage`] when neither can serve it.
    pub fn rootfs_for_language(&self, language: &Language) -> Result<Rootfs> {
        if let Some(image) = self.image_for_language(&language.id)? {
            return self.rootfs_of(&image.digest, &image.name);
        }
        host::serves(&self.host_root, language)
            .map_err(|reason| ImageError::NoImage { language: language.id.clone(), reason })?;
        self.host()
    }

    /// The digest and kind a language would be judged with, without unpacking anything.
    ///
    /// # Errors
    /// As [`rootfs_for_language`](Self::rootfs_for_language).
    pub fn digest_for_language(&self, language: &Language) -> Result<(Digest, RootfsKind)> {
        if let Some(image) = self.image_for_language(&language.id)? {
            return Ok((image.digest, RootfsKind::Oci));
        }
        host::serves(&self.host_root, language)
            .map_err(|reason| ImageError::NoImage { language: language.id.clone(), reason })?;
        Ok((self.host()?.digest, RootfsKind::Host))
    }

    /// What a worker registers and `tribunal languages` shows of a language. The version is left open: only
    /// a run in a box can ask for it.
    ///
    /// # Errors
    /// Only when the store itself cannot be read; a language that cannot run says so in the answer.
    pub fn describe(&self, language: &Language) -> Result<LanguageInfo> {
        let (image, reason) = match self.digest_for_language(language) {
            Ok(found) => (Some(found), None),
            Err(error @ (ImageError::NoImage { .. } | ImageError::HostUnusable { .. })) => {
                (None, Some(error.to_string()))
            }
            Err(error) => return Err(error),
        };
        Ok(LanguageInfo {
            id: language.id.clone(),
            name: language.name.clone(),
            version: None,
            extensions: language.extensions.clone(),
            image_kind: image.as_ref().map(|(_, kind)| kind.name().to_owned()),
            usable: image.is_some(),
            image: image.map(|(digest, _)| digest),
            compile: language.compile.clone(),
            run: language.run.clone(),
            reason,
        })
    }

    /// The root file system of an image by name, by digest of its manifest, or `host`.
    ///
    /// # Errors
    /// [`ImageError::UnknownImage`] when there is none of that name or digest.
    pub fn rootfs(&self, wanted: &str) -> Result<Rootfs> {
        if wanted == HOST {
            return self.host();
        }
        let image = self.find(wanted)?;
        self.rootfs_of(&image.digest, &image.name)
    }

    /// What an image by name or digest would run; nothing for `host`.
    ///
    /// # Errors
    /// [`ImageError::UnknownImage`] when there is none of that name or digest.
    pub fn run_config(&self, wanted: &str) -> Result<RunConfig> {
        if wanted == HOST {
            return Ok(RunConfig::default());
        }
        let image = self.load(&self.find(wanted)?.digest)?;
        let Some(config) = image.config.config() else { return Ok(RunConfig::default()) };
        let words = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
        Ok(RunConfig {
            argv: [words(config.entrypoint()), words(config.cmd())].concat(),
            working_dir: config.working_dir().clone().unwrap_or_default(),
        })
    }

    /// All named images in order of their names, without `host`.
    pub fn list(&self) -> Result<Vec<ImageInfo>> {
        let infos = self.index.read()?.into_iter().map(|named| {
            let (parts, created) = match self.load(&named.digest) {
                Ok(image) => (
                    image.manifest.config().size()
                        + image.manifest.layers().iter().map(Descriptor::size).sum::<u64>(),
                    image.config.created().clone(),
                ),
                Err(error) => {
                    // A list that fails as a whole would hide what there is to remove.
                    tracing::warn!(image = named.name, %error, "an image cannot be read");
                    (0, None)
                }
            };
            ImageInfo {
                size_bytes: named.size.saturating_add(parts),
                created,
                name: named.name,
                digest: named.digest,
                languages: named.languages,
            }
        });
        Ok(infos.collect())
    }

    /// Forgets an image by name or digest, and removes what no other image needs. Runs that still use its
    /// layers fail, so no worker should be judging with it.
    ///
    /// # Errors
    /// [`ImageError::UnknownImage`] when there is none.
    pub fn remove(&self, wanted: &str) -> Result<()> {
        // A build has blobs that no name holds yet.
        let _no_build = self.lock_build()?;
        let _lock = self.lock()?;
        let gone = self.find(wanted)?;
        let mut left = self.index.read()?;
        left.retain(|image| image.name != gone.name);
        self.index.write(&left)?;
        self.collect_garbage()
    }

    /// Removes blobs and unpacked layers that no named image needs.
    ///
    /// # Errors
    /// [`ImageError::Io`] when something cannot be removed.
    pub fn gc(&self) -> Result<()> {
        let _no_build = self.lock_build()?;
        let _lock = self.lock()?;
        self.collect_garbage()
    }

    /// Hashes every blob of every image again. An image with a finding should be removed and made again.
    ///
    /// # Errors
    /// Only when the index itself cannot be read.
    pub fn verify(&self) -> Result<Vec<Verified>> {
        let images = self.index.read()?;
        Ok(images
            .into_iter()
            .map(|named| {
                let problem = self.verify_one(&named.digest).err();
                Verified { name: named.name, digest: named.digest, problem }
            })
            .collect())
    }

    fn verify_one(&self, digest: &Digest) -> Result<()> {
        let image = self.load(digest)?;
        for layer in image.manifest.layers() {
            self.blobs.verify(&plain_digest(layer)?)?;
        }
        Ok(())
    }

    /// The stand-in made of the host's `/usr`.
    ///
    /// # Errors
    /// [`ImageError::HostUnusable`] when the host has none.
    pub fn host(&self) -> Result<Rootfs> {
        let mut cached = self.host.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if cached.is_none() {
            let plan = host::plan(&self.host_root)?;
            let tree = self.generated(&plan.skeleton, &plan.items)?;
            *cached = Some((plan, tree));
        }
        let Some((plan, tree)) = cached.as_ref() else {
            return Err(ImageError::HostUnusable { problem: "its plan was lost".to_owned() });
        };
        Ok(Rootfs {
            digest: plan.digest.clone(),
            kind: RootfsKind::Host,
            layers: vec![tree.clone()],
            binds: plan.binds.clone(),
            env: host::env(),
        })
    }

    fn find(&self, wanted: &str) -> Result<Named> {
        let images = self.index.read()?;
        let known = images.iter().map(|image| image.name.as_str()).collect::<Vec<_>>().join(", ");
        let found = images.into_iter().find(|image| image.name == wanted || image.digest.as_str() == wanted);
        found.ok_or_else(|| ImageError::UnknownImage {
            wanted: wanted.chars().take(100).collect(),
            known: if known.is_empty() {
                "none but `host`".to_owned()
            } else {
                format!("{known} and `host`")
            },
        })
    }

    fn image_for_language(&self, id: &str) -> Result<Option<Named>> {
        let images = self.index.read()?;
        let serves = |image: &&Named| image.languages.iter().any(|language| language == id);
        let own = images.iter().filter(serves).find(|image| image.name == id);
        Ok(own.or_else(|| images.iter().find(serves)).cloned())
    }

    fn load(&self, digest: &Digest) -> Result<Image> {
        let manifest: ImageManifest = self.blobs.read_json(digest)?;
        let config: ImageConfiguration = self.blobs.read_json(&plain_digest(manifest.config())?)?;
        Ok(Image { manifest, config })
    }

    pub(crate) fn rootfs_of(&self, digest: &Digest, name: &str) -> Result<Rootfs> {
        let image = self.load(digest)?;
        let unsupported = |problem: String| ImageError::Unsupported { image: name.to_owned(), problem };
        let (packed, diff_ids) = (image.manifest.layers(), image.config.rootfs().diff_ids());
        if packed.len() != diff_ids.len() || packed.is_empty() || packed.len() > LAYERS_MAX {
            return Err(unsupported(format!(
                "its manifest has {} layers and its configuration {}; both need the same number, 1 to {LAYERS_MAX}",
                packed.len(),
                diff_ids.len()
            )));
        }
        let mut layers = Vec::with_capacity(packed.len() + 1);
        for (layer, diff_id) in packed.iter().zip(diff_ids) {
            let diff_id: Digest = diff_id.parse().map_err(|error| unsupported(format!("{error}")))?;
            let tree = self.layer(name, layer, &diff_id)?;
            skeleton::check_layer(name, &tree)?;
            layers.push(tree);
        }
        let items = skeleton::common();
        layers.push(self.generated(&skeleton::digest(&items), &items)?);
        layers.reverse();
        Ok(Rootfs {
            digest: digest.clone(),
            kind: RootfsKind::Oci,
            layers,
            binds: Vec::new(),
            env: env_of(&image.config),
        })
    }

    fn layer(&self, image: &str, layer: &Descriptor, diff_id: &Digest) -> Result<PathBuf> {
        if let Some(tree) = self.layers.find(diff_id) {
            return Ok(tree);
        }
        let packing = packing_of(layer.media_type()).ok_or_else(|| ImageError::Unsupported {
            image: image.to_owned(),
            problem: format!(
                "a layer has the media type {}; tar, tar+gzip and tar+zstd are known",
                layer.media_type()
            ),
        })?;
        let digest = plain_digest(layer)?;
        let _lock = self.lock()?;
        self.layers.unpack(&self.blobs, packing, &Expected { digest: &digest, size: layer.size(), diff_id })
    }

    fn generated(&self, id: &Digest, items: &[skeleton::Item]) -> Result<PathBuf> {
        if let Some(tree) = self.layers.find(id) {
            return Ok(tree);
        }
        let _lock = self.lock()?;
        self.layers.generate(id, |tree| skeleton::write(items, tree))
    }

    /// Blobs and layers no named image needs. The caller holds the lock.
    fn collect_garbage(&self) -> Result<()> {
        let mut blobs = Vec::new();
        let mut layers = vec![skeleton::digest(&skeleton::common())];
        if let Ok(plan) = host::plan(&self.host_root) {
            layers.push(plan.skeleton);
        }
        for named in self.index.read()? {
            let image = match self.load(&named.digest) {
                Ok(image) => image,
                Err(error) => {
                    tracing::warn!(image = named.name, %error, "nothing is cleaned up: what this image needs is not known");
                    return Ok(());
                }
            };
            blobs.push(plain_digest(image.manifest.config())?);
            for layer in image.manifest.layers() {
                blobs.push(plain_digest(layer)?);
            }
            for diff_id in image.config.rootfs().diff_ids() {
                layers.extend(diff_id.parse::<Digest>());
            }
            blobs.push(named.digest);
        }
        let folder = self.blobs.folder();
        for entry in std::fs::read_dir(folder).doing("list", folder)? {
            let path = entry.doing("list", folder)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let temporary = name.starts_with('.');
            if !temporary && !blobs.iter().any(|digest| digest.hex() == name) {
                std::fs::remove_file(&path).doing("remove", &path)?;
            }
        }
        self.layers.keep_only(&layers)
    }

    /// Waits until no other process changes the store. Released when dropped, or when the process dies.
    pub(crate) fn lock(&self) -> Result<File> {
        self.lock_file("lock")
    }

    /// Waits until no other process builds into the store.
    pub(crate) fn lock_build(&self) -> Result<File> {
        self.lock_file("build.lock")
    }

    fn lock_file(&self, name: &str) -> Result<File> {
        let path = self.images.join(name);
        let file =
            File::options().create(true).truncate(false).write(true).open(&path).doing("open", &path)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).doing("lock", &path)?;
        Ok(file)
    }
}

/// Their digest as ours.
fn plain_digest(descriptor: &Descriptor) -> Result<Digest> {
    let text = descriptor.digest().to_string();
    text.parse().map_err(|_| ImageError::Unsupported {
        image: text.clone(),
        problem: "its digest is not a SHA-256; only those are known".to_owned(),
    })
}

fn packing_of(media_type: &MediaType) -> Option<Packing> {
    match media_type {
        MediaType::ImageLayer => Some(Packing::Plain),
        MediaType::ImageLayerGzip => Some(Packing::Gzip),
        MediaType::ImageLayerZstd => Some(Packing::Zstd),
        MediaType::Other(name) if name == "application/vnd.docker.image.rootfs.diff.tar.gzip" => {
            Some(Packing::Gzip)
        }
        MediaType::Other(name) if name == "application/vnd.docker.image.rootfs.diff.tar" => {
            Some(Packing::Plain)
        }
        _ => None,
    }
}

/// The image's environment with a `PATH`, whatever the image says.
fn env_of(config: &ImageConfiguration) -> Vec<(String, String)> {
    let words = config.config().as_ref().and_then(|config| config.env().as_ref());
    let mut env: Vec<(String, String)> = words
        .into_iter()
        .flatten()
        .filter_map(|word| word.split_once('='))
        .filter(|(key, value)| !key.is_empty() && !key.contains('\0') && !value.contains('\0'))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    if !env.iter().any(|(key, _)| key == "PATH") {
        env.push(("PATH".to_owned(), PATH.to_owned()));
    }
    env
}

#[cfg(test)]
mod tests;
