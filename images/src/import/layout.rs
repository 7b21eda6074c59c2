//! An OCI image layout: `index.json` names manifests, `blobs/sha256/` has everything (image-spec, image-layout.md).

use oci_spec::image::{Descriptor, ImageIndex};
use proto::id::Digest;

use crate::blobs::Blobs;
use crate::error::Result;
use crate::import::files::{Files, blob_name};
use crate::import::{Candidate, What};
use crate::index::REF_NAME;
use crate::store::adopt::Origin;

/// Where containerd and Docker put the whole reference; `ref.name` has only the tag then.
const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// The images of the layout.
pub(super) fn candidates(files: &Files) -> Result<Vec<Candidate>> {
    let text = files.read("index.json")?;
    let index: ImageIndex = serde_json::from_slice(&text)
        .map_err(|error| files.bad("index.json", format!("it is not an image index ({error})")))?;
    let mut all: Vec<Candidate> = Vec::new();
    let mut nameless = Vec::new();
    for descriptor in index.manifests() {
        let notes = descriptor.annotations().as_ref();
        let names: Vec<String> =
            [CONTAINERD_NAME, REF_NAME].iter().filter_map(|key| notes?.get(*key).cloned()).collect();
        if names.is_empty() {
            nameless.push(descriptor.clone());
        } else {
            all.push(Candidate { names, what: What::Layout(Box::new(descriptor.clone())) });
        }
    }
    // Beside named images they are what those refer to; alone they are one image for several platforms.
    if all.is_empty() && nameless.len() > 1 {
        return by_platform(files, &nameless);
    }
    if all.is_empty() {
        all.extend(
            nameless.into_iter().map(|d| Candidate { names: Vec::new(), what: What::Layout(Box::new(d)) }),
        );
    }
    Ok(all)
}

/// `index.json` itself is the index of one image; this machine's is taken.
fn by_platform(files: &Files, manifests: &[Descriptor]) -> Result<Vec<Candidate>> {
    let image = files.path().display().to_string();
    let chosen = crate::store::platform::Platform::default().choose(&image, manifests)?;
    Ok(vec![Candidate { names: Vec::new(), what: What::Layout(Box::new(chosen.clone())) }])
}

/// A layout to take an image from.
pub(super) struct Layout<'a>(pub(super) &'a mut Files);

impl Origin for Layout<'_> {
    fn document(&mut self, _: &Descriptor, digest: &Digest) -> Result<Vec<u8>> {
        self.0.blob(digest)
    }

    fn blob(
        &mut self,
        _: &Descriptor,
        digest: &Digest,
        blobs: &Blobs,
        tell: &mut dyn FnMut(u64),
    ) -> Result<()> {
        self.0.store(&blob_name(digest), digest, blobs, tell)
    }
}
