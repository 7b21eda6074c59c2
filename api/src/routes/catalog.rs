//! What there is: languages, workers, the queue, and the description of this API.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use proto::facts::Accounting;
use proto::http::ProblemDocument;
use proto::id::WorkerId;
use proto::job::Priority;
use proto::language::LanguageInfo;
use serde::Serialize;

use crate::app::App;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::store::Scope;
use crate::time::{now_ms, rfc3339};

/// Languages the workers can judge, by id.
#[utoipa::path(get, path = "/api/v1/languages", tag = "catalog",
    responses(
        (status = 200, body = Vec<LanguageInfo>),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn languages(
    caller: Caller,
    State(app): State<Arc<App>>,
) -> Result<axum::Json<Vec<LanguageInfo>>, ApiError> {
    caller.need(Scope::Read)?;
    Ok(axum::Json(app.store.languages(now_ms()).await?))
}

/// One worker.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct WorkerView {
    /// This start of the worker.
    id: WorkerId,
    /// Host name.
    name: String,
    /// Its `tribunal` version.
    version: String,
    /// How many jobs at once.
    slots: u32,
    /// How far its figures can be trusted.
    accounting: Accounting,
    /// Machine architecture.
    arch: String,
    /// Ids of the languages it can judge now.
    languages: Vec<String>,
    /// Whether it was heard of in the last 20 s.
    alive: bool,
    /// Takes no more jobs.
    draining: bool,
    /// RFC 3339.
    registered_at: String,
    /// RFC 3339.
    seen_at: String,
}

/// Workers that registered, the ones heard of last first.
#[utoipa::path(get, path = "/api/v1/workers", tag = "catalog",
    responses(
        (status = 200, body = Vec<WorkerView>),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn workers(
    caller: Caller,
    State(app): State<Arc<App>>,
) -> Result<axum::Json<Vec<WorkerView>>, ApiError> {
    caller.need(Scope::Read)?;
    let now = now_ms();
    let rows = app.store.workers().await?;
    Ok(axum::Json(
        rows.into_iter()
            .map(|row| WorkerView {
                alive: row.alive(now),
                draining: row.draining,
                registered_at: rfc3339(row.registered_ms),
                seen_at: rfc3339(row.seen_ms),
                id: row.registration.id,
                name: row.registration.name,
                version: row.registration.version,
                slots: row.registration.slots,
                accounting: row.registration.accounting,
                arch: row.registration.arch,
                languages: row
                    .registration
                    .languages
                    .into_iter()
                    .filter(|l| l.usable)
                    .map(|l| l.id)
                    .collect(),
            })
            .collect(),
    ))
}

/// One class of the queue.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ClassView {
    /// The class.
    priority: Priority,
    /// Waiting for a worker.
    waiting: i64,
    /// Being judged.
    running: i64,
    /// Age of the oldest waiting one in milliseconds; null when none waits.
    oldest_ms: Option<i64>,
}

/// The queue.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct QueueView {
    /// Waiting, all classes.
    waiting: i64,
    /// Running, all classes.
    running: i64,
    /// Slots of workers heard of in the last 20 s.
    slots: u32,
    /// Every class, most urgent first.
    classes: Vec<ClassView>,
}

/// How much is waiting and running.
#[utoipa::path(get, path = "/api/v1/queue", tag = "catalog",
    responses(
        (status = 200, body = QueueView),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn queue(
    caller: Caller,
    State(app): State<Arc<App>>,
) -> Result<axum::Json<QueueView>, ApiError> {
    caller.need(Scope::Read)?;
    let now = now_ms();
    let counts = app.store.queue_counts().await?;
    let workers = app.store.workers().await?;
    Ok(axum::Json(QueueView {
        waiting: counts.iter().map(|c| c.waiting).sum(),
        running: counts.iter().map(|c| c.running).sum(),
        slots: workers.iter().filter(|w| w.alive(now)).map(|w| w.registration.slots).sum(),
        classes: counts
            .into_iter()
            .map(|c| ClassView {
                priority: c.priority,
                waiting: c.waiting,
                running: c.running,
                oldest_ms: c.oldest_ms.map(|at| (now - at).max(0)),
            })
            .collect(),
    }))
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "catalog",
    responses(
        (status = 200, description = "OpenAPI 3.1", body = serde_json::Value, content_type = "application/json"),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn openapi(caller: Caller) -> Result<Response, ApiError> {
    caller.need(Scope::Read)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], super::openapi_json()).into_response())
}
