//! The format's default output validator: answer against output, token by token.
//!
//! Tokens are runs of bytes between white space (SP HT LF VT FF CR); nothing is decoded, so a NUL is a byte
//! like any other. Without flags tokens are equal when their bytes are, ASCII case aside. With a tolerance,
//! each token *of the answer* that is a decimal number asks for a number near it. Both sides are slices:
//! one pass, no copy, no allocation until a number lies on the very edge of its tolerance.

use std::fmt;

use problem::decimal::{Decimal, is_number};
pub use problem::flags::{FlagError, Flags, Tolerance};

use crate::excerpt::quote;

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
    let difference = if answer == output { None } else { first_difference(answer, output, flags) };
    Comparison { accepted: difference.is_none(), difference }
}

/// Compares as the default validator without flags does: how tests given in a request are decided.
pub fn compare_expected(expected: &[u8], output: &[u8]) -> Comparison {
    compare(expected, output, &Flags::default())
}

fn first_difference(answer: &[u8], output: &[u8], flags: &Flags) -> Option<Difference> {
    use DifferenceKind::{Missing, Number, Space, Token, Trailing};
    let start = common_start(answer, output);
    let (mut a, mut o) = (Cursor { bytes: answer, at: start }, Cursor { bytes: output, at: start });
    loop {
        let (space_a, space_o) = (a.take(is_space), o.take(is_space));
        let (token_a, token_o) = (a.take(|b| !is_space(b)), o.take(|b| !is_space(b)));
        let kind = if flags.space_change_sensitive && space_a != space_o {
            let back = |token: &[u8], space: &[u8], c: &Cursor<'_>| c.at - token.len() - space.len();
            let same = space_a.iter().zip(space_o).take_while(|(x, y)| x == y).count();
            a.at = back(token_a, space_a, &a) + same;
            o.at = back(token_o, space_o, &o) + same;
            return Some(difference(Space, &a, &o, &space_a[same..], &space_o[same..]));
        } else if token_a.is_empty() && token_o.is_empty() {
            return None;
        } else if token_o.is_empty() {
            Missing
        } else if token_a.is_empty() {
            Trailing
        } else if flags.numeric() && is_number(token_a) {
            if near(token_a, token_o, flags) {
                continue;
            }
            Number
        } else if token_a == token_o || (!flags.case_sensitive && token_a.eq_ignore_ascii_case(token_o)) {
            continue;
        } else {
            Token
        };
        a.at -= token_a.len();
        o.at -= token_o.len();
        return Some(difference(kind, &a, &o, token_a, token_o));
    }
}

/// Offset of a boundary up to which both sides are equal: the start of the white space before the token
/// that holds the first different byte.
fn common_start(answer: &[u8], output: &[u8]) -> usize {
    const BLOCK: usize = 4096;
    let shorter = answer.len().min(output.len());
    let mut at = 0;
    while at + BLOCK <= shorter && answer[at..at + BLOCK] == output[at..at + BLOCK] {
        at += BLOCK;
    }
    while at < shorter && answer[at] == output[at] {
        at += 1;
    }
    let token = answer[..at].iter().rev().take_while(|b| !is_space(**b)).count();
    let space = answer[..at - token].iter().rev().take_while(|b| is_space(**b)).count();
    at - token - space
}

const fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        let len = rest.iter().position(|b| !wanted(*b)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    /// (line, byte column) of the cursor, both from 1.
    fn position(&self) -> (usize, usize) {
        let before = &self.bytes[..self.at];
        let line = before.split(|b| *b == b'\n').count();
        (line, before.iter().rev().take_while(|b| **b != b'\n').count() + 1)
    }
}

fn difference(
    kind: DifferenceKind,
    a: &Cursor<'_>,
    o: &Cursor<'_>,
    expected: &[u8],
    got: &[u8],
) -> Difference {
    let side = |bytes: &[u8]| (kind == DifferenceKind::Space || !bytes.is_empty()).then(|| quote(bytes));
    let (line, column) = o.position();
    Difference { kind, line, column, answer_line: a.position().0, expected: side(expected), got: side(got) }
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
    let (a, s) = (double(answer), double(token));
    // The same double, bit for bit.
    if a.to_bits() == s.to_bits() && a.is_normal() {
        return true;
    }
    let error = (s - a).abs();
    let slack = 4.0 * f64::EPSILON * a.abs().max(s.abs()) + 1e-300;
    let mut unsure = false;
    for (tolerance, scale) in [(&flags.absolute, 1.0), (&flags.relative, a.abs())] {
        let Some(tolerance) = tolerance else { continue };
        let bound = tolerance.approx * scale;
        let margin = slack + 4.0 * f64::EPSILON * bound;
        if error + margin < bound {
            return true;
        }
        // Infinities and what they lead to are never clear.
        let clear = error - margin > bound;
        unsure |= !clear;
    }
    (unsure || !error.is_finite()) && exactly_near(answer, token, flags)
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
