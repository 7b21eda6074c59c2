//! A stand-in for an OpenTelemetry collector: takes OTLP over HTTP as protobuf and keeps every span.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
pub use opentelemetry_proto::tonic::trace::v1::span::SpanKind as Kind;
use prost::Message as _;

/// How long a span may take from its end to the collector.
const ARRIVES: Duration = Duration::from_secs(20);

/// A span as it came.
#[derive(Debug, Clone)]
pub struct Span {
    /// `service.name` of who sent it.
    pub service: String,
    /// Its name.
    pub name: String,
    /// What it is in the conversation.
    pub kind: Kind,
    /// 32 digits.
    pub trace: String,
    /// 16 digits.
    pub id: String,
    /// 16 digits, or nothing.
    pub parent: String,
    /// Nanoseconds since 1970.
    pub began: u64,
    /// Nanoseconds since 1970.
    pub ended: u64,
    attributes: Vec<(String, String)>,
}

impl Span {
    /// The value of an attribute as text.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

type Spans = Arc<Mutex<Vec<Span>>>;

/// A collector on loopback; it ends with the test's runtime.
#[derive(Debug)]
pub struct Collector {
    base: String,
    spans: Spans,
}

impl Collector {
    /// Starts on a free port.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let base = format!("http://{}", listener.local_addr().expect("it listens"));
        let spans = Spans::default();
        let app = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&spans));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { base, spans }
    }

    /// Its address, as `--otlp-endpoint` takes it.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The spans of a trace, once there is one of each of these names.
    ///
    /// # Panics
    /// When they are not there in time.
    pub async fn trace(&self, id: &str, names: &[&str]) -> Vec<Span> {
        let deadline = Instant::now() + ARRIVES;
        loop {
            let all = self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let found: Vec<Span> = all.into_iter().filter(|span| span.trace == id).collect();
            if names.iter().all(|name| found.iter().any(|span| span.name == *name)) {
                return found;
            }
            assert!(Instant::now() < deadline, "not all of {names:?} came: {found:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn take(State(spans): State<Spans>, headers: HeaderMap, body: Bytes) -> (StatusCode, Vec<u8>) {
    let kind = headers.get("content-type").and_then(|v| v.to_str().ok());
    if kind != Some("application/x-protobuf") {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, Vec::new());
    }
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return (StatusCode::BAD_REQUEST, Vec::new());
    };
    let mut kept = spans.lock().unwrap_or_else(PoisonError::into_inner);
    for group in request.resource_spans {
        let about = texts(group.resource.map(|r| r.attributes).unwrap_or_default());
        let service = about.into_iter().find(|(key, _)| key == "service.name").map(|(_, value)| value);
        for span in group.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            kept.push(Span {
                service: service.clone().unwrap_or_default(),
                kind: span.kind(),
                trace: hex::encode(&span.trace_id),
                id: hex::encode(&span.span_id),
                parent: hex::encode(&span.parent_span_id),
                began: span.start_time_unix_nano,
                ended: span.end_time_unix_nano,
                attributes: texts(span.attributes),
                name: span.name,
            });
        }
    }
    (StatusCode::OK, ExportTraceServiceResponse::default().encode_to_vec())
}

fn texts(attributes: Vec<KeyValue>) -> Vec<(String, String)> {
    let text = |value| match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(yes) => yes.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes
        .into_iter()
        .map(|a| (a.key, a.value.and_then(|v| v.value).map(text).unwrap_or_default()))
        .collect()
}
