//! The format's default output validator: answer against output, token by token.
//!
//! Tokens are runs of bytes between white space (SP HT LF VT FF CR); nothing is decoded, so a NUL is a byte
//! like any other. Without flags tokens are equal when their bytes are, ASCII case aside. With a tolerance,
//! each token *of the answer* that is a decimal number asks for a number near it. Both sides are streams,
//! read once in constant memory; see `stream` for how.

use std::fmt;
use std::io::{self, Cursor, Read, Seek};

use problem::decimal::{Decimal, is_number};
pub use problem::flags::{FlagError, Flags, Tolerance};

mod near;
mod quick;
#[cfg(any(test, fuzzing))]
pub(crate) mod reference;
mod stream;

pub(crate) use quick::equal_prefix;
pub(crate) use stream::Place;

/// Whether the output is accepted, and if not, where it first goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Whether the output is accepted.
    pub accepted: bool,
    /// The first difference; `None` when accepted.
    pub difference: Option<Difference>,
}

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifferenceKind {
    /// Two tokens are not the same text.
    Token,
    /// The answer has a number, and the output's token is no number or too far away.
    Number,
    /// White space differs under `space_change_sensitive`.
    Space,
    /// The output ends too early.
    Missing,
    /// The output goes on after the answer's end.
    Trailing,
}

/// The first difference, quoted for judges. It holds bytes of the answer: never for contestants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What differs.
    pub kind: DifferenceKind,
    /// Line of the output, from 1.
    pub line: usize,
    /// Byte column of the output, from 1.
    pub column: usize,
    /// Line of the answer, from 1.
    pub answer_line: usize,
    /// What the answer has there: at most 60 bytes, quoted and escaped; `None` at its end.
    pub expected: Option<String>,
    /// What the output has there, likewise.
    pub got: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |side: &Option<String>| side.clone().unwrap_or_else(|| "end of output".to_owned());
        let (expected, got) = (text(&self.expected), text(&self.got));
        let space = if self.kind == DifferenceKind::Space { "white space " } else { "" };
        write!(f, "line {}, column {}: expected {space}{expected}, got {got}", self.line, self.column)?;
        if self.kind == DifferenceKind::Number { f.write_str(" (not within the tolerance)") } else { Ok(()) }
    }
}

/// Compares `output` with `answer` under `flags`.
pub fn compare(answer: &[u8], output: &[u8], flags: &Flags) -> Comparison {
    if answer == output {
        return Comparison { accepted: true, difference: None };
    }
    // Reading from memory cannot fail; if it did, nothing would be accepted.
    compare_streams(&mut Cursor::new(answer), &mut Cursor::new(output), flags)
        .unwrap_or(Comparison { accepted: false, difference: None })
}

/// Compares two streams from their starts, in constant memory; leaves them at some place.
///
/// # Errors
/// When one of them cannot be read.
pub fn compare_streams(
    answer: &mut (impl Read + Seek),
    output: &mut (impl Read + Seek),
    flags: &Flags,
) -> io::Result<Comparison> {
    stream::compare(answer, output, flags, stream::WINDOW)
}

/// The same with an output that is read once, as it comes. The answer is read again to tell the line of a difference.
///
/// # Errors
/// When one of them cannot be read.
pub fn compare_as_it_comes(
    answer: &mut (impl Read + Seek),
    output: &mut impl Read,
    flags: &Flags,
) -> io::Result<Comparison> {
    stream::compare_live(answer, output, flags, stream::WINDOW)
}

/// Compares through windows of so many bytes, so that a test meets their boundaries.
#[cfg(any(test, fuzzing))]
pub(crate) fn compare_in_windows(answer: &[u8], output: &[u8], flags: &Flags, window: usize) -> Comparison {
    stream::compare(&mut Cursor::new(answer), &mut Cursor::new(output), flags, window)
        .expect("memory can be read")
}

/// Compares as the default validator without flags does: how tests given in a request are decided.
pub fn compare_expected(expected: &[u8], output: &[u8]) -> Comparison {
    compare(expected, output, &Flags::default())
}

pub(crate) const fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// Whether `token`, the output's, is a number within the tolerances of `answer`, which is one.
///
/// Doubles decide unless the distance is so close to the bound, or so extreme, that their rounding could
/// matter; then exact decimals do. Two tokens with one double are equal, as the 52 bits the format asks for
/// allow, unless that double is zero, subnormal or infinite and so says little about them.
fn near(answer: &[u8], token: &[u8], flags: &Flags) -> bool {
    if answer == token {
        return true;
    }
    if !is_number(token) {
        return false;
    }
    match by_doubles(double(answer), double(token), flags) {
        Clear::Near => true,
        Clear::Far => false,
        Clear::Unsure => exactly_near(answer, token, flags),
    }
}

/// What two doubles, each the nearest one to its token, say for sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clear {
    Near,
    Far,
    Unsure,
}

fn by_doubles(a: f64, s: f64, flags: &Flags) -> Clear {
    // The same double, bit for bit.
    if a.to_bits() == s.to_bits() && a.is_normal() {
        return Clear::Near;
    }
    let error = (s - a).abs();
    let slack = 4.0 * f64::EPSILON * a.abs().max(s.abs()) + 1e-300;
    let mut unsure = false;
    for (tolerance, scale) in [(&flags.absolute, 1.0), (&flags.relative, a.abs())] {
        let Some(tolerance) = tolerance else { continue };
        let bound = tolerance.approx * scale;
        let margin = slack + 4.0 * f64::EPSILON * bound;
        if error + margin < bound {
            return Clear::Near;
        }
        // Infinities and what they lead to are never clear.
        let clear = error - margin > bound;
        unsure |= !clear;
    }
    if unsure || !error.is_finite() { Clear::Unsure } else { Clear::Far }
}

fn double(token: &[u8]) -> f64 {
    std::str::from_utf8(token).ok().and_then(|t| t.parse().ok()).unwrap_or(f64::NAN)
}

fn exactly_near(answer: &[u8], token: &[u8], flags: &Flags) -> bool {
    let (Some(a), Some(s)) = (Decimal::parse(answer), Decimal::parse(token)) else { return false };
    let error = s.distance(&a);
    let within = |bound: &Decimal| error.cmp_abs(bound).is_le();
    flags.absolute.as_ref().is_some_and(|t| within(&t.exact))
        || flags.relative.as_ref().is_some_and(|t| within(&t.exact.times_abs(&a)))
}

#[cfg(test)]
mod tests;
