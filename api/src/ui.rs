//! Serves the web page: files of `ui/` built into the executable, or of `--web-dir` while working on it.
//!
//! The page is public, holds no secrets, and talks only to the public API. Its policy allows scripts and styles
//! from here only, and no other site may frame it.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use crate::app::App;
use crate::error::{ApiError, Code};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "ui/"]
#[allow_missing = true]
#[exclude = "test/*"]
struct Page;

/// Everything that is no route: a file of the page, or 404.
pub(crate) async fn page(State(app): State<Arc<App>>, method: Method, uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    let api = path.starts_with("api/") || path.starts_with("internal/");
    let missing = || ApiError::new(Code::NotFound, "there is nothing at this path").into_response();
    if api || !matches!(method, Method::GET | Method::HEAD) {
        return missing();
    }
    let path = if path.is_empty() { "index.html" } else { path };
    let Some(bytes) = load(app.web_dir.as_deref(), path).await else { return missing() };
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, media_type(path)),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    response
}

async fn load(web_dir: Option<&Path>, path: &str) -> Option<Vec<u8>> {
    let Some(root) = web_dir else {
        return Page::get(path).map(|file| file.data.into_owned());
    };
    let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    let file: PathBuf = root.join(path);
    if plain { tokio::fs::read(file).await.ok() } else { None }
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("webmanifest") => "application/manifest+json",
        Some("txt" | "md") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
