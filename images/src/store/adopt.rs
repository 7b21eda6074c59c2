//! Taking an image in from anywhere: a registry, a layout, an archive. The order is what makes a crash harmless:
//! blobs first, each under its digest and whole; then the layers unpacked; the name last.

use oci_spec::image::{Descriptor, ImageConfiguration, ImageIndex, ImageManifest};
use proto::id::Digest;

use crate::blobs::{Blobs, JSON_BYTES_MAX};
use crate::error::{ImageError, Result};
use crate::index::Named;
use crate::progress::{OnProgress, Progress};
use crate::store::platform::Platform;
use crate::store::{LAYERS_MAX, Store, names, packing_of, plain_digest};

/// Deepest nesting of indexes; honest ones have one level.
const DEPTH_MAX: usize = 4;
/// Largest packed layer.
const LAYER_BYTES_MAX: u64 = 16 << 30;

/// What to make of an image that comes in.
#[derive(Debug, Clone, Default)]
pub struct AdoptOptions {
    /// Its name here; else what it is called there.
    pub name: Option<String>,
    /// Which of several images in an index.
    pub platform: Platform,
    /// Ids of the languages it is to serve from now on; none makes it an image for `run` alone. Never taken from the
    /// image itself: whoever made it does not decide what judges here.
    pub languages: Vec<String>,
}

/// An image that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// Its name here.
    pub name: String,
    /// Digest of its manifest.
    pub digest: Digest,
    /// Manifest, configuration and packed layers together.
    pub size_bytes: u64,
    /// Bytes of these that the store had already.
    pub had_bytes: u64,
    /// Plain bytes of the layers that were unpacked now.
    pub unpacked_bytes: u64,
    /// How long unpacking took, syncing included.
    pub unpack_time: std::time::Duration,
    /// Language its maker says it is for, when it was not taken for one.
    pub says_language: Option<String>,
}

/// Where an image comes from.
pub(crate) trait Origin {
    /// A manifest, index or configuration, at most [`JSON_BYTES_MAX`]; its digest is checked by the caller.
    fn document(&mut self, descriptor: &Descriptor, digest: &Digest) -> Result<Vec<u8>>;

    /// Puts a blob into `blobs` under `digest`, which it has to have. `tell` hears how many bytes came.
    fn blob(
        &mut self,
        descriptor: &Descriptor,
        digest: &Digest,
        blobs: &Blobs,
        tell: &mut dyn FnMut(u64),
    ) -> Result<()>;
}

impl Store {
    /// Takes in the image whose manifest or index is `root`. The caller holds [`Writing`](super::locks::Writing).
    pub(crate) fn adopt(
        &self,
        origin: &mut dyn Origin,
        name: &str,
        root: &[u8],
        from: Option<&str>,
        options: &AdoptOptions,
        progress: OnProgress<'_>,
    ) -> Result<Adopted> {
        names::check(name)?;
        for id in &options.languages {
            if language::by_id(id).is_none() {
                let known: Vec<&str> = language::all().iter().map(|l| l.id.as_str()).collect();
                return Err(ImageError::UnknownLanguage { wanted: id.clone(), known: known.join(", ") });
            }
        }
        let (manifest_bytes, manifest) = resolve(origin, name, root.to_vec(), &options.platform)?;
        let config_digest = plain_digest(manifest.config())?;
        let config_bytes = document(origin, manifest.config())?;
        let config: ImageConfiguration = parse(name, "configuration", &config_bytes)?;
        options.platform.check(name, &config)?;
        check_shape(name, &manifest, &config)?;

        let count = manifest.layers().len();
        let mut had_bytes = 0;
        for (number, layer) in manifest.layers().iter().enumerate() {
            let digest = plain_digest(layer)?;
            // One that is there but damaged is fetched again: that is how a store is mended.
            if self.blobs.has(&digest, layer.size()) && self.blobs.verify(&digest).is_ok() {
                had_bytes += layer.size();
                continue;
            }
            let doing = format!("fetching layer {} of {count}", number + 1);
            let mut tell = |done| {
                progress(Progress::Bytes {
                    image: name.to_owned(),
                    doing: doing.clone(),
                    done,
                    total: layer.size(),
                });
            };
            origin.blob(layer, &digest, &self.blobs, &mut tell)?;
            if !self.blobs.has(&digest, layer.size()) {
                return Err(ImageError::Unsupported {
                    image: name.to_owned(),
                    problem: format!("layer {digest} has not the {} bytes its manifest says", layer.size()),
                });
            }
        }
        let config_written = self.blobs.write_bytes(&config_bytes)?;
        debug_assert_eq!(config_written.digest, config_digest);
        let written = self.blobs.write_bytes(&manifest_bytes)?;

        progress(Progress::Unpack { image: name.to_owned() });
        let began = std::time::Instant::now();
        let (_root, unpacked_bytes) = self.root_of(&written.digest, name, progress)?;
        let unpack_time = began.elapsed();
        {
            let _lock = self.lock()?;
            let named = Named {
                name: name.to_owned(),
                digest: written.digest.clone(),
                size: written.size,
                languages: options.languages.clone(),
                built: false,
            };
            self.index.put_from(named, from)?;
        }
        progress(Progress::Done { image: name.to_owned() });
        let labels = config.config().as_ref().and_then(|config| config.labels().as_ref());
        let says_language = labels
            .and_then(|labels| labels.get("org.tribunal.language").cloned())
            .filter(|id| options.languages.is_empty() && language::by_id(id).is_some());
        Ok(Adopted {
            name: name.to_owned(),
            digest: written.digest,
            size_bytes: written.size
                + manifest.config().size()
                + manifest.layers().iter().map(Descriptor::size).sum::<u64>(),
            had_bytes,
            unpacked_bytes,
            unpack_time,
            says_language,
        })
    }
}

/// Follows indexes to the one manifest of the platform.
fn resolve(
    origin: &mut dyn Origin,
    name: &str,
    root: Vec<u8>,
    platform: &Platform,
) -> Result<(Vec<u8>, ImageManifest)> {
    let mut bytes = root;
    for _ in 0..DEPTH_MAX {
        match kind_of(name, &bytes)? {
            Document::Manifest => {
                let manifest = parse(name, "manifest", &bytes)?;
                return Ok((bytes, manifest));
            }
            Document::Index => {
                let index: ImageIndex = parse(name, "index", &bytes)?;
                bytes = document(origin, platform.choose(name, index.manifests())?)?;
            }
        }
    }
    Err(ImageError::Unsupported {
        image: name.to_owned(),
        problem: format!("its indexes name indexes, more than {DEPTH_MAX} levels deep"),
    })
}

enum Document {
    Manifest,
    Index,
}

fn kind_of(name: &str, bytes: &[u8]) -> Result<Document> {
    let value: serde_json::Value = parse(name, "manifest", bytes)?;
    if value.get("manifests").is_some() {
        Ok(Document::Index)
    } else if value.get("layers").is_some() && value.get("config").is_some() {
        Ok(Document::Manifest)
    } else if value.get("fsLayers").is_some() {
        Err(ImageError::Unsupported {
            image: name.to_owned(),
            problem:
                "its manifest has Docker's schema 1, given up in 2017; push it again with a current tool"
                    .to_owned(),
        })
    } else {
        Err(ImageError::Unsupported {
            image: name.to_owned(),
            problem: "what stands for it is neither an image manifest nor an image index".to_owned(),
        })
    }
}

fn document(origin: &mut dyn Origin, descriptor: &Descriptor) -> Result<Vec<u8>> {
    let digest = plain_digest(descriptor)?;
    if descriptor.size() > JSON_BYTES_MAX {
        return Err(ImageError::Unsupported {
            image: digest.to_string(),
            problem: format!("a document of {} bytes; at most {JSON_BYTES_MAX} are read", descriptor.size()),
        });
    }
    let bytes = origin.document(descriptor, &digest)?;
    let found = Digest::of(&bytes);
    if found == digest {
        Ok(bytes)
    } else {
        Err(ImageError::DigestMismatch { what: "a document of the image", expected: digest, found })
    }
}

pub(crate) fn parse<T: serde::de::DeserializeOwned>(image: &str, what: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| ImageError::Unsupported {
        image: image.to_owned(),
        problem: format!("its {what} is not one ({error})"),
    })
}

/// What a manifest and its configuration have to agree on.
pub(crate) fn check_shape(name: &str, manifest: &ImageManifest, config: &ImageConfiguration) -> Result<()> {
    let unsupported = |problem: String| Err(ImageError::Unsupported { image: name.to_owned(), problem });
    let (packed, diff_ids) = (manifest.layers(), config.rootfs().diff_ids());
    if packed.len() != diff_ids.len() || packed.is_empty() || packed.len() > LAYERS_MAX {
        return unsupported(format!(
            "its manifest has {} layers and its configuration {}; both need the same number, 1 to {LAYERS_MAX}",
            packed.len(),
            diff_ids.len()
        ));
    }
    for (layer, diff_id) in packed.iter().zip(diff_ids) {
        if packing_of(layer.media_type()).is_none() {
            return unsupported(format!(
                "a layer has the media type {}; tar, tar+gzip and tar+zstd are known",
                layer.media_type()
            ));
        }
        if layer.size() > LAYER_BYTES_MAX {
            return unsupported(format!(
                "a layer has {} bytes; at most {LAYER_BYTES_MAX} are taken",
                layer.size()
            ));
        }
        plain_digest(layer)?;
        if let Err(error) = diff_id.parse::<Digest>() {
            return unsupported(error.to_string());
        }
    }
    Ok(())
}
