//! Exact decimal numbers, as far as a tolerance needs them: read, subtract, multiply, compare.
//!
//! Doubles decide nearly every comparison; this module decides the ones on the very edge, where `1.1` is
//! exactly `0.1` away from `1.0` but two roundings say otherwise. Exponents are kept beside the digits, so
//! `1e-20000` costs six bytes and is still not zero.

use std::cmp::Ordering;

/// A decimal number: sign, digits without leading or trailing zeros, and the exponent of the last digit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    /// Values 0 to 9, most significant first; empty for zero.
    digits: Vec<u8>,
    /// Power of ten of the last digit; 0 for zero.
    exponent: i64,
}

/// A difference of two numbers whose digits lie further apart than this is taken for the larger of them.
const SPAN: i64 = 20_000;

/// Exponents are clamped here, so that sums of a few never overflow.
const EXPONENT: i64 = i64::MAX / 8;
/// Largest power of ten a computed number keeps, so that two of them can still be added.
const COMPUTED: i64 = i64::MAX / 4;

/// A number in the grammar of the default output validator, cut into its parts.
#[derive(Debug, Clone, Copy)]
struct Parts<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

/// Whether `token` is `sign? (d*.d+ | d+. | d+) ([eE] sign? d+)?`: no inf, no nan, no hexadecimal.
pub fn is_number(token: &[u8]) -> bool {
    parts(token).is_some()
}

fn take_sign(text: &[u8]) -> (bool, &[u8]) {
    match text.first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn take_digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len()))
}

fn parts(token: &[u8]) -> Option<Parts<'_>> {
    let (negative, rest) = take_sign(token);
    let (whole, rest) = take_digits(rest);
    let (fraction, rest) = match rest.split_first() {
        Some((b'.', rest)) => take_digits(rest),
        _ => (&[][..], rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let exponent = match rest.split_first() {
        None => 0,
        Some((b'e' | b'E', rest)) => {
            let (minus, rest) = take_sign(rest);
            let (digits, rest) = take_digits(rest);
            if digits.is_empty() || !rest.is_empty() {
                return None;
            }
            let size = digits
                .iter()
                .fold(0i64, |n, b| n.saturating_mul(10).saturating_add(i64::from(b - b'0')))
                .min(EXPONENT);
            if minus { -size } else { size }
        }
        Some(_) => return None,
    };
    Some(Parts { negative, whole, fraction, exponent })
}

impl Decimal {
    /// Reads a token of the validator's number grammar; `None` when it is no number.
    pub fn parse(token: &[u8]) -> Option<Self> {
        let Parts { negative, whole, fraction, exponent } = parts(token)?;
        let digits = whole.iter().chain(fraction).map(|b| b - b'0').collect();
        Some(Self::from_digits(negative, digits, exponent - fraction.len() as i64))
    }

    /// The number whose `digits`, each 0 to 9 and the most significant first, are times `10^exponent`.
    pub fn from_digits(negative: bool, mut digits: Vec<u8>, exponent: i64) -> Self {
        let mut exponent = exponent.clamp(-COMPUTED, COMPUTED);
        let zeros = digits.iter().rev().take_while(|d| **d == 0).count();
        digits.truncate(digits.len() - zeros);
        exponent += zeros as i64;
        let leading = digits.iter().take_while(|d| **d == 0).count();
        digits.drain(..leading);
        if digits.is_empty() {
            return Self { negative: false, digits, exponent: 0 };
        }
        Self { negative, digits, exponent }
    }

    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// Whether it is zero, of either sign.
    pub fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// Values 0 to 9, most significant first, none of them a leading or trailing zero; empty for zero.
    pub fn digits(&self) -> &[u8] {
        &self.digits
    }

    /// Power of ten of the last digit; 0 for zero.
    pub fn exponent(&self) -> i64 {
        self.exponent
    }

    /// Power of ten of the first digit.
    pub fn magnitude(&self) -> i64 {
        self.exponent + self.digits.len() as i64 - 1
    }

    /// The number times `10^places`, rounded half away from zero to a whole one; `None` when that does not
    /// fit.
    pub fn scaled(&self, places: u32) -> Option<i128> {
        let shift = self.exponent + i64::from(places);
        let keep = (self.digits.len() as i64).checked_add(shift.min(0))?;
        let kept = self.digits.get(..usize::try_from(keep.max(0)).ok()?)?;
        let mut whole = 0i128;
        for digit in kept {
            whole = whole.checked_mul(10)?.checked_add(i128::from(*digit))?;
        }
        if keep >= 0 && self.digits.get(keep as usize).is_some_and(|next| *next >= 5) {
            whole = whole.checked_add(1)?;
        }
        if shift > 0 && whole != 0 {
            whole = whole.checked_mul(10i128.checked_pow(u32::try_from(shift).ok()?)?)?;
        }
        Some(if self.negative { -whole } else { whole })
    }

    /// Compares the absolute values.
    pub fn cmp_abs(&self, other: &Self) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            // Without trailing zeros, digits of one magnitude order like text.
            (false, false) => {
                self.magnitude().cmp(&other.magnitude()).then_with(|| self.digits.cmp(&other.digits))
            }
        }
    }

    /// The absolute value of `self - other`. Exact while the digits of both fit into 20,000 places;
    /// beyond that the smaller number is dropped.
    #[must_use]
    pub fn distance(&self, other: &Self) -> Self {
        let (large, small) = if self.cmp_abs(other).is_ge() { (self, other) } else { (other, self) };
        if self == other {
            return Self { negative: false, digits: Vec::new(), exponent: 0 };
        }
        if small.is_zero() || large.magnitude() - small.exponent.min(large.exponent) > SPAN {
            return Self { negative: false, ..large.clone() };
        }
        let low = large.exponent.min(small.exponent);
        let width = (large.magnitude() - low + 1) as usize;
        let (a, b) = (large.spread(low, width), small.spread(low, width));
        let mut out = Vec::with_capacity(width + 1);
        let subtract = self.negative == other.negative;
        let mut carry = 0i8;
        for (x, y) in a.iter().rev().zip(b.iter().rev()) {
            let sum = if subtract { *x as i8 - *y as i8 + carry } else { *x as i8 + *y as i8 + carry };
            carry = sum.div_euclid(10);
            out.push(sum.rem_euclid(10) as u8);
        }
        if carry > 0 {
            out.push(carry as u8);
        }
        out.reverse();
        Self::from_digits(false, out, low)
    }

    /// Digits from the first of `width` places down to the place `low`.
    fn spread(&self, low: i64, width: usize) -> Vec<u8> {
        let tail = (self.exponent - low) as usize;
        let mut out = vec![0; width - tail - self.digits.len()];
        out.extend_from_slice(&self.digits);
        out.resize(width, 0);
        out
    }

    /// The absolute value of the product. Time is the product of the lengths.
    #[must_use]
    pub fn times_abs(&self, other: &Self) -> Self {
        let mut sums = vec![0u64; self.digits.len() + other.digits.len()];
        for (i, x) in self.digits.iter().enumerate() {
            for (j, y) in other.digits.iter().enumerate() {
                sums[i + j + 1] += u64::from(x * y);
            }
        }
        for i in (1..sums.len()).rev() {
            sums[i - 1] += sums[i] / 10;
            sums[i] %= 10;
        }
        let digits = sums.into_iter().map(|d| d as u8).collect();
        Self::from_digits(false, digits, self.exponent + other.exponent)
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.cmp_abs(other),
            (true, true) => other.cmp_abs(self),
            // Zero is not negative.
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_grammar_is_strict() {
        for text in ["0", "+1", "-1.5", ".5", "5.", "1e5", "1.E+5", ".5e-05", "00012"] {
            assert!(is_number(text.as_bytes()), "{text}");
        }
        for text in [
            "", ".", "+", "e5", ".e5", "1e", "1e+", "0x10", "inf", "nan", "1_0", "1 ", "1..", "--1", "1f",
            "1\0",
        ] {
            assert!(!is_number(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn equal_values_have_one_form() {
        for (a, b) in [("1", "1.000"), ("100", "1e2"), ("-0", "0"), ("0e99", "0.0"), ("0.010", "1e-2")] {
            assert_eq!(d(a), d(b));
        }
        assert_ne!(d("1e-20000"), d("0"));
        for (text, digits, exponent, magnitude) in [
            ("0.0e9", &[][..], 0, -1),
            ("120", &[1, 2], 1, 2),
            ("-0.0305", &[3, 0, 5], -4, -2),
            ("7e-3", &[7], -3, -3),
        ] {
            let got = d(text);
            assert_eq!((got.digits(), got.exponent(), got.magnitude()), (digits, exponent, magnitude));
            assert_eq!((got.is_negative(), got.is_zero()), (text.starts_with('-'), digits.is_empty()));
        }
    }

    #[test]
    fn distance_is_exact_and_symmetric() {
        for (a, b, want) in [
            ("1.1", "1.0", "0.1"),
            ("-1", "1", "2"),
            ("1e30", "1", "999999999999999999999999999999"),
            ("999", "-1", "1000"),
            ("0", "-7.5", "7.5"),
            ("123456789012345678901234567891", "123456789012345678901234567890", "1"),
        ] {
            assert_eq!(d(a).distance(&d(b)), d(want), "{a} {b}");
            assert_eq!(d(b).distance(&d(a)), d(want), "{b} {a}");
        }
    }

    #[test]
    fn numbers_order_by_their_values_and_zero_has_no_sign() {
        let ordered = ["-1e9", "-2", "-1.5", "-0.1", "0", "1e-400", "0.1", "1.5", "2", "1e9"];
        for (i, a) in ordered.iter().enumerate() {
            for (j, b) in ordered.iter().enumerate() {
                assert_eq!(d(a).cmp(&d(b)), i.cmp(&j), "{a} {b}");
                assert_eq!(d(a).partial_cmp(&d(b)), Some(i.cmp(&j)), "{a} {b}");
            }
        }
        assert_eq!(d("-0").cmp(&d("0")), Ordering::Equal);
    }

    #[test]
    fn a_number_is_scaled_to_a_whole_one_rounded_half_away_from_zero_where_it_fits() {
        for (text, places, want) in [
            ("0", 9, Some(0)),
            ("1.5", 0, Some(2)),
            ("-1.5", 0, Some(-2)),
            ("1.49", 0, Some(1)),
            ("1.49", 1, Some(15)),
            ("1.49", 2, Some(149)),
            ("1.49", 3, Some(1490)),
            ("0.5", 0, Some(1)),
            ("0.05", 0, Some(0)),
            ("0.95", 1, Some(10)),
            ("12e3", 1, Some(120_000)),
            ("1e37", 1, Some(10i128.pow(38))),
            ("1e38", 1, None),
            ("1e999", 0, None),
            ("1e-999", 9, Some(0)),
        ] {
            assert_eq!(d(text).scaled(places), want, "{text} {places}");
        }
    }

    #[test]
    fn huge_exponents_cost_nothing() {
        let huge = d("1e999999999999999999999999");
        assert_eq!(huge.distance(&d("1")).cmp_abs(&d("5")), Ordering::Greater);
        assert_eq!(d("1e-99999999999999999999").cmp_abs(&d("0")), Ordering::Greater);
        assert_eq!(huge.times_abs(&huge).cmp_abs(&huge), Ordering::Greater);
        // As far apart as is still told exactly, and one place further.
        assert_eq!(d("1e20000").distance(&d("1")).digits().len(), 20_000);
        assert_eq!(d("1e20001").distance(&d("1")), d("1e20001"));
        assert_eq!(d("1").distance(&d("1e-20000")).digits().len(), 20_000);
        assert_eq!(d("1").distance(&d("1e-20001")), d("1"));
        assert_eq!(d("3e25000").distance(&d("1e25000")), d("2e25000"), "only their distance counts");
    }

    #[test]
    fn products_are_exact() {
        assert_eq!(d("1e-6").times_abs(&d("-1000000")), d("1"));
        assert_eq!(d("99.9").times_abs(&d("0.999")), d("99.8001"));
        assert_eq!(d("0").times_abs(&d("5")), d("0"));
    }
}
