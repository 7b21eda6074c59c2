//! `/internal/v1`: what a worker needs of the store, with a token of scope `worker` and no other.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use proto::http::{
    ClaimReply, ClaimRequest, Heartbeat, HeartbeatReply, ProblemDocument, RoomLeft, WorkerRegistration,
};
use proto::id::{Digest, JudgementId, WorkerId};

use super::{Id, bytes_of, json};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Code};
use crate::store::Scope;
use crate::time::now_ms;

/// Largest blob a worker may bring.
const BLOB_MAX: usize = 64 << 20;
/// Most jobs at once that a worker may say it takes: far beyond any machine, and sums of it stay small.
const SLOTS_MAX: u32 = 65_536;

/// A worker tells who it is and what it can do. Idempotent.
#[utoipa::path(post, path = "/internal/v1/workers", tag = "internal", request_body = WorkerRegistration,
    responses(
        (status = 204, description = "Noted"),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn register(
    caller: Caller,
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    caller.need(Scope::Worker)?;
    let registration: WorkerRegistration = json(request, &app).await?;
    if registration.slots > SLOTS_MAX {
        return Err(ApiError::new(Code::InvalidBody, format!("`slots` may be at most {SLOTS_MAX}")));
    }
    check_room(registration.room)?;
    app.register(&registration).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A worker is alive; the leases of what it is working on are renewed.
#[utoipa::path(post, path = "/internal/v1/workers/{id}/heartbeat", tag = "internal", request_body = Heartbeat,
    params(("id" = WorkerId, Path, description = "The worker")),
    responses(
        (status = 200, body = HeartbeatReply),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn heartbeat(
    caller: Caller,
    State(app): State<Arc<App>>,
    Id(id): Id<WorkerId>,
    request: Request,
) -> Result<axum::Json<HeartbeatReply>, ApiError> {
    caller.need(Scope::Worker)?;
    let beat: Heartbeat = json(request, &app).await?;
    if beat.counted.as_ref().is_some_and(|counted| !counted.is_sound()) {
        let detail =
            format!("`counted` has a figure above {} or more kinds of overhead than there are", i64::MAX);
        return Err(ApiError::new(Code::InvalidBody, detail));
    }
    check_room(beat.room)?;
    Ok(axum::Json(app.heartbeat(id, &beat).await?))
}

/// Refuses room that no disk has.
fn check_room(room: Option<RoomLeft>) -> Result<(), ApiError> {
    if room.is_none_or(RoomLeft::is_sound) {
        return Ok(());
    }
    Err(ApiError::new(Code::InvalidBody, format!("`room` has a figure above {}", i64::MAX)))
}

/// A worker asks for the right to judge. 409 with the same kind of body when it may not.
#[utoipa::path(post, path = "/internal/v1/judgements/{id}/claim", tag = "internal", request_body = ClaimRequest,
    params(("id" = JudgementId, Path, description = "The judgement")),
    responses(
        (status = 200, description = "Granted", body = ClaimReply),
        (status = 409, description = "Refused, or to be tried elsewhere", body = ClaimReply),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn claim(
    caller: Caller,
    State(app): State<Arc<App>>,
    Id(id): Id<JudgementId>,
    request: Request,
) -> Result<(StatusCode, axum::Json<ClaimReply>), ApiError> {
    caller.need(Scope::Worker)?;
    let request: ClaimRequest = json(request, &app).await?;
    let reply = app.claim(id, &request).await?;
    let status = match reply {
        ClaimReply::Granted { .. } => StatusCode::OK,
        ClaimReply::Refused { .. } | ClaimReply::TryElsewhere => StatusCode::CONFLICT,
    };
    Ok((status, axum::Json(reply)))
}

/// The bytes of a blob.
#[utoipa::path(get, path = "/internal/v1/blobs/{digest}", tag = "internal",
    params(("digest" = Digest, Path, description = "Its digest")),
    responses(
        (status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn get_blob(
    caller: Caller,
    State(app): State<Arc<App>>,
    Id(digest): Id<Digest>,
) -> Result<Response, ApiError> {
    caller.need(Scope::Worker)?;
    let bytes = app.store.blob(&digest).await?.ok_or_else(|| ApiError::missing("such blob"))?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

/// Keeps a blob. The bytes must be those of the digest.
#[utoipa::path(put, path = "/internal/v1/blobs/{digest}", tag = "internal",
    params(("digest" = Digest, Path, description = "Its digest")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 204, description = "Kept"),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn put_blob(
    caller: Caller,
    State(app): State<Arc<App>>,
    Id(digest): Id<Digest>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    caller.need(Scope::Worker)?;
    let bytes = bytes_of(request, &app, &digest, BLOB_MAX).await?;
    app.store.put_blob(bytes, now_ms()).await?;
    Ok(StatusCode::NO_CONTENT)
}
