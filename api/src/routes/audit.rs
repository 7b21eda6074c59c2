//! `/api/v1/audit`: who changed what.

use std::sync::Arc;

use axum::extract::State;
use proto::http::ProblemDocument;
use serde::{Deserialize, Serialize};

use super::Params;
use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Code};
use crate::store::{AuditRow, Scope};
use crate::time::{now_ms, rfc3339};

/// Default and largest length of a list.
const LIST: (u32, u32) = (100, 1000);

/// Adds a row to the audit log, and the same to the log of the process.
pub(crate) async fn note(
    app: &App,
    caller: &Caller,
    action: &str,
    subject: &str,
    detail: &str,
) -> Result<(), ApiError> {
    let row = AuditRow {
        id: uuid::Uuid::now_v7().to_string(),
        at: now_ms(),
        tenant: caller.tenant().to_owned(),
        actor: caller.name().to_owned(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        detail: detail.to_owned(),
    };
    app.store.note(&row).await?;
    tracing::info!(actor = %row.actor, action, subject, detail, "audit");
    Ok(())
}

/// One change.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AuditView {
    /// UUIDv7.
    id: String,
    /// RFC 3339.
    at: String,
    /// Whose token it was.
    tenant: String,
    /// The token's name; `local` without one.
    actor: String,
    /// What was done, such as `token.create`.
    action: String,
    /// To what.
    subject: String,
    /// More of it.
    detail: String,
}

/// Which rows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// How many, at most 1000; 100 without it.
    limit: Option<u32>,
    /// Only those older than this id.
    before: Option<uuid::Uuid>,
}

/// What people and programs changed here, the newest first. Needs the scope `admin`.
#[utoipa::path(get, path = "/api/v1/audit", tag = "admin", params(AuditQuery),
    responses(
        (status = 200, body = Vec<AuditView>),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(
    caller: Caller,
    State(app): State<Arc<App>>,
    Params(query): Params<AuditQuery>,
) -> Result<axum::Json<Vec<AuditView>>, ApiError> {
    caller.need(Scope::Admin)?;
    let limit = query.limit.unwrap_or(LIST.0);
    if limit == 0 || limit > LIST.1 {
        let detail = format!("`limit` must be between 1 and {}", LIST.1);
        return Err(ApiError::new(Code::InvalidParameter, detail));
    }
    let rows = app.store.audit(query.before.map(|id| id.to_string()), limit).await?;
    let shown = rows.into_iter().map(|row| AuditView {
        id: row.id,
        at: rfc3339(row.at),
        tenant: row.tenant,
        actor: row.actor,
        action: row.action,
        subject: row.subject,
        detail: row.detail,
    });
    Ok(axum::Json(shown.collect()))
}
