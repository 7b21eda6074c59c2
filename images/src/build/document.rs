//! Configuration and manifest of an image, and what a build finds in those of images it made before.

use std::collections::HashMap;

use oci_spec::image::{
    ConfigBuilder, HistoryBuilder, ImageConfiguration, ImageConfigurationBuilder, ImageManifest,
    ImageManifestBuilder, MediaType, RootFsBuilder,
};
use proto::id::Digest;
use proto::units::rfc3339_seconds;

use crate::blobs::Written;
use crate::error::{ImageError, Result};
use crate::index::descriptor;
use crate::layer::unpack::Packing;
use crate::layer::write::PackedLayer;
use crate::rootfs::PATH;
use crate::store::{Store, packing_of};

/// Label with the key of each layer, bottom first.
const RECIPE: &str = "org.tribunal.recipe";

/// A layer and what it was made from.
#[derive(Debug, Clone)]
pub(super) struct MadeLayer {
    /// For people: the packages or the command.
    pub made_by: String,
    /// Equal keys are equal recipes over equal layers.
    pub key: Digest,
    pub kind: LayerKind,
    pub packed: PackedLayer,
}

/// What made a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LayerKind {
    /// Packages.
    Tree,
    /// A command.
    Step,
}

impl Store {
    /// The layers of earlier builds that are still here, by key.
    pub(super) fn known_layers(&self) -> Result<HashMap<Digest, PackedLayer>> {
        let mut known = HashMap::new();
        for named in self.index.read()?.into_iter().filter(|named| named.built) {
            // An image that cannot be read has nothing to offer; `verify` is what complains about it.
            if let Ok(layers) = self.layers_of(&named.digest) {
                known.extend(layers);
            }
        }
        Ok(known)
    }

    fn layers_of(&self, digest: &Digest) -> Result<Vec<(Digest, PackedLayer)>> {
        let mut layers = self.labelled_layers(digest)?;
        layers.retain(|(_, packed)| self.blobs.path(&packed.blob.digest).is_file());
        Ok(layers)
    }

    /// The layers of an image with the keys that its label gives them, whether they are here or not.
    pub(super) fn labelled_layers(&self, digest: &Digest) -> Result<Vec<(Digest, PackedLayer)>> {
        let manifest: ImageManifest = self.blobs.read_json(digest)?;
        let config: Digest = parse(manifest.config().digest().as_ref())?;
        let config: ImageConfiguration = self.blobs.read_json(&config)?;
        let labels = config.config().as_ref().and_then(|config| config.labels().clone()).unwrap_or_default();
        let keys = labels.get(RECIPE).map(String::as_str).unwrap_or_default().split(' ');
        let parts = keys.zip(manifest.layers()).zip(config.rootfs().diff_ids());
        let mut layers = Vec::new();
        for ((key, layer), diff_id) in parts {
            let digest = parse(layer.digest().as_ref())?;
            if let Ok(key) = key.parse() {
                let Some(packing) = packing_of(layer.media_type()) else { continue };
                let blob = Written { digest, size: layer.size() };
                layers.push((key, PackedLayer { blob, diff_id: parse(diff_id)?, packing }));
            }
        }
        Ok(layers)
    }

    /// Writes configuration and manifest; layers bottom first, each with what made it. `env` has words `NAME=VALUE`.
    pub(super) fn write_image(
        &self,
        layers: &[MadeLayer],
        labels: &HashMap<String, String>,
        env: &[String],
        epoch: u64,
    ) -> Result<Written> {
        let invalid = |error: oci_spec::OciSpecError| ImageError::Unsupported {
            image: layers.last().map_or("", |layer| &layer.made_by).to_owned(),
            problem: format!("its description cannot be written: {error}"),
        };
        let created = rfc3339_seconds(i64::try_from(epoch).unwrap_or(i64::MAX));
        let mut labels = labels.clone();
        let keys: Vec<&str> = layers.iter().map(|layer| layer.key.as_str()).collect();
        labels.insert(RECIPE.to_owned(), keys.join(" "));
        let settings = ConfigBuilder::default()
            .env(env.to_vec())
            .working_dir("/w")
            .user("1000:1000")
            .labels(labels)
            .build()
            .map_err(invalid)?;
        let history = layers
            .iter()
            .map(|layer| {
                HistoryBuilder::default()
                    .created(created.clone())
                    .created_by(format!("tribunal images build: {}", layer.made_by))
                    .build()
            })
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(invalid)?;
        let diff_ids: Vec<String> = layers.iter().map(|layer| layer.packed.diff_id.to_string()).collect();
        let config = ImageConfigurationBuilder::default()
            .created(created)
            .architecture(oci_spec::image::Arch::default())
            .os(oci_spec::image::Os::Linux)
            .config(settings)
            .rootfs(RootFsBuilder::default().typ("layers").diff_ids(diff_ids).build().map_err(invalid)?)
            .history(history)
            .build()
            .map_err(invalid)?;
        let config = self.blobs.write_json(&config)?;
        let manifest = ImageManifestBuilder::default()
            .schema_version(2u32)
            .media_type(MediaType::ImageManifest)
            .config(descriptor(MediaType::ImageConfig, &config.digest, config.size))
            .layers(
                layers
                    .iter()
                    .map(|MadeLayer { packed: PackedLayer { blob, packing, .. }, .. }| {
                        descriptor(media_type_of(*packing), &blob.digest, blob.size)
                    })
                    .collect::<Vec<_>>(),
            )
            .build()
            .map_err(invalid)?;
        self.blobs.write_json(&manifest)
    }
}

fn media_type_of(packing: Packing) -> MediaType {
    match packing {
        Packing::Plain => MediaType::ImageLayer,
        Packing::Gzip => MediaType::ImageLayerGzip,
        Packing::Zstd => MediaType::ImageLayerZstd,
    }
}

/// The environment of an image that is built from packages.
pub(super) fn plain_env() -> Vec<String> {
    vec![format!("PATH={PATH}")]
}

fn parse(digest: &str) -> Result<Digest> {
    digest.parse().map_err(|error: proto::id::DigestError| ImageError::Damaged {
        what: "an image made here".to_owned(),
        problem: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Named;

    #[test]
    fn what_an_image_says_of_its_layers_is_believed_only_of_one_built_here() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let key = Digest::of(b"the recipe of somebody else's language");
        let blob = store.blobs.write_bytes(b"a layer").unwrap();
        let packed = PackedLayer { blob, diff_id: Digest::of(b"plain"), packing: Packing::Gzip };
        let layer = MadeLayer { made_by: String::new(), key: key.clone(), kind: LayerKind::Tree, packed };
        let written =
            store.write_image(std::slice::from_ref(&layer), &HashMap::new(), &plain_env(), 0).unwrap();
        for built in [false, true] {
            let named = Named {
                name: "x".to_owned(),
                digest: written.digest.clone(),
                size: written.size,
                languages: Vec::new(),
                built,
            };
            store.index.put(named).unwrap();
            let known = store.known_layers().unwrap();
            assert_eq!(known.get(&key), built.then_some(&layer.packed));
        }
    }
}
