//! `/api/v1/tenants`: bounds of tenants. Needs the scope `admin`.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use proto::http::ProblemDocument;
use serde::{Deserialize, Serialize};

use super::{audit, json, word};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Code};
use crate::store::{Scope, TenantRow};
use crate::time::now_ms;

/// Largest bound: what `int32` in the document has room for.
const BOUND_MAX: u32 = i32::MAX as u32;

/// Bounds of a tenant, where null is no bound, and how many days its things are kept, where null is what the service has.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bounds {
    /// Submissions accepted in any 60 s.
    #[serde(default)]
    per_minute: Option<u32>,
    /// Submissions that wait or are judged.
    #[serde(default)]
    unfinished_max: Option<u32>,
    /// Submissions that are judged at the same time.
    #[serde(default)]
    running_max: Option<u32>,
    /// Days until source files, and tests that came in the request, are erased.
    #[serde(default)]
    sources_days: Option<u32>,
    /// Days until outputs, logs, reasons, feedback and transcripts are erased; verdicts and figures stay.
    #[serde(default)]
    outputs_days: Option<u32>,
    /// Days until a submission is erased with all its judgements.
    #[serde(default)]
    judgements_days: Option<u32>,
}

/// A tenant with its bounds.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TenantView {
    /// Its name, as tokens have it.
    name: String,
    /// Submissions accepted in any 60 s; null is no bound.
    per_minute: Option<u32>,
    /// Submissions that wait or are judged; null is no bound.
    unfinished_max: Option<u32>,
    /// Submissions that are judged at the same time; null is no bound.
    running_max: Option<u32>,
    /// Days until sources are erased; null is what the service has.
    sources_days: Option<u32>,
    /// Days until outputs are erased; null is what the service has.
    outputs_days: Option<u32>,
    /// Days until a submission is erased; null is what the service has.
    judgements_days: Option<u32>,
}

// No `flatten`: the request's schema allows no further key, so the document would forbid the name beside it.
fn view(name: String, bounds: &Bounds) -> TenantView {
    let Bounds { per_minute, unfinished_max, running_max, sources_days, outputs_days, judgements_days } =
        *bounds;
    TenantView { name, per_minute, unfinished_max, running_max, sources_days, outputs_days, judgements_days }
}

/// Sets the bounds of a tenant. What is over them is refused with 429 and `Retry-After`; what is stored stays.
#[utoipa::path(put, path = "/api/v1/tenants/{name}", tag = "admin", request_body = Bounds,
    params(("name" = String, Path, description = "The tenant")),
    responses(
        (status = 200, body = TenantView),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
#[axum::debug_handler(state = Arc<App>)]
pub(crate) async fn set(
    caller: Caller,
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<axum::Json<TenantView>, ApiError> {
    caller.need(Scope::Admin)?;
    let bounds: Bounds = json(request, &app).await?;
    word("name", &name)?;
    let numbers = [
        bounds.per_minute,
        bounds.unfinished_max,
        bounds.running_max,
        bounds.sources_days,
        bounds.outputs_days,
        bounds.judgements_days,
    ];
    if numbers.into_iter().flatten().any(|n| n == 0 || n > BOUND_MAX) {
        let detail =
            format!("a bound, or a number of days, is 1 to {BOUND_MAX}; null is none of the tenant's own");
        return Err(ApiError::new(Code::InvalidLimit, detail));
    }
    let row = TenantRow {
        name: name.clone(),
        per_minute: bounds.per_minute.map(i64::from),
        unfinished_max: bounds.unfinished_max.map(i64::from),
        running_max: bounds.running_max.map(i64::from),
        sources_days: bounds.sources_days.map(i64::from),
        outputs_days: bounds.outputs_days.map(i64::from),
        judgements_days: bounds.judgements_days.map(i64::from),
    };
    app.store.set_tenant(&row, now_ms()).await?;
    let detail = serde_json::to_string(&bounds).unwrap_or_default();
    audit::note(&app, &caller, "tenant.bounds", &name, &detail).await?;
    app.wake.notify_one();
    Ok(axum::Json(view(name, &bounds)))
}

/// Every tenant that has bounds.
#[utoipa::path(get, path = "/api/v1/tenants", tag = "admin",
    responses(
        (status = 200, body = Vec<TenantView>),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(
    caller: Caller,
    State(app): State<Arc<App>>,
) -> Result<axum::Json<Vec<TenantView>>, ApiError> {
    caller.need(Scope::Admin)?;
    let number = |n: Option<i64>| n.and_then(|n| u32::try_from(n).ok());
    let shown = app.store.tenants().await?.into_iter().map(|row| TenantView {
        name: row.name,
        per_minute: number(row.per_minute),
        unfinished_max: number(row.unfinished_max),
        running_max: number(row.running_max),
        sources_days: number(row.sources_days),
        outputs_days: number(row.outputs_days),
        judgements_days: number(row.judgements_days),
    });
    Ok(axum::Json(shown.collect()))
}
