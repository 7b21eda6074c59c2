//! What the API answers when it says no: RFC 9457 problem documents with a stable `code`.
//!
//! Every refusal is one row of [`Code`]; its HTTP status stands there and nowhere else. Our own failures are
//! `internal`: the cause goes to the log, not to the client.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::app::RegisterError;
use crate::store::StoreError;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:ident;)*) => {
        /// The stable codes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// Every code.
            #[cfg(test)]
            pub(crate) const ALL: &[Code] = &[$(Code::$variant,)*];

            /// The word in `code`.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// The HTTP status that goes with it.
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Code::$variant => StatusCode::$status,)* }
            }
        }
    };
}

codes! {
    /// The body is not JSON.
    InvalidJson = "invalid_json", BAD_REQUEST;
    /// A key nobody knows.
    UnknownKey = "unknown_key", BAD_REQUEST;
    /// The body is not well-formed multipart.
    InvalidMultipart = "invalid_multipart", BAD_REQUEST;
    /// A query parameter or path segment is not understood.
    InvalidParameter = "invalid_parameter", BAD_REQUEST;
    /// There is no token, or nobody knows it.
    Unauthorized = "unauthorized", UNAUTHORIZED;
    /// The token's scopes do not cover this.
    Forbidden = "forbidden", FORBIDDEN;
    /// The Host header names another machine: a web page elsewhere may be behind it.
    HostNotAllowed = "host_not_allowed", FORBIDDEN;
    /// The Origin header names another site.
    OriginNotAllowed = "origin_not_allowed", FORBIDDEN;
    /// There is no such thing, or it is another tenant's.
    NotFound = "not_found", NOT_FOUND;
    /// The path exists, the method does not.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED;
    /// A worker of a release that is too far from this one.
    VersionSkew = "version_skew", CONFLICT;
    /// It is in a state that does not allow this.
    Conflict = "conflict", CONFLICT;
    /// One file, or all together, are over the source caps.
    SourceTooLarge = "source_too_large", PAYLOAD_TOO_LARGE;
    /// The tests of the request are over their cap; a problem package has none.
    TestsTooLarge = "tests_too_large", PAYLOAD_TOO_LARGE;
    /// The whole body is over its cap.
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE;
    /// The content type is not one this route takes.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE;
    /// JSON of the wrong shape: a missing key, a wrong type.
    InvalidBody = "invalid_body", UNPROCESSABLE_ENTITY;
    /// The body did not come, or too slowly.
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT;
    /// The body names a problem that is not installed. 422 and not 404: the route exists.
    UnknownProblem = "unknown_problem", UNPROCESSABLE_ENTITY;
    /// No registered worker has the language.
    UnknownLanguage = "unknown_language", UNPROCESSABLE_ENTITY;
    /// The problem does not allow the language.
    LanguageNotAllowed = "language_not_allowed", UNPROCESSABLE_ENTITY;
    /// A limit is zero, absurd, or above the operator's maximum.
    InvalidLimit = "invalid_limit", UNPROCESSABLE_ENTITY;
    /// There is no source file.
    NoSource = "no_source", UNPROCESSABLE_ENTITY;
    /// A file name that could leave its folder, start an option, or stands twice.
    InvalidFileName = "invalid_file_name", UNPROCESSABLE_ENTITY;
    /// Not exactly one form of a byte field, or not base64, or not the bytes of their digest.
    InvalidContent = "invalid_content", UNPROCESSABLE_ENTITY;
    /// The body names an upload the tenant has not, or has no more.
    UnknownBlob = "unknown_blob", UNPROCESSABLE_ENTITY;
    /// Neither or both of `problem` and `tests`.
    InvalidTarget = "invalid_target", UNPROCESSABLE_ENTITY;
    /// The problem package is broken; `diagnostics` says where.
    InvalidPackage = "invalid_package", UNPROCESSABLE_ENTITY;
    /// The harness shares its box with what it grades, and the request does not accept that.
    SharedBox = "shared_box", UNPROCESSABLE_ENTITY;
    /// The callback URL leads where the service does not call, or nothing could be signed.
    InvalidCallbackUrl = "invalid_callback_url", UNPROCESSABLE_ENTITY;
    /// The `Idempotency-Key` came with another request before.
    KeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY;
    /// The tenant is over a bound; `Retry-After` says when to come back.
    TooManyRequests = "too_many_requests", TOO_MANY_REQUESTS;
    /// We are at fault; the log has the cause.
    Internal = "internal", INTERNAL_SERVER_ERROR;
    /// We cannot answer now.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE;
}

/// A refusal.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) code: Code,
    pub(crate) detail: String,
    more: Map<String, Value>,
    retry_after: Option<u64>,
}

impl ApiError {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), more: Map::new(), retry_after: None }
    }

    /// Adds a member to the document.
    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        self.more.insert(key.to_owned(), value);
        self
    }

    /// Says when to come back: at least a second from now.
    fn after_ms(mut self, ms: i64) -> Self {
        let seconds = u64::try_from(ms).unwrap_or(0).div_ceil(1000).max(1);
        self.retry_after = Some(seconds);
        self.with("retry_after_s", seconds.into())
    }

    /// There is no such thing.
    pub(crate) fn missing(what: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no {what}"))
    }
}

impl From<RegisterError> for ApiError {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Store(error) => error.into(),
            RegisterError::Skew { .. } => Self::new(Code::VersionSkew, error.to_string()),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Missing(what) => Self::missing(&what),
            StoreError::Moved { .. } | StoreError::NameTaken(_) | StoreError::Rejudge { .. } => {
                Self::new(Code::Conflict, error.to_string())
            }
            StoreError::TooMany { .. } => Self::new(Code::InvalidBody, error.to_string()),
            StoreError::KeyReused => Self::new(Code::KeyReused, error.to_string()),
            StoreError::Quota { what, retry_ms } => Self::new(Code::TooManyRequests, what).after_ms(retry_ms),
            StoreError::Digest { .. } | StoreError::Corrupt(_) => {
                tracing::error!(error = %error, "the store is damaged");
                Self::new(Code::Internal, "the service failed; its log has the cause")
            }
            StoreError::Full { .. } => {
                tracing::error!(error = %error, "the store is full");
                Self::new(Code::Unavailable, "there is no room to store this now; try again later")
            }
            StoreError::Url(_)
            | StoreError::Open { .. }
            | StoreError::Database(_)
            | StoreError::Silent { .. }
            | StoreError::Blob { .. } => {
                tracing::error!(error = %error, "the store could not be used");
                Self::new(Code::Unavailable, "the store cannot be used now; try again later")
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let mut document = json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or("error"),
            "status": status.as_u16(),
            "detail": self.detail,
            "code": self.code.name(),
        });
        if let Value::Object(map) = &mut document {
            map.extend(self.more);
        }
        let mut response = (status, document.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn every_code_is_a_word_of_its_own_and_says_no() {
        let names: std::collections::BTreeSet<_> = Code::ALL.iter().map(|c| c.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(code.status().is_client_error() || code.status().is_server_error());
            assert!(code.name().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        }
    }
}
