//! `tribunal submit`: sources sent to a service, and the way to their verdict.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proto::id::SubmissionId;
use proto::job::SourceFile;
use proto::verdict::Verdict;
use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Service, Trouble, batch, show, watch};
use crate::args::SubmitArgs;
use crate::context::runtime;
use crate::output::{Failure, note, print_answer};
use crate::sources;

/// How often a submission is sent when the connection is lost; the service takes it once.
const TRIES: u32 = 3;
/// Largest file of a test: the service takes no more in one body.
const TEST_MAX: u64 = 16 << 20;

pub(crate) fn main(args: &SubmitArgs) -> Result<u8, Failure> {
    let service = Service::new(&args.server)?;
    if let Some(file) = &args.batch {
        return runtime()?.block_on(batch::send(&service, file, args.json));
    }
    let body = body(args)?;
    runtime()?.block_on(submit(&service, args, &body))
}

async fn submit(service: &Service, args: &SubmitArgs, body: &Value) -> Result<u8, Failure> {
    let mut view = send(service, body).await?;
    if args.watch || !args.expect.is_empty() {
        let id = id_of(&view)?;
        if !args.json {
            note(&format!("submission {id}"));
        }
        view = watch::follow(service, id).await?;
    }
    print_answer(args.json, &view, || show::submission(&view))?;
    Ok(status(&view, &args.expect))
}

async fn send(service: &Service, body: &Value) -> Result<Value, Trouble> {
    once(service, || service.request(Method::POST, &["submissions"]).json(body)).await
}

/// Sends it once: a repeat after a lost connection carries the same key.
pub(super) async fn once(service: &Service, request: impl Fn() -> RequestBuilder) -> Result<Value, Trouble> {
    let key = Uuid::new_v4().to_string();
    let mut tries = 0;
    loop {
        tries += 1;
        match service.answer(request().header("idempotency-key", &key)).await {
            Err(Trouble::Lost(_)) if tries < TRIES => {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            answer => return answer.map(|(_, view)| view),
        }
    }
}

fn id_of(view: &Value) -> Result<SubmissionId, Failure> {
    view["id"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .ok_or_else(|| Failure::ours("the service answered without the id of a submission"))
}

/// 3 when the service is at fault, 1 when the answer is not the one expected or there will be none.
pub(super) fn status(view: &Value, expect: &[Verdict]) -> u8 {
    if view["state"] == "cancelled" {
        return 1;
    }
    let Some(verdict) = view["verdict"].as_str() else { return 0 };
    if verdict == Verdict::SE.code() {
        return 3;
    }
    if expect.is_empty() || expect.iter().any(|wanted| wanted.code() == verdict) {
        return 0;
    }
    let wanted: Vec<_> = expect.iter().map(|v| v.code()).collect();
    note(&format!("the verdict is {}, expected was {}", show::plain(verdict), wanted.join(" or ")));
    1
}

/// The document that is sent.
fn body(args: &SubmitArgs) -> Result<Value, Failure> {
    let files = sources::load(&args.sources)?;
    let language = match &args.language {
        // The harness says what its submissions run in.
        None if args.harness.is_some() => None,
        // The service may have languages that this executable does not know.
        Some(id) => Some(id.clone()),
        None => Some(sources::language_of(None, &files)?.id.clone()),
    };
    let mut body = Map::new();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            body.insert(key.to_owned(), value);
        }
    };
    put("language", json!(language));
    put("files", files.iter().map(file).collect());
    put("problem", json!(args.problem));
    put("harness", json!(args.harness));
    if let Some(stdin) = &args.stdin {
        let mut test = Map::new();
        bytes(&mut test, "stdin", &read(stdin)?);
        if let Some(answer) = &args.answer {
            bytes(&mut test, "expected_output", &read(answer)?);
        }
        put("tests", json!([test]));
    }
    if args.cpu_time.is_some() || args.memory.is_some() {
        let mut limits = Map::new();
        if let Some(time) = args.cpu_time {
            limits.insert("cpu_time_ms".to_owned(), json!(proto::units::round_ms(time)));
        }
        if let Some(memory) = args.memory {
            limits.insert("memory_bytes".to_owned(), json!(memory.get()));
        }
        put("limits", Value::Object(limits));
    }
    if args.all {
        put("all", json!(true));
    }
    put("policy", json!(args.policy.map(|policy| policy.to_string())));
    put("priority", json!(args.priority));
    put("external_id", json!(args.external_id));
    put("participant", json!(args.participant));
    if !args.labels.is_empty() {
        put("labels", json!(args.labels));
    }
    Ok(Value::Object(body))
}

fn file(source: &SourceFile) -> Value {
    let mut file = Map::from_iter([("name".to_owned(), json!(source.name))]);
    bytes(&mut file, "content", &source.content);
    Value::Object(file)
}

/// Bytes as they are when they are UTF-8, else as base64.
fn bytes(into: &mut Map<String, Value>, key: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => into.insert(key.to_owned(), json!(text)),
        Err(_) => into.insert(format!("{key}_base64"), json!(STANDARD.encode(bytes))),
    };
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |e| Failure::usage(format!("could not read {}: {e}", path.display()));
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > TEST_MAX {
        return Err(Failure::usage(format!(
            "{} is {size} bytes; at most {TEST_MAX} can be sent",
            path.display()
        )));
    }
    std::fs::read(path).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_status_tells_our_failure_from_an_unexpected_verdict() {
        let view = |verdict: &str| json!({ "state": "done", "verdict": verdict });
        assert_eq!(status(&view("WA"), &[]), 0);
        assert_eq!(status(&view("WA"), &[Verdict::AC]), 1);
        assert_eq!(status(&view("AC"), &[Verdict::WA, Verdict::AC]), 0);
        assert_eq!(status(&view("SE"), &[Verdict::SE]), 3);
        assert_eq!(status(&json!({ "state": "queued", "verdict": null }), &[]), 0);
        assert_eq!(status(&json!({ "state": "cancelled", "verdict": null }), &[]), 1);
    }

    #[test]
    fn bytes_that_are_no_text_travel_as_base64() {
        let source = SourceFile { name: "a".to_owned(), content: vec![0xff, 0] };
        assert_eq!(file(&source), json!({ "name": "a", "content_base64": "/wA=" }));
    }
}
