//! The layers a recipe starts from when it names an image of a registry instead of a suite.

use language::Language;
use oci_spec::image::Descriptor;
use proto::id::Digest;

use super::document::{LayerKind, MadeLayer};
use super::{Build, recipe};
use crate::blobs::Written;
use crate::error::{ImageError, Result};
use crate::layer::write::PackedLayer;
use crate::registry::PullOptions;
use crate::store::adopt::AdoptOptions;
use crate::store::{Image, env_of, packing_of, plain_digest};

impl Build<'_> {
    /// The layers of the registry's image called `reference`, bottom first. What is here is not fetched again: the
    /// reference has the digest in it, so it means the same image for ever.
    pub(super) fn pulled(&mut self, language: &Language, reference: &str) -> Result<Vec<MadeLayer>> {
        let here = self.store.find(reference).ok().map(|named| named.digest);
        let image = if let Some(image) = here.and_then(|digest| self.whole(&digest)) {
            image
        } else {
            let registry = self.options.registries.get(reference).cloned().unwrap_or_default();
            // Its name is the reference, so that the cap knows it can be pulled again.
            let options = PullOptions { registry, adopt: AdoptOptions::default() };
            self.store.load(&self.store.pull(reference, &options, self.progress)?.digest)?
        };
        let env = env_of(&image.config).into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        self.env.insert(language.id.clone(), env);
        image.manifest.layers().iter().zip(image.diff_ids()).enumerate().map(layer_of(reference)).collect()
    }

    /// The image, when every layer of it is here and is what its digest says.
    fn whole(&self, digest: &Digest) -> Option<Image> {
        let image = self.store.load(digest).ok()?;
        let whole = image
            .manifest
            .layers()
            .iter()
            .all(|layer| plain_digest(layer).and_then(|digest| self.store.blobs.verify(&digest)).is_ok());
        whole.then_some(image)
    }
}

fn layer_of(reference: &str) -> impl Fn((usize, (&Descriptor, Digest))) -> Result<MadeLayer> {
    move |(number, (layer, diff_id))| {
        let packing = packing_of(layer.media_type()).ok_or_else(|| ImageError::Unsupported {
            image: reference.to_owned(),
            problem: format!("a layer has the media type {}", layer.media_type()),
        })?;
        let blob = Written { digest: plain_digest(layer)?, size: layer.size() };
        Ok(MadeLayer {
            made_by: format!("layer {} of {reference}", number + 1),
            key: recipe::pulled_key(reference, number),
            kind: LayerKind::Tree,
            packed: PackedLayer { blob, diff_id, packing },
        })
    }
}
