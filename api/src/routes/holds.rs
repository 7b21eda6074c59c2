//! `/api/v1/holds`: problems and languages whose submissions wait. Needs the scope `admin`: a problem is everybody's.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use proto::http::ProblemDocument;
use serde::{Deserialize, Serialize};

use super::{audit, json, word};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Code};
use crate::store::{HoldKind, HoldRow, Scope};
use crate::time::{now_ms, rfc3339};

/// Longest reason in bytes.
const REASON_MAX: usize = 500;

/// What to hold.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldBody {
    /// Why, for people.
    #[serde(default)]
    reason: String,
}

/// A hold.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct HoldView {
    /// What it is that is held.
    kind: HoldKind,
    /// Its name.
    name: String,
    /// Why.
    reason: String,
    /// The token that held it.
    actor: String,
    /// Since when, RFC 3339.
    created_at: String,
}

fn view(row: HoldRow) -> HoldView {
    HoldView {
        kind: row.kind,
        name: row.name,
        reason: row.reason,
        actor: row.actor,
        created_at: rfc3339(row.created),
    }
}

/// Holds a problem (`problem`, its short name) or a language (`language`, its id): submissions wait in state `held`.
/// What is being judged goes on.
#[utoipa::path(put, path = "/api/v1/holds/{kind}/{name}", tag = "admin", request_body = HoldBody,
    params(
        ("kind" = HoldKind, Path, description = "What it is"),
        ("name" = String, Path, description = "Its name"),
    ),
    responses(
        (status = 200, body = HoldView),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
#[axum::debug_handler(state = Arc<App>)]
pub(crate) async fn set(
    caller: Caller,
    State(app): State<Arc<App>>,
    Path((kind, name)): Path<(String, String)>,
    request: Request,
) -> Result<axum::Json<HoldView>, ApiError> {
    caller.need(Scope::Admin)?;
    let body: HoldBody = json(request, &app).await?;
    let kind = read_kind(&kind)?;
    word("name", &name)?;
    if body.reason.len() > REASON_MAX {
        return Err(ApiError::new(
            Code::InvalidBody,
            format!("`reason` may have at most {REASON_MAX} bytes"),
        ));
    }
    let row = HoldRow { kind, name, reason: body.reason, actor: caller.name().to_owned(), created: now_ms() };
    app.store.hold(&row).await?;
    audit::note(&app, &caller, "hold.set", &format!("{}/{}", kind.name(), row.name), &row.reason).await?;
    app.touched(&app.store.settle_holds(now_ms()).await?);
    Ok(axum::Json(view(row)))
}

/// Ends a hold: what waited because of it waits for its turn from now on.
#[utoipa::path(delete, path = "/api/v1/holds/{kind}/{name}", tag = "admin",
    params(
        ("kind" = HoldKind, Path, description = "What it is"),
        ("name" = String, Path, description = "Its name"),
    ),
    responses(
        (status = 204, description = "Released"),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn release(
    caller: Caller,
    State(app): State<Arc<App>>,
    Path((kind, name)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    caller.need(Scope::Admin)?;
    let kind = read_kind(&kind)?;
    if !app.store.release(kind, &name).await? {
        return Err(ApiError::missing("such hold"));
    }
    audit::note(&app, &caller, "hold.release", &format!("{}/{name}", kind.name()), "").await?;
    app.touched(&app.store.settle_holds(now_ms()).await?);
    Ok(StatusCode::NO_CONTENT)
}

/// Every hold.
#[utoipa::path(get, path = "/api/v1/holds", tag = "admin",
    responses(
        (status = 200, body = Vec<HoldView>),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(
    caller: Caller,
    State(app): State<Arc<App>>,
) -> Result<axum::Json<Vec<HoldView>>, ApiError> {
    caller.need(Scope::Admin)?;
    Ok(axum::Json(app.store.holds().await?.into_iter().map(view).collect()))
}

fn read_kind(text: &str) -> Result<HoldKind, ApiError> {
    [HoldKind::Problem, HoldKind::Language]
        .into_iter()
        .find(|kind| kind.name() == text)
        .ok_or_else(|| ApiError::missing("such kind of hold; there are `problem` and `language`"))
}
