//! What a variable can hold, and what is done with it.
//!
//! Integers are exact. Floating point numbers are exact as they are read and compared; what is computed of them is
//! rounded to [`PRECISION`] digits, more than the reference has.

use std::cmp::Ordering;
use std::sync::Arc;

use num_bigint::{BigInt, Sign};
use problem::decimal::Decimal;

use super::number::{DIGITS_MAX, Int, too_large};
use super::tree::Operator;
use crate::excerpt::quote;

/// Digits of a computed floating point number.
const PRECISION: usize = 100;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Int(Int),
    Float(Decimal),
    Text(Arc<[u8]>),
    /// Of a test; no variable holds one.
    Truth(bool),
}

impl Value {
    /// What this is.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Int(_) => "an integer",
            Self::Float(_) => "a floating point number",
            Self::Text(_) => "a string",
            Self::Truth(_) => "a test",
        }
    }

    /// How much work it is to look at all of it, in words.
    pub(super) fn words(&self) -> u64 {
        match self {
            Self::Int(n) => n.words(),
            Self::Float(n) => n.digits().len() as u64 / 16 + 1,
            Self::Text(text) => text.len() as u64 / 16 + 1,
            Self::Truth(_) => 1,
        }
    }

    /// Bytes it takes, about.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Int(n) => n.words() as usize * 8,
            Self::Float(n) => n.digits().len() + 32,
            Self::Text(text) => text.len() + 16,
            Self::Truth(_) => 1,
        }
    }

    /// Short and printable.
    pub(super) fn told(&self) -> String {
        let cut = |text: String| {
            let shown: String = text.chars().take(40).collect();
            if shown.len() < text.len() { format!("{shown}…") } else { shown }
        };
        match self {
            Self::Int(Int::Small(n)) => n.to_string(),
            Self::Int(n) => cut(n.big().to_string()),
            Self::Float(n) => {
                let digits: String = n.digits().iter().map(|d| char::from(b'0' + d)).collect();
                let sign = if n.is_negative() { "-" } else { "" };
                let digits = if digits.is_empty() { "0".to_owned() } else { digits };
                match n.exponent() {
                    0 => cut(format!("{sign}{digits}")),
                    exponent => format!("{}e{exponent}", cut(format!("{sign}{digits}"))),
                }
            }
            Self::Text(text) => quote(text),
            Self::Truth(truth) => truth.to_string(),
        }
    }

    pub(super) fn int(&self) -> Result<&Int, String> {
        match self {
            Self::Int(n) => Ok(n),
            other => Err(needed("an integer", other)),
        }
    }

    /// As a floating point number; an integer is one, too.
    pub(super) fn float(&self) -> Result<Decimal, String> {
        match self {
            Self::Float(n) => Ok(n.clone()),
            Self::Int(n) => Ok(of_big(&n.big(), 0)),
            other => Err(needed("a number", other)),
        }
    }

    pub(super) fn text(&self) -> Result<&Arc<[u8]>, String> {
        match self {
            Self::Text(text) => Ok(text),
            other => Err(needed("a string", other)),
        }
    }

    pub(super) fn truth(&self) -> Result<bool, String> {
        match self {
            Self::Truth(truth) => Ok(*truth),
            other => Err(needed("a test", other)),
        }
    }

    pub(super) fn negated(&self) -> Result<Self, String> {
        match self {
            Self::Int(n) => n.negated().map(Self::Int),
            other => {
                let n = other.float()?;
                let digits = n.digits().to_vec();
                Ok(Self::Float(Decimal::from_digits(!n.is_negative(), digits, n.exponent())))
            }
        }
    }

    /// Compares two of a kind, numbers of both kinds among each other.
    pub(super) fn compare(&self, other: &Self) -> Result<Ordering, String> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Ok(a.cmp(b)),
            (Self::Text(a), Self::Text(b)) => Ok(a.cmp(b)),
            (Self::Truth(a), Self::Truth(b)) => Ok(a.cmp(b)),
            (Self::Int(_) | Self::Float(_), Self::Int(_) | Self::Float(_)) => {
                Ok(self.float()?.cmp(&other.float()?))
            }
            _ => Err(format!("{} cannot be compared with {}", self.kind(), other.kind())),
        }
    }

    /// `self operator other`, for those that make a number of two.
    pub(super) fn compute(&self, operator: Operator, other: &Self) -> Result<Self, String> {
        if let (Self::Int(a), Self::Int(b)) = (self, other) {
            let computed = match operator {
                Operator::Plus => a.plus(b),
                Operator::Minus => a.minus(b),
                Operator::Times => a.times(b),
                Operator::Over => a.over(b),
                Operator::Rest => a.rest(b),
                Operator::Power => a.power(exponent(b)?),
            };
            return computed.map(Self::Int);
        }
        let computed = match operator {
            Operator::Rest => return Err("`%` is of integers".to_owned()),
            Operator::Power => power(&self.float()?, exponent(other.int()?)?),
            Operator::Plus => sum(&self.float()?, &other.float()?),
            Operator::Minus => sum(&self.float()?, &other.negated()?.float()?),
            Operator::Times => product(&self.float()?, &other.float()?),
            Operator::Over => quotient(&self.float()?, &other.float()?)?,
        };
        Ok(Self::Float(computed))
    }
}

fn needed(wanted: &str, got: &Value) -> String {
    format!("{wanted} is needed and {} is {}", got.told(), got.kind())
}

fn exponent(n: &Int) -> Result<u64, String> {
    match n {
        Int::Small(n) => u64::try_from(*n).map_err(|_| "an exponent is not negative".to_owned()),
        Int::Big(_) => Err(too_large()),
    }
}

/// The number's digits as an integer.
fn mantissa(n: &Decimal) -> BigInt {
    let sign = if n.is_negative() { Sign::Minus } else { Sign::Plus };
    BigInt::from_radix_be(sign, n.digits(), 10).unwrap_or_default()
}

fn of_big(mantissa: &BigInt, exponent: i64) -> Decimal {
    let (sign, digits) = mantissa.to_radix_be(10);
    Decimal::from_digits(sign == Sign::Minus, digits, exponent)
}

/// The nearest number with [`PRECISION`] digits, half away from zero.
fn rounded(n: Decimal) -> Decimal {
    let Some(next) = n.digits().get(PRECISION) else { return n };
    let dropped = (n.digits().len() - PRECISION) as i64;
    let kept = BigInt::from_radix_be(Sign::Plus, &n.digits()[..PRECISION], 10).unwrap_or_default();
    let kept = if *next >= 5 { kept + 1 } else { kept };
    let (_, digits) = kept.to_radix_be(10);
    Decimal::from_digits(n.is_negative(), digits, n.exponent().saturating_add(dropped))
}

fn sum(a: &Decimal, b: &Decimal) -> Decimal {
    if a.is_zero() || b.is_zero() {
        return rounded(if a.is_zero() { b.clone() } else { a.clone() });
    }
    let (high, low) = if a.magnitude() >= b.magnitude() { (a, b) } else { (b, a) };
    // What lies beyond the last digit of the result cannot change it by more than its rounding.
    if high.exponent().min(high.magnitude() - 2 * PRECISION as i64) > low.magnitude() {
        return rounded(high.clone());
    }
    let exponent = a.exponent().min(b.exponent());
    let spread = |n: &Decimal| {
        // Both are of magnitudes close to each other, so the places are at most those of their digits and some.
        let places = u32::try_from(n.exponent() - exponent).unwrap_or(u32::MAX).min(3 * DIGITS_MAX as u32);
        mantissa(n) * BigInt::from(10).pow(places)
    };
    rounded(of_big(&(spread(a) + spread(b)), exponent))
}

fn product(a: &Decimal, b: &Decimal) -> Decimal {
    rounded(of_big(&(mantissa(a) * mantissa(b)), a.exponent().saturating_add(b.exponent())))
}

fn quotient(a: &Decimal, b: &Decimal) -> Result<Decimal, String> {
    if b.is_zero() {
        return Err("a division by zero".to_owned());
    }
    // Digits enough that the quotient has two more than are kept.
    let more = (PRECISION + 2 + b.digits().len()).saturating_sub(a.digits().len());
    let numerator = mantissa(a) * BigInt::from(10).pow(more as u32);
    let exponent = a.exponent().saturating_sub(b.exponent()).saturating_sub(more as i64);
    Ok(rounded(of_big(&(numerator / mantissa(b)), exponent)))
}

/// By squaring; as many steps as the exponent has bits, 63 at most.
fn power(base: &Decimal, mut exponent: u64) -> Decimal {
    let mut base = rounded(base.clone());
    let mut result = of_big(&BigInt::from(1), 0);
    while exponent > 0 {
        if !exponent.is_multiple_of(2) {
            result = product(&result, &base);
        }
        exponent /= 2;
        if exponent > 0 {
            base = product(&base, &base);
        }
    }
    result
}
