//! Pushing: the blobs the registry has not, then the manifest, byte for byte as it is here.

use std::io::Read as _;

use futures::StreamExt as _;
use oci_client::errors::OciDistributionError;
use proto::id::Digest;
use reqwest::header::HeaderValue;

use crate::error::{ImageError, Result};
use crate::progress::{OnProgress, Progress};
use crate::registry::{
    FIRST_WAIT, RegistryOptions, Source, TRIES, block_on, failed, is_passing, parse, patiently, sources,
};
use crate::store::{Store, plain_digest};

/// What is sent at once.
const CHUNK: usize = 1 << 20;

impl Store {
    /// Pushes an image, by name or digest, to a reference. What the registry has already is not sent again. Returns the
    /// digest of the manifest, which is the same there.
    ///
    /// # Errors
    /// [`ImageError::UnknownImage`], [`ImageError::Registry`].
    pub fn push(
        &self,
        wanted: &str,
        reference: &str,
        options: &RegistryOptions,
        progress: OnProgress<'_>,
    ) -> Result<Digest> {
        let parsed = parse(reference)?;
        if parsed.digest().is_some() {
            return Err(ImageError::BadRequest(format!(
                "`{reference}` names a digest; push to a tag, and the digest follows from the content"
            )));
        }
        // Nothing of the image is removed meanwhile.
        let _writing = self.writing()?;
        let named = self.find(wanted)?;
        let image = self.load(&named.digest)?;
        let without_mirrors = RegistryOptions { mirrors: Vec::new(), ..options.clone() };
        let Some(source) = sources(&parsed, &without_mirrors)?.pop() else {
            return Err(ImageError::BadRequest("there is nowhere to push to".to_owned()));
        };
        block_on(reference, async {
            let parts = crate::export::parts(&image);
            for (number, part) in parts.iter().enumerate() {
                let doing = format!("sending blob {} of {}", number + 1, parts.len());
                let (name, total) = (named.name.clone(), part.size());
                let tell =
                    move |done| Progress::Bytes { image: name.clone(), doing: doing.clone(), done, total };
                self.send(&source, &plain_digest(part)?, part.size(), &|done| progress(tell(done))).await?;
            }
            let manifest = self.blobs.read(&named.digest)?;
            let media = image
                .manifest
                .media_type()
                .as_ref()
                .map_or_else(|| "application/vnd.oci.image.manifest.v1+json".to_owned(), ToString::to_string);
            let media = HeaderValue::from_str(&media).map_err(|_| ImageError::Unsupported {
                image: named.name.clone(),
                problem: "its media type is none".to_owned(),
            })?;
            let Source { client, reference, .. } = &source;
            patiently(|| client.push_manifest_raw(reference, manifest.clone(), media.clone()))
                .await
                .map_err(|error| failed(reference, "send the manifest", &error))?;
            Ok(())
        })?;
        progress(Progress::Done { image: named.name });
        Ok(named.digest)
    }

    async fn send(&self, source: &Source, digest: &Digest, size: u64, tell: &dyn Fn(u64)) -> Result<()> {
        let Source { client, reference, auth, .. } = source;
        client
            .auth(reference, auth, oci_client::RegistryOperation::Push)
            .await
            .map_err(|error| failed(reference, "log in", &error))?;
        let there = patiently(|| client.blob_exists(reference, digest.as_str())).await;
        if there.map_err(|error| failed(reference, format!("ask for blob {digest}"), &error))? {
            tell(size);
            return Ok(());
        }
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            let mut file = self.blobs.file(digest)?;
            let chunks = futures::stream::unfold((), move |()| {
                let mut chunk = Vec::with_capacity(CHUNK);
                let read = file.by_ref().take(CHUNK as u64).read_to_end(&mut chunk);
                let next = match read {
                    Ok(0) => None,
                    Ok(_) => Some((Ok(chunk.into()), ())),
                    Err(error) => Some((Err(OciDistributionError::IoError(error)), ())),
                };
                std::future::ready(next)
            });
            match client.push_blob_stream(reference, chunks.boxed(), digest.as_str(), Some(size)).await {
                Ok(_) => break,
                Err(error) if attempt < TRIES && is_passing(&error) => {
                    tracing::info!(image = %reference, error = %error, "the connection broke; sending the blob again");
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                Err(error) => return Err(failed(reference, format!("send blob {digest}"), &error)),
            }
        }
        tell(size);
        Ok(())
    }
}
