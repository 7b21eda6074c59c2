//! `/api/v1/blobs`: bytes sent once and named by digest in submissions, as `content_blob`, `stdin_blob` and
//! `expected_output_blob`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proto::http::{NewSubmission, ProblemDocument};
use proto::id::Digest;

use super::{Id, bytes_of};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Code};
use crate::store::Scope;
use crate::time::now_ms;

/// Largest upload: nothing longer fits into a submission.
const UPLOAD_MAX: usize = 1 << 20;
/// Bytes of uploads that one request may name, each time counted.
pub(crate) const NAMED_MAX: usize = 16 << 20;

/// Keeps bytes for seven days, to be named in submissions of the same tenant. The bytes must be those of the digest.
#[utoipa::path(put, path = "/api/v1/blobs/{digest}", tag = "submissions",
    params(("digest" = Digest, Path, description = "Their SHA-256, `sha256:…`")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 204, description = "Kept"),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn put(
    caller: Caller,
    State(app): State<Arc<App>>,
    Id(digest): Id<Digest>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    caller.need(Scope::Submit)?;
    let bytes = bytes_of(request, &app, &digest, UPLOAD_MAX).await?;
    app.store.upload(caller.tenant(), bytes, now_ms()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A byte field in the forms in which it may be sent.
type Forms<'a> =
    (String, &'static str, &'a mut Option<String>, &'a mut Option<String>, &'a mut Option<Digest>);

/// Puts the bytes in the place of the digests that name them; `room` is what is left of [`NAMED_MAX`].
pub(crate) async fn fetched(
    app: &App,
    caller: &Caller,
    mut sent: NewSubmission,
    room: &mut usize,
) -> Result<NewSubmission, ApiError> {
    let files = sent.files.iter_mut().map(|file| -> Forms<'_> {
        (
            format!("file `{}`", file.name.escape_debug()),
            "content",
            &mut file.content,
            &mut file.content_base64,
            &mut file.content_blob,
        )
    });
    let tests = (1..).zip(sent.tests.iter_mut().flatten()).flat_map(|(number, test)| -> [Forms<'_>; 2] {
        let what = format!("test {number}");
        [
            (what.clone(), "stdin", &mut test.stdin, &mut test.stdin_base64, &mut test.stdin_blob),
            (
                what,
                "expected_output",
                &mut test.expected_output,
                &mut test.expected_output_base64,
                &mut test.expected_output_blob,
            ),
        ]
    });
    for (what, key, text, base64, blob) in files.chain(tests) {
        let Some(digest) = blob.take() else { continue };
        let refused = |why: String| ApiError::new(Code::InvalidContent, format!("{what}: {why}"));
        if text.is_some() || base64.is_some() {
            return Err(refused(format!(
                "exactly one of `{key}`, `{key}_base64` and `{key}_blob` is needed"
            )));
        }
        let bytes = app.store.uploaded(caller.tenant(), &digest, now_ms()).await?.ok_or_else(|| {
            let detail = format!(
                "{what}: `{key}_blob`: there is no upload {digest} of yours; PUT /api/v1/blobs/{digest} keeps \
                 one for seven days"
            );
            ApiError::new(Code::UnknownBlob, detail)
        })?;
        *room = room.checked_sub(bytes.len()).ok_or_else(|| {
            let detail = format!("the uploads a request names may have {NAMED_MAX} bytes together");
            ApiError::new(Code::BodyTooLarge, detail)
        })?;
        *base64 = Some(STANDARD.encode(&bytes));
    }
    Ok(sent)
}
