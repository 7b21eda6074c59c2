//! How a command ends and what it prints: one JSON document on stdout, everything else on stderr.

use std::fmt;
use std::io::{self, Write as _};

use serde::Serialize;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::otlp;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Bad usage or input: the text names the file or key and what would be right. Exit 2.
    Usage(String),
    /// Ours. Exit 3.
    Ours(String),
    /// Asked to end by the signal of this number. Exit 128 and the number, as shells have it.
    Stopped(i32),
}

impl Failure {
    pub(crate) fn usage(text: impl fmt::Display) -> Self {
        Failure::Usage(text.to_string())
    }

    pub(crate) fn ours(text: impl fmt::Display) -> Self {
        Failure::Ours(text.to_string())
    }

    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Failure::Usage(_) => 2,
            Failure::Ours(_) => 3,
            Failure::Stopped(number) => u8::try_from(128 + number).unwrap_or(u8::MAX),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(text) | Failure::Ours(text) => f.write_str(text),
            Failure::Stopped(number) => write!(f, "stopped by signal {number}; nothing was decided"),
        }
    }
}

/// The error and all its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = next.source();
    }
    text
}

/// Prints the one JSON document of a command.
pub(crate) fn print_json(document: &impl Serialize) -> Result<(), Failure> {
    let text =
        serde_json::to_string(document).map_err(|e| Failure::ours(format!("could not write JSON: {e}")))?;
    print_line(&text)
}

/// Prints what a service answered: as it is for `--json`, else as `text` has it for people.
pub(crate) fn print_answer(
    json: bool,
    answer: &serde_json::Value,
    text: impl FnOnce() -> String,
) -> Result<(), Failure> {
    if json { print_json(answer) } else { print_line(&text()) }
}

/// Prints a line; a reader that went away is no failure of ours, any other trouble is.
pub(crate) fn print_line(text: &str) -> Result<(), Failure> {
    pass(io::stdout().lock(), text.as_bytes())?;
    pass(io::stdout().lock(), b"\n")
}

/// The text without what would steer a terminal: control characters but line feed and tab, and the marks that
/// turn the direction of writing. Programs and services choose much of what is printed here.
pub(crate) fn plain(text: &str) -> String {
    let steers = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.replace(steers, "\u{fffd}")
}

/// Writes `bytes` as they are.
pub(crate) fn pass(mut to: impl io::Write, bytes: &[u8]) -> Result<(), Failure> {
    match to.write_all(bytes).and_then(|()| to.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::ours(format!("could not write the result: {e}")))
        }
        _ => Ok(()),
    }
}

/// Says something to the person at the terminal.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "tribunal: {text}");
}

/// Sends logs to stderr; without a filter only warnings and errors. As JSON each line has the fields of every span around
/// it in `spans`, `trace_id` among them. With `spans` they also go to a collector once [`otlp::start`] knows which.
pub(crate) fn start_log(filter: &str, json: bool, spans: bool) {
    let filter = if filter.is_empty() { "warn" } else { filter };
    let filter = tracing_subscriber::EnvFilter::try_new(filter).unwrap_or_else(|e| {
        note(&format!("--log `{filter}` is not a filter ({e}); logging warnings"));
        tracing_subscriber::EnvFilter::new("warn")
    });
    // With a collector the filter is the log's own: which spans are exported is not its business.
    match otlp::layer(spans) {
        None => tracing_subscriber::registry().with(filter).with(lines(json)).init(),
        Some(spans) => {
            tracing_subscriber::registry().with(lines(json).with_filter(filter)).with(spans).init();
        }
    }
}

fn lines<S>(json: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let log = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    if json { log.json().with_current_span(false).with_span_list(true).boxed() } else { log.boxed() }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn text_from_elsewhere_cannot_steer_the_terminal() {
        assert_eq!(
            plain("a\tb\n\u{1b}[31mc\r\u{7}\u{9b}2J\u{202e}d é"),
            "a\tb\n\u{fffd}[31mc\u{fffd}\u{fffd}\u{fffd}2J\u{fffd}d é"
        );
    }
}
