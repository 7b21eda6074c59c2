//! The HTTP surface: one row per route, collected with its OpenAPI description.

mod accept;
mod audit;
mod batch;
mod catalog;
mod health;
mod holds;
mod internal;
mod multipart;
mod once;
mod problems;
mod rejudges;
mod submissions;
mod tenants;
mod tokens;
mod uploads;
mod webhooks;
mod workers;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{
    DefaultBodyLimit, FromRequest, FromRequestParts, MatchedPath, Path, Query, Request, State,
};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use proto::id::Digest;
use proto::trace::Traceparent;
use serde::de::DeserializeOwned;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::connections;
use crate::error::{ApiError, Code};
use crate::trace;

/// Largest body of a route that names no other, in bytes.
const BODY_MAX: usize = 1 << 20;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tribunal",
        description = "Judges untrusted code. Errors are RFC 9457 problem documents with a stable `code`.",
        license(name = "MIT OR Apache-2.0")
    ),
    components(schemas(proto::http::ProblemDocument)),
    servers((url = "/"))
)]
struct ApiDoc;

fn described() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(ApiDoc::openapi())
        .routes(routes!(submissions::create, submissions::list))
        .routes(routes!(submissions::create_many))
        .routes(routes!(submissions::get, submissions::erase))
        .routes(routes!(submissions::judgements))
        .routes(routes!(submissions::events))
        .routes(routes!(submissions::cancel))
        .routes(routes!(uploads::put))
        .routes(routes!(problems::upload, problems::list))
        .routes(routes!(problems::get))
        .routes(routes!(problems::activate))
        .routes(routes!(catalog::languages))
        .routes(routes!(workers::list))
        .routes(routes!(workers::cordon))
        .routes(routes!(workers::uncordon))
        .routes(routes!(workers::drain))
        .routes(routes!(catalog::queue))
        .routes(routes!(catalog::openapi))
        .routes(routes!(rejudges::create, rejudges::list))
        .routes(routes!(rejudges::get))
        .routes(routes!(rejudges::apply))
        .routes(routes!(rejudges::cancel))
        .routes(routes!(webhooks::list))
        .routes(routes!(webhooks::secret))
        .routes(routes!(webhooks::get))
        .routes(routes!(webhooks::replay))
        .routes(routes!(tokens::create, tokens::list))
        .routes(routes!(tokens::revoke))
        .routes(routes!(holds::list))
        .routes(routes!(holds::set, holds::release))
        .routes(routes!(tenants::list))
        .routes(routes!(tenants::set))
        .routes(routes!(audit::list))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .routes(routes!(internal::register))
        .routes(routes!(internal::heartbeat))
        .routes(routes!(internal::claim))
        .routes(routes!(internal::get_blob, internal::put_blob))
}

/// The OpenAPI document, generated from the code.
pub fn openapi_json() -> String {
    let (_, document) = described().split_for_parts();
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// Every route, over the service's state.
pub(crate) fn router(app: Arc<App>) -> Router {
    let (router, _) = described().split_for_parts();
    router
        .fallback(crate::ui::page)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(axum::middleware::from_fn_with_state(app.clone(), observe))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(app)
}

async fn method_not_allowed() -> ApiError {
    ApiError::new(Code::MethodNotAllowed, "this path does not take this method")
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request handler panicked");
    ApiError::new(Code::Internal, "the service failed; its log has the cause").into_response()
}

/// Counts, traces and logs each request. Only the route's pattern is kept: a path may hold what a client wrote.
async fn observe(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("page", MatchedPath::as_str).to_owned();
    let method = request.method().as_str().to_owned();
    let started = Instant::now();
    let (trace, parent) = trace::of(request.headers());
    // An error's span is there whatever is logged.
    let span = tracing::error_span!(
        "request",
        method,
        route,
        trace_id = trace.trace_id(),
        span_id = trace.span_id(),
        parent_id = parent.as_ref().map(Traceparent::span_id),
        trace_flags = trace.flags(),
        status = tracing::field::Empty,
    );
    let header = axum::http::HeaderValue::from_str(&trace.to_string());
    request.extensions_mut().insert(trace);
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Ok(header) = header {
        response.headers_mut().insert(trace::HEADER, header);
    }
    let _in = span.enter();
    let seconds = started.elapsed().as_secs_f64();
    let status = response.status().as_u16();
    span.record("status", status);
    response
        .headers_mut()
        .entry("x-content-type-options")
        .or_insert(axum::http::HeaderValue::from_static("nosniff"));
    app.metrics.request(&method, &route, status, seconds);
    tracing::debug!(status, latency_ms = (seconds * 1e3) as u64, "answered");
    response
}

/// Reads a JSON object as the body. Handlers call it after they have checked the caller's scope.
pub(crate) async fn json<T: DeserializeOwned>(request: Request, app: &Arc<App>) -> Result<T, ApiError> {
    let bytes = body(request, app).await?;
    let read = parse(&bytes)?;
    if bytes.trim_ascii_start().starts_with(b"[") { Err(no_array()) } else { Ok(read) }
}

/// Reads the whole body up to the route's cap.
pub(crate) async fn body(request: Request, app: &Arc<App>) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, app).await.map_err(|e| {
        if e.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
            ApiError::new(Code::BodyTooLarge, "the body is larger than this route takes")
        } else if connections::is_late(&e) {
            let detail =
                "the body did not come in time: send it without long pauses, 1 KiB a second at least";
            ApiError::new(Code::RequestTimeout, detail)
        } else {
            ApiError::new(Code::InvalidBody, "the body could not be read to its end")
        }
    })
}

/// Reads the whole body, at most `most` bytes, and holds it against the digest it was sent under.
pub(crate) async fn bytes_of(
    mut request: Request,
    app: &Arc<App>,
    digest: &Digest,
    most: usize,
) -> Result<Bytes, ApiError> {
    DefaultBodyLimit::max(most).apply(&mut request);
    let bytes = body(request, app).await?;
    let found = Digest::of(&bytes);
    if found == *digest {
        return Ok(bytes);
    }
    let detail = format!("the bytes have digest {found}, not {digest}");
    Err(ApiError::new(Code::InvalidContent, detail))
}

/// Reads JSON and says which of three things is wrong: no JSON, an unknown key, or the wrong shape.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|e| json_error(&e))
}

/// serde reads a struct from an array as well, in the order of its fields, which is no promise of ours.
pub(crate) fn no_array() -> ApiError {
    ApiError::new(Code::InvalidBody, "an object is needed, and this is an array")
}

pub(crate) fn json_error(error: &serde_json::Error) -> ApiError {
    let text = error.to_string();
    match error.classify() {
        serde_json::error::Category::Data if text.starts_with("unknown field") => {
            ApiError::new(Code::UnknownKey, text)
        }
        serde_json::error::Category::Data => ApiError::new(Code::InvalidBody, text),
        _ => ApiError::new(Code::InvalidJson, format!("the body is not JSON: {text}")),
    }
}

/// A name for people: not empty, short, without control characters.
pub(crate) fn word(key: &str, text: &str) -> Result<(), ApiError> {
    const MAX: usize = 100;
    if !text.trim().is_empty() && text.len() <= MAX && !text.chars().any(char::is_control) {
        return Ok(());
    }
    let detail = format!("`{key}` must have 1 to {MAX} bytes and no control characters");
    Err(ApiError::new(Code::InvalidBody, detail))
}

/// Query parameters whose refusals are problem documents.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<App>> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, app).await {
            Ok(Query(value)) => Ok(Params(value)),
            Err(e) => {
                let e: QueryRejection = e;
                Err(ApiError::new(Code::InvalidParameter, e.body_text()))
            }
        }
    }
}

/// A path segment that has to be an id; what is none is not there.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: std::str::FromStr> FromRequestParts<Arc<App>> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let missing = || ApiError::missing("such thing: the id is not one");
        let text: Result<Path<String>, PathRejection> = Path::from_request_parts(parts, app).await;
        let Ok(Path(text)) = text else { return Err(missing()) };
        text.parse().map(Id).map_err(|_| missing())
    }
}
