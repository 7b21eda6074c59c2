//! What a fuzzer may throw at this crate: it panics only for a defect of ours.
//!
//! Compiled for tests and under `--cfg fuzzing`, for a fuzzer.

use std::io::{self, Cursor, Read};

use crate::checktestdata::Specification;
use crate::default_validator::reference::{self, Rules};
use crate::default_validator::{compare_in_windows, is_space};
use crate::live::Live;
use crate::simple::NAMED;
use crate::{Comparison, Flags, compare};

/// Stands between two texts in what a fuzzer makes.
const BETWEEN: u8 = 0xff;

/// Tolerances to test with; none, and one that is nothing.
const TOLERANCES: [Option<&str>; 6] = [None, Some("0"), Some("1e-6"), Some("0.1"), Some("1"), Some("25e-1")];

/// Smallest window: two tokens of a few bytes.
const WINDOW: usize = 16;

/// Gives at most so many bytes at once, as a pipe does.
pub(crate) struct Drops<'a>(pub(crate) &'a [u8], pub(crate) usize);

impl Read for Drops<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.1.min(into.len()).min(self.0.len());
        into[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

/// The text before the first [`BETWEEN`], and the one after it.
fn two(bytes: &[u8]) -> (&[u8], &[u8]) {
    let at = bytes.iter().position(|b| *b == BETWEEN).unwrap_or(bytes.len());
    (&bytes[..at], bytes.get(at + 1..).unwrap_or_default())
}

/// Four bytes say how, then answer and output with [`BETWEEN`] between them: every built-in checker says of them what a
/// slow one says that is right by inspection, whole, in small windows and in drops.
///
/// # Panics
/// When two ways to the same word differ.
pub fn compared(bytes: &[u8]) {
    let Some((&[how, absolute, relative, pace], texts)) = bytes.split_first_chunk() else { return };
    let tolerance = |choice: u8| TOLERANCES[usize::from(choice) % TOLERANCES.len()];
    let rules = Rules {
        case_sensitive: how & 1 != 0,
        space_change_sensitive: how & 2 != 0,
        absolute: tolerance(absolute),
        relative: tolerance(relative),
    };
    let (answer, output) = two(texts);
    let flags = Flags::parse(&rules.words()).expect("words of the format");
    let pace = usize::from(pace);
    let told = compare(answer, output, &flags);
    if let Some(accepted) = reference::accepts(answer, output, &rules) {
        assert_eq!(told.accepted, accepted, "the default validator under {rules:?}");
    }
    // A number that does not fit into a window is compared as text.
    let longest = texts.split(|b| is_space(*b)).map(<[u8]>::len).max().unwrap_or_default();
    let small = compare_in_windows(answer, output, &flags, WINDOW.max(longest + 1) + pace % 16);
    assert_eq!(place(&small), place(&told), "in small windows, under {rules:?}");
    in_drops(&Live::Tokens(flags), answer, output, pace, &told);
    for named in NAMED {
        let told = (named.compare)(answer, output);
        assert_eq!(told.accepted, simply(named.name, answer, output), "{}", named.name);
        in_drops(&Live::by_name(named.name).expect("each can"), answer, output, pace, &told);
    }
}

/// Whether it is accepted, and where it differs. What is quoted depends on what a window holds.
fn place(told: &Comparison) -> impl PartialEq + std::fmt::Debug {
    (told.accepted, told.difference.as_ref().map(|d| (d.kind, d.line, d.column, d.answer_line)))
}

fn in_drops(live: &Live, answer: &[u8], output: &[u8], pace: usize, told: &Comparison) {
    let aside = || Ok(Cursor::new(Vec::new()));
    let got = live.compare(&mut Cursor::new(answer), &mut Drops(output, 1 + pace), aside);
    assert_eq!(&got.expect("memory can be read"), told, "{live:?} in drops of {}", 1 + pace);
}

/// What the checker of this name says, by its one line for people.
fn simply(name: &str, answer: &[u8], output: &[u8]) -> bool {
    let lines = |text: &[u8]| -> Vec<Vec<u8>> {
        let cut = |line: &[u8]| {
            let end = line.iter().rposition(|b| !is_space(*b)).map_or(0, |at| at + 1);
            line[..end].to_vec()
        };
        text.split(|b| *b == b'\n').map(cut).collect()
    };
    let tokens = |text: &[u8]| -> Vec<Vec<u8>> {
        text.split(|b| is_space(*b)).filter(|token| !token.is_empty()).map(<[u8]>::to_vec).collect()
    };
    let sorted = |mut parts: Vec<Vec<u8>>| {
        parts.retain(|part| !part.is_empty());
        parts.sort();
        parts
    };
    match name {
        "default" => reference::accepts(answer, output, &Rules::default()) == Some(true),
        "exact" => answer == output,
        "lines" => {
            let full = |text| {
                let mut lines = lines(text);
                while lines.last().is_some_and(Vec::is_empty) {
                    lines.pop();
                }
                lines
            };
            full(answer) == full(output)
        }
        "sorted" => sorted(lines(answer)) == sorted(lines(output)),
        "unordered" => sorted(tokens(answer)) == sorted(tokens(output)),
        other => panic!("nobody says what `{other}` does"),
    }
}

/// A checktestdata specification and an input with [`BETWEEN`] between them: it is malformed at a place, or the input is
/// read to its end or refused at one.
///
/// # Panics
/// When what is said of them names no place, or something is wrong here.
pub fn specification(bytes: &[u8]) {
    let (specification, input) = two(bytes);
    match Specification::parse(specification) {
        Ok(specification) => {
            if let Err(refusal) = specification.check_briefly(input) {
                assert!(!refusal.to_string().is_empty());
            }
        }
        Err(malformed) => {
            let lines = specification.split(|b| *b == b'\n').count() as u32;
            assert!((1..=lines).contains(&malformed.at.line) && malformed.at.column > 0, "{malformed}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(b"aB1.0e-+ \r\n\t".to_vec()), 0..24)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn whatever_is_compared_has_one_word(
            how: [u8; 4],
            answer in text(),
            edits in prop::collection::vec((0usize..24, text()), 0..3),
        ) {
            let mut output = answer.clone();
            for (at, with) in edits {
                let at = at.min(output.len());
                output.splice(at..(at + 2).min(output.len()), with.into_iter().take(2));
            }
            compared(&[&how[..], &answer, &[BETWEEN], &output].concat());
        }
    }
}
