//! A submission as a form: `problem`, `language`, and the sources as `files` parts with file names. What is
//! not text (`limits`, `tests`, `labels`) is written as JSON in its part. Ends in the same body as JSON does.

use std::sync::Arc;

use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proto::http::{FileBody, NewSubmission};
use serde_json::{Map, Value};

use crate::app::App;
use crate::error::{ApiError, Code};

/// Parts of one form.
const PARTS_MAX: usize = 200;

/// Reads the form.
pub(crate) async fn read(request: Request, app: &Arc<App>) -> Result<NewSubmission, ApiError> {
    let invalid = |text: String| ApiError::new(Code::InvalidMultipart, text);
    let mut form = Multipart::from_request(request, app).await.map_err(|e| invalid(e.body_text()))?;
    let mut files = Vec::new();
    let mut body = Map::new();
    for _ in 0..PARTS_MAX {
        let part = form.next_field().await.map_err(|e| part_error(&e))?;
        let Some(part) = part else {
            body.insert("files".into(), serde_json::to_value(files).unwrap_or(Value::Null));
            return super::accept::read_json(Value::Object(body).to_string().as_bytes());
        };
        let key = part.name().unwrap_or_default().to_owned();
        let file_name = part.file_name().map(str::to_owned);
        let bytes = part.bytes().await.map_err(|e| part_error(&e))?;
        if matches!(key.as_str(), "file" | "files") {
            let name = file_name.ok_or_else(|| invalid(format!("the part `{key}` needs a file name")))?;
            let content_base64 = Some(STANDARD.encode(&bytes));
            files.push(FileBody { name, content: None, content_base64, content_blob: None });
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

fn part_error(error: &axum::extract::multipart::MultipartError) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::new(Code::BodyTooLarge, "the body is larger than this route takes");
    }
    ApiError::new(Code::InvalidMultipart, error.body_text())
}
