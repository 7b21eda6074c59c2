//! From a span of the log to a span of a trace.

use std::fmt::Debug;
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator, SpanData, SpanEvents, SpanLinks};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

/// The crates whose spans are exported; those of libraries say how they work, and the exporter's own would never end.
const OURS: &[&str] = &["api", "worker", "sandbox", "tribunal"];
/// Attributes of a span; more are left out and counted (the default of OpenTelemetry's `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`).
const ATTRIBUTES_MAX: usize = 128;

/// A layer that gives each of our spans that is part of a sampled trace to `give` when it ends.
pub(super) fn spans<S, G>(give: G) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    G: Fn(SpanData) + Send + Sync + 'static,
{
    Spans(give).with_filter(OurSpans)
}

/// Spans of [`OURS`].
///
/// It is asked about each span anew. Were the answer kept (`Interest::always`), a span would get whatever the last
/// question on its thread was answered with, and libraries that use `log` ask about lines that they then do not write.
struct OurSpans;

impl OurSpans {
    fn takes(metadata: &Metadata<'_>) -> bool {
        let krate = metadata.target().split("::").next().unwrap_or_default();
        metadata.is_span() && OURS.contains(&krate)
    }
}

impl<S> Filter<S> for OurSpans {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        Self::takes(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if Self::takes(metadata) { Interest::sometimes() } else { Interest::never() }
    }
}

struct Spans<G>(G);

/// A span that has not ended.
struct Open {
    trace: TraceId,
    span: SpanId,
    parent: SpanId,
    sampled: bool,
    began: SystemTime,
    since: Instant,
    fields: Fields,
}

impl<S, G> Layer<S> for Spans<G>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    G: Fn(SpanData) + Send + Sync + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let Some(span) = context.span(id) else { return };
        let around = span.parent().and_then(|parent| {
            parent.extensions().get::<Open>().map(|open| (open.trace, open.span, open.sampled))
        });
        let (trace, parent, sampled) = match (fields.trace, around) {
            (Some(trace), _) => {
                (trace, fields.parent.unwrap_or(SpanId::INVALID), fields.sampled.unwrap_or(true))
            }
            (None, Some(around)) => around,
            // Work of no request and no submission.
            (None, None) => return,
        };
        let own = fields.span.unwrap_or_else(|| RandomIdGenerator::default().new_span_id());
        let ago = fields.began_ago;
        span.extensions_mut().insert(Open {
            trace,
            span: own,
            parent,
            sampled,
            began: SystemTime::now().checked_sub(ago).unwrap_or_else(SystemTime::now),
            since: Instant::now().checked_sub(ago).unwrap_or_else(Instant::now),
            fields,
        });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            values.record(&mut open.fields);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(open) = span.extensions_mut().remove::<Open>() else { return };
        if open.sampled {
            (self.0)(open.ended(span.name()));
        }
    }
}

impl Open {
    fn ended(self, name: &'static str) -> SpanData {
        let fields = self.fields;
        let doing = fields.text("doing").map(str::to_owned);
        let kind = match doing.as_deref().unwrap_or(name) {
            "request" => SpanKind::Server,
            "publish" => SpanKind::Producer,
            "judge" => SpanKind::Consumer,
            _ => SpanKind::Internal,
        };
        let shown = match (&doing, fields.text("http.request.method"), fields.text("http.route")) {
            (Some(doing), ..) => doing.clone().into(),
            (None, Some(method), Some(route)) => format!("{method} {route}").into(),
            _ => name.into(),
        };
        // By the conventions for HTTP, a client's fault is no error of a server's span.
        let status = if fields.ours { Status::error("") } else { Status::Unset };
        let flags = if self.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        SpanData {
            span_context: SpanContext::new(self.trace, self.span, flags, false, TraceState::default()),
            parent_span_id: self.parent,
            // Whether the parent is in this process is not known of those that name their trace.
            parent_span_is_remote: fields.trace.is_some() && self.parent != SpanId::INVALID,
            span_kind: kind,
            name: shown,
            start_time: self.began,
            end_time: self.began + self.since.elapsed(),
            attributes: fields.attributes,
            dropped_attributes_count: fields.dropped,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: InstrumentationScope::builder("tribunal")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        }
    }
}

/// The fields of a span: those that place it in a trace, and all others as its attributes.
#[derive(Default)]
struct Fields {
    trace: Option<TraceId>,
    span: Option<SpanId>,
    parent: Option<SpanId>,
    sampled: Option<bool>,
    began_ago: Duration,
    /// The answer was our failure.
    ours: bool,
    attributes: Vec<KeyValue>,
    dropped: u32,
}

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        let key = match field.name() {
            "method" => "http.request.method",
            "route" => "http.route",
            "status" => "http.response.status_code",
            other => other,
        };
        if let Some(there) = self.attributes.iter_mut().find(|a| a.key.as_str() == key) {
            there.value = value.into();
        } else if self.attributes.len() < ATTRIBUTES_MAX {
            self.attributes.push(KeyValue::new(key, value));
        } else {
            self.dropped += 1;
        }
    }

    fn text(&self, key: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|a| a.key.as_str() == key)?;
        match &found.value {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "trace_id" => self.trace = TraceId::from_hex(value).ok(),
            "span_id" => self.span = SpanId::from_hex(value).ok(),
            "parent_id" => self.parent = SpanId::from_hex(value).ok(),
            _ => self.put(field, value.to_owned()),
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "trace_flags" => self.sampled = Some(value & 1 == 1),
            _ => self.record_i64(field, i64::try_from(value).unwrap_or(i64::MAX)),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.ours |= field.name() == "status" && value >= 500;
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        match field.name() {
            "began_ms_ago" => self.began_ago = Duration::try_from_secs_f64(value / 1e3).unwrap_or_default(),
            _ => self.put(field, value),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::callsite::Callsite as _;
    use tracing::metadata::Kind;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    /// What is exported of what `made` does.
    fn exported(made: impl FnOnce()) -> Vec<SpanData> {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&taken);
        let subscriber =
            tracing_subscriber::registry().with(spans(move |span| into.lock().unwrap().push(span)));
        tracing::subscriber::with_default(subscriber, made);
        std::mem::take(&mut *taken.lock().unwrap())
    }

    #[test]
    fn a_span_has_the_ids_its_fields_name_and_those_within_it_follow() {
        let found = exported(|| {
            let request = tracing::error_span!(
                "request",
                method = "POST",
                route = "/api/v1/submissions",
                status = tracing::field::Empty,
                trace_id = TRACE,
                span_id = SPAN,
                parent_id = Some("53995c3f42cd8ad8"),
                trace_flags = 1u8,
            );
            let _in = request.enter();
            drop(tracing::error_span!("run", program = "/bin/true"));
            request.record("status", 503u16);
        });
        let [run, request] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(request.span_context.trace_id().to_string(), TRACE);
        assert_eq!(request.span_context.span_id().to_string(), SPAN);
        assert_eq!(request.parent_span_id.to_string(), "53995c3f42cd8ad8");
        assert_eq!(
            (request.name.as_ref(), &request.span_kind),
            ("POST /api/v1/submissions", &SpanKind::Server)
        );
        assert_eq!(request.status, Status::error(""));
        assert!(request.attributes.contains(&KeyValue::new("http.response.status_code", 503)), "{request:?}");
        assert_eq!(run.span_context.trace_id().to_string(), TRACE);
        assert_eq!(run.parent_span_id.to_string(), SPAN);
        assert!(
            run.span_context.span_id() != SpanId::INVALID && run.span_context.span_id().to_string() != SPAN
        );
    }

    #[test]
    fn what_is_in_no_trace_or_in_one_that_is_not_sampled_or_not_ours_is_not_exported() {
        let found = exported(|| {
            let _lonely = tracing::error_span!("run", program = "/bin/true").entered();
            let unsampled = tracing::error_span!("judge", trace_id = TRACE, trace_flags = 0u8);
            unsampled.in_scope(|| drop(tracing::error_span!("run", program = "/bin/true")));
            drop(tracing::error_span!(target: "hyper::proto", "request", trace_id = TRACE));
            drop(tracing::error_span!("judge", trace_id = TRACE, trace_flags = 1u8));
        });
        let names: Vec<&str> = found.iter().map(|span| span.name.as_ref()).collect();
        assert_eq!(names, ["judge"]);
    }

    #[test]
    fn a_library_that_asks_what_is_logged_and_logs_nothing_takes_no_span_away() {
        let asked = tracing::callsite! {
            name: "log event", kind: Kind::EVENT, target: "rustls", level: tracing::Level::DEBUG, fields:
        };
        let taken = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&taken);
        let filter = tracing_subscriber::EnvFilter::new("warn");
        let log = tracing_subscriber::fmt::layer().with_writer(std::io::sink).with_filter(filter);
        let subscriber =
            tracing_subscriber::registry().with(log).with(spans(move |span| into.lock().unwrap().push(span)));
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..3 {
                tracing::dispatcher::get_default(|all| all.enabled(asked.metadata()));
                drop(tracing::error_span!("judge", trace_id = TRACE));
            }
        });
        assert_eq!(taken.lock().unwrap().len(), 3);
    }

    #[test]
    fn a_wait_that_is_told_when_it_is_over_begins_where_it_began() {
        let found = exported(|| {
            drop(tracing::error_span!("service", doing = "queued", trace_id = TRACE, began_ms_ago = 1500.0));
        });
        let lasted = found[0].end_time.duration_since(found[0].start_time).unwrap();
        assert!((1500..2500).contains(&lasted.as_millis()), "{lasted:?}");
        assert_eq!(found[0].name, "queued");
    }
}
