//! `lines` in one pass and constant memory, however long a line or the empty rest of a text is.
//!
//! As long as both sides are equal to the byte whole windows are passed at once. Of a line in which they are not, each
//! side is read to the line's end, and what is kept of it are its length, its length without the white space at its
//! end, and the few bytes that would be quoted. Empty lines at a text's end are none, which only what follows tells: so
//! where one side has an empty line and the other has not, that side is read on until something shows.

use std::io::{self, BufRead};

use super::filled;
use crate::default_validator::{Comparison, DifferenceKind, equal_prefix};
use crate::excerpt::{QUOTED, quote_head};
use crate::simple::{ACCEPTED, differs, is_blank, newline};

/// What is kept of one line.
#[derive(Debug, Default, Clone)]
struct Line {
    /// Its first bytes, [`QUOTED`] at most.
    head: Vec<u8>,
    bytes: usize,
    /// Its bytes without the white space at its end.
    text: usize,
}

impl Line {
    fn add(&mut self, part: &[u8]) {
        let room = QUOTED.saturating_sub(self.head.len());
        self.head.extend_from_slice(&part[..part.len().min(room)]);
        if let Some(last) = part.iter().rposition(|b| !is_blank(*b)) {
            self.text = self.bytes + last + 1;
        }
        self.bytes += part.len();
    }

    fn clear(&mut self) {
        self.head.clear();
        (self.bytes, self.text) = (0, 0);
    }

    /// Adds what is left of it, up to and without its end, which is passed.
    fn finish(&mut self, text: &mut impl BufRead) -> io::Result<()> {
        loop {
            let part = filled(text)?;
            let end = part.iter().position(newline);
            let len = end.unwrap_or(part.len());
            self.add(&part[..len]);
            let over = part.is_empty() || end.is_some();
            text.consume(len + usize::from(end.is_some()));
            if over {
                return Ok(());
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.text == 0
    }

    fn quote(&self) -> String {
        quote_head(&self.head[..self.text.min(self.head.len())], self.text)
    }
}

/// Holds `output` against `answer`, both from where they stand.
pub(super) fn compare(answer: &mut impl BufRead, output: &mut impl BufRead) -> io::Result<Comparison> {
    // The line in which both stand, what both have of it, and the last one before it that is not empty.
    let (mut number, mut begun, mut last) = (1, Line::default(), 0);
    let (mut x, mut y) = (Line::default(), Line::default());
    loop {
        let (a, o) = (filled(answer)?, filled(output)?);
        if a.is_empty() && o.is_empty() {
            return Ok(ACCEPTED);
        }
        let shorter = a.len().min(o.len());
        let same = equal_prefix(&a[..shorter], &o[..shorter]);
        let both = &a[..same];
        let whole = both.iter().rposition(newline).map_or(0, |at| at + 1);
        if whole > 0 {
            let shows = both[..whole].iter().rposition(|b| !is_blank(*b));
            if shows.is_some() || !begun.is_empty() {
                last = number + ends(&both[..shows.unwrap_or(0)]);
            }
            number += ends(&both[..whole]);
            begun.clear();
        }
        begun.add(&both[whole..]);
        answer.consume(same);
        output.consume(same);
        if same == shorter && shorter > 0 {
            continue;
        }
        x.clone_from(&begun);
        y.clone_from(&begun);
        x.finish(answer)?;
        y.finish(output)?;
        if x.text != y.text || x.text > begun.bytes {
            let column = begun.bytes.min(x.text).min(y.text) + 1;
            let (a, o) = (Side { line: &x, from: answer }, Side { line: &y, from: output });
            return told((number, column), last, a, o);
        }
        if !x.is_empty() {
            last = number;
        }
        number += 1;
        begun.clear();
    }
}

/// Line feeds in `text`.
fn ends(text: &[u8]) -> usize {
    text.iter().map(|b| usize::from(*b == b'\n')).sum()
}

/// A line that is not the other side's, and what comes after it.
struct Side<'a, R> {
    line: &'a Line,
    from: &'a mut R,
}

impl<R: BufRead> Side<'_, R> {
    /// Whether nothing shows in the line nor after it.
    fn is_over(&mut self) -> io::Result<bool> {
        Ok(self.line.is_empty() && !anything_left(self.from)?)
    }
}

/// The difference in this line, or in an earlier one: where one side has ended by then, in the first that it has not.
fn told(
    (number, column): (usize, usize),
    last: usize,
    mut answer: Side<'_, impl BufRead>,
    mut output: Side<'_, impl BufRead>,
) -> io::Result<Comparison> {
    // A text without anything is one empty line.
    let end = last.max(1) + 1;
    let first = |line: &Line| if number == end { line.quote() } else { Line::default().quote() };
    let (x, y) = (answer.line, output.line);
    if number >= end && answer.is_over()? {
        return Ok(differs(DifferenceKind::Trailing, (end, 1), end, None, Some(first(y))));
    }
    if number >= end && output.is_over()? {
        return Ok(differs(DifferenceKind::Missing, (end, 1), end, Some(first(x)), None));
    }
    Ok(differs(DifferenceKind::Token, (number, column), number, Some(x.quote()), Some(y.quote())))
}

/// Whether anything but white space follows.
fn anything_left(text: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let part = filled(text)?;
        if part.is_empty() || part.iter().any(|b| !is_blank(*b)) {
            return Ok(!part.is_empty());
        }
        let len = part.len();
        text.consume(len);
    }
}
