//! A submission as a form: `problem`, `language`, and the sources as `files` parts with file names. What is
//! not text (`limits`, `tests`, `labels`) is written as JSON in its part. Ends in the same body as JSON does.
//!
//! A harness grades folders, and a student hands one in packed: one file alone that is a zip or a tar.gz is unpacked,
//! as `tribunal grade` does, and its files are held against the caps of all others.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use course::{Caps, Packed, Tree, cut};
use proto::http::{FileBody, NewSubmission};
use serde_json::{Map, Value};

use crate::app::App;
use crate::error::{ApiError, Code};

/// Parts of one form.
const PARTS_MAX: usize = 200;
/// What an archive may unpack to: more than may be sent in files, because what is hidden in it is left out.
const PACKED: Caps = Caps { bytes: 4 << 20, files: 1_000 };

/// Reads the form.
pub(crate) async fn read(request: Request, app: &Arc<App>) -> Result<NewSubmission, ApiError> {
    let invalid = |text: String| ApiError::new(Code::InvalidMultipart, text);
    let mut form = Multipart::from_request(request, app).await.map_err(|e| invalid(e.body_text()))?;
    let mut files = Vec::new();
    let mut body = Map::new();
    for _ in 0..PARTS_MAX {
        let part = form.next_field().await.map_err(|e| part_error(&e))?;
        let Some(part) = part else {
            if body.contains_key("harness") {
                files = unpacked(files).await?;
            }
            let files: Vec<FileBody> = files.into_iter().map(Sent::body).collect();
            body.insert("files".into(), serde_json::to_value(files).unwrap_or(Value::Null));
            return super::accept::read_json(Value::Object(body).to_string().as_bytes());
        };
        let key = part.name().unwrap_or_default().to_owned();
        let file_name = part.file_name().map(str::to_owned);
        let bytes = part.bytes().await.map_err(|e| part_error(&e))?;
        if matches!(key.as_str(), "file" | "files") {
            let name = file_name.ok_or_else(|| invalid(format!("the part `{key}` needs a file name")))?;
            files.push(Sent { name, bytes });
            continue;
        }
        let text = String::from_utf8(bytes.to_vec())
            .map_err(|_| invalid(format!("the part `{key}` must be UTF-8")))?;
        let value = match key.as_str() {
            "limits" | "tests" | "labels" | "all" => serde_json::from_str(&text).map_err(|e| {
                ApiError::new(Code::InvalidJson, format!("the part `{key}` is not JSON: {e}"))
            })?,
            _ => Value::String(text),
        };
        if body.insert(key.clone(), value).is_some() {
            return Err(invalid(format!("the part `{key}` stands twice")));
        }
    }
    Err(invalid(format!("more than {PARTS_MAX} parts")))
}

/// A file as it came.
struct Sent {
    name: String,
    bytes: Bytes,
}

impl Sent {
    fn body(self) -> FileBody {
        let content_base64 = Some(STANDARD.encode(&self.bytes));
        FileBody { name: self.name, content: None, content_base64, content_blob: None }
    }
}

/// What is in the archive, where one came alone; what came in any other case.
async fn unpacked(files: Vec<Sent>) -> Result<Vec<Sent>, ApiError> {
    let [Sent { name, bytes }] = &files[..] else { return Ok(files) };
    if Packed::of(name).is_none() {
        return Ok(files);
    }
    let (shown, bytes) = (cut(name, 100), bytes.clone());
    // Unpacking computes, and a zip goes through a folder of its own.
    let reading = tokio::task::spawn_blocking(move || Tree::unpack(&bytes, &shown, PACKED));
    let tree = reading.await.map_err(|e| {
        tracing::error!(error = %e, "unpacking a submission ended early");
        ApiError::new(Code::Internal, "the service failed; its log has the cause")
    })?;
    let tree = tree.map_err(|e| ApiError::new(Code::InvalidContent, e.to_string()))?;
    let wanted = tree.files.into_iter().filter(|(path, _)| !is_left_behind(path));
    let files: Vec<Sent> =
        wanted.map(|(name, entry)| Sent { name, bytes: Bytes::copy_from_slice(&entry.content) }).collect();
    if files.is_empty() {
        let detail = format!("{}: there is no file in it; hidden ones are left out", cut(name, 100));
        return Err(ApiError::new(Code::NoSource, detail));
    }
    Ok(files)
}

/// What archivers, editors and version control leave, which is nobody's work; such names are refused.
fn is_left_behind(path: &str) -> bool {
    path.split('/').any(|part| part.starts_with('.') || part == "__MACOSX")
}

fn part_error(error: &axum::extract::multipart::MultipartError) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::new(Code::BodyTooLarge, "the body is larger than this route takes");
    }
    ApiError::new(Code::InvalidMultipart, error.body_text())
}
