//! Two numbers that are clearly near each other, told from their digits without a detour over the nearest doubles.
//!
//! A number is read eight bytes at a time into a whole number and a power of ten. Two of them are subtracted as whole
//! numbers where they fit, so their distance is exact and only the bound is rounded. Like all of `quick` it says
//! "near" or nothing: what is close to the bound, too long or not understood is decided by exact decimals.

use super::{Flags, Tolerance, is_space};

/// Powers of ten that a double holds exactly, the largest of which is 10^22.
const EXACT: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Powers of ten that 64 bits hold.
const POWERS: [u64; 20] = {
    let (mut powers, mut n) = ([1; 20], 1);
    while n < 20 {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

/// Digits that always fit into 64 bits: 10^19 is less than 2^64.
const DIGITS: usize = 19;

/// Far more than what is rounded here: two conversions, a power of ten and a product, each off by half an EPSILON.
const SLACK: f64 = 16.0 * f64::EPSILON;

/// Bytes of a word.
pub(super) const WORD: usize = 8;

/// `0` in each byte.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The top bit of each byte.
pub(super) const TOPS: u64 = 0x8080_8080_8080_8080;

/// A decimal number: `digits` times ten to the power of `exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Number {
    negative: bool,
    digits: u64,
    exponent: i32,
    /// Digits that are not all zero were left out: the number is more than `digits` says, by less than one.
    cut: bool,
}

/// Lengths of the two tokens at the front when both are numbers and clearly near.
pub(super) fn near(answer: &[u8], output: &[u8], flags: &Flags) -> Option<(usize, usize)> {
    let (a, a_len) = number(answer)?;
    let (s, s_len) = number(output)?;
    clearly(&a, &s, flags).then_some((a_len, s_len))
}

fn clearly(a: &Number, s: &Number, flags: &Flags) -> bool {
    let Some(apart) = whole(a, s) else { return by_doubles(a, s, flags) };
    if apart.distance == 0 {
        return !a.cut && !s.cut;
    }
    // What was left out is less than one of the last digit of its side.
    let cut = |n: &Number, scale: u64| if n.cut { scale as f64 } else { 0.0 };
    let most = apart.distance as f64 + cut(a, apart.a_scale) + cut(s, apart.s_scale);
    let within = |tolerance: &Option<Tolerance>, scale: Option<f64>| {
        let bound = tolerance.as_ref().zip(scale).map(|(t, scale)| t.approx * scale);
        // A bound that is no number is nothing to be within.
        bound.is_some_and(|bound| most < bound - bound * SLACK)
    };
    within(&flags.absolute, scale(-apart.exponent)) || within(&flags.relative, Some(apart.answer as f64))
}

/// Two numbers in one unit, ten to the power of `exponent`.
struct Apart {
    distance: u64,
    /// The answer without its sign.
    answer: u64,
    exponent: i32,
    /// The last digit of each side in that unit.
    a_scale: u64,
    s_scale: u64,
}

/// The exact distance, where all of it fits into 64 bits.
fn whole(a: &Number, s: &Number) -> Option<Apart> {
    let exponent = a.exponent.min(s.exponent);
    let up = |n: &Number| POWERS.get(usize::try_from(n.exponent - exponent).ok()?).copied();
    let (a_scale, s_scale) = (up(a)?, up(s)?);
    let (x, y) = (a.digits.checked_mul(a_scale)?, s.digits.checked_mul(s_scale)?);
    let distance = if a.negative == s.negative { x.abs_diff(y) } else { x.checked_add(y)? };
    Some(Apart { distance, answer: x, exponent, a_scale, s_scale })
}

/// Ten to the power of `exponent`, off by half an EPSILON at most.
fn scale(exponent: i32) -> Option<f64> {
    let power = *EXACT.get(exponent.unsigned_abs() as usize)?;
    Some(if exponent < 0 { 1.0 / power } else { power })
}

/// The same for numbers whose digits do not fit side by side.
fn by_doubles(a: &Number, s: &Number, flags: &Flags) -> bool {
    let double = |n: &Number| {
        let power = *EXACT.get(n.exponent.unsigned_abs() as usize)?;
        let digits = n.digits as f64;
        let value = if n.exponent < 0 { digits / power } else { digits * power };
        let last = if n.cut { value / digits } else { 0.0 };
        Some((if n.negative { -value } else { value }, last))
    };
    let (Some((x, x_last)), Some((y, y_last))) = (double(a), double(s)) else { return false };
    let most = (x - y).abs() + x_last + y_last + SLACK * (x.abs() + y.abs());
    let within = |tolerance: &Option<Tolerance>, scale: f64| {
        let bound = tolerance.as_ref().map(|t| t.approx * scale);
        bound.is_some_and(|bound| most < bound - bound * SLACK)
    };
    within(&flags.absolute, 1.0) || within(&flags.relative, x.abs())
}

/// The number at the front and its length, where it ends inside the window.
#[inline]
fn number(text: &[u8]) -> Option<(Number, usize)> {
    match plain(text) {
        Some(found) => Some(found),
        None => any(text),
    }
}

/// The commonest numbers, up to seven digits before the point and up to eleven behind it, without a loop.
#[inline]
fn plain(text: &[u8]) -> Option<(Number, usize)> {
    let negative = *text.first()? == b'-';
    let start = usize::from(negative);
    let whole = word(text, start) ^ ZEROS;
    let n = leading_digits(whole);
    let point = start + n;
    if n == 0 || *text.get(point)? != b'.' {
        return None;
    }
    let part = word(text, point + 1) ^ ZEROS;
    let mut places = leading_digits(part);
    let mut digits = front(whole, n) * POWERS[places] + front(part, places);
    if places == WORD {
        let more = word(text, point + 1 + WORD) ^ ZEROS;
        let n = leading_digits(more).min(DIGITS - 2 * WORD);
        digits = digits * POWERS[n] + front(more, n);
        places += n;
    }
    let end = point + 1 + places;
    if places == 0 || n == WORD || !is_space(*text.get(end)?) {
        return None;
    }
    Some((Number { negative, digits, exponent: -(places as i32), cut: false }, end))
}

/// How many of eight bytes are digits before the first that is none.
#[inline]
const fn leading_digits(values: u64) -> usize {
    // A byte is a digit when its value is less than ten: neither it nor it plus 118 has the top bit.
    let others = (values.wrapping_add(0x7676_7676_7676_7676) | values) & TOPS;
    others.trailing_zeros() as usize / WORD
}

/// Any number.
fn any(text: &[u8]) -> Option<(Number, usize)> {
    let mut at = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let (mut digits, mut kept, mut seen) = (0_u64, 0_usize, false);
    let (mut exponent, mut point, mut cut) = (0_i32, false, false);
    loop {
        let values = word(text, at) ^ ZEROS;
        let n = leading_digits(values);
        if n > 0 {
            seen = true;
            // Leading zeros take no room.
            kept = if digits == 0 { n } else { kept + n };
            let room = n - kept.saturating_sub(DIGITS);
            kept = kept.min(DIGITS);
            digits = digits * POWERS[room] + front(values, room);
            let left_out = n - room;
            cut |= left_out > 0 && !front(values, n).is_multiple_of(POWERS[left_out]);
            exponent += if point { -(room as i32) } else { left_out as i32 };
            at += n;
        }
        if n == WORD {
            continue;
        }
        match *text.get(at)? {
            b'.' if !point => point = true,
            b'e' | b'E' if seen => {
                let (power, len) = power(&text[at + 1..])?;
                (exponent, at) = (exponent + power, at + 1 + len);
                break;
            }
            b if is_space(b) && seen => break,
            _ => return None,
        }
        at += 1;
    }
    Some((Number { negative: text[0] == b'-', digits, exponent, cut }, at))
}

/// The power of ten behind an `e` and its length, where it is short and ends inside the window.
fn power(text: &[u8]) -> Option<(i32, usize)> {
    let sign = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let len = text[sign..].iter().take(4).take_while(|b| b.is_ascii_digit()).count();
    let end = *text.get(sign + len)?;
    if len == 0 || !is_space(end) {
        return None;
    }
    let value = text[sign..sign + len].iter().fold(0, |value, b| value * 10 + i32::from(b - b'0'));
    Some((if text[0] == b'-' { -value } else { value }, sign + len))
}

/// Eight bytes from `at` on, the first one lowest; beyond the end they are 0, which is part of no number.
#[inline]
pub(super) fn word(text: &[u8], at: usize) -> u64 {
    if let Some(bytes) = text.get(at..).and_then(<[u8]>::first_chunk::<WORD>) {
        return u64::from_le_bytes(*bytes);
    }
    let mut bytes = [0; WORD];
    let rest = text.get(at..).unwrap_or_default();
    bytes[..rest.len()].copy_from_slice(rest);
    u64::from_le_bytes(bytes)
}

/// The whole number that the first `n` of eight digits make; `values` has each one's value in its byte.
#[inline]
fn front(values: u64, n: usize) -> u64 {
    if n == 0 {
        return 0;
    }
    // The digits wanted move to the end, with zeros before them; then pairs, fours and eights are joined.
    let values = values << (8 * (WORD - n));
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(100 + (1_000_000 << 32));
    let high = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(1 + (10_000 << 32));
    low.wrapping_add(high) >> 32
}

#[cfg(test)]
mod tests {
    use problem::decimal::{Decimal, is_number};
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<(Number, usize)> {
        number(text.as_bytes())
    }

    #[test]
    fn a_number_is_read_to_its_last_digit() {
        for (text, negative, digits, exponent, cut) in [
            ("0", false, 0, 0, false),
            ("-0", true, 0, 0, false),
            ("+1.", false, 1, 0, false),
            (".5", false, 5, -1, false),
            ("-.25", true, 25, -2, false),
            ("12345678", false, 12_345_678, 0, false),
            ("123456789", false, 123_456_789, 0, false),
            ("00000000000000000000000012", false, 12, 0, false),
            ("0.00000000000000000000012", false, 12, -23, false),
            ("9999999999999999999", false, 9_999_999_999_999_999_999, 0, false),
            ("99999999999999999990", false, 9_999_999_999_999_999_999, 1, false),
            ("99999999999999999991", false, 9_999_999_999_999_999_999, 1, true),
            ("1.2345678901234567890", false, 1_234_567_890_123_456_789, -18, false),
            ("1.23456789012345678901", false, 1_234_567_890_123_456_789, -18, true),
            ("1e5", false, 1, 5, false),
            ("1.5E-12", false, 15, -13, false),
            ("-2.e+007", true, 2, 7, false),
        ] {
            let (want, token) = (Number { negative, digits, exponent, cut }, format!("{text} "));
            assert_eq!(read(&token), Some((want, text.len())), "{text}");
            assert_eq!(super::any(token.as_bytes()), read(&token), "{text}");
        }
        for other in
            ["", ".", "-", "+.", "1e", "1e+", "e5", ".e5", "1.2.3", "0x1", "--1", "1-", "nan", "1e00000"]
        {
            assert_eq!(read(&format!("{other}\n")), None, "{other}");
        }
        assert_eq!(read("12"), None, "it may go on in the next window");
        assert_eq!(read("1e12"), None, "and so may its exponent");
        assert_eq!(read("12\0 "), None, "a NUL is a byte like any other");
    }

    /// What the format says, by exact decimals.
    fn exactly(answer: &str, output: &str, flags: &Flags) -> bool {
        super::super::exactly_near(answer.as_bytes(), output.as_bytes(), flags)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn what_is_read_is_what_the_decimal_says(text in "[+-]?[0-9]{0,25}(\\.[0-9]{0,25})?([eE][+-]?[0-9]{1,3})?") {
            let token = format!("{text} ");
            prop_assert_eq!(read(&token).is_some(), is_number(text.as_bytes()), "{}", text);
            if let Some((number, len)) = read(&token) {
                prop_assert_eq!(len, text.len());
                let sign = if number.negative { "-" } else { "" };
                let low = Decimal::parse(format!("{sign}{}e{}", number.digits, number.exponent).as_bytes()).unwrap();
                let exact = Decimal::parse(text.as_bytes()).unwrap();
                let unit = Decimal::parse(format!("1e{}", number.exponent).as_bytes()).unwrap();
                let off = exact.distance(&low);
                prop_assert_eq!(off.cmp_abs(&Decimal::parse(b"0").unwrap()).is_ne(), number.cut, "{}", text);
                prop_assert!(off.cmp_abs(&unit).is_lt(), "{}", text);
            }
        }

        #[test]
        fn what_is_clearly_near_is_near_by_exact_decimals(
            answer in "-?[0-9]{1,12}(\\.[0-9]{1,15})?(e-?[0-9])?",
            sign in "[-+]?",
            shift in -30_i64..30,
            places in 0_i32..20,
            tail in "[0-9]{0,14}",
            absolute in proptest::option::of("(0|1|5)(\\.[0-9]{1,3})?e-?[0-9]{1,2}"),
            relative in proptest::option::of("(0|1|5)(\\.[0-9]{1,3})?e-?[0-9]{1,2}"),
        ) {
            // Numbers a few units of some place from each other, so that both words occur, and the border, too.
            let value: f64 = answer.parse::<f64>().unwrap() + shift as f64 * 10_f64.powi(-places);
            let output = format!("{sign}{:.*}{tail}", places as usize, value.abs());
            let output = if output.contains('.') || tail.is_empty() { output } else { output.replacen(&tail, "", 1) };
            let mut words = Vec::new();
            for (name, value) in [("float_absolute_tolerance", absolute), ("float_relative_tolerance", relative)] {
                words.extend(value.into_iter().flat_map(|v| [name.to_owned(), v]));
            }
            let flags = Flags::parse(&words).unwrap();
            let (a, o) = (format!("{answer} "), format!("{output} "));
            if let Some(lengths) = near(a.as_bytes(), o.as_bytes(), &flags) {
                prop_assert_eq!(lengths, (answer.len(), output.len()));
                let same = exactly(&answer, &output, &flags) || !flags.numeric();
                prop_assert!(same, "{} {} {:?}", answer, output, words);
            }
        }
    }
}
