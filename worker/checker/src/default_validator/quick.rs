//! What needs no second look: skips what is equal in two windows, white space aside, and numbers that are
//! clearly near each other.
//!
//! It only ever says "these are alike"; whatever it does not understand it leaves to the walk in `stream`, which
//! decides. So a case missing here costs time and never a wrong word.

use super::{Clear, Flags, by_doubles, is_space};

/// Powers of ten that a double holds exactly, the largest of which is 10^22.
const EXACT: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Digits of a number that always fit into 53 bits: 10^15 is less than 2^53.
const DIGITS: usize = 15;

/// How far both windows are alike, up to the end of a token or into the white space behind it. Both start where
/// a token ended, or at the start of their streams.
pub(super) fn skip(answer: &[u8], output: &[u8], flags: &Flags) -> (usize, usize) {
    let numeric = flags.numeric();
    let (mut a, mut o) = (0, 0);
    loop {
        let x = a + space(&answer[a..]);
        let y = o + space(&output[o..]);
        let (left, right) = (&answer[x..], &output[y..]);
        let shorter = left.len().min(right.len());
        let same = equal_prefix(&left[..shorter], &right[..shorter]);
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
        match near(&left[token..], &right[token..], flags) {
            Some((answered, said)) => (a, o) = (x + token + answered, y + token + said),
            None => return (a, o),
        }
    }
}

/// Lengths of the two tokens at the front when both are short numbers and clearly near.
fn near(answer: &[u8], output: &[u8], flags: &Flags) -> Option<(usize, usize)> {
    let (a, a_len) = short(answer)?;
    let (s, s_len) = short(output)?;
    (by_doubles(a, s, flags) == Clear::Near).then_some((a_len, s_len))
}

/// The number at the front and its length, when it is one of few digits without an exponent and ends inside the
/// window: then its digits are a whole number below 2^53 and their power of ten is exact, so one division gives
/// the nearest double, as reading it any other way would.
fn short(text: &[u8]) -> Option<(f64, usize)> {
    let mut at = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let (mut value, mut digits, mut point) = (0_u64, 0_usize, None);
    loop {
        match *text.get(at)? {
            b @ b'0'..=b'9' => {
                value = value * 10 + u64::from(b - b'0');
                digits += 1;
                // Leading zeros count, too: they are rare, and the walk knows what to do.
                if digits > DIGITS {
                    return None;
                }
            }
            b'.' if point.is_none() => point = Some(digits),
            b if is_space(b) => break,
            _ => return None,
        }
        at += 1;
    }
    let places = digits - point.unwrap_or(digits);
    if digits == 0 {
        return None;
    }
    let value = value as f64 / EXACT[places];
    Some((if text[0] == b'-' { -value } else { value }, at))
}

fn space(text: &[u8]) -> usize {
    text.iter().take_while(|b| is_space(**b)).count()
}

/// How many bytes at the front of two equally long slices are equal.
pub(crate) fn equal_prefix(a: &[u8], b: &[u8]) -> usize {
    const BLOCK: usize = 4096;
    const WORD: usize = 8;
    // The first block word by word, because differences often follow each other closely.
    let mut at = 0;
    let words = |a: &[u8], b: &[u8]| {
        let pairs = a.chunks_exact(WORD).zip(b.chunks_exact(WORD));
        pairs.take_while(|(x, y)| x == y).count() * WORD
    };
    let head = a.len().min(BLOCK);
    at += words(&a[..head], &b[..head]);
    if at + WORD > head && head == BLOCK {
        while at + BLOCK <= a.len() && a[at..at + BLOCK] == b[at..at + BLOCK] {
            at += BLOCK;
        }
        at += words(&a[at..], &b[at..]);
    }
    at + a[at..].iter().zip(&b[at..]).take_while(|(x, y)| x == y).count()
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
    fn a_short_number_is_the_double_it_is_read_as() {
        for text in
            ["0", "-0", "1", "+1.", ".5", "-.25", "3.14159", "123456789012345", "0.00000000000001", "99.95"]
        {
            let (value, len) = short(format!("{text} ").as_bytes()).unwrap();
            assert_eq!(
                (value.to_bits(), len),
                (text.parse::<f64>().unwrap().to_bits(), text.len()),
                "{text}"
            );
        }
        for other in ["", ".", "-", "1e5", "1.2.3", "0x1", "1234567890123456", "--1", "1-", "nan"] {
            assert_eq!(short(format!("{other}\n").as_bytes()), None, "{other}");
        }
        assert_eq!(short(b"12"), None, "it may go on in the next window");
    }

    #[test]
    fn it_stops_before_the_first_token_it_does_not_understand() {
        let plain = Flags::default();
        let numeric = Flags::parse_line("float_tolerance 1e-6").unwrap();
        for (answer, output, flags, want) in [
            ("1 2 3 x", "1  2\r\n3 y", &plain, (6, 8)),
            ("1 2", "1 2", &plain, (1, 1)),
            ("1 2 ", "1 2\n ", &plain, (3, 3)),
            ("ab ", "a b ", &plain, (0, 0)),
            ("a ab ", "a  a b ", &plain, (2, 2)),
            ("1.50 2 z", "1.5 2.0 q", &numeric, (6, 7)),
            ("1.5 2 ", "1.6 2 ", &numeric, (0, 0)),
            ("x 1.5 ", "X 1.50 ", &numeric, (0, 0)),
        ] {
            assert_eq!(skip(answer.as_bytes(), output.as_bytes(), flags), want, "{answer:?} {output:?}");
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
