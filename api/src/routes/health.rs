//! Signs of life, for machines. Health needs no token; metrics do.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use proto::http::ProblemDocument;
use serde_json::json;

use super::catalog;
use crate::app::App;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::metrics::Seen;
use crate::store::Scope;
use crate::time::now_ms;

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = String)))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Submissions are taken: the store answers, its database has room, and the service is not stopping. A broker that
/// cannot be reached is told and is no reason to say no: submissions wait in the store. Nor are full `blobs`: only
/// uploads and packages need them.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, description = "Ready"), (status = 503, description = "Not ready")))]
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Response {
    let store = app.store.ping().await.is_ok();
    let stopping = app.shutdown.is_cancelled();
    let broker = app.broker_state();
    let full = app.store.full();
    let ready = store && !stopping && !full.contains(&"database");
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({"ready": ready, "store": store, "broker": broker, "stopping": stopping,
        "full": full});
    (status, axum::Json(body)).into_response()
}

/// Metrics in OpenMetrics text.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses(
        (status = 200, body = String, content_type = "application/openmetrics-text"),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn metrics(caller: Caller, State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    caller.need(Scope::Read)?;
    let (workers, now) = (app.store.workers().await?, now_ms());
    let text = app.metrics.text(&Seen {
        queue: app.store.queue_counts().await?,
        lacking: catalog::lacking(&app, &workers, now).await?.values().sum(),
        workers,
        held: app.store.held_count().await?,
        deliveries_waiting: app.store.webhooks_waiting().await?,
        broker_up: app.broker_state() != "unreachable",
        full: app.store.full(),
        now,
    });
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
