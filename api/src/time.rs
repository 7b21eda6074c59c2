//! The clock, in milliseconds since 1970; their RFC 3339 form is `proto`'s.

use std::time::{SystemTime, UNIX_EPOCH};

pub use proto::units::rfc3339;

/// Now, in milliseconds since 1970 (UTC).
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}
