//! Integers of any size, up to a bound far above what inputs have, and what the language does with them.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

/// Most bits of an integer: 19,728 digits. What takes longer than a comparison of such is charged for.
pub(super) const BITS_MAX: u64 = 1 << 16;

/// Decimal digits that certainly fit, and with which every larger number is told from all that can be named.
pub(super) const DIGITS_MAX: usize = 19_728;

/// An integer. One that fits into `Small` is never `Big`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Int {
    Small(i64),
    Big(BigInt),
}

impl Int {
    /// Reads `-?[0-9]+`, leading zeros or not.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        if text.len() <= 18 {
            let word = str::from_utf8(text).unwrap_or_default();
            return word.parse().map(Self::Small).map_err(|_| "this is no integer".to_owned());
        }
        if digits.len() > DIGITS_MAX {
            return Err(too_large());
        }
        Self::of(BigInt::parse_bytes(text, 10).ok_or_else(|| "this is no integer".to_owned())?)
    }

    /// Normal form.
    fn of(big: BigInt) -> Result<Self, String> {
        match i64::try_from(&big) {
            Ok(small) => Ok(Self::Small(small)),
            Err(_) if big.bits() > BITS_MAX => Err(too_large()),
            Err(_) => Ok(Self::Big(big)),
        }
    }

    pub(super) fn big(&self) -> BigInt {
        match self {
            Self::Small(n) => BigInt::from(*n),
            Self::Big(n) => n.clone(),
        }
    }

    /// Words of 64 bits, at least one.
    pub(super) fn words(&self) -> u64 {
        match self {
            Self::Small(_) => 1,
            Self::Big(n) => n.bits() / 64 + 1,
        }
    }

    /// Whether it is below zero.
    pub(super) fn is_negative(&self) -> bool {
        match self {
            Self::Small(n) => *n < 0,
            Self::Big(n) => n.sign() == Sign::Minus,
        }
    }

    /// As an unsigned number of 32 bits.
    pub(super) fn to_u32(&self) -> Option<u32> {
        match self {
            Self::Small(n) => u32::try_from(*n).ok(),
            Self::Big(_) => None,
        }
    }

    pub(super) fn negated(&self) -> Result<Self, String> {
        self.with(&Self::Small(0), |a, _| a.checked_neg(), |a, _| -a)
    }

    pub(super) fn plus(&self, other: &Self) -> Result<Self, String> {
        self.with(other, i64::checked_add, |a, b| a + b)
    }

    pub(super) fn minus(&self, other: &Self) -> Result<Self, String> {
        self.with(other, i64::checked_sub, |a, b| a - b)
    }

    pub(super) fn times(&self, other: &Self) -> Result<Self, String> {
        self.with(other, i64::checked_mul, |a, b| a * b)
    }

    /// Rounded towards zero.
    pub(super) fn over(&self, other: &Self) -> Result<Self, String> {
        other.not_zero()?;
        self.with(other, i64::checked_div, |a, b| a / b)
    }

    /// What [`over`](Self::over) leaves; it has the sign of `self`.
    pub(super) fn rest(&self, other: &Self) -> Result<Self, String> {
        other.not_zero()?;
        self.with(other, i64::checked_rem, |a, b| a % b)
    }

    /// Bits that [`power`](Self::power) would have at most.
    pub(super) fn power_bits(&self, exponent: u64) -> u64 {
        self.big().bits().saturating_mul(exponent)
    }

    pub(super) fn power(&self, exponent: u64) -> Result<Self, String> {
        match self {
            Self::Small(0 | 1) if exponent > 0 => return Ok(self.clone()),
            Self::Small(-1) => return Ok(Self::Small(if exponent.is_multiple_of(2) { 1 } else { -1 })),
            _ => {}
        }
        // A power has at least half of the bits said, so what is refused here is too large in any case.
        if self.power_bits(exponent) > 2 * BITS_MAX {
            return Err(too_large());
        }
        Self::of(self.big().pow(u32::try_from(exponent).map_err(|_| too_large())?))
    }

    fn not_zero(&self) -> Result<(), String> {
        if *self == Self::Small(0) { Err("a division by zero".to_owned()) } else { Ok(()) }
    }

    fn with(
        &self,
        other: &Self,
        small: impl Fn(i64, i64) -> Option<i64>,
        big: impl Fn(BigInt, BigInt) -> BigInt,
    ) -> Result<Self, String> {
        if let (Self::Small(a), Self::Small(b)) = (self, other)
            && let Some(n) = small(*a, *b)
        {
            return Ok(Self::Small(n));
        }
        Self::of(big(self.big(), other.big()))
    }
}

impl PartialOrd for Int {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Int {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Small(a), Self::Small(b)) => a.cmp(b),
            (Self::Big(a), Self::Big(b)) => a.cmp(b),
            // What is big lies beyond all that is small, on its side.
            (Self::Big(_), Self::Small(_)) if self.is_negative() => Ordering::Less,
            (Self::Big(_), Self::Small(_)) => Ordering::Greater,
            (Self::Small(_), Self::Big(_)) => other.cmp(self).reverse(),
        }
    }
}

pub(super) fn too_large() -> String {
    format!("a number with more than {DIGITS_MAX} digits")
}
