//! `/api/v1/problems`: upload a package, list, read, switch the active revision.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use proto::http::{ProblemDocument, ProblemView};
use proto::id::Digest;
use serde::Deserialize;

use super::{Params, audit, body, json};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Code};
use crate::package::{self, Kind};
use crate::store::{Scope, StoreError};

/// Largest package zip.
const BODY_MAX: usize = 256 << 20;

/// How to name an uploaded package.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UploadQuery {
    /// Short name; without it the folder in the zip, or the file name of the form, names it.
    name: Option<String>,
    /// `harness` for a course's autograder; without it, `problem`.
    kind: Option<Kind>,
    /// `accept` for a harness that shares its box with what it grades: its results, which submissions can forge, have
    /// the note `shared_box`. Without it such a harness is refused.
    shared_box: Option<SharedBox>,
}

/// What the caller says to results that submissions can forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SharedBox {
    /// They are taken, marked.
    Accept,
}

/// Which packages to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct KindQuery {
    /// `harness` for courses' autograders; without it, `problem`.
    kind: Option<Kind>,
}

/// Uploads a problem package, or a course's autograder: the zip as the body (`application/zip`) or as a form's part
/// `package`. It becomes the active revision of its name; the two kinds share the names. 201 when it is new, 200 when this revision was there.
#[utoipa::path(post, path = "/api/v1/problems", tag = "problems", params(UploadQuery),
    request_body(content((Vec<u8> = "application/zip"), (Vec<u8> = "multipart/form-data"))),
    responses(
        (status = 200, description = "This revision was there; it is active now", body = ProblemView),
        (status = 201, body = ProblemView),
        (status = "default", description = "Refused; `invalid_package` has `diagnostics`", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn upload(
    caller: Caller,
    State(app): State<Arc<App>>,
    Params(query): Params<UploadQuery>,
    mut request: Request,
) -> Result<Response, ApiError> {
    caller.need(Scope::Problems)?;
    DefaultBodyLimit::max(BODY_MAX).apply(&mut request);
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let form = content_type.is_some_and(|t| t.starts_with("multipart/form-data"));
    let (zip, file_name) = if form { part(request, &app).await? } else { (body(request, &app).await?, None) };
    let naming = package::Naming { asked: query.name.as_deref(), file: file_name.as_deref() };
    let (view, new) = match query.kind.unwrap_or_default() {
        Kind::Problem if query.shared_box.is_some() => {
            let detail = "`shared_box` is about harnesses: leave it out, or send `kind=harness`";
            return Err(ApiError::new(Code::InvalidParameter, detail));
        }
        Kind::Problem => package::install(&app.store, zip, naming).await?,
        Kind::Harness => {
            let accept = query.shared_box == Some(SharedBox::Accept);
            package::install_harness(&app.store, zip, naming, &app.maxima, accept).await?
        }
    };
    let subject = format!("{}@{}", view.name, view.digest);
    audit::note(&app, &caller, "problem.upload", &subject, if new { "new revision" } else { "known" })
        .await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(view)).into_response())
}

async fn part(request: Request, app: &Arc<App>) -> Result<(Bytes, Option<String>), ApiError> {
    let invalid = |text: String| ApiError::new(Code::InvalidMultipart, text);
    let mut form = Multipart::from_request(request, app).await.map_err(|e| invalid(e.body_text()))?;
    let too_large = |e: &axum::extract::multipart::MultipartError| {
        if e.status() == StatusCode::PAYLOAD_TOO_LARGE {
            ApiError::new(Code::BodyTooLarge, "the body is larger than this route takes")
        } else {
            ApiError::new(Code::InvalidMultipart, e.body_text())
        }
    };
    let Some(part) = form.next_field().await.map_err(|e| too_large(&e))? else {
        return Err(invalid("the form needs a part `package` with the zip".into()));
    };
    if part.name() != Some("package") {
        let name = part.name().unwrap_or_default().to_owned();
        return Err(ApiError::new(Code::UnknownKey, format!("unknown part `{name}`, expected `package`")));
    }
    let name =
        part.file_name().and_then(|n| n.rsplit('/').next()).map(|n| n.trim_end_matches(".zip").to_owned());
    let bytes = part.bytes().await.map_err(|e| too_large(&e))?;
    Ok((bytes, name.filter(|n| !n.is_empty())))
}

/// Active revisions of every problem, or of every course's autograder, by name.
#[utoipa::path(get, path = "/api/v1/problems", tag = "problems", params(KindQuery),
    responses(
        (status = 200, body = Vec<ProblemView>),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(
    caller: Caller,
    State(app): State<Arc<App>>,
    Params(query): Params<KindQuery>,
) -> Result<axum::Json<Vec<ProblemView>>, ApiError> {
    caller.need(Scope::Read)?;
    let kind = query.kind.unwrap_or_default();
    let views = app.store.problems().await?.into_iter().map(|p| p.view);
    Ok(axum::Json(views.filter(|view| Kind::of(view) == kind).collect()))
}

/// The active revision of one problem.
#[utoipa::path(get, path = "/api/v1/problems/{name}", tag = "problems",
    params(("name" = String, Path, description = "Its short name")),
    responses(
        (status = 200, body = ProblemView),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn get(
    caller: Caller,
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<axum::Json<ProblemView>, ApiError> {
    caller.need(Scope::Read)?;
    let row = app.store.problem(&name, None).await?;
    row.map(|p| axum::Json(p.view)).ok_or_else(|| ApiError::missing("such problem"))
}

/// Which revision to make the active one.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Activate {
    /// Its digest.
    digest: Digest,
}

/// Makes an uploaded revision the active one. Submissions that were sent keep the revision they have.
#[utoipa::path(post, path = "/api/v1/problems/{name}/activate", tag = "problems",
    params(("name" = String, Path, description = "Its short name")), request_body = Activate,
    responses(
        (status = 200, body = ProblemView),
        (status = "default", description = "Refused", body = ProblemDocument, content_type = "application/problem+json"),
    ))]
pub(crate) async fn activate(
    caller: Caller,
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<axum::Json<ProblemView>, ApiError> {
    caller.need(Scope::Problems)?;
    let body: Activate = json(request, &app).await?;
    match app.store.activate_problem(&name, &body.digest).await {
        Ok(()) => {}
        Err(StoreError::Missing(_)) => return Err(ApiError::missing("such revision of this problem")),
        Err(e) => return Err(e.into()),
    }
    audit::note(&app, &caller, "problem.activate", &format!("{name}@{}", body.digest), "").await?;
    let row = app.store.problem(&name, None).await?;
    row.map(|p| axum::Json(p.view)).ok_or_else(|| ApiError::missing("such problem"))
}
