//! W3C trace context (<https://www.w3.org/TR/trace-context/>): what ties the log lines of one request together, from the
//! client through the API and the queue to the box.

use std::fmt;
use std::str::FromStr;

/// A `traceparent` of version 00: trace, span, flags. What a client sends is taken over only when it is well-formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traceparent {
    /// 32 lower-case hexadecimal digits, not all zero.
    trace: String,
    /// 16 lower-case hexadecimal digits, not all zero: the span that asks.
    span: String,
    flags: u8,
}

/// The text is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a traceparent is `00-`, 32 hexadecimal digits, 16 of them and 2 of them, divided by `-`")]
pub struct NoTraceparent;

impl Traceparent {
    /// A new trace, sampled.
    pub fn new() -> Self {
        Self { trace: uuid::Uuid::new_v4().simple().to_string(), span: span(), flags: 1 }
    }

    /// The same trace with a span of its own.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { trace: self.trace.clone(), span: span(), flags: self.flags }
    }

    /// What log lines and views call `trace_id`.
    pub fn trace_id(&self) -> &str {
        &self.trace
    }

    /// Its flags: bit 0 says that the trace is recorded by whoever sent it (W3C trace context, 3.2.2.5).
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// Its span.
    pub fn span_id(&self) -> &str {
        &self.span
    }
}

impl Default for Traceparent {
    fn default() -> Self {
        Self::new()
    }
}

/// 16 random digits: the second half of a random UUID, whose first two bits are fixed and not zero.
fn span() -> String {
    uuid::Uuid::new_v4().simple().to_string().split_off(16)
}

impl FromStr for Traceparent {
    type Err = NoTraceparent;

    fn from_str(text: &str) -> Result<Self, NoTraceparent> {
        let parts: Vec<&str> = text.split('-').collect();
        // A later version may have more parts, and means the same by the first four.
        let (version, trace, span, flags) = match *parts.as_slice() {
            [version, trace, span, flags] => (version, trace, span, flags),
            [version, trace, span, flags, ..] if version != "00" => (version, trace, span, flags),
            _ => return Err(NoTraceparent),
        };
        let hex = |text: &str, digits: usize| {
            text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let id = |text: &str, digits: usize| hex(text, digits) && text.bytes().any(|b| b != b'0');
        let flags = hex(flags, 2).then(|| u8::from_str_radix(flags, 16).ok()).flatten();
        match flags {
            Some(flags) if hex(version, 2) && version != "ff" && id(trace, 32) && id(span, 16) => {
                Ok(Self { trace: trace.to_owned(), span: span.to_owned(), flags })
            }
            _ => Err(NoTraceparent),
        }
    }
}

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_well_formed_is_taken_over_and_nothing_else() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let read: Traceparent = text.parse().unwrap();
        assert_eq!((read.to_string().as_str(), read.trace_id()), (text, "4bf92f3577b34da6a3ce929d0e0e4736"));
        let child = read.child();
        assert!(child.trace_id() == read.trace_id() && child.span_id() != read.span_id());
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more";
        assert_eq!(later.parse::<Traceparent>().unwrap(), read);
        let made = Traceparent::new();
        assert_eq!(made.to_string().parse(), Ok(made));
        for wrong in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473\n-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
        ] {
            assert_eq!(wrong.parse::<Traceparent>(), Err(NoTraceparent), "{wrong}");
        }
    }
}
