//! Checkers that other judges know by name, beside the default validator. Each is one function in one table.
//!
//! `exact` and `lines` are one pass. `unordered` and `sorted` compare two multisets of parts by a sum that does
//! not depend on the order of its terms, in constant memory beside the text. Only when the sums differ is what each
//! side has from the first difference on sorted, 16 bytes for a part, to say which part is too many and which is missing. How the same words come of an
//! output that is not there as a whole is in [`live`](crate::live).

use std::hash::{BuildHasher, Hasher as _, RandomState};

use crate::default_validator::{Comparison, Difference, DifferenceKind, Flags, Place, compare, equal_prefix};
use crate::excerpt::quote;

/// One checker: its name, what it does, and the function that compares answer and output.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// How it is called.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// Answer, output.
    pub compare: fn(&[u8], &[u8]) -> Comparison,
}

/// Every checker with a name.
pub const NAMED: [Named; 5] = [
    Named { name: "default", about: "tokens, ASCII case aside: the package format's own", compare: tokens },
    Named { name: "exact", about: "equal to the byte", compare: exact },
    Named {
        name: "lines",
        about: "line by line, white space at their ends and empty lines at the end aside",
        compare: lines,
    },
    Named {
        name: "sorted",
        about: "the same lines in any order, empty ones and white space at their ends aside",
        compare: sorted,
    },
    Named { name: "unordered", about: "the same tokens in any order", compare: unordered },
];

/// The checker of this name.
pub fn by_name(name: &str) -> Option<&'static Named> {
    NAMED.iter().find(|named| named.name == name)
}

fn tokens(answer: &[u8], output: &[u8]) -> Comparison {
    compare(answer, output, &Flags::default())
}

pub(crate) fn exact(answer: &[u8], output: &[u8]) -> Comparison {
    let same = answer.iter().zip(output).take_while(|(a, o)| a == o).count();
    if same == answer.len() && same == output.len() {
        return ACCEPTED;
    }
    let kind = match (same == answer.len(), same == output.len()) {
        (true, _) => DifferenceKind::Trailing,
        (_, true) => DifferenceKind::Missing,
        _ => DifferenceKind::Token,
    };
    let line = |text: &[u8]| text[..same].split(|b| *b == b'\n').count();
    let column = output[..same].iter().rev().take_while(|b| **b != b'\n').count() + 1;
    let side = |text: &[u8]| {
        let rest = &text[same..];
        (!rest.is_empty())
            .then(|| quote(&rest[..rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |n| n + 1)]))
    };
    differs(kind, (line(output), column), line(answer), side(answer), side(output))
}

pub(crate) fn lines(answer: &[u8], output: &[u8]) -> Comparison {
    let (mut a, mut o) = (ends_cut(answer).split(newline), ends_cut(output).split(newline));
    for number in 1.. {
        match (a.next(), o.next()) {
            (None, None) => break,
            (Some(x), Some(y)) => {
                let (x, y) = (ends_cut(x), ends_cut(y));
                if x != y {
                    let column = x.iter().zip(y).take_while(|(a, b)| a == b).count() + 1;
                    let (x, y) = (Some(quote(x)), Some(quote(y)));
                    return differs(DifferenceKind::Token, (number, column), number, x, y);
                }
            }
            (Some(x), None) => {
                return differs(DifferenceKind::Missing, (number, 1), number, Some(quote(ends_cut(x))), None);
            }
            (None, Some(y)) => {
                return differs(
                    DifferenceKind::Trailing,
                    (number, 1),
                    number,
                    None,
                    Some(quote(ends_cut(y))),
                );
            }
        }
    }
    ACCEPTED
}

pub(crate) fn sorted(answer: &[u8], output: &[u8]) -> Comparison {
    multisets(answer, output, newline)
}

pub(crate) fn unordered(answer: &[u8], output: &[u8]) -> Comparison {
    multisets(answer, output, blank)
}

/// From the first part on in which they differ: what both have before it stands on both sides.
fn multisets(answer: &[u8], output: &[u8], ends: fn(&u8) -> bool) -> Comparison {
    if answer == output {
        return ACCEPTED;
    }
    let shorter = answer.len().min(output.len());
    let same = equal_prefix(&answer[..shorter], &output[..shorter]);
    let from = answer[..same].iter().rposition(ends).map_or(0, |at| at + 1);
    let mut place = Place::START;
    place.pass(&answer[..from]);
    in_any_order(&answer[from..], &output[from..], ends, (place.line, place.column))
}

/// A multiset as the number of its parts and two sums over them, each of a hash under a key of its own that
/// nobody can know beforehand. Different multisets have the same sums by a chance of 2^-128, or of 2^-74 where a
/// part is there a hundred million times more often on one side, since a multiple of 2^27 leaves 37 bits of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Digest {
    parts: u64,
    sums: [u64; 2],
}

impl Digest {
    fn of<'a>(parts: impl Iterator<Item = &'a [u8]>, keys: &[RandomState; 2]) -> Self {
        let mut digest = Self::default();
        parts.for_each(|part| digest.add(part, keys));
        digest
    }

    /// One part more; an empty one is none.
    pub(crate) fn add(&mut self, part: &[u8], keys: &[RandomState; 2]) {
        if part.is_empty() {
            return;
        }
        self.parts += 1;
        for (sum, key) in self.sums.iter_mut().zip(keys) {
            let mut hasher = key.build_hasher();
            hasher.write(part);
            *sum = sum.wrapping_add(hasher.finish());
        }
    }
}

/// Compares what is left of both, which begins at `from`, line and column. Reports the least part that the output has
/// more often, where it is first, and the least that the answer has.
pub(crate) fn in_any_order(
    answer: &[u8],
    output: &[u8],
    ends: fn(&u8) -> bool,
    from: (usize, usize),
) -> Comparison {
    fn parts(text: &[u8], ends: fn(&u8) -> bool) -> impl Iterator<Item = &[u8]> {
        text.split(ends).map(ends_cut).filter(|part| !part.is_empty())
    }
    let keys = [RandomState::new(), RandomState::new()];
    if Digest::of(parts(answer, ends), &keys) == Digest::of(parts(output, ends), &keys) {
        return ACCEPTED;
    }
    let (mut a, mut o): (Vec<_>, Vec<_>) = (parts(answer, ends).collect(), parts(output, ends).collect());
    a.sort_unstable();
    o.sort_unstable();
    if a == o {
        return ACCEPTED;
    }
    let extra = only_in(&o, &a);
    let lacking = only_in(&a, &o);
    // Parts are borrowed from the text, so they tell their own place; of equal ones the first counts.
    let place = |part: &[u8], parts: &[&[u8]], text: &[u8]| {
        let offset = |part: &[u8]| part.as_ptr().addr() - text.as_ptr().addr();
        let at = parts.iter().filter(|other| **other == part).map(|part| offset(part)).min().unwrap_or(0);
        let line = text[..at].split(newline).count();
        let column = text[..at].iter().rev().take_while(|b| **b != b'\n').count() + 1;
        (from.0 + line - 1, if line == 1 { from.1 + column - 1 } else { column })
    };
    let kind = match (lacking, extra) {
        (Some(_), Some(_)) => DifferenceKind::Token,
        (Some(_), None) => DifferenceKind::Missing,
        (None, _) => DifferenceKind::Trailing,
    };
    let end = || (from.0 + output.split(newline).count() - 1, 1);
    let at = extra.map_or_else(end, |part| place(part, &o, output));
    let answer_line = lacking.map_or(1, |part| place(part, &a, answer).0);
    differs(kind, at, answer_line, lacking.map(quote), extra.map(quote))
}

/// The first of the sorted `these` that there are more of than in the sorted `those`.
fn only_in<'a>(these: &[&'a [u8]], those: &[&[u8]]) -> Option<&'a [u8]> {
    let mut at = 0;
    for part in these {
        while those.get(at).is_some_and(|other| other < part) {
            at += 1;
        }
        if those.get(at) != Some(part) {
            return Some(part);
        }
        at += 1;
    }
    None
}

pub(crate) const ACCEPTED: Comparison = Comparison { accepted: true, difference: None };

pub(crate) fn differs(
    kind: DifferenceKind,
    (line, column): (usize, usize),
    answer_line: usize,
    expected: Option<String>,
    got: Option<String>,
) -> Comparison {
    let difference = Difference { kind, line, column, answer_line, expected, got };
    Comparison { accepted: false, difference: Some(difference) }
}

pub(crate) const fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the shape `split` asks for
pub(crate) const fn newline(b: &u8) -> bool {
    *b == b'\n'
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the shape `split` asks for
pub(crate) const fn blank(b: &u8) -> bool {
    is_blank(*b)
}

/// Without white space at the end.
pub(crate) fn ends_cut(text: &[u8]) -> &[u8] {
    let blank = text.iter().rev().take_while(|b| is_blank(**b)).count();
    &text[..text.len() - blank]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_may_name_each_of_them() {
        assert_eq!(NAMED.map(|named| named.name), problem::sidecar::CHECKERS);
    }

    #[test]
    fn every_checker_accepts_what_its_name_says_and_nothing_else() {
        #[rustfmt::skip]
        let rows: &[(&str, &str, &str, Option<&str>)] = &[
            ("default", "a B\n", "A\tb", None),
            ("exact", "a\n", "a\n", None),
            ("exact", "a\nb\n", "a\nB\n", Some(r#"line 2, column 1: expected "b\n", got "B\n""#)),
            ("exact", "a\n", "a", Some(r#"line 1, column 2: expected "\n", got end of output"#)),
            ("exact", "a", "a\n", Some(r#"line 1, column 2: expected end of output, got "\n""#)),
            ("lines", "a b\nc\n", "a b  \r\nc\n\n\n", None),
            ("lines", "a b\n", "a  b\n", Some(r#"line 1, column 3: expected "a b", got "a  b""#)),
            ("lines", "a\n\nb", "a\nb", Some(r#"line 2, column 1: expected "", got "b""#)),
            ("lines", "a\nb", "a", Some(r#"line 2, column 1: expected "b", got end of output"#)),
            ("lines", "a", "A", Some("column 1")),
            ("sorted", "b 1\na\n", "a\n\nb 1 \n", None),
            ("sorted", "a\na\nb", "a\nb\nb", Some(r#"line 2, column 1: expected "a", got "b""#)),
            ("sorted", "a b", "b a", Some("expected")),
            ("unordered", "3 1 2\n", "1\n2\n3", None),
            ("unordered", "1 1 2", "1 2 2", Some(r#"column 3: expected "1", got "2""#)),
            ("unordered", "7 1\n2 7 3", "7 1\n2 7 3 7", Some(r#"line 2, column 7: expected end of output, got "7""#)),
            ("sorted", "b\na\nc", "b\na\nb", Some(r#"line 3, column 1: expected "c", got "b""#)),
            ("unordered", "12 1", "12 2", Some(r#"column 4: expected "1", got "2""#)),
            ("sorted", "b\nbb", "ab\nb\na\na", Some(r#"line 3, column 1: expected "bb", got "a""#)),
            ("unordered", "1 2", "1", Some(r#"expected "2", got end of output"#)),
            ("unordered", "1", "1 7", Some(r#"column 3: expected end of output, got "7""#)),
            ("unordered", "", "", None),
            ("sorted", "a\nb\nc\n", "a\nb\n", Some(r#"line 3, column 1: expected "c", got end of output"#)),
            ("sorted", "c\nb\na\n", "b\na\n", Some(r#"line 3, column 1: expected "c", got end of output"#)),
        ];
        for (name, answer, output, want) in rows {
            let got = (by_name(name).unwrap().compare)(answer.as_bytes(), output.as_bytes());
            let why = got.difference.as_ref().map(ToString::to_string);
            assert_eq!(got.accepted, want.is_none(), "{name} {answer:?} {output:?}: {why:?}");
            if let Some(difference) = &got.difference {
                let kind = match (&difference.expected, &difference.got) {
                    (None, _) => DifferenceKind::Trailing,
                    (_, None) => DifferenceKind::Missing,
                    (Some(_), Some(_)) => DifferenceKind::Token,
                };
                assert_eq!(difference.kind, kind, "{name} {answer:?} {output:?}");
            }
            assert!(why.unwrap_or_default().contains(want.unwrap_or_default()), "{name} {output:?}: {got:?}");
        }
    }

    #[test]
    fn names_are_unique_and_in_order() {
        assert!(NAMED.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(by_name("default").is_some() && by_name("fuzzy").is_none());
    }

    proptest::proptest! {
        #[test]
        fn unordered_and_sorted_agree_with_sorting_everything(
            answer in proptest::collection::vec(proptest::sample::select(b"ab \n".to_vec()), 0..30),
            output in proptest::collection::vec(proptest::sample::select(b"ab \n".to_vec()), 0..30),
        ) {
            let tokens = |text: &[u8]| {
                let mut parts: Vec<Vec<u8>> =
                    text.split(|b| is_blank(*b)).filter(|t| !t.is_empty()).map(<[u8]>::to_vec).collect();
                parts.sort();
                parts
            };
            proptest::prop_assert_eq!(unordered(&answer, &output).accepted, tokens(&answer) == tokens(&output));
            let lines = |text: &[u8]| {
                let mut parts: Vec<Vec<u8>> =
                    text.split(newline).map(|l| ends_cut(l).to_vec()).filter(|l| !l.is_empty()).collect();
                parts.sort();
                parts
            };
            proptest::prop_assert_eq!(sorted(&answer, &output).accepted, lines(&answer) == lines(&output));
        }

        #[test]
        fn every_checker_accepts_the_answer_itself_and_explains_every_refusal(
            answer in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60),
            output in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60),
        ) {
            for named in NAMED {
                proptest::prop_assert!((named.compare)(&answer, &answer).accepted, "{}", named.name);
                let got = (named.compare)(&answer, &output);
                proptest::prop_assert_eq!(got.accepted, got.difference.is_none(), "{}", named.name);
            }
        }
    }
}
