//! What needs no second look: skips what is equal in two windows, white space aside, and numbers that are
//! clearly near each other.
//!
//! It only ever says "these are alike"; whatever it does not understand it leaves to the walk in `stream`, which
//! decides. So a case missing here costs time and never a wrong word.

use super::near::{TOPS, WORD, near, word};
use super::{Flags, is_space};

/// Numbers of one length in a row after which bytes are compared again.
const ALIKE: u32 = 4;

/// How far both windows are alike, up to the end of a token or into the white space behind it. Both start where
/// a token ended, or at the start of their streams.
pub(super) fn skip(answer: &[u8], output: &[u8], flags: &Flags) -> (usize, usize) {
    let (numeric, folds) = (flags.numeric(), !flags.case_sensitive);
    let (mut a, mut o) = (0, 0);
    loop {
        let x = a + space(&answer[a..]);
        let y = o + space(&output[o..]);
        let (left, right) = (&answer[x..], &output[y..]);
        let shorter = left.len().min(right.len());
        let mut same = equal_prefix(&left[..shorter], &right[..shorter]);
        if folds && same < shorter && left[same] ^ right[same] == 0x20 {
            same += folded_prefix(&left[same..shorter], &right[same..shorter]);
        }
        if same == shorter {
            // The last token may go on in the next window.
            let keep = boundary(&left[..same]);
            return if keep == 0 { (a, o) } else { (x + keep, y + keep) };
        }
        let between = same > 0 && is_space(left[same - 1]);
        if between || (same > 0 && is_space(left[same]) && is_space(right[same])) {
            (a, o) = (x + same, y + same);
            continue;
        }
        let token = same - left[..same].iter().rev().take_while(|b| !is_space(**b)).count();
        if token > 0 {
            (a, o) = (x + token, y + token);
        }
        if !numeric {
            return (a, o);
        }
        // Where one number is written otherwise the next ones mostly are, too.
        let (from, mut alike) = ((a, o), 0);
        (a, o) = (x + token, y + token);
        while alike < ALIKE
            && let Some((answered, said)) = near(&answer[a..], &output[o..], flags)
        {
            alike = if answered == said { alike + 1 } else { 0 };
            (a, o) = (a + answered, o + said);
            (a, o) = (a + space(&answer[a..]), o + space(&output[o..]));
        }
        if (a, o) == (x + token, y + token) {
            return from;
        }
    }
}

fn space(text: &[u8]) -> usize {
    text.iter().take_while(|b| is_space(**b)).count()
}

/// How many bytes at the front of two equally long slices are equal.
pub(crate) fn equal_prefix(a: &[u8], b: &[u8]) -> usize {
    const BLOCK: usize = 4096;
    // The first block word by word, because differences often follow each other closely.
    let head = a.len().min(BLOCK);
    let mut at = equal_words(&a[..head], &b[..head]);
    if at == BLOCK {
        while at + BLOCK <= a.len() && a[at..at + BLOCK] == b[at..at + BLOCK] {
            at += BLOCK;
        }
        at += equal_words(&a[at..], &b[at..]);
    }
    at
}

/// The same word by word.
fn equal_words(a: &[u8], b: &[u8]) -> usize {
    let mut at = 0;
    for (x, y) in a.chunks_exact(WORD).zip(b.chunks_exact(WORD)) {
        let differ = word(x, 0) ^ word(y, 0);
        if differ != 0 {
            return at + differ.trailing_zeros() as usize / WORD;
        }
        at += WORD;
    }
    at + a[at..].iter().zip(&b[at..]).take_while(|(x, y)| x == y).count()
}

/// The same where the case of ASCII letters does not matter.
fn folded_prefix(a: &[u8], b: &[u8]) -> usize {
    let mut at = 0;
    for (x, y) in a.chunks_exact(WORD).zip(b.chunks_exact(WORD)) {
        let (x, y) = (word(x, 0), word(y, 0));
        // Two letters of one kind differ in bit 5 and nothing else.
        let differ = (x ^ y) & !(letters(x) >> 2);
        if differ != 0 {
            return at + differ.trailing_zeros() as usize / WORD;
        }
        at += WORD;
    }
    at + a[at..].iter().zip(&b[at..]).take_while(|(x, y)| x.eq_ignore_ascii_case(y)).count()
}

/// The top bit of each byte that is an ASCII letter.
const fn letters(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let low = (word | (0x20 * EACH)) & !TOPS;
    // No sum leaves its byte: at most 127 and 31.
    let from_a = low + (0x80 - b'a' as u64) * EACH;
    let beyond_z = low + (0x80 - (b'z' as u64 + 1)) * EACH;
    from_a & !beyond_z & !word & TOPS
}

/// The start of the white space before the last token in `text`; 0 when it is all one token.
pub(super) fn boundary(text: &[u8]) -> usize {
    let token = text.iter().rev().take_while(|b| !is_space(**b)).count();
    let space = text[..text.len() - token].iter().rev().take_while(|b| is_space(**b)).count();
    text.len() - token - space
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stops_before_the_first_token_it_does_not_understand() {
        let plain = Flags::default();
        let numeric = Flags::parse_line("float_tolerance 1e-6").unwrap();
        let sensitive = Flags::parse_line("case_sensitive").unwrap();
        for (answer, output, flags, want) in [
            ("1 2 3 x", "1  2\r\n3 y", &plain, (6, 8)),
            ("1 2", "1 2", &plain, (1, 1)),
            ("1 2 ", "1 2\n ", &plain, (3, 3)),
            ("ab ", "a b ", &plain, (0, 0)),
            ("a ab ", "a  a b ", &plain, (2, 2)),
            ("1.50 2 z", "1.5 2.0 q", &numeric, (7, 8)),
            ("1.5 2 ", "1.6 2 ", &numeric, (0, 0)),
            ("x 1.5 q", "X 1.50 Q", &numeric, (6, 7)),
            ("a B [ z", "A b { z", &plain, (4, 4)),
            ("1e3 1E-7 z", "1E3 .0000001 z", &numeric, (9, 13)),
            ("a B", "A b", &sensitive, (0, 0)),
        ] {
            assert_eq!(skip(answer.as_bytes(), output.as_bytes(), flags), want, "{answer:?} {output:?}");
        }
    }

    #[test]
    fn two_bytes_fold_as_ascii_does_wherever_they_stand() {
        for (x, y) in (0..=u8::MAX).flat_map(|x| (0..=u8::MAX).map(move |y| (x, y))) {
            let folds = x.eq_ignore_ascii_case(&y);
            for at in [0, 3, 7, 8] {
                let (mut a, mut b) = ([b'z'; 16], [b'Z'; 16]);
                (a[at], b[at]) = (x, y);
                assert_eq!(folded_prefix(&a, &b), if folds { 16 } else { at }, "{x} {y} at {at}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_skipped_are_the_same_tokens(
            answer in proptest::collection::vec(proptest::sample::select(b"ab1. \n\r".to_vec()), 0..40),
            output in proptest::collection::vec(proptest::sample::select(b"ab1. \n\r".to_vec()), 0..40),
        ) {
            let tokens = |text: &[u8]| -> Vec<Vec<u8>> {
                text.split(|b| is_space(*b)).filter(|t| !t.is_empty()).map(<[u8]>::to_vec).collect()
            };
            let (a, o) = skip(&answer, &output, &Flags::default());
            proptest::prop_assert_eq!(tokens(&answer[..a]), tokens(&output[..o]));
            // Neither side was cut inside a token.
            for (text, at) in [(&answer, a), (&output, o)] {
                let inside = at > 0 && at < text.len() && !is_space(text[at - 1]) && !is_space(text[at]);
                proptest::prop_assert!(!inside);
            }
        }
    }
}
