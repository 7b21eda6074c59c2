//! `/api/v1/rejudges`: judge again, look at what would change, then apply it or drop it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use proto::http::ProblemDocument;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Id, audit, json};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Code};
use crate::store::{Change, NewRejudge, RejudgeRow, RejudgeState, Revision, Scope, Selection};
use crate::time::{now_ms, rfc3339};

/// Longest reason in bytes.
const REASON_MAX: usize = 500;
/// Most submissions that are named one by one.
const NAMED_MAX: usize = 1000;
/// How many are listed.
const LISTED: u32 = 100;

/// What to judge again.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RejudgeBody {
    /// Which submissions.
    select: Selection,
    /// With which revision of their problem; the active one without it.
    #[serde(default)]
    revision: Revision,
    /// Why, for people.
    #[serde(default)]
    reason: String,
    /// Whether it is applied by itself once all are judged; without it somebody looks first.
    #[serde(default)]
    apply: bool,
}

/// How many submissions went from one verdict to another.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CountView {
    /// Before.
    old_verdict: String,
    /// After.
    new_verdict: String,
    /// How many.
    count: i64,
}

/// A rejudge.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RejudgeView {
    /// Its id.
    id: String,
    /// Where it is.
    state: RejudgeState,
    /// Whose submissions it may choose; null is everybody's.
    tenant: Option<String>,
    /// Who asked for it.
    actor: String,
    /// Why.
    reason: String,
    /// RFC 3339.
    created_at: String,
    /// When it was applied or dropped.
    ended_at: Option<String>,
    /// Submissions chosen.
    total: i64,
    /// Judged again so far.
    done: i64,
    /// Verdicts before and after, when it is asked for alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdicts: Option<Vec<CountView>>,
    /// Submissions whose verdict or score differs, at most 1000, when it is asked for alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<Change>>,
}

fn view(row: RejudgeRow) -> RejudgeView {
    RejudgeView {
        id: row.id,
        state: row.state,
        tenant: row.tenant,
        actor: row.actor,
        reason: row.reason,
        created_at: rfc3339(row.created),
        ended_at: row.ended.map(rfc3339),
        total: row.total,
        done: row.done,
        verdicts: None,
        changes: None,
    }
}

async fn whole(app: &App, caller: &Caller, id: &str) -> Result<axum::Json<RejudgeView>, ApiError> {
    let row = app.store.rejudge(id, caller.sees()).await?;
    let mut view = view(row.ok_or_else(|| ApiError::missing("such rejudge"))?);
    let counts = app.store.rejudge_counts(id).await?.into_iter();
    let count = |(old_verdict, new_verdict, count)| CountView { old_verdict, new_verdict, count };
    view.verdicts = Some(counts.map(count).collect());
    view.changes = Some(app.store.rejudge_changes(id).await?);
    Ok(axum::Json(view))
}

/// Judges submissions again, beside the judgements they have. Nothing changes until it is applied.
#[utoipa::path(post, path = "/api/v1/rejudges", tag = "rejudges", request_body = RejudgeBody,
    responses(
        (status = 201, body = RejudgeView),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
#[axum::debug_handler(state = Arc<App>)]
pub(crate) async fn create(
    caller: Caller,
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, ApiError> {
    caller.need(Scope::Judge)?;
    let body: RejudgeBody = json(request, &app).await?;
    if body.select.is_empty() {
        let detail = "`select` must name at least one of submissions, problem, language, image, verdict, \
                      created_from_ms, created_before_ms";
        return Err(ApiError::new(Code::InvalidBody, detail));
    }
    if body.select.submissions.len() > NAMED_MAX || body.reason.len() > REASON_MAX {
        let detail = format!("at most {NAMED_MAX} submissions and {REASON_MAX} bytes of reason are taken");
        return Err(ApiError::new(Code::InvalidBody, detail));
    }
    let new = NewRejudge {
        tenant: caller.sees().map(str::to_owned),
        actor: caller.name().to_owned(),
        reason: body.reason,
        selection: body.select,
        revision: body.revision,
        apply: body.apply,
    };
    let (id, count) = app.store.new_rejudge(&new, now_ms()).await?;
    audit::note(&app, &caller, "rejudge.create", &id, &format!("{count} submissions")).await?;
    app.wake.notify_one();
    Ok((StatusCode::CREATED, whole(&app, &caller, &id).await?).into_response())
}

/// The newest 100 rejudges.
#[utoipa::path(get, path = "/api/v1/rejudges", tag = "rejudges",
    responses(
        (status = 200, body = Vec<RejudgeView>),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(
    caller: Caller,
    State(app): State<Arc<App>>,
) -> Result<axum::Json<Vec<RejudgeView>>, ApiError> {
    caller.need(Scope::Judge)?;
    let rows = app.store.rejudges(caller.sees(), LISTED).await?;
    Ok(axum::Json(rows.into_iter().map(view).collect()))
}

/// One rejudge with what it changes.
#[utoipa::path(get, path = "/api/v1/rejudges/{id}", tag = "rejudges",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, body = RejudgeView),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn get(
    caller: Caller,
    State(app): State<Arc<App>>,
    Id(id): Id<Uuid>,
) -> Result<axum::Json<RejudgeView>, ApiError> {
    caller.need(Scope::Judge)?;
    whole(&app, &caller, &id.to_string()).await
}

/// Makes its judgements the current ones, all at once. Submissions that could not be judged again keep theirs.
#[utoipa::path(post, path = "/api/v1/rejudges/{id}/apply", tag = "rejudges",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, body = RejudgeView),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn apply(
    caller: Caller,
    State(app): State<Arc<App>>,
    Id(id): Id<Uuid>,
) -> Result<axum::Json<RejudgeView>, ApiError> {
    caller.need(Scope::Judge)?;
    let id = id.to_string();
    if app.store.rejudge(&id, caller.sees()).await?.is_none() {
        return Err(ApiError::missing("such rejudge"));
    }
    app.store.settle_rejudges(now_ms()).await?;
    let changed = app.store.apply_rejudge(&id, now_ms()).await?;
    app.touched(&changed);
    audit::note(&app, &caller, "rejudge.apply", &id, &format!("{} submissions", changed.len())).await?;
    whole(&app, &caller, &id).await
}

/// Drops it: what was not judged yet will not be, and nothing changes.
#[utoipa::path(post, path = "/api/v1/rejudges/{id}/cancel", tag = "rejudges",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, body = RejudgeView),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn cancel(
    caller: Caller,
    State(app): State<Arc<App>>,
    Id(id): Id<Uuid>,
) -> Result<axum::Json<RejudgeView>, ApiError> {
    caller.need(Scope::Judge)?;
    let id = id.to_string();
    if app.store.rejudge(&id, caller.sees()).await?.is_none() {
        return Err(ApiError::missing("such rejudge"));
    }
    app.store.cancel_rejudge(&id, now_ms()).await?;
    audit::note(&app, &caller, "rejudge.cancel", &id, "").await?;
    whole(&app, &caller, &id).await
}
