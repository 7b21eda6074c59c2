//! The `Idempotency-Key` header: a request that may be sent twice and is carried out once.

use axum::http::HeaderMap;
use proto::id::Digest;
use serde::Serialize;

use crate::error::{ApiError, Code};
use crate::store::Once;

/// The header of a request.
const HEADER: &str = "idempotency-key";
/// The header of an answer that tells of an earlier request.
const REPLAYED: &str = "idempotency-replayed";
/// Longest key in bytes.
const KEY_MAX: usize = 255;

/// The key of a request, when it has one.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    match value.to_str() {
        Ok(text) if !text.is_empty() && text.len() <= KEY_MAX => Ok(Some(text.to_owned())),
        _ => {
            let detail = format!("`Idempotency-Key` must be 1 to {KEY_MAX} visible ASCII characters");
            Err(ApiError::new(Code::InvalidParameter, detail))
        }
    }
}

/// What the key stands for: the request as it was understood, so that a form and its boundary do not count.
pub(crate) fn of<T: Serialize>(key: String, request: &T) -> Result<Once, ApiError> {
    let bytes = serde_json::to_vec(request).map_err(|e| {
        tracing::error!(error = %e, "a request could not be written down");
        ApiError::new(Code::Internal, "the service failed; its log has the cause")
    })?;
    Ok(Once { key, request: Digest::of(&bytes) })
}

/// Says that the answer is an earlier request's.
pub(crate) fn replayed(replayed: bool) -> Option<[(&'static str, &'static str); 1]> {
    replayed.then_some([(REPLAYED, "true")])
}
