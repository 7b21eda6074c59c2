//! Spans for an OpenTelemetry collector: OTLP over HTTP, as protobuf, where `--otlp-endpoint` names one.
//!
//! The service makes its own trace ids: they stand in the job and with the submission. So a span is exported under the
//! ids that its fields name, `trace_id`, `span_id`, `parent_id` and `trace_flags`, and a span without them belongs to the
//! one around it. Crates that make spans know nothing of a collector, and log lines and traces have the same ids.
//!
//! Never in the way of judging: what a collector does not take in time is dropped and counted.

mod layer;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry_otlp::{
    OTEL_EXPORTER_OTLP_TIMEOUT, OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT, OTEL_EXPORTER_OTLP_TRACES_TIMEOUT,
    Protocol, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::resource::EnvResourceDetector;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanData, SpanExporter, SpanProcessor as _};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::output::{Failure, chain};

/// How long the end of the process may wait for a collector to take the last spans.
const FLUSH_MAX: Duration = Duration::from_secs(3);
/// At most one warning in this time about a collector that takes nothing.
const WARN_EVERY: Duration = Duration::from_mins(1);
/// Where a collector takes spans below its address (OTLP 1.0, "OTLP/HTTP Request").
const TRACES: &str = "v1/traces";

/// What takes ended spans: set after the box server was started, because it has a thread of its own.
static TAKER: OnceLock<BatchSpanProcessor> = OnceLock::new();

/// The part of the log that hands ended spans to the collector, if there is one.
pub(crate) fn layer<S>(wanted: bool) -> Option<impl Layer<S>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let give = |span| {
        if let Some(taker) = TAKER.get() {
            taker.on_end(span);
        }
    };
    wanted.then(|| layer::spans(give))
}

/// Exports until it is dropped, which flushes.
#[derive(Debug)]
pub(crate) struct Exporting(());

impl Drop for Exporting {
    fn drop(&mut self) {
        let Some(taker) = TAKER.get() else { return };
        if let Err(error) = taker.shutdown_with_timeout(FLUSH_MAX) {
            tracing::warn!(%error, "the last spans were not exported");
        }
    }
}

/// Starts to export, once for the process and after the box server was started. Nothing without an endpoint.
///
/// `role` is the service's name in traces, unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` says otherwise.
pub(crate) fn start(endpoint: Option<&str>, role: &str) -> Result<Option<Exporting>, Failure> {
    let Some(endpoint) = endpoint else { return Ok(None) };
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(traces_url(endpoint)?)
        .with_http_client(client()?)
        .build()
        .map_err(|e| Failure::usage(format!("--otlp-endpoint: {e}")))?;
    let mut taker = BatchSpanProcessor::builder(Warning::over(exporter)).build();
    taker.set_resource(&resource(role));
    TAKER.set(taker).map_err(|_| Failure::ours("spans are exported already"))?;
    Ok(Some(Exporting(())))
}

/// Asks a collector, and trusts whom every other client of ours trusts. The exporter's own would be bounded by the same
/// variables, and cannot be made on a system without certificate authorities.
fn client() -> Result<reqwest::blocking::Client, Failure> {
    let named = |name: &str| std::env::var(name).ok()?.trim().parse().ok().map(Duration::from_millis);
    let timeout = named(OTEL_EXPORTER_OTLP_TRACES_TIMEOUT).or_else(|| named(OTEL_EXPORTER_OTLP_TIMEOUT));
    outbound::blocking_client()
        .timeout(timeout.unwrap_or(OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT))
        .build()
        .map_err(|e| Failure::ours(format!("no client for a collector: {}", chain(&e))))
}

/// Where spans go for a collector at `endpoint`.
fn traces_url(endpoint: &str) -> Result<String, Failure> {
    let wrong = |why: &str| {
        Failure::usage(format!(
            "--otlp-endpoint (OTEL_EXPORTER_OTLP_ENDPOINT): {why}; the http:// or https:// address of a collector is \
             needed, such as http://127.0.0.1:4318"
        ))
    };
    // Not the text itself: it may hold a password.
    let url = reqwest::Url::parse(endpoint).map_err(|e| wrong(&e.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(&format!("`{}` is no scheme of OTLP over HTTP", url.scheme())));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("an address has neither `?` nor `#`"));
    }
    Ok(format!("{}/{TRACES}", url.as_str().trim_end_matches('/')))
}

/// Who exports.
fn resource(role: &str) -> Resource {
    let named = std::env::var("OTEL_SERVICE_NAME").ok().filter(|name| !name.is_empty());
    let told = Resource::builder_empty()
        .with_service_name(role.to_owned())
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", uuid::Uuid::new_v4().to_string()),
        ])
        .with_detector(Box::new(EnvResourceDetector::new()));
    match named {
        Some(name) => told.with_service_name(name).build(),
        None => told.build(),
    }
}

/// Tells once in a while that a collector takes nothing, and when it does again.
#[derive(Debug)]
struct Warning<E> {
    exporter: E,
    state: Mutex<Told>,
    /// Spans it did not take since the last time it took some.
    lost: AtomicU64,
}

/// What was said last.
#[derive(Debug, Default)]
struct Told {
    failing: bool,
    warned: Option<Instant>,
}

impl Told {
    /// Whether to warn of a failure now.
    fn warns(&mut self, now: Instant) -> bool {
        self.failing = true;
        let due = self.warned.is_none_or(|last| now.duration_since(last) >= WARN_EVERY);
        if due {
            self.warned = Some(now);
        }
        due
    }

    /// Whether a success ends a row of failures.
    fn recovers(&mut self) -> bool {
        std::mem::take(&mut self.failing)
    }
}

impl<E> Warning<E> {
    fn over(exporter: E) -> Self {
        Self { exporter, state: Mutex::default(), lost: AtomicU64::new(0) }
    }
}

impl<E: SpanExporter> SpanExporter for Warning<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len() as u64;
        let done = self.exporter.export(batch).await;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &done {
            Ok(()) if state.recovers() => {
                let lost = self.lost.swap(0, Ordering::Relaxed);
                tracing::info!(lost, "the collector takes spans again");
            }
            Ok(()) => {}
            Err(error) => {
                let lost = self.lost.fetch_add(count, Ordering::Relaxed) + count;
                if state.warns(Instant::now()) {
                    tracing::warn!(%error, lost, "the collector takes no spans; judging goes on without");
                }
            }
        }
        done
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collectors_address_gets_the_path_of_spans_and_a_wrong_one_is_told_without_its_password() {
        for (endpoint, url) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
            ("https://otel.example/in", "https://otel.example/in/v1/traces"),
        ] {
            assert_eq!(traces_url(endpoint).unwrap(), url);
        }
        for wrong in
            ["collector:4318", "grpc://u:geheim@h:4317", "", "http://h/?key=geheim", "http://u:geheim@"]
        {
            let said = traces_url(wrong).unwrap_err().to_string();
            assert!(said.contains("http://127.0.0.1:4318") && !said.contains("geheim"), "{said}");
        }
    }

    #[test]
    fn a_collector_that_is_down_is_warned_of_once_a_minute_and_its_return_is_told_once() {
        let (mut told, start) = (Told::default(), Instant::now());
        let warned: Vec<u64> = (0..300).filter(|s| told.warns(start + Duration::from_secs(*s))).collect();
        assert_eq!(warned, [0, 60, 120, 180, 240]);
        assert_eq!((told.recovers(), told.recovers()), (true, false));
        // One that comes and goes is no reason for more.
        assert!(!told.warns(start + Duration::from_secs(299)));
    }
}
