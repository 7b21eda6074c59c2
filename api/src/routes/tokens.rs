//! `/api/v1/tokens`: who may call. Needs the scope `admin`; the text of a token is shown once.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use proto::http::ProblemDocument;
use proto::job::Priority;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Id, audit, json, word};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Code};
use crate::store::{NewToken, Scope, TokenRow};
use crate::time::{now_ms, rfc3339};

/// Longest life that can be asked for, in seconds: ten years.
const LIFE_MAX_S: u64 = 10 * 366 * 24 * 3600;

/// A token to make.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenBody {
    /// What it is for, for people.
    name: String,
    /// Whose submissions it makes and sees.
    tenant: String,
    /// Any of `submit read judge problems admin worker`.
    scopes: Vec<String>,
    /// The most urgent class its submissions may have; `contest` without it.
    #[serde(default)]
    priority: Option<Priority>,
    /// How long it lives, in seconds; for ever without it.
    #[serde(default)]
    expires_in_s: Option<u64>,
}

/// A token without its text.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TokenView {
    /// Its id.
    id: String,
    /// What it is for.
    name: String,
    /// Whose it is.
    tenant: String,
    /// What it may do.
    scopes: Vec<String>,
    /// The most urgent class its submissions may have.
    priority: Priority,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339, or null.
    expires_at: Option<String>,
    /// When it was taken back, or null.
    revoked_at: Option<String>,
    /// Its text: only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

fn view(row: TokenRow, token: Option<String>) -> TokenView {
    TokenView {
        id: row.id,
        name: row.name,
        tenant: row.tenant,
        scopes: row.scopes.iter().map(|scope| scope.name().to_owned()).collect(),
        priority: row.priority,
        created_at: rfc3339(row.created),
        expires_at: row.expires.map(rfc3339),
        revoked_at: row.revoked.map(rfc3339),
        token,
    }
}

/// Makes a token. Its text stands in the answer and nowhere else.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "admin", request_body = TokenBody,
    responses(
        (status = 201, body = TokenView),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
#[axum::debug_handler(state = Arc<App>)]
pub(crate) async fn create(
    caller: Caller,
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, ApiError> {
    caller.need(Scope::Admin)?;
    let body: TokenBody = json(request, &app).await?;
    word("name", &body.name)?;
    word("tenant", &body.tenant)?;
    let scopes: Vec<Scope> = body
        .scopes
        .iter()
        .map(|scope| scope.parse())
        .collect::<Result<_, String>>()
        .map_err(|e| ApiError::new(Code::InvalidBody, e))?;
    if scopes.is_empty() {
        return Err(ApiError::new(Code::InvalidBody, "`scopes` must name at least one scope"));
    }
    if body.expires_in_s.is_some_and(|s| s == 0 || s > LIFE_MAX_S) {
        let detail = format!("`expires_in_s` must be between 1 and {LIFE_MAX_S}");
        return Err(ApiError::new(Code::InvalidBody, detail));
    }
    let now = now_ms();
    let new = NewToken {
        name: body.name,
        tenant: body.tenant,
        scopes,
        priority: body.priority.unwrap_or(Priority::Contest),
        expires: body.expires_in_s.map(|s| now + s as i64 * 1000),
    };
    let (id, text) = app.store.new_token(&new, now).await?;
    let detail = format!("{} for tenant {}: {}", new.name, new.tenant, body.scopes.join(" "));
    audit::note(&app, &caller, "token.create", &id, &detail).await?;
    let row = TokenRow {
        id,
        name: new.name,
        tenant: new.tenant,
        scopes: new.scopes,
        priority: new.priority,
        created: now,
        expires: new.expires,
        revoked: None,
    };
    Ok((StatusCode::CREATED, axum::Json(view(row, Some(text)))).into_response())
}

/// Every token, the newest first, never their texts.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "admin",
    responses(
        (status = 200, body = Vec<TokenView>),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(
    caller: Caller,
    State(app): State<Arc<App>>,
) -> Result<axum::Json<Vec<TokenView>>, ApiError> {
    caller.need(Scope::Admin)?;
    Ok(axum::Json(app.store.tokens().await?.into_iter().map(|row| view(row, None)).collect()))
}

/// Takes a token back for good, at once.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "admin",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, body = TokenView),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn revoke(
    caller: Caller,
    State(app): State<Arc<App>>,
    Id(id): Id<Uuid>,
) -> Result<axum::Json<TokenView>, ApiError> {
    caller.need(Scope::Admin)?;
    let row = app.store.revoke_token(&id.to_string(), now_ms()).await?;
    audit::note(&app, &caller, "token.revoke", &row.id, &row.name).await?;
    Ok(axum::Json(view(row, None)))
}
