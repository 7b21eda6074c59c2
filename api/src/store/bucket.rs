//! Blobs in a bucket of an S3-compatible service: `<prefix>/<first two digits>/<64 digits>`, as in a folder.
//!
//! A bucket has no lock. What a folder does by the age of a file is done here by the blob's row in the database: it is
//! written before the bytes, and whoever removes the bytes holds the deleted row until they are gone, so that nobody can
//! bring the same blob in between.

use std::time::Duration;

use bytes::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::{Certificate, ClientOptions, ObjectStoreExt, PutPayload, RetryConfig};
use proto::id::Digest;

use super::StoreError;

/// One request, a large upload included.
const REQUEST: Duration = Duration::from_mins(1);
const CONNECT: Duration = Duration::from_secs(5);
/// Tries after a failure that may pass, and how long all of them may take: a client waits meanwhile.
const RETRIES: usize = 3;
const RETRY_WITHIN: Duration = Duration::from_secs(20);

/// How to reach a bucket. Without keys those of the machine's role are asked for where the service runs in a cloud.
#[derive(Clone, Default)]
pub struct S3Config {
    /// Of an S3-compatible service, such as `https://minio.internal:9000`; `None` is AWS.
    pub endpoint: Option<String>,
    /// Region; `us-east-1` without it.
    pub region: Option<String>,
    /// Access key.
    pub access_key_id: Option<String>,
    /// Its secret.
    pub secret_access_key: Option<String>,
    /// For keys that are lent.
    pub session_token: Option<String>,
}

impl std::fmt::Debug for S3Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Config")
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// A bucket, and where in it.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    store: AmazonS3,
    prefix: String,
    /// `s3://BUCKET/PREFIX`, for messages.
    shown: String,
}

impl Bucket {
    /// The bucket of `s3://BUCKET[/PREFIX]`; finds out whether it can be written.
    ///
    /// # Errors
    /// `Blob` when it cannot.
    pub(crate) async fn open(url: &str, config: &S3Config) -> Result<Self, StoreError> {
        let wrong = |why: &str| StoreError::Blob {
            path: url.to_owned(),
            source: std::io::Error::other(why.to_owned()),
        };
        let rest = url.strip_prefix("s3://").ok_or_else(|| wrong("write `s3://BUCKET/PREFIX`"))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() || bucket.contains(['@', ':', '?']) {
            return Err(wrong(
                "write `s3://BUCKET/PREFIX`; keys come from the configuration or the environment",
            ));
        }
        let plain = config.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let client =
            ClientOptions::new().with_timeout(REQUEST).with_connect_timeout(CONNECT).with_allow_http(plain);
        let roots = outbound::extra_roots().iter().filter_map(|der| Certificate::from_der(der).ok());
        let client = roots.fold(client, ClientOptions::with_root_certificate);
        let retry =
            RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_WITHIN, ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(config.region.as_deref().unwrap_or("us-east-1"))
            .with_client_options(client)
            .with_retry(retry);
        if let Some(endpoint) = &config.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let (Some(id), Some(secret)) = (&config.access_key_id, &config.secret_access_key) {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret);
        }
        if let Some(token) = &config.session_token {
            builder = builder.with_token(token);
        }
        let store = builder.build().map_err(|e| wrong(&e.to_string()))?;
        let bucket = Self { store, prefix: prefix.trim_matches('/').to_owned(), shown: url.to_owned() };
        // Finding out now that nothing can be written beats finding out with the first upload.
        let probe = bucket.key_of("probe");
        let tried = async {
            bucket.store.put(&probe, PutPayload::from_static(b"")).await?;
            bucket.store.delete(&probe).await
        };
        tried.await.map_err(|e| bucket.failed(&e))?;
        Ok(bucket)
    }

    fn key_of(&self, name: &str) -> Key {
        if self.prefix.is_empty() { Key::from(name) } else { Key::from(format!("{}/{name}", self.prefix)) }
    }

    fn key(&self, digest: &Digest) -> Key {
        self.key_of(&format!("{}/{}", &digest.hex()[..2], digest.hex()))
    }

    fn failed(&self, error: &object_store::Error) -> StoreError {
        StoreError::Blob { path: self.shown.clone(), source: std::io::Error::other(error.to_string()) }
    }

    /// Keeps bytes under their digest, over what is there: the same bytes.
    pub(crate) async fn write(&self, digest: &Digest, bytes: Bytes) -> Result<(), StoreError> {
        self.store.put(&self.key(digest), bytes.into()).await.map(drop).map_err(|e| self.failed(&e))
    }

    pub(crate) async fn read(&self, digest: &Digest) -> Result<Option<Bytes>, StoreError> {
        let got = match self.store.get(&self.key(digest)).await {
            Ok(got) => got,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(e) => return Err(self.failed(&e)),
        };
        got.bytes().await.map(Some).map_err(|e| self.failed(&e))
    }

    /// Removes it; one that is not there is gone, too.
    pub(crate) async fn remove(&self, digest: &Digest) -> Result<(), StoreError> {
        match self.store.delete(&self.key(digest)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(self.failed(&e)),
        }
    }
}
