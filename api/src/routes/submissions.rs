//! `/api/v1/submissions`: send, read, watch, take back.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt};
use proto::facts::Accounting;
use proto::http::{NewSubmission, PastJudgementView, ProblemDocument, QueuePlace, SubmissionView};
use proto::id::{Digest, SubmissionId};
use serde::Deserialize;

use super::{Id, Params, accept, audit, batch, body, multipart, once, uploads};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Code};
use crate::package::Kind;
use crate::store::{Accepted, Filter, NewRow, Once, ProblemRow, Scope, SubmissionRow};
use crate::time::now_ms;
use crate::trace;
use crate::webhooks::target;
use crate::{story, watch};

/// Largest body: sources and tests at their caps, as base64 in JSON.
const BODY_MAX: usize = 4 << 20;
/// `?wait=true` waits this long; nobody may wait longer.
const WAIT_MAX: Duration = Duration::from_mins(5);
/// A comment keeps idle connections open through proxies.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// Default and largest length of a list.
const LIST: (u32, u32) = (50, 500);

/// `?wait`.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wait {
    /// `true`, or seconds: answer when done, or 202 when the time is over.
    wait: Option<String>,
}

impl Wait {
    fn patience(&self) -> Result<Option<Duration>, ApiError> {
        match self.wait.as_deref() {
            None | Some("false" | "0") => Ok(None),
            Some("true" | "") => Ok(Some(WAIT_MAX)),
            Some(text) => match text.parse::<f64>() {
                Ok(seconds) if seconds > 0.0 && seconds.is_finite() => {
                    Ok(Some(Duration::from_secs_f64(seconds.min(WAIT_MAX.as_secs_f64()))))
                }
                _ => {
                    Err(ApiError::new(Code::InvalidParameter, "`wait` must be `true` or a number of seconds"))
                }
            },
        }
    }
}

/// Sends a submission. With `?wait` the answer comes when it is done (201), or with 202 when the time is over.
#[utoipa::path(post, path = "/api/v1/submissions", tag = "submissions", params(Wait),
    request_body(content(
        (NewSubmission = "application/json"),
        (String = "multipart/form-data"),
    )),
    responses(
        (status = 201, description = "Stored; with ?wait also judged", body = SubmissionView),
        (status = 202, description = "Stored; the time to wait is over", body = SubmissionView),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
#[axum::debug_handler(state = Arc<App>)]
pub(crate) async fn create(
    caller: Caller,
    State(app): State<Arc<App>>,
    Params(wait): Params<Wait>,
    mut request: Request,
) -> Result<Response, ApiError> {
    caller.need(Scope::Submit)?;
    let patience = wait.patience()?;
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let form = content_type.is_some_and(|t| t.starts_with("multipart/form-data"));
    if !form && !content_type.is_some_and(is_json) {
        let detail = "send `application/json` or `multipart/form-data`";
        return Err(ApiError::new(Code::UnsupportedMediaType, detail));
    }
    DefaultBodyLimit::max(BODY_MAX).apply(&mut request);
    let key = once::key(request.headers())?;
    let trace = trace::of_request(&request);
    let sent = if form {
        multipart::read(request, &app).await?
    } else {
        accept::read_json(&body(request, &app).await?)?
    };
    let once = key.map(|key| once::of(key, &sent)).transpose()?;
    let mut room = uploads::NAMED_MAX;
    let new = NewRow { trace, ..checked(&app, &caller, sent, &mut room).await? };
    let Accepted { ids, replayed } = store_all(&app, std::slice::from_ref(&new), once.as_ref()).await?;
    let id = *ids.first().ok_or_else(|| ApiError::missing("such submission"))?;
    let location = format!("/api/v1/submissions/{id}");
    let row = match patience {
        Some(patience) => watch::wait(&app, id, None, patience).await?,
        None => app.store.submission(id, None).await?,
    };
    let row = row.ok_or_else(|| ApiError::missing("such submission: it was erased since"))?;
    let status = if patience.is_some() && !row.view.state.is_final() {
        StatusCode::ACCEPTED
    } else {
        StatusCode::CREATED
    };
    let replayed = once::replayed(replayed);
    Ok((status, replayed, [(header::LOCATION, location)], shown(row, &caller)).into_response())
}

/// Sends many submissions at once, as a JSON array or one JSON document a line: all are stored or none. A
/// refusal names every refused one by its place from 0.
#[utoipa::path(post, path = "/api/v1/submissions/batch", tag = "submissions",
    request_body(content(
        (Vec<NewSubmission> = "application/json"),
        (String = "application/x-ndjson"),
    )),
    responses(
        (status = 201, description = "Stored, in the order in which they were sent", body = Vec<SubmissionView>),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
#[axum::debug_handler(state = Arc<App>)]
pub(crate) async fn create_many(
    caller: Caller,
    State(app): State<Arc<App>>,
    mut request: Request,
) -> Result<Response, ApiError> {
    caller.need(Scope::Submit)?;
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let lines = content_type.is_some_and(batch::is_lines);
    if !lines && !content_type.is_some_and(is_json) {
        let detail = "send `application/json` (an array) or `application/x-ndjson`";
        return Err(ApiError::new(Code::UnsupportedMediaType, detail));
    }
    DefaultBodyLimit::max(batch::BODY_MAX).apply(&mut request);
    let key = once::key(request.headers())?;
    let trace = trace::of_request(&request);
    let sent = batch::read(&body(request, &app).await?, lines)?;
    let once = key.map(|key| once::of(key, &sent)).transpose()?;
    let mut new = Vec::with_capacity(sent.len());
    let mut refused = Vec::new();
    let mut room = uploads::NAMED_MAX;
    for (index, one) in sent.into_iter().enumerate() {
        let read = match accept::read_value(one) {
            Ok(body) => checked(&app, &caller, body, &mut room).await,
            Err(refusal) => Err(refusal),
        };
        match read {
            Ok(row) => new.push(NewRow { trace: trace.clone(), ..row }),
            Err(refusal) => refused.push((index, refusal)),
        }
    }
    batch::none_refused(refused)?;
    let Accepted { ids, replayed } = store_all(&app, &new, once.as_ref()).await?;
    let mut views = Vec::with_capacity(ids.len());
    for id in ids {
        let row = app.store.submission(id, None).await?;
        let row = row.ok_or_else(|| ApiError::missing("such submission: it was erased since"))?;
        views.push(shown(row, &caller).0);
    }
    Ok((StatusCode::CREATED, once::replayed(replayed), axum::Json(views)).into_response())
}

/// Stores and rings the bell.
async fn store_all(app: &App, new: &[NewRow], once: Option<&Once>) -> Result<Accepted, ApiError> {
    let accepted = app.store.submit_all(new, once, now_ms()).await?;
    if accepted.replayed {
        tracing::info!(count = accepted.ids.len(), "an Idempotency-Key was seen again");
        return Ok(accepted);
    }
    app.wake.notify_one();
    for (id, new) in accepted.ids.iter().zip(new) {
        app.metrics.submitted();
        tracing::info!(
            submission.id = %id, language.id = %new.language, files = new.content.files.len(),
            priority = new.priority.name(), "accepted"
        );
    }
    Ok(accepted)
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn shown(row: SubmissionRow, caller: &Caller) -> axum::Json<SubmissionView> {
    axum::Json(story::view_for(row.view, caller.is_judge()))
}

/// `room`: bytes of uploads that the request may still name.
async fn checked(
    app: &App,
    caller: &Caller,
    sent: NewSubmission,
    room: &mut usize,
) -> Result<NewRow, ApiError> {
    let sent = uploads::fetched(app, caller, sent, room).await?;
    let content = accept::content(&sent, &app.maxima)?;
    let callback = match &sent.callback_url {
        Some(url) => Some((callback(app, caller, url).await?, caller.is_judge())),
        None => None,
    };
    let problem = match (&sent.problem, &sent.harness) {
        (Some(name), _) => Some(package(app, name, Kind::Problem).await?),
        (None, Some(name)) => Some(package(app, name, Kind::Harness).await?),
        (None, None) => None,
    };
    let language = accept::runs_in(&sent, problem.as_ref());
    let (known, remembered) = app.store.languages_known(now_ms()).await?;
    accept::language(&language, &known, &remembered, problem.as_ref())?;
    Ok(NewRow {
        tenant: caller.tenant().to_owned(),
        problem: problem.map(|p| (p.view.name, p.view.digest, p.blob)),
        language,
        priority: caller.capped(sent.priority.unwrap_or_default()),
        capability: crate::CAPABILITY.to_owned(),
        exact: sent.accounting == Some(Accounting::Exact),
        external_id: sent.external_id,
        participant: sent.participant,
        labels: sent.labels,
        callback,
        trace: None,
        content,
    })
}

/// A URL that may be called, and with a secret to sign with.
async fn callback(app: &App, caller: &Caller, url: &str) -> Result<String, ApiError> {
    let refused = |why: &str| ApiError::new(Code::InvalidCallbackUrl, format!("`callback_url`: {why}"));
    let url = target::check(url, &app.callbacks).map_err(|why| refused(&why))?;
    if app.store.webhook_secret(caller.tenant()).await?.is_none() {
        return Err(refused("there is no secret to sign with yet; POST /api/v1/webhooks/secret makes it"));
    }
    Ok(url.into())
}

/// `name` is its active revision, `name@sha256:…` a fixed one.
async fn package(app: &App, text: &str, kind: Kind) -> Result<ProblemRow, ApiError> {
    let shown = || text.chars().take(120).collect::<String>().escape_debug().to_string();
    let unknown = || {
        let list = if kind == Kind::Harness { "?kind=harness" } else { "" };
        let detail =
            format!("there is no {} `{}`; GET /api/v1/problems{list} lists them", kind.name(), shown());
        ApiError::new(Code::UnknownProblem, detail)
    };
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest.parse::<Digest>().map_err(|_| unknown())?)),
        None => (text, None),
    };
    let found = app.store.problem(name, digest.as_ref()).await?.ok_or_else(unknown)?;
    let is = Kind::of(&found.view);
    if is != kind {
        let detail = format!("`{}` is a {is}: name it with `{is}`", shown(), is = is.name());
        return Err(ApiError::new(Code::UnknownProblem, detail));
    }
    Ok(found)
}

/// One submission. With `?wait` the answer comes when it is final, or with 202 when the time is over.
#[utoipa::path(get, path = "/api/v1/submissions/{id}", tag = "submissions",
    params(("id" = SubmissionId, Path, description = "Its id"), Wait),
    responses(
        (status = 200, body = SubmissionView),
        (status = 202, description = "The time to wait is over", body = SubmissionView),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn get(
    caller: Caller,
    State(app): State<Arc<App>>,
    Id(id): Id<SubmissionId>,
    Params(wait): Params<Wait>,
) -> Result<Response, ApiError> {
    caller.need(Scope::Read)?;
    let patience = wait.patience()?;
    let row = match patience {
        Some(patience) => watch::wait(&app, id, caller.sees(), patience).await?,
        None => app.store.submission(id, caller.sees()).await?,
    };
    let mut row = row.ok_or_else(|| ApiError::missing("such submission"))?;
    if row.view.state == proto::event::State::Queued {
        row.view.queue = place(&app, id).await;
    }
    let late = patience.is_some() && !row.view.state.is_final();
    let status = if late { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok((status, shown(row, &caller)).into_response())
}

/// Where it stands; a hint, so an answer is not refused for want of it (the store may be closing).
async fn place(app: &App, id: SubmissionId) -> Option<QueuePlace> {
    let place = match app.store.workers().await {
        Ok(workers) => app.store.place_in_queue(id, &workers, now_ms()).await,
        Err(e) => Err(e),
    };
    place.inspect_err(|e| tracing::debug!(error = %e, "the place in the queue is not known")).ok().flatten()
}

/// Which submissions to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// How many, at most 500; 50 without it.
    limit: Option<u32>,
    /// Only those older than this id: the last one of the page before.
    before: Option<SubmissionId>,
    /// Only those of this problem.
    problem: Option<String>,
    /// Only those in this language.
    language: Option<String>,
    /// Only those in this state.
    state: Option<proto::event::State>,
    /// Only those with this verdict.
    verdict: Option<proto::verdict::Verdict>,
    /// Only those with this `external_id`.
    external_id: Option<String>,
    /// Only those of this participant.
    participant: Option<String>,
    /// Only those with this label among theirs.
    label: Option<String>,
    /// Judgements without their tests and outputs: verdict, points and figures.
    brief: Option<bool>,
}

/// Submissions, newest first. A full page has a `Link` header with `rel="next"`.
#[utoipa::path(get, path = "/api/v1/submissions", tag = "submissions", params(ListQuery),
    responses(
        (status = 200, body = Vec<SubmissionView>),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(
    caller: Caller,
    State(app): State<Arc<App>>,
    uri: Uri,
    Params(query): Params<ListQuery>,
) -> Result<Response, ApiError> {
    caller.need(Scope::Read)?;
    let limit = query.limit.unwrap_or(LIST.0);
    if limit == 0 || limit > LIST.1 {
        let detail = format!("`limit` must be between 1 and {}", LIST.1);
        return Err(ApiError::new(Code::InvalidParameter, detail));
    }
    let filter = Filter {
        tenant: caller.sees().map(str::to_owned),
        before: query.before,
        problem: query.problem,
        language: query.language,
        state: query.state,
        verdict: query.verdict,
        external_id: query.external_id,
        participant: query.participant,
        label: query.label,
        limit,
    };
    let rows = app.store.list_submissions(&filter).await?;
    let judge = caller.is_judge();
    let full = rows.len() == limit as usize;
    let brief = query.brief.unwrap_or_default();
    let views = rows.into_iter().map(|r| story::view_for(r.view, judge));
    let views: Vec<SubmissionView> = views.map(|v| if brief { shortened(v) } else { v }).collect();
    let next = views.last().filter(|_| full).map(|last| [(header::LINK, next_page(&uri, last.id))]);
    Ok((next, axum::Json(views)).into_response())
}

fn shortened(mut view: SubmissionView) -> SubmissionView {
    if let Some(judgement) = &mut view.judgement {
        judgement.result = judgement.result.clone().brief();
    }
    view
}

/// The same question about what is older than `last` (RFC 8288).
fn next_page(uri: &Uri, last: SubmissionId) -> String {
    let asked = uri.query().unwrap_or_default().split('&');
    let rest = asked.filter(|pair| !pair.is_empty() && !pair.starts_with("before="));
    let query: Vec<String> = rest.map(str::to_owned).chain([format!("before={last}")]).collect();
    format!("<{}?{}>; rel=\"next\"", uri.path(), query.join("&"))
}

/// Every judgement of a submission that is done, the first one first.
#[utoipa::path(get, path = "/api/v1/submissions/{id}/judgements", tag = "submissions",
    params(("id" = SubmissionId, Path, description = "Its id")),
    responses(
        (status = 200, body = Vec<PastJudgementView>),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn judgements(
    caller: Caller,
    State(app): State<Arc<App>>,
    Id(id): Id<SubmissionId>,
) -> Result<axum::Json<Vec<PastJudgementView>>, ApiError> {
    caller.need(Scope::Read)?;
    if app.store.submission(id, caller.sees()).await?.is_none() {
        return Err(ApiError::missing("such submission"));
    }
    let past = app.store.judgements(id).await?;
    let judge = caller.is_judge();
    let shown = past.into_iter().map(|p| PastJudgementView {
        current: p.current,
        created_at: p.created_at,
        done_at: p.done_at,
        judgement: story::judgement_for(p.view, judge),
    });
    Ok(axum::Json(shown.collect()))
}

/// Erases a submission for good: its sources, its judgements, everything. A run that has begun is stopped.
#[utoipa::path(delete, path = "/api/v1/submissions/{id}", tag = "submissions",
    params(("id" = SubmissionId, Path, description = "Its id")),
    responses(
        (status = 204, description = "Nothing of it is left"),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn erase(
    caller: Caller,
    State(app): State<Arc<App>>,
    Id(id): Id<SubmissionId>,
) -> Result<StatusCode, ApiError> {
    caller.need(Scope::Submit)?;
    if app.store.submission(id, caller.sees()).await?.is_none() || !app.store.erase(id).await? {
        return Err(ApiError::missing("such submission"));
    }
    app.hub.finished(id);
    audit::note(&app, &caller, "submission.erase", &id.to_string(), "").await?;
    tracing::info!(submission.id = %id, "erased");
    Ok(StatusCode::NO_CONTENT)
}

/// One event of the stream, for the document: lines `id:`, `event:` and `data:`.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "a schema; events are written by axum")]
struct SentEvent {
    /// Where it stands; a larger number is later. Sent back as `Last-Event-ID`.
    id: String,
    /// `state`, `compile`, `test` or `done`.
    event: String,
    /// A JSON object.
    data: String,
}

/// Server-sent events `state`, `compile`, `test`, `done`. The stream ends after `done`; `Last-Event-ID`
/// continues where a lost connection ended; those who come late hear the whole story.
#[utoipa::path(get, path = "/api/v1/submissions/{id}/events", tag = "submissions",
    params(
        ("id" = SubmissionId, Path, description = "Its id"),
        ("Last-Event-ID" = Option<i64>, Header, description = "Only events after this one"),
    ),
    responses(
        (status = 200, description = "Events", body = SentEvent, content_type = "text/event-stream"),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn events(
    caller: Caller,
    State(app): State<Arc<App>>,
    Id(id): Id<SubmissionId>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    caller.need(Scope::Read)?;
    let after = match headers.get("last-event-id").map(|v| v.to_str().unwrap_or_default().trim()) {
        None | Some("") => -1,
        Some(text) => text.parse::<i64>().map_err(|_| {
            ApiError::new(Code::InvalidParameter, "`Last-Event-ID` must be an id this stream gave")
        })?,
    };
    let judge = caller.is_judge();
    let told = watch::follow(&app, id, caller.sees(), judge, after).await?;
    let told = told.ok_or_else(|| ApiError::missing("such submission"))?;
    let stream = told.map(move |told| {
        let id = told.id(judge).unwrap_or_default().to_string();
        Ok(Event::default().id(id).event(told.event).data(told.data(judge)))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(COMMENT_EVERY)))
}

/// Takes a submission back. A run that has begun is stopped.
#[utoipa::path(post, path = "/api/v1/submissions/{id}/cancel", tag = "submissions",
    params(("id" = SubmissionId, Path, description = "Its id")),
    responses(
        (status = 200, body = SubmissionView),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn cancel(
    caller: Caller,
    State(app): State<Arc<App>>,
    Id(id): Id<SubmissionId>,
) -> Result<axum::Json<SubmissionView>, ApiError> {
    caller.need(Scope::Submit)?;
    if app.store.submission(id, caller.sees()).await?.is_none() {
        return Err(ApiError::missing("such submission"));
    }
    app.store.cancel(id, now_ms()).await?;
    app.hooks.notify_one();
    app.hub.finished(id);
    tracing::info!(submission.id = %id, "cancelled");
    let row = app.store.submission(id, caller.sees()).await?;
    Ok(shown(row.ok_or_else(|| ApiError::missing("such submission"))?, &caller))
}
