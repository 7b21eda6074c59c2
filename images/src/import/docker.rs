//! What `docker save` writes: `manifest.json` names, for each image, a configuration and its layers as files. Docker
//! before 25 wrote `<id>/layer.tar`, sometimes as a link to another image's; since then the files are blobs of a layout.
//! Such an archive has no manifest of the OCI kind, so one is made: equal archives get equal digests.

use std::collections::HashMap;

use oci_spec::image::{Descriptor, ImageConfiguration, ImageManifestBuilder, MediaType};
use proto::id::Digest;
use serde::Deserialize;

use crate::blobs::Blobs;
use crate::error::{ImageError, Result};
use crate::import::files::Files;
use crate::import::{Candidate, What, archive, bad};
use crate::index::descriptor;
use crate::layer::unpack::Packing;
use crate::store::adopt::Origin;

/// One image in `manifest.json`.
#[derive(Debug, Deserialize)]
pub(super) struct Saved {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags", default)]
    repo_tags: Option<Vec<String>>,
    #[serde(rename = "Layers")]
    layers: Vec<String>,
}

/// The images of the archive.
pub(super) fn candidates(files: &Files) -> Result<Vec<Candidate>> {
    let text = files.read("manifest.json")?;
    let saved: Vec<Saved> = serde_json::from_slice(&text).map_err(|error| {
        files.bad("manifest.json", format!("it is not the list that `docker save` writes ({error})"))
    })?;
    if saved.is_empty() {
        return Err(files.bad("manifest.json", "it names no image"));
    }
    Ok(saved
        .into_iter()
        .map(|saved| Candidate {
            names: saved.repo_tags.clone().unwrap_or_default(),
            what: What::Docker(saved),
        })
        .collect())
}

/// An archive to take one image from.
pub(super) struct Docker<'a> {
    files: &'a Files,
    config: Vec<u8>,
    layers: Vec<Descriptor>,
    /// File by digest.
    names: HashMap<Digest, String>,
}

impl<'a> Docker<'a> {
    pub(super) fn new(files: &'a mut Files, saved: Saved) -> Result<Self> {
        let config = files.read(&saved.config)?;
        let parsed: ImageConfiguration = serde_json::from_slice(&config).map_err(|error| {
            files.bad(&saved.config, format!("it is not an image configuration ({error})"))
        })?;
        let diff_ids = parsed.rootfs().diff_ids();
        if diff_ids.len() != saved.layers.len() {
            return Err(files.bad(
                "manifest.json",
                format!(
                    "it names {} layers, and the configuration {} has {}",
                    saved.layers.len(),
                    saved.config,
                    diff_ids.len()
                ),
            ));
        }
        let (mut layers, mut names) = (Vec::new(), HashMap::new());
        for (name, diff_id) in saved.layers.into_iter().zip(diff_ids) {
            let (digest, size) = files.identify(&name)?;
            let mut file = files.need(&name)?;
            let packing = archive::packing(&mut file).map_err(|error| files.bad(&name, error.to_string()))?;
            if packing == Packing::Plain && digest.as_str() != diff_id {
                return Err(files
                    .bad(&name, format!("it has the digest {digest}, and {} says {diff_id}", saved.config)));
            }
            let media = match packing {
                Packing::Plain => MediaType::ImageLayer,
                Packing::Gzip => MediaType::ImageLayerGzip,
                Packing::Zstd => MediaType::ImageLayerZstd,
            };
            layers.push(descriptor(media, &digest, size));
            names.insert(digest, name);
        }
        Ok(Self { files, config, layers, names })
    }

    /// The manifest that stands for it here.
    pub(super) fn manifest(&self) -> Result<Vec<u8>> {
        let config = descriptor(MediaType::ImageConfig, &Digest::of(&self.config), self.config.len() as u64);
        let manifest = ImageManifestBuilder::default()
            .schema_version(2u32)
            .media_type(MediaType::ImageManifest)
            .config(config)
            .layers(self.layers.clone())
            .build()
            .map_err(|error| self.wrong(&error.to_string()))?;
        serde_json::to_vec(&manifest).map_err(|error| self.wrong(&error.to_string()))
    }

    fn wrong(&self, problem: &str) -> ImageError {
        bad(self.files.path(), "manifest.json", problem)
    }
}

impl Origin for Docker<'_> {
    fn document(&mut self, _: &Descriptor, _: &Digest) -> Result<Vec<u8>> {
        Ok(self.config.clone())
    }

    fn blob(
        &mut self,
        _: &Descriptor,
        digest: &Digest,
        blobs: &Blobs,
        tell: &mut dyn FnMut(u64),
    ) -> Result<()> {
        let name = self.names.get(digest).ok_or_else(|| self.wrong("a layer was lost"))?;
        self.files.store(name, digest, blobs, tell)
    }
}
