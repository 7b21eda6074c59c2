//! Pulling: manifest, configuration and the layers the store has not, from the first place that has the image.

use std::io::Write as _;

use futures::StreamExt as _;
use oci_client::client::BlobResponse;
use oci_client::errors::OciDistributionError;
use oci_spec::image::Descriptor;
use proto::id::Digest;
use tokio::runtime::Runtime;

use crate::blobs::{Blobs, JSON_BYTES_MAX};
use crate::error::{Doing, ImageError, Result};
use crate::progress::OnProgress;
use crate::registry::manifest::KINDS;
use crate::registry::{
    FIRST_WAIT, PullOptions, Source, TRIES, chain, failed, is_passing, parse, patiently, sources,
};
use crate::store::Store;
use crate::store::adopt::{Adopted, Origin};

impl Store {
    /// Pulls an image by reference and unpacks it for use; layers that are here are not fetched again. Its name is the
    /// reference, as it was written, unless the options say another.
    ///
    /// # Errors
    /// [`ImageError::Registry`], [`ImageError::DigestMismatch`] and all errors of unpacking. What was fetched whole stays
    /// until the next [`gc`](Self::gc), so that the next pull need not fetch it again.
    pub fn pull(&self, reference: &str, options: &PullOptions, progress: OnProgress<'_>) -> Result<Adopted> {
        let parsed = parse(reference)?;
        let name = options.adopt.name.clone().unwrap_or_else(|| reference.to_owned());
        let runtime = runtime(reference)?;
        let (source, manifest) = runtime.block_on(async {
            let mut last = None;
            for source in sources(&parsed, &options.registry)? {
                match patiently(|| source.manifest(&source.reference)).await {
                    Ok(manifest) => return Ok((source, manifest)),
                    Err(error) => {
                        let error = failed(&source.reference, "fetch the manifest", &error);
                        if let Some(earlier) = last.replace(error) {
                            tracing::warn!(error = %earlier, "a mirror has not the image");
                        }
                    }
                }
            }
            Err(last.unwrap_or_else(|| ImageError::BadRequest("there is nowhere to pull from".to_owned())))
        })?;
        if let Some(wanted) = parsed.digest() {
            let found = Digest::of(&manifest);
            if found.as_str() != wanted {
                let expected = wanted.parse().map_err(|_| {
                    ImageError::BadRequest(format!(
                        "`{wanted}` is not a SHA-256 digest; only those are known"
                    ))
                })?;
                return Err(ImageError::DigestMismatch { what: "the manifest", expected, found });
            }
        }
        let writing = self.writing()?;
        let mut origin = Remote { runtime: &runtime, source };
        let done = self.adopt(&mut origin, &name, &manifest, Some(reference), &options.adopt, progress)?;
        drop(writing);
        self.keep_to_cap(Some(&name))?;
        Ok(done)
    }
}

fn runtime(reference: &str) -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| ImageError::Registry {
        reference: reference.to_owned(),
        doing: "start a runtime".to_owned(),
        problem: error.to_string(),
    })
}

struct Remote<'a> {
    runtime: &'a Runtime,
    source: Source,
}

impl Origin for Remote<'_> {
    fn document(&mut self, descriptor: &Descriptor, digest: &Digest) -> Result<Vec<u8>> {
        // Manifests are not served where blobs are.
        let is_manifest = KINDS.contains(&descriptor.media_type().to_string().as_str());
        let reference = &self.source.reference;
        self.runtime.block_on(async {
            if is_manifest {
                let there = reference.clone_with_digest(digest.to_string());
                return patiently(|| self.source.manifest(&there))
                    .await
                    .map_err(|error| failed(&there, "fetch the manifest", &error));
            }
            let mut bytes = Vec::new();
            let mut take = |piece: &[u8], restart: bool| {
                if restart {
                    bytes.clear();
                }
                bytes.extend(piece);
                if bytes.len() as u64 > JSON_BYTES_MAX { Err(too_long(reference)) } else { Ok(()) }
            };
            self.source.fetch(descriptor, "fetch the configuration", &mut take).await?;
            Ok(bytes)
        })
    }

    fn blob(
        &mut self,
        descriptor: &Descriptor,
        digest: &Digest,
        blobs: &Blobs,
        tell: &mut dyn FnMut(u64),
    ) -> Result<()> {
        let mut writer = blobs.writer()?;
        let mut take = |piece: &[u8], restart: bool| {
            if restart {
                writer.restart()?;
            }
            writer.write_all(piece).doing("write in", blobs.folder())?;
            if writer.size() > descriptor.size() {
                return Err(too_long(&self.source.reference));
            }
            tell(writer.size());
            Ok(())
        };
        let doing = format!("fetch layer {digest}");
        self.runtime.block_on(self.source.fetch(descriptor, &doing, &mut take))?;
        writer.finish_as(digest, "a fetched layer").map(drop)
    }
}

fn too_long(reference: &oci_client::Reference) -> ImageError {
    ImageError::Registry {
        reference: reference.to_string(),
        doing: "fetch a blob".to_owned(),
        problem: "more bytes came than its manifest says; do not use this registry".to_owned(),
    }
}

impl Source {
    /// Fetches a blob piece by piece. When the connection breaks it goes on where it broke, if the registry can, or
    /// begins anew: then the first piece comes with `true`.
    async fn fetch(
        &self,
        descriptor: &Descriptor,
        doing: &str,
        take: &mut dyn FnMut(&[u8], bool) -> Result<()>,
    ) -> Result<()> {
        self.client.store_auth_if_needed(self.reference.resolve_registry(), &self.auth).await;
        let (mut done, mut tries, mut wait) = (0, 0, FIRST_WAIT);
        loop {
            let before = done;
            let broke = match self.fetch_from(descriptor, &mut done, take).await {
                Ok(()) if done >= descriptor.size() => return Ok(()),
                Ok(()) => format!("it ended after {done} of {} bytes", descriptor.size()),
                Err(Broke::Ours(error)) => return Err(error),
                Err(Broke::Theirs(error)) if is_passing(&error) => chain(&error),
                Err(Broke::Theirs(error)) => return Err(failed(&self.reference, doing, &error)),
            };
            // As long as something comes, it is worth going on.
            (tries, wait) = if done > before { (1, FIRST_WAIT) } else { (tries + 1, wait * 2) };
            if tries >= TRIES {
                return Err(ImageError::Registry {
                    reference: self.reference.to_string(),
                    doing: doing.to_owned(),
                    problem: format!("the connection broke {TRIES} times at byte {done} ({broke})"),
                });
            }
            tracing::info!(image = %self.reference, at = done, error = broke, "the connection broke; going on");
            tokio::time::sleep(wait).await;
        }
    }

    async fn fetch_from(
        &self,
        descriptor: &Descriptor,
        done: &mut u64,
        take: &mut dyn FnMut(&[u8], bool) -> Result<()>,
    ) -> std::result::Result<(), Broke> {
        let digest = descriptor.digest().to_string();
        let (mut stream, mut restart) = if *done == 0 {
            let whole = self.client.pull_blob_stream(&self.reference, digest.as_str()).await;
            (whole.map_err(Broke::Theirs)?.stream, true)
        } else {
            let rest =
                self.client.pull_blob_stream_partial(&self.reference, digest.as_str(), *done, None).await;
            match rest.map_err(Broke::Theirs)? {
                BlobResponse::Partial(rest) => (rest.stream, false),
                BlobResponse::Full(whole) => (whole.stream, true),
            }
        };
        if restart {
            *done = 0;
        }
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|error| Broke::Theirs(OciDistributionError::IoError(error)))?;
            take(&piece, std::mem::take(&mut restart)).map_err(Broke::Ours)?;
            *done += piece.len() as u64;
        }
        Ok(())
    }
}

/// Why fetching stopped.
enum Broke {
    Ours(ImageError),
    Theirs(OciDistributionError),
}
