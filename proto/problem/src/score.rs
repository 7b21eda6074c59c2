//! Exact scores: fractions of 128-bit integers, so that `100 / 3` three times is 100 and not 99.99.
//!
//! Texts are read to nine decimal places and rounded half up beyond them; after that nothing is rounded
//! until a score is shown, once. Arithmetic that would overflow gives `None`, which its caller reports as
//! the package's fault: no package that means what it says comes near.

use std::cmp::Ordering;
use std::fmt;

use crate::decimal::Decimal;

/// Decimal places read and shown.
pub const PLACES: u32 = 9;
const SCALE: i128 = 10i128.pow(PLACES);
/// Largest score a text may name, either way from zero.
pub const MAX: i128 = 1_000_000_000_000_000;

/// A score. Never loses a digit between being read and being shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Score {
    /// In lowest terms, and `over` is positive, so that equal scores have equal fields.
    top: i128,
    over: i128,
}

impl Score {
    /// Zero.
    pub const ZERO: Self = Self { top: 0, over: 1 };
    /// One.
    pub const ONE: Self = Self { top: 1, over: 1 };

    /// A whole score.
    pub const fn whole(n: u32) -> Self {
        Self { top: n as i128, over: 1 }
    }

    /// Reads a decimal number in the grammar of the default validator, within [`MAX`] of zero; `None` for
    /// anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let scaled = Decimal::parse(text.as_bytes())?.scaled(PLACES)?;
        (scaled.unsigned_abs() <= (MAX * SCALE).unsigned_abs()).then(|| Self::normal(scaled, SCALE))
    }

    fn normal(top: i128, over: i128) -> Self {
        let (mut a, mut b) = (top.unsigned_abs(), over.unsigned_abs());
        while b != 0 {
            (a, b) = (b, a % b);
        }
        // `over` is positive and at most i128::MAX, so is every divisor of it.
        let common = (a as i128).max(1);
        Self { top: top / common, over: over / common }
    }

    /// The sum; `None` when it cannot be kept exactly.
    pub fn plus(self, other: Self) -> Option<Self> {
        let top = self.top.checked_mul(other.over)?.checked_add(other.top.checked_mul(self.over)?)?;
        Some(Self::normal(top, self.over.checked_mul(other.over)?))
    }

    /// The difference; `None` when it cannot be kept exactly.
    pub fn minus(self, other: Self) -> Option<Self> {
        self.plus(Self { top: other.top.checked_neg()?, over: other.over })
    }

    /// The product; `None` when it cannot be kept exactly.
    pub fn times(self, other: Self) -> Option<Self> {
        // Taking common factors out first keeps what fits from overflowing on the way.
        let (a, b) = (Self::normal(self.top, other.over), Self::normal(other.top, self.over));
        Some(Self { top: a.top.checked_mul(b.top)?, over: a.over.checked_mul(b.over)? })
    }

    /// An equal share of it for each of `parts`; `None` for no parts, or when it cannot be kept exactly.
    pub fn shared(self, parts: usize) -> Option<Self> {
        let parts = i128::try_from(parts).ok().filter(|n| *n > 0)?;
        self.times(Self { top: 1, over: parts })
    }

    /// The quotient; `None` by zero, or when it cannot be kept exactly.
    pub fn over(self, other: Self) -> Option<Self> {
        let sign = other.top.signum();
        (sign != 0).then_some(())?;
        self.times(Self { top: other.over.checked_mul(sign)?, over: other.top.checked_abs()? })
    }

    /// The smallest whole number that is not below it.
    pub fn ceiling(self) -> Option<i128> {
        self.top.checked_neg()?.div_euclid(self.over).checked_neg()
    }

    /// Whether it is below zero.
    pub const fn is_negative(self) -> bool {
        self.top < 0
    }
}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        // Whole parts first, then the reciprocals of what is left: Euclid's steps, which never overflow.
        let (mut a, mut b, mut turned) = ((self.top, self.over), (other.top, other.over), false);
        loop {
            let whole = a.0.div_euclid(a.1).cmp(&b.0.div_euclid(b.1));
            let rest = (a.0.rem_euclid(a.1), b.0.rem_euclid(b.1));
            let order = match (whole, rest) {
                (Ordering::Equal, (0, 0)) => Ordering::Equal,
                (Ordering::Equal, (0, _)) => Ordering::Less,
                (Ordering::Equal, (_, 0)) => Ordering::Greater,
                (Ordering::Equal, (x, y)) => {
                    (a, b, turned) = ((a.1, x), (b.1, y), !turned);
                    continue;
                }
                (order, _) => order,
            };
            return if turned { order.reverse() } else { order };
        }
    }
}

/// The decimal string of the API: as many places as needed, nine at most, the last one rounded half up.
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (size, mut over) = (self.top.unsigned_abs(), self.over.unsigned_abs());
        let (mut whole, mut rest, mut digits) = (size / over, size % over, 0u128);
        // Ten times `rest`, which is less than `over`, has to fit; what is dropped for it is far below a ninth digit.
        if over > u128::MAX / 10 {
            (rest, over) = (rest >> 4, over >> 4);
        }
        for _ in 0..PLACES {
            let ten = rest * 10;
            digits = digits * 10 + ten / over;
            rest = ten % over;
        }
        if rest >= over - rest {
            digits += 1;
        }
        let scale = SCALE.unsigned_abs();
        whole += digits / scale;
        digits %= scale;
        if self.top < 0 && (whole, digits) != (0, 0) {
            f.write_str("-")?;
        }
        let fraction = format!("{digits:0width$}", width = PLACES as usize);
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{whole}"),
            fraction => write!(f, "{whole}.{fraction}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(text: &str) -> Score {
        Score::parse(text).unwrap()
    }

    #[test]
    fn thirds_add_up_to_the_whole() {
        let third = Score::whole(100).shared(3).unwrap();
        assert_eq!(third.to_string(), "33.333333333");
        assert_eq!(third.plus(third).unwrap().plus(third).unwrap(), Score::whole(100));
    }

    #[test]
    fn texts_are_read_exactly_and_shown_without_needless_digits() {
        for (text, shown) in [
            ("0", "0"),
            ("-0.0", "0"),
            ("1e2", "100"),
            ("0.1", "0.1"),
            (".5", "0.5"),
            ("7.", "7"),
            ("33.330", "33.33"),
            ("-2.5e-1", "-0.25"),
            ("0.1234567895", "0.12345679"),
            ("0.0000000004", "0"),
            ("0.0000000005", "0.000000001"),
            ("1e15", "1000000000000000"),
            ("0.9999999999", "1"),
        ] {
            assert_eq!(score(text).to_string(), shown, "{text}");
        }
        for text in ["", "x", "1e16", "-1e16", "inf", "nan", "0x1", "1 2", "1e999999999999", "1,5"] {
            assert_eq!(Score::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_tenth_thrice_is_three_tenths_and_a_product_stays_exact() {
        let tenth = score("0.1");
        assert_eq!(tenth.plus(tenth).unwrap().plus(tenth).unwrap(), score("0.3"));
        let part = Score::whole(100).shared(7).unwrap().times(score("0.07")).unwrap();
        assert_eq!(part, Score::ONE);
        assert_eq!(score("2").minus(score("2.5")).unwrap().to_string(), "-0.5");
    }

    #[test]
    fn a_fraction_of_the_longest_numbers_is_shown_to_its_ninth_digit() {
        const MOST: i128 = i128::MAX;
        for (top, over, shown) in [
            (MOST / 4, MOST, "0.25"),
            (MOST / 3, MOST, "0.333333333"),
            (MOST / 3 * 2, MOST, "0.666666667"),
            (-(MOST / 8), MOST, "-0.125"),
            (MOST - 1, MOST, "1"),
            (5, MOST, "0"),
            (-5, MOST, "0"),
            (MOST, MOST / 7, "7"),
            (MOST / 10 + 1, MOST / 10 * 3, "0.333333333"),
        ] {
            assert_eq!(Score { top, over }.to_string(), shown, "{top}/{over}");
        }
    }

    #[test]
    fn only_what_is_below_zero_is_negative() {
        for (text, negative) in
            [("-1", true), ("-0.000000001", true), ("0", false), ("-0", false), ("1", false)]
        {
            assert_eq!(score(text).is_negative(), negative, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_kept_is_none_and_never_wraps() {
        let mut small = Some(Score::ONE);
        for n in 2..60 {
            small = small.and_then(|s| s.shared(n));
        }
        assert_eq!(small, None);
        assert_eq!(Score::ONE.shared(0), None);
    }

    proptest::proptest! {
        #[test]
        fn scores_order_like_their_numbers(a in -1_000_000i64..1_000_000, b in -1_000_000i64..1_000_000, c in 1usize..1000, d in 1usize..1000) {
            let make = |n: i64, over| Score::parse(&n.to_string()).unwrap().shared(over).unwrap();
            let want = (i128::from(a) * d as i128).cmp(&(i128::from(b) * c as i128));
            proptest::prop_assert_eq!(make(a, c).cmp(&make(b, d)), want);
        }
    }
}
