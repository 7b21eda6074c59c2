//! Fetching a manifest, with a bound on what is read: `oci-client` takes whatever comes into memory.
//!
//! The login stays the client's. A registry is asked without it first, as most images are public, and again with it
//! when it answers 401.

use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, RegistryOperation};
use proto::id::Digest;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap};
use reqwest::{RequestBuilder, Response, StatusCode};

use crate::blobs::JSON_BYTES_MAX;
use crate::registry::{SILENCE, Source};

/// Everything a manifest may be; the store tells them apart by their content.
pub(super) const KINDS: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
/// Bytes of an error's text that are read; what comes after is not shown.
const ERROR_BYTES_MAX: u64 = 4096;

type Asked<T> = oci_client::errors::Result<T>;

impl Source {
    /// The manifest's bytes, at most [`JSON_BYTES_MAX`]; whether they have the digest of the reference is for the caller
    /// to check.
    pub(super) async fn manifest(&self, reference: &Reference) -> Asked<Vec<u8>> {
        let url = self.manifest_url(reference);
        let mut answer = self.ask(&url, |request| request).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            let login = self.client.auth(reference, &self.auth, RegistryOperation::Pull);
            let token = tokio::time::timeout(SILENCE, login)
                .await
                .map_err(|_| OciDistributionError::AuthenticationFailure("it took too long".to_owned()))??;
            answer = match (&token, &self.auth) {
                (Some(token), _) => {
                    self.ask(&url, |request| request.header(AUTHORIZATION, format!("Bearer {token}"))).await?
                }
                (None, RegistryAuth::Basic(user, password)) => {
                    self.ask(&url, |request| request.basic_auth(user, Some(password))).await?
                }
                (None, _) => answer,
            };
        }
        let status = answer.status();
        if status != StatusCode::OK {
            return Err(refused(status, url, answer).await);
        }
        let headers = answer.headers().clone();
        let (bytes, whole) = read(answer, JSON_BYTES_MAX).await?;
        if !whole {
            return Err(OciDistributionError::SpecViolationError(format!(
                "the manifest has more than {JSON_BYTES_MAX} bytes, which no image needs; do not use this registry"
            )));
        }
        check(&headers, &bytes)?;
        Ok(bytes)
    }

    /// A mirror is told whose image it is asked for.
    fn manifest_url(&self, reference: &Reference) -> String {
        let (host, name) = (reference.resolve_registry(), reference.repository());
        let wanted = reference.digest().or(reference.tag()).unwrap_or("latest");
        let of = reference.namespace().map(|of| format!("?ns={of}")).unwrap_or_default();
        format!("{}://{host}/v2/{name}/manifests/{wanted}{of}", self.scheme)
    }

    async fn ask(&self, url: &str, login: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Asked<Response> {
        Ok(login(self.http.get(url).header(ACCEPT, KINDS.join(", "))).send().await?)
    }
}

/// So many bytes at most, and whether that was all. What a length says is believed only where it is too large.
async fn read(mut answer: Response, most: u64) -> Asked<(Vec<u8>, bool)> {
    if answer.content_length().is_some_and(|length| length > most) {
        return Ok((Vec::new(), false));
    }
    let mut bytes = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        let room = usize::try_from(most).unwrap_or(usize::MAX).saturating_sub(bytes.len());
        if piece.len() > room {
            bytes.extend_from_slice(&piece[..room]);
            return Ok((bytes, false));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok((bytes, true))
}

async fn refused(status: StatusCode, url: String, answer: Response) -> OciDistributionError {
    match status {
        StatusCode::UNAUTHORIZED => OciDistributionError::UnauthorizedError { url },
        StatusCode::NOT_FOUND => OciDistributionError::ImageManifestNotFoundError(url),
        _ => {
            let text = read(answer, ERROR_BYTES_MAX).await.map(|(bytes, _)| bytes).unwrap_or_default();
            let message = String::from_utf8_lossy(&text).into_owned();
            OciDistributionError::ServerError { code: status.as_u16(), url, message }
        }
    }
}

/// A registry that says a digest of what it sends has to mean it.
fn check(headers: &HeaderMap, bytes: &[u8]) -> Asked<()> {
    let said = headers.get("docker-content-digest").and_then(|value| value.to_str().ok());
    let Some(said) = said.and_then(|said| said.parse::<Digest>().ok()) else { return Ok(()) };
    let found = Digest::of(bytes);
    if said == found {
        return Ok(());
    }
    Err(OciDistributionError::SpecViolationError(format!(
        "the manifest has the digest {found}, and the registry said {said}"
    )))
}
