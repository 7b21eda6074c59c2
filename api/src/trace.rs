//! The trace of a request: taken over from the client or made here, on every log line about it, and told in the answer.

use axum::extract::Request;
use axum::http::HeaderMap;
use proto::trace::Traceparent;
use tracing::Span;

/// The header of trace contexts.
pub(crate) const HEADER: &str = "traceparent";

/// The trace that the client is in, with a span of this service's own; a new one where it names none that is well-formed.
pub(crate) fn of(headers: &HeaderMap) -> (Traceparent, Option<Traceparent>) {
    let sent =
        headers.get(HEADER).and_then(|v| v.to_str().ok()).and_then(|text| text.parse::<Traceparent>().ok());
    (sent.as_ref().map_or_else(Traceparent::new, Traceparent::child), sent)
}

/// The trace of the request that is being answered: `observe` put it there.
pub(crate) fn of_request(request: &Request) -> Option<String> {
    request.extensions().get::<Traceparent>().map(ToString::to_string)
}

/// A span for what is done about a submission outside of a request. An error's span is there whatever is logged.
pub(crate) fn span(name: &'static str, traceparent: Option<&str>) -> Span {
    let parent = traceparent.and_then(|text| text.parse::<Traceparent>().ok());
    tracing::error_span!(
        "service",
        doing = name,
        trace_id = parent.as_ref().map(Traceparent::trace_id),
        parent_id = parent.as_ref().map(Traceparent::span_id),
        trace_flags = parent.as_ref().map(Traceparent::flags),
    )
}

/// Tells traces that a submission waited until now for somebody to judge it.
pub(crate) fn waited(traceparent: Option<&str>, queued_ms: f64) {
    let parent = traceparent.and_then(|text| text.parse::<Traceparent>().ok());
    drop(tracing::error_span!(
        "service",
        doing = "queued",
        trace_id = parent.as_ref().map(Traceparent::trace_id),
        parent_id = parent.as_ref().map(Traceparent::span_id),
        trace_flags = parent.as_ref().map(Traceparent::flags),
        began_ms_ago = queued_ms,
    ));
}
