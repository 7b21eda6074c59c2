//! `/api/v1/webhooks`: the secret that deliveries are signed with, the log of deliveries, sending one again. Needs
//! the scope `judge`: a URL and a secret are the tenant's own business.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use proto::http::ProblemDocument;
use proto::id::SubmissionId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Id, Params, audit};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Code};
use crate::store::{DeliveryState, Scope, TryRow, WebhookFilter, WebhookRow};
use crate::time::{now_ms, rfc3339};

/// Default and largest length of a list.
const LIST: (u32, u32) = (50, 500);

/// A secret, shown once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SecretView {
    /// Whose deliveries are signed with it.
    tenant: String,
    /// `Tribunal-Signature: v1=` is the HMAC-SHA256 under this text of `Tribunal-Timestamp`, a dot and the body.
    secret: String,
}

/// A delivery.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeliveryView {
    /// UUIDv7; also in the header `Tribunal-Delivery`, the same in every try.
    id: String,
    /// What it tells of.
    submission: SubmissionId,
    /// Where to.
    url: String,
    /// Where it is.
    state: DeliveryState,
    /// How often it was tried.
    tries: i64,
    /// When it is tried next, RFC 3339; null when it will not be.
    next_try_at: Option<String>,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339; null while it waits.
    ended_at: Option<String>,
}

/// A delivery with its log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeliveryLogView {
    #[serde(flatten)]
    delivery: DeliveryView,
    /// The last hundred tries, the first one first.
    log: Vec<TryView>,
}

/// One try.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TryView {
    /// From 1.
    number: i64,
    /// RFC 3339.
    at: String,
    /// How long it took.
    took_ms: i64,
    /// HTTP status; null when there was no answer.
    status: Option<i64>,
    /// What was wrong.
    error: Option<String>,
}

fn view(row: WebhookRow) -> DeliveryView {
    let waits = row.state == DeliveryState::Waiting;
    DeliveryView {
        id: row.id,
        submission: row.submission,
        url: row.url,
        state: row.state,
        tries: row.tries,
        next_try_at: waits.then(|| rfc3339(row.due)),
        created_at: rfc3339(row.created),
        ended_at: row.ended.map(rfc3339),
    }
}

fn view_of_try(row: TryRow) -> TryView {
    TryView {
        number: row.number,
        at: rfc3339(row.at),
        took_ms: row.took_ms,
        status: row.status,
        error: row.error,
    }
}

/// Makes the secret that the tenant's deliveries are signed with, in place of the one there was. It is shown once.
#[utoipa::path(post, path = "/api/v1/webhooks/secret", tag = "webhooks",
    responses(
        (status = 201, body = SecretView),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn secret(
    caller: Caller,
    State(app): State<Arc<App>>,
) -> Result<(StatusCode, axum::Json<SecretView>), ApiError> {
    caller.need(Scope::Judge)?;
    let tenant = caller.tenant().to_owned();
    let secret = app.store.new_webhook_secret(&tenant, now_ms()).await?;
    audit::note(&app, &caller, "webhook.secret", &tenant, "").await?;
    Ok((StatusCode::CREATED, axum::Json(SecretView { tenant, secret })))
}

/// Which deliveries.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// How many, at most 500; 50 without it.
    limit: Option<u32>,
    /// Only those older than this id.
    before: Option<Uuid>,
    /// Only those of this submission.
    submission: Option<SubmissionId>,
    /// Only those in this state.
    state: Option<DeliveryState>,
}

/// Deliveries, the newest first.
#[utoipa::path(get, path = "/api/v1/webhooks", tag = "webhooks", params(ListQuery),
    responses(
        (status = 200, body = Vec<DeliveryView>),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(
    caller: Caller,
    State(app): State<Arc<App>>,
    Params(query): Params<ListQuery>,
) -> Result<axum::Json<Vec<DeliveryView>>, ApiError> {
    caller.need(Scope::Judge)?;
    let limit = query.limit.unwrap_or(LIST.0);
    if limit == 0 || limit > LIST.1 {
        let detail = format!("`limit` must be between 1 and {}", LIST.1);
        return Err(ApiError::new(Code::InvalidParameter, detail));
    }
    let filter = WebhookFilter {
        tenant: caller.sees().map(str::to_owned),
        before: query.before.map(|id| id.to_string()),
        submission: query.submission,
        state: query.state,
        limit,
    };
    Ok(axum::Json(app.store.webhooks(&filter).await?.into_iter().map(view).collect()))
}

/// One delivery with the log of its tries.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}", tag = "webhooks",
    params(("id" = String, Path, description = "The delivery")),
    responses(
        (status = 200, body = DeliveryLogView),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn get(
    caller: Caller,
    State(app): State<Arc<App>>,
    Id(id): Id<Uuid>,
) -> Result<axum::Json<DeliveryLogView>, ApiError> {
    caller.need(Scope::Judge)?;
    let found = app.store.webhook(&id.to_string(), caller.sees()).await?;
    let (row, tries) = found.ok_or_else(|| ApiError::missing("such delivery"))?;
    let log = tries.into_iter().map(view_of_try).collect();
    Ok(axum::Json(DeliveryLogView { delivery: view(row), log }))
}

/// Sends a delivery again, whatever became of it, with the submission as it is now.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/replay", tag = "webhooks",
    params(("id" = String, Path, description = "The delivery")),
    responses(
        (status = 202, body = DeliveryView),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn replay(
    caller: Caller,
    State(app): State<Arc<App>>,
    Id(id): Id<Uuid>,
) -> Result<(StatusCode, axum::Json<DeliveryView>), ApiError> {
    caller.need(Scope::Judge)?;
    let id = id.to_string();
    let row = app.store.replay_webhook(&id, caller.sees(), now_ms()).await?;
    audit::note(&app, &caller, "webhook.replay", &id, "").await?;
    app.hooks.notify_one();
    Ok((StatusCode::ACCEPTED, axum::Json(view(row))))
}
