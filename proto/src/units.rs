//! Sizes and durations with their units in the type.
//!
//! On the command line and in configuration files a size is written `64MiB` and a duration `250ms`; in
//! JSON both are numbers with the unit in the key (`memory_bytes`, `cpu_time_ms`). Zero, a missing unit
//! and an unknown unit are refused here, so nobody downstream meets them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A size in bytes.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Default,
    utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl Bytes {
    /// `n` KiB (1024 bytes each).
    pub const fn kib(n: u64) -> Self {
        Self(n << 10)
    }
    /// `n` MiB (1024² bytes each).
    pub const fn mib(n: u64) -> Self {
        Self(n << 20)
    }
    /// `n` GiB (1024³ bytes each).
    pub const fn gib(n: u64) -> Self {
        Self(n << 30)
    }
    /// The number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
    /// The size in MiB for people, such as `12.5 MiB`.
    pub fn in_mib(self) -> String {
        format!("{:.1} MiB", self.0 as f64 / f64::from(1 << 20))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
            if self.0 != 0 && self.0.is_multiple_of(1 << shift) {
                return write!(f, "{}{unit}", self.0 >> shift);
            }
        }
        write!(f, "{}B", self.0)
    }
}

/// A size or duration that was not understood; the text says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// The number is missing, negative or not a number.
    #[error("`{0}` is not a {1}: it must start with a positive number, such as `{2}`")]
    Number(String, &'static str, &'static str),
    /// There is no unit, or one nobody knows.
    #[error("`{0}` has no known unit: write one of {1}, such as `{2}`")]
    Unit(String, &'static str, &'static str),
    /// Zero is never a limit.
    #[error("`{0}` is zero: a limit must be positive")]
    Zero(String),
    /// More than 64 bits.
    #[error("`{0}` is too large")]
    Overflow(String),
}

fn split_number(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text.split_at(end)
}

impl FromStr for Bytes {
    type Err = UnitError;

    /// Parses `512B`, `64KiB`, `256MiB`, `1GiB` or `1.5GiB`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split_number(text);
        let value: f64 = number.parse().map_err(|_| UnitError::Number(text.into(), "size", "64MiB"))?;
        let scale = match unit {
            "B" => 1u64,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(UnitError::Unit(text.into(), "`B`, `KiB`, `MiB`, `GiB`", "64MiB")),
        };
        let bytes = value * scale as f64;
        if bytes >= 9.0e18 {
            return Err(UnitError::Overflow(text.into()));
        }
        if bytes < 1.0 {
            return Err(UnitError::Zero(text.into()));
        }
        Ok(Self(bytes as u64))
    }
}

/// Parses `2s`, `250ms`, `1.5s` or `3m` (minutes).
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let (number, unit) = split_number(text);
    let value: f64 = number.parse().map_err(|_| UnitError::Number(text.into(), "duration", "250ms"))?;
    let scale = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err(UnitError::Unit(text.into(), "`us`, `ms`, `s`, `m`", "250ms")),
    };
    let seconds = value * scale;
    if seconds >= 1e9 {
        return Err(UnitError::Overflow(text.into()));
    }
    if seconds < 1e-6 {
        return Err(UnitError::Zero(text.into()));
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Writes a duration the way [`parse_duration`] reads it.
pub fn format_duration(d: Duration) -> String {
    if d.subsec_nanos() == 0 { format!("{}s", d.as_secs()) } else { format!("{}ms", round_ms(d)) }
}

/// Milliseconds with three decimals: the precision of every `*_ms` key.
pub fn round_ms(d: Duration) -> f64 {
    (d.as_secs_f64() * 1e6).round() / 1e3
}

/// Serde adapter: a [`Duration`] as decimal milliseconds under a key that ends in `_ms`.
pub mod ms {
    use super::{Duration, round_ms};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes milliseconds with at most three decimals; whole ones as integers.
    pub fn serialize<S: Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
        let v = round_ms(*d);
        if v.fract() == 0.0 { s.serialize_u64(v as u64) } else { s.serialize_f64(v) }
    }

    /// Reads an integer or decimal number of milliseconds, at least zero.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        let v = f64::deserialize(d)?;
        if !(0.0..1e12).contains(&v) {
            return Err(D::Error::custom("a number of milliseconds from 0 to 1e12 is needed"));
        }
        Ok(Duration::from_nanos((v * 1e6).round() as u64))
    }
}

/// Serde adapter for an optional duration in milliseconds; absent or null is `None`.
pub mod opt_ms {
    use super::{Duration, ms};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Wrap(#[serde(with = "ms")] Duration);

    /// Writes null for `None`.
    pub fn serialize<S: Serializer>(d: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
        d.map(Wrap).serialize(s)
    }

    /// Reads null as `None`.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<Wrap>::deserialize(d)?.map(|w| w.0))
    }
}

/// Milliseconds since 1970 (UTC) as RFC 3339: `2026-11-24T14:02:03.004Z`. Days are turned into a date by the usual era arithmetic (400-year eras of
/// 146,097 days, years that begin in March so that the leap day is last).
pub fn rfc3339(ms: i64) -> String {
    let (seconds, left) = (ms.div_euclid(1000), ms.rem_euclid(1000));
    let whole = rfc3339_seconds(seconds);
    format!("{}.{left:03}Z", whole.trim_end_matches('Z'))
}

/// The same of seconds, without a fraction.
pub fn rfc3339_seconds(seconds: i64) -> String {
    let (days, in_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (in_day / 3600, in_day / 60 % 60, in_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_round_trip_through_their_text() {
        for (text, bytes) in [("64MiB", 64 << 20), ("1GiB", 1 << 30), ("3B", 3), ("10KiB", 10 << 10)] {
            let parsed: Bytes = text.parse().unwrap();
            assert_eq!(parsed, Bytes(bytes));
            assert_eq!(parsed.to_string(), text);
        }
    }

    #[test]
    fn zero_missing_and_unknown_units_are_refused() {
        for text in ["0MiB", "64", "64MB", "MiB", "", "-1MiB", "1.2.3GiB", "99999999999GiB"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
        for text in ["0s", "1", "1h", "s", "", "-1s", "1e9s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1500)));
    }

    #[test]
    fn known_instants_are_written_as_dates() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (1_709_251_200_000, "2024-03-01T00:00:00.000Z"),
            (1_798_761_599_001, "2026-12-31T23:59:59.001Z"),
        ] {
            assert_eq!(rfc3339(ms), text);
            assert_eq!(rfc3339_seconds(ms / 1000), format!("{}Z", &text[..19]));
        }
    }
}
