//! Reading everything again: is each image still what its digest says, and each unpacked layer what was unpacked?

use proto::id::Digest;

use crate::error::{Doing, ImageError, Result};
use crate::layer::digest::TreeDigest;
use crate::store::{Store, plain_digest};

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

impl Store {
    /// Hashes every blob and every unpacked layer of every image again. An image with a finding should be removed and
    /// made again.
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
        for id in image.diff_ids() {
            let Some((tree, _lease)) = self.layers.lease(&id)? else { continue };
            let recorded = self.layers.marker(&id)?.tree;
            let found = TreeDigest::of(&tree).doing("read", &tree)?;
            if recorded.is_some_and(|recorded| recorded != found.digest) {
                return Err(ImageError::Damaged {
                    what: format!("unpacked layer {id}"),
                    problem: format!("is not what was unpacked: something changed in {}", tree.display()),
                });
            }
        }
        Ok(())
    }
}
