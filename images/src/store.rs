//! The image store below a data directory: names, blobs, and unpacked layers.
//!
//! ```text
//! images/oci-layout, index.json   names        (an OCI image layout)
//! images/blobs/sha256/<hex>       manifests, configurations, packed layers
//! images/layers/<diff_id>/fs      unpacked layers, each once, shared by all images
//! images/used/<manifest>          empty; its time is that of the image's last use
//! images/lock, …                  who may do what at once, over all processes: locks.rs
//! ```
//!
//! Everything blocks; an async caller uses a blocking thread. Several processes may share one store. Nothing
//! here runs a program but `build`, and nothing mounts but the helper that unpacks, in a namespace of its own.

pub mod adopt;
pub mod garbage;
pub(crate) mod locks;
pub(crate) mod names;
pub mod platform;
mod used;
mod verify;

pub use verify::Verified;

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use language::Language;
use oci_spec::image::{Descriptor, ImageConfiguration, ImageManifest, MediaType};
use proto::id::Digest;
use proto::language::{HOST, LanguageInfo};

use crate::blobs::Blobs;
use crate::error::{Doing, ImageError, Result};
use crate::helper;
use crate::host::{self, HostPlan};
use crate::index::{IndexFile, Named};
use crate::layer::unpack::{Caps, Expected, Packing};
use crate::layers::{Layers, Marker};
use crate::lease::Lease;
use crate::progress::{OnProgress, Progress};
use crate::rootfs::{PATH, Rootfs, RootfsKind, RunConfig};
use crate::skeleton;

/// Most layers an image may have; overlayfs takes 500.
const LAYERS_MAX: usize = 128;
/// How long layers stay leased after somebody last asked for them: longer than a warm box may wait (sandbox's
/// `WARM_AGE`, ten minutes), because it has them mounted and nobody tells us when it goes.
const LEASE_AGE: Duration = Duration::from_mins(12);

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
    /// Of these, bytes that other images have as well.
    pub shared_bytes: u64,
    /// What its unpacked layers take on the disk; those not unpacked yet count nothing.
    pub unpacked_bytes: u64,
    /// When its root was last asked for.
    pub last_used: Option<SystemTime>,
    /// The reference it was pulled by.
    pub origin: Option<String>,
    /// Ids of the languages it serves; none for a base image.
    pub languages: Vec<String>,
    /// When it was made, as its configuration says (RFC 3339).
    pub created: Option<String>,
}

/// The store. Cheap calls read the disk; [`rootfs`](Self::rootfs) unpacks layers when they are first wanted.
#[derive(Debug)]
pub struct Store {
    images: PathBuf,
    pub(crate) blobs: Blobs,
    pub(crate) layers: Layers,
    pub(crate) index: IndexFile,
    /// The host's plan, read once: what runs must not change digest under a process that judges.
    host: Mutex<Option<(HostPlan, PathBuf, Lease)>>,
    host_root: PathBuf,
    /// Most bytes, packed and unpacked, before what was not used for longest goes.
    pub(crate) cap: Option<u64>,
    unpacking: Unpacking,
    /// Leases that outlive the roots they were given with, by manifest.
    leases: Mutex<HashMap<Digest, (Instant, Lease)>>,
}

/// Where layers are unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unpacking {
    /// In the helper process.
    #[cfg_attr(test, allow(dead_code))]
    Helper,
    /// In this process: tests have another `main`.
    #[cfg(test)]
    Here,
}

/// A manifest with its configuration.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) manifest: ImageManifest,
    pub(crate) config: ImageConfiguration,
}

impl Image {
    /// Its layers, bottom first; what is no digest is left out.
    pub(crate) fn diff_ids(&self) -> impl Iterator<Item = Digest> + '_ {
        self.config.rootfs().diff_ids().iter().filter_map(|id| id.parse().ok())
    }
}

impl Store {
    /// Opens the store in the data directory `data`, making it when it does not exist.
    ///
    /// # Errors
    /// [`ImageError::Io`] when the directory cannot be made or written.
    pub fn open(data: &Path) -> Result<Self> {
        #[cfg(not(test))]
        let unpacking = Unpacking::Helper;
        #[cfg(test)]
        let unpacking = Unpacking::Here;
        Self::open_with(data, Path::new("/"), unpacking)
    }

    /// Over another root than this machine's, unpacking in this process.
    #[cfg(test)]
    pub(crate) fn open_with_host(data: &Path, host_root: &Path) -> Result<Self> {
        Self::open_with(data, host_root, Unpacking::Here)
    }

    /// Sets the most bytes the store is to have. It is kept to after something was added, see
    /// [`shrink`](Self::shrink).
    #[must_use]
    pub fn with_cap(mut self, cap: Option<u64>) -> Self {
        self.cap = cap;
        self
    }

    fn open_with(data: &Path, host_root: &Path, unpacking: Unpacking) -> Result<Self> {
        let images = data.join("images");
        std::fs::create_dir_all(&images).doing("create", &images)?;
        // Overlay takes its layers by absolute path, whatever directory the caller is in later.
        let images = std::fs::canonicalize(&images).doing("open", &images)?;
        let store = Self {
            blobs: Blobs::open(&images)?,
            layers: Layers::open(&images)?,
            index: IndexFile::at(&images),
            host: Mutex::new(None),
            host_root: host_root.to_path_buf(),
            cap: None,
            unpacking,
            leases: Mutex::new(HashMap::new()),
            images,
        };
        if !store.index.is_there() {
            let _writing = store.writing()?;
            let _lock = store.lock()?;
            store.index.make()?;
        }
        // What a killed process left half-made. A reader without the right to remove it does without.
        if let Err(error) = store.sweep_if_alone() {
            tracing::debug!(%error, "what crashes left could not be removed");
        }
        Ok(store)
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
            variant_of: language.variant_of.clone(),
            image_kind: image.as_ref().map(|(_, kind)| kind.name().to_owned()),
            usable: image.is_some(),
            image: image.map(|(digest, _)| digest),
            compile: language.compile.clone(),
            run: language.run.clone(),
            reason,
            note: None,
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
        let origins = self.index.origins()?;
        let images: Vec<(Named, Option<Image>)> = self
            .index
            .read()?
            .into_iter()
            .map(|named| match self.load(&named.digest) {
                Ok(image) => (named, Some(image)),
                Err(error) => {
                    // A list that fails as a whole would hide what there is to remove.
                    tracing::warn!(image = named.name, %error, "an image cannot be read");
                    (named, None)
                }
            })
            .collect();
        // Two names of one manifest are one image.
        let mut holders: HashMap<String, Vec<&Digest>> = HashMap::new();
        for (named, image) in &images {
            for layer in image.iter().flat_map(|image| image.manifest.layers()) {
                let holders = holders.entry(layer.digest().to_string()).or_default();
                if !holders.contains(&&named.digest) {
                    holders.push(&named.digest);
                }
            }
        }
        let shared = |layer: &&Descriptor| {
            holders.get(&layer.digest().to_string()).is_some_and(|holders| holders.len() > 1)
        };
        let infos = images.iter().map(|(named, image)| ImageInfo {
            name: named.name.clone(),
            digest: named.digest.clone(),
            size_bytes: named.size + image.as_ref().map_or(0, |image| garbage::packed_size(&image.manifest)),
            shared_bytes: image
                .as_ref()
                .map_or(0, |image| image.manifest.layers().iter().filter(shared).map(Descriptor::size).sum()),
            unpacked_bytes: image.as_ref().map_or(0, |image| {
                image.diff_ids().filter_map(|id| self.layers.marker(&id).ok()).map(|marker| marker.disk).sum()
            }),
            last_used: self.last_used(&named.digest),
            origin: origins.get(&named.name).cloned(),
            languages: named.languages.clone(),
            created: image.as_ref().and_then(|image| image.config.created().clone()),
        });
        Ok(infos.collect())
    }

    /// The stand-in made of the host's `/usr`.
    ///
    /// # Errors
    /// [`ImageError::HostUnusable`] when the host has none.
    pub fn host(&self) -> Result<Rootfs> {
        let mut cached = self.host.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if cached.is_none() {
            let plan = host::plan(&self.host_root)?;
            let (tree, marker) = self.generated(&plan.skeleton, &plan.items)?;
            *cached = Some((plan, tree, Lease::of(vec![marker])));
        }
        let Some((plan, tree, lease)) = cached.as_ref() else {
            return Err(ImageError::HostUnusable { problem: "its plan was lost".to_owned() });
        };
        Ok(Rootfs {
            digest: plan.digest.clone(),
            kind: RootfsKind::Host,
            layers: vec![tree.clone()],
            binds: plan.binds.clone(),
            env: host::env(),
            lease: lease.clone(),
        })
    }

    pub(crate) fn find(&self, wanted: &str) -> Result<Named> {
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

    pub(crate) fn load(&self, digest: &Digest) -> Result<Image> {
        let manifest: ImageManifest = self.blobs.read_json(digest)?;
        let config: ImageConfiguration = self.blobs.read_json(&plain_digest(manifest.config())?)?;
        Ok(Image { manifest, config })
    }

    pub(crate) fn rootfs_of(&self, digest: &Digest, name: &str) -> Result<Rootfs> {
        let (rootfs, unpacked) =
            self.root_of(digest, name, &|_| ()).map_err(|e| self.in_full(e, digest, name))?;
        if unpacked > 0 {
            self.keep_to_cap(Some(name))?;
        }
        Ok(rootfs)
    }

    /// The same error; of a full disk, with what the image needs.
    fn in_full(&self, error: ImageError, digest: &Digest, name: &str) -> ImageError {
        if !error.is_full_disk() {
            return error;
        }
        let bytes = self.load(digest).map_or(0, |image| garbage::packed_size(&image.manifest));
        ImageError::NoRoom { image: name.to_owned(), bytes, source: Box::new(error) }
    }

    /// The root of an image, and how many bytes of layers had to be unpacked for it.
    pub(crate) fn root_of(
        &self,
        digest: &Digest,
        name: &str,
        progress: OnProgress<'_>,
    ) -> Result<(Rootfs, u64)> {
        let image = self.load(digest)?;
        adopt::check_shape(name, &image.manifest, &image.config)?;
        let (mut layers, mut markers, mut unpacked) = (Vec::new(), Vec::new(), 0);
        let count = image.manifest.layers().len();
        for (number, (layer, diff_id)) in image.manifest.layers().iter().zip(image.diff_ids()).enumerate() {
            let doing = format!("unpacking layer {} of {count}", number + 1);
            let tell = |done| {
                let (image, doing) = (name.to_owned(), doing.clone());
                progress(Progress::Bytes { image, doing, done, total: layer.size() });
            };
            let (tree, marker, bytes) = self.layer(layer, &diff_id, &tell)?;
            skeleton::check_layer(name, &tree)?;
            layers.push(tree);
            markers.push(marker);
            unpacked += bytes;
        }
        let items = skeleton::common();
        let (top, marker) = self.generated(&skeleton::digest(&items), &items)?;
        layers.push(top);
        markers.push(marker);
        layers.reverse();
        let lease = Lease::of(markers);
        self.remember(digest, &lease);
        self.note_use(digest);
        let env = env_of(&image.config);
        Ok((
            Rootfs { digest: digest.clone(), kind: RootfsKind::Oci, layers, binds: Vec::new(), env, lease },
            unpacked,
        ))
    }

    /// The tree of a layer, its lease, and the bytes that were unpacked now.
    fn layer(
        &self,
        layer: &Descriptor,
        diff_id: &Digest,
        tell: &dyn Fn(u64),
    ) -> Result<(PathBuf, File, u64)> {
        if let Some((tree, marker)) = self.layers.lease(diff_id)? {
            return Ok((tree, marker, 0));
        }
        let packing = packing_of(layer.media_type()).ok_or_else(|| ImageError::Unsupported {
            image: diff_id.to_string(),
            problem: format!("it has the media type {}", layer.media_type()),
        })?;
        let digest = plain_digest(layer)?;
        let expected = Expected { digest: &digest, size: layer.size(), diff_id };
        let _writing = self.writing()?;
        let _layer = self.lock_layer(diff_id)?;
        let mut bytes = 0;
        let (tree, marker) = self.layers.make(diff_id, |tree| {
            let marker = self.unpack(packing, &expected, tree, tell)?;
            bytes = marker.bytes;
            Ok(marker)
        })?;
        Ok((tree, marker, bytes))
    }

    fn unpack(
        &self,
        packing: Packing,
        expected: &Expected<'_>,
        tree: &Path,
        tell: &dyn Fn(u64),
    ) -> Result<Marker> {
        let packed = self.blobs.file(expected.digest)?;
        let done = match self.unpacking {
            Unpacking::Helper => {
                if rustix::process::geteuid().is_root() {
                    std::os::unix::fs::chown(tree, Some(helper::OWNER), Some(helper::OWNER))
                        .doing("give away", tree)?;
                }
                helper::unpack(packed, packing, expected, Caps::default(), tree, &mut |done| tell(done))?
            }
            #[cfg(test)]
            Unpacking::Here => {
                crate::layer::unpack::unpack(packed, packing, expected, Caps::default(), tree)?
            }
        };
        if done.dropped > 0 {
            tracing::info!(layer = %expected.diff_id, dropped = done.dropped, "device nodes left out of a layer");
        }
        Ok(Marker {
            entries: done.entries,
            bytes: done.bytes,
            dropped: done.dropped,
            tree: Some(done.tree),
            disk: done.disk,
        })
    }

    fn generated(&self, id: &Digest, items: &[skeleton::Item]) -> Result<(PathBuf, File)> {
        if let Some(found) = self.layers.lease(id)? {
            return Ok(found);
        }
        let _writing = self.writing()?;
        let _layer = self.lock_layer(id)?;
        self.layers.make(id, |tree| {
            skeleton::write(items, tree)?;
            Marker::of(tree)
        })
    }

    /// Holds a lease for as long as a warm box may live.
    fn remember(&self, digest: &Digest, lease: &Lease) {
        let mut leases = self.leases.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        leases.retain(|_, (since, _)| since.elapsed() < LEASE_AGE);
        leases.insert(digest.clone(), (Instant::now(), lease.clone()));
    }
}

/// Their digest as ours.
pub(crate) fn plain_digest(descriptor: &Descriptor) -> Result<Digest> {
    let text = descriptor.digest().to_string();
    text.parse().map_err(|_| ImageError::Unsupported {
        image: text.clone(),
        problem: "its digest is not a SHA-256; only those are known".to_owned(),
    })
}

pub(crate) fn packing_of(media_type: &MediaType) -> Option<Packing> {
    match media_type {
        MediaType::ImageLayer | MediaType::ImageLayerNonDistributable => Some(Packing::Plain),
        MediaType::ImageLayerGzip | MediaType::ImageLayerNonDistributableGzip => Some(Packing::Gzip),
        MediaType::ImageLayerZstd | MediaType::ImageLayerNonDistributableZstd => Some(Packing::Zstd),
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
pub(crate) fn env_of(config: &ImageConfiguration) -> Vec<(String, String)> {
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
