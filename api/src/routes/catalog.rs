//! What there is: languages, the queue, and the description of this API.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use proto::http::ProblemDocument;
use proto::job::Priority;
use proto::language::LanguageInfo;
use serde::Serialize;

use crate::app::App;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::store::{Millis, Scope, WorkerRow};
use crate::time::now_ms;

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
    /// Slots of the workers that take jobs.
    slots: u32,
    /// Every class, most urgent first.
    classes: Vec<ClassView>,
    /// What waits for a worker that can do it, by what is missing.
    waiting_for: Vec<LackView>,
}

/// Waiting judgements that no worker can do now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct LackView {
    /// What no worker has, as in `waiting_for` of a submission.
    missing: String,
    /// How many wait for it.
    waiting: i64,
}

/// What waits that nobody can do, by what is missing.
pub(crate) async fn lacking(
    app: &App,
    workers: &[WorkerRow],
    now: Millis,
) -> Result<BTreeMap<String, i64>, ApiError> {
    let mut missing = BTreeMap::new();
    for count in app.store.needs_waiting().await? {
        if let Some(what) = count.needs.lacking(workers, now) {
            *missing.entry(what).or_default() += count.waiting;
        }
    }
    Ok(missing)
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
        slots: workers.iter().filter(|w| w.ready(now)).map(|w| w.registration.slots).sum(),
        classes: counts
            .into_iter()
            .map(|c| ClassView {
                priority: c.priority,
                waiting: c.waiting,
                running: c.running,
                oldest_ms: c.oldest_ms.map(|at| (now - at).max(0)),
            })
            .collect(),
        waiting_for: lacking(&app, &workers, now)
            .await?
            .into_iter()
            .map(|(missing, waiting)| LackView { missing, waiting })
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
