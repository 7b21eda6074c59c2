//! `/api/v1/workers`: who judges, and the three orders an operator gives them.
//!
//! An order holds for this start of a worker: one that was started again is a new one and takes jobs. A worker learns of
//! it with its next heartbeat; until then its claims are turned away, so it gets nothing from the moment of the answer.

use std::sync::Arc;

use axum::extract::State;
use proto::facts::Accounting;
use proto::http::{Order, ProblemDocument, RoomLeft};
use proto::id::WorkerId;
use serde::Serialize;

use super::{Id, audit};
use crate::app::App;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::store::{Millis, Scope, WorkerRow};
use crate::time::{now_ms, rfc3339};

/// One worker.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct WorkerView {
    /// This start of the worker.
    id: WorkerId,
    /// Host name.
    name: String,
    /// Its `tribunal` version.
    version: String,
    /// The protocol it speaks; this service speaks the numbers next to its own.
    protocol: u32,
    /// How many jobs at once.
    slots: u32,
    /// How far its figures can be trusted.
    accounting: Accounting,
    /// Machine architecture.
    arch: String,
    /// The queues it takes jobs from: workers that can do the same share them.
    class: String,
    /// How fast a core of it is beside the reference, 2 is twice as fast; it changes no limit. Null when it did not say.
    speed: Option<f64>,
    /// Ids of the languages it can judge now.
    languages: Vec<String>,
    /// Whether it grades against harnesses.
    harnesses: bool,
    /// `ready`, `cordoned`, `unfit`, `draining` or `lost`.
    state: &'static str,
    /// Whether it was heard of in the last 20 s.
    alive: bool,
    /// It said that it takes no more jobs.
    draining: bool,
    /// What the operator wants of it.
    wanted: Order,
    /// Why it may not be trusted with timed work now, or null.
    unfit: Option<String>,
    /// What its disk could take of packages, or null when it did not say.
    room: Option<RoomLeft>,
    /// RFC 3339.
    registered_at: String,
    /// RFC 3339.
    seen_at: String,
}

fn view(row: WorkerRow, now: Millis) -> WorkerView {
    let (state, alive) = (row.state(now), row.alive(now));
    let told = row.registration;
    WorkerView {
        state,
        alive,
        draining: row.draining,
        wanted: row.wanted,
        unfit: row.unfit,
        room: row.room,
        registered_at: rfc3339(row.registered_ms),
        seen_at: rfc3339(row.seen_ms),
        class: told.class().to_owned(),
        id: told.id,
        name: told.name.clone(),
        version: told.version.clone(),
        protocol: told.protocol,
        slots: told.slots,
        accounting: told.accounting,
        arch: told.arch.clone(),
        speed: told.speed,
        harnesses: told.harnesses,
        languages: told.languages.iter().filter(|l| l.usable).map(|l| l.id.clone()).collect(),
    }
}

/// Workers that registered, the ones heard of last first.
#[utoipa::path(get, path = "/api/v1/workers", tag = "catalog",
    responses(
        (status = 200, body = Vec<WorkerView>),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(
    caller: Caller,
    State(app): State<Arc<App>>,
) -> Result<axum::Json<Vec<WorkerView>>, ApiError> {
    caller.need(Scope::Read)?;
    let now = now_ms();
    let rows = app.store.workers().await?;
    Ok(axum::Json(rows.into_iter().map(|row| view(row, now)).collect()))
}

/// It takes no new jobs and stays; what it has in hand goes on. Needs the scope `admin`.
#[utoipa::path(post, path = "/api/v1/workers/{id}/cordon", tag = "admin",
    params(("id" = WorkerId, Path, description = "The worker")),
    responses(
        (status = 200, body = WorkerView),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn cordon(
    caller: Caller,
    State(app): State<Arc<App>>,
    Id(id): Id<WorkerId>,
) -> Result<axum::Json<WorkerView>, ApiError> {
    order(&caller, &app, id, Order::Cordon, "worker.cordon").await
}

/// It takes jobs again. Needs the scope `admin`.
#[utoipa::path(post, path = "/api/v1/workers/{id}/uncordon", tag = "admin",
    params(("id" = WorkerId, Path, description = "The worker")),
    responses(
        (status = 200, body = WorkerView),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn uncordon(
    caller: Caller,
    State(app): State<Arc<App>>,
    Id(id): Id<WorkerId>,
) -> Result<axum::Json<WorkerView>, ApiError> {
    order(&caller, &app, id, Order::Work, "worker.uncordon").await
}

/// It takes no new jobs, finishes what it has in hand, however long that takes, and ends; the worker inside `serve` stays
/// idle instead. Needs the scope `admin`.
#[utoipa::path(post, path = "/api/v1/workers/{id}/drain", tag = "admin",
    params(("id" = WorkerId, Path, description = "The worker")),
    responses(
        (status = 200, body = WorkerView),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn drain(
    caller: Caller,
    State(app): State<Arc<App>>,
    Id(id): Id<WorkerId>,
) -> Result<axum::Json<WorkerView>, ApiError> {
    order(&caller, &app, id, Order::Drain, "worker.drain").await
}

async fn order(
    caller: &Caller,
    app: &App,
    id: WorkerId,
    wanted: Order,
    action: &str,
) -> Result<axum::Json<WorkerView>, ApiError> {
    caller.need(Scope::Admin)?;
    let row = app.store.order_worker(id, wanted).await?.ok_or_else(|| ApiError::missing("such worker"))?;
    audit::note(app, caller, action, &id.to_string(), &row.registration.name).await?;
    app.wake.notify_one();
    Ok(axum::Json(view(row, now_ms())))
}
