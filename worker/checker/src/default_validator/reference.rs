//! The default validator once more, slow and right by inspection: splits into vectors, compares numbers as fractions of
//! whole numbers. What tests and fuzzers hold the fast one against.

use num_bigint::BigInt;

use super::is_space;

/// Largest power of ten beside the digits of a number, for which whole numbers are still small.
const POWER_MAX: i64 = 400;

/// The flags, as the words of the format have them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rules<'a> {
    pub(crate) case_sensitive: bool,
    pub(crate) space_change_sensitive: bool,
    pub(crate) absolute: Option<&'a str>,
    pub(crate) relative: Option<&'a str>,
}

impl Rules<'_> {
    /// The words a package would write.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words: Vec<&str> = Vec::new();
        words.extend(self.case_sensitive.then_some("case_sensitive"));
        words.extend(self.space_change_sensitive.then_some("space_change_sensitive"));
        words.extend(self.absolute.iter().flat_map(|e| ["float_absolute_tolerance", e]));
        words.extend(self.relative.iter().flat_map(|e| ["float_relative_tolerance", e]));
        words.into_iter().map(str::to_owned).collect()
    }
}

/// A number as `digits * 10^power`.
#[derive(Debug, Clone)]
struct Number {
    digits: BigInt,
    power: i64,
}

/// What a token is.
#[derive(Debug, Clone)]
enum Token {
    Text,
    Number(Number),
    /// A number of a size that nobody wants to write out.
    Extreme,
}

/// Cut after the grammar `sign? (d* . d+ | d+ . | d+) ([eE] sign? d+)?`, read from left to right.
fn token(text: &[u8]) -> Token {
    let Ok(text) = std::str::from_utf8(text) else { return Token::Text };
    let (mantissa, power) = match text.split_once(['e', 'E']) {
        Some((mantissa, power)) => (mantissa, Some(power)),
        None => (text, None),
    };
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let sign_off = |text: &str| text.strip_prefix(['+', '-']).unwrap_or(text).to_owned();
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (mantissa, ""),
    };
    let whole = sign_off(whole);
    if !all_digits(&whole) || !all_digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return Token::Text;
    }
    if power.is_some_and(|power| sign_off(power).is_empty() || !all_digits(&sign_off(power))) {
        return Token::Text;
    }
    let Ok(power) = power.unwrap_or("0").parse::<i64>() else { return Token::Extreme };
    if power.abs() > POWER_MAX || fraction.len() + whole.len() > POWER_MAX as usize {
        return Token::Extreme;
    }
    let digits: BigInt = format!("{whole}{fraction}").parse().expect("digits");
    let digits = if mantissa.starts_with('-') { -digits } else { digits };
    Token::Number(Number { digits, power: power - fraction.len() as i64 })
}

/// `number` as a whole number of units of `10^power`, which is no larger than its own.
fn in_units(number: &Number, power: i64) -> BigInt {
    &number.digits * BigInt::from(10).pow((number.power - power) as u32)
}

/// Whether `output` is a number within the tolerances of `answer`.
fn near(answer: &Number, output: &Number, rules: &Rules<'_>) -> bool {
    let unit = answer.power.min(output.power);
    let error = Number { digits: in_units(answer, unit) - in_units(output, unit), power: unit };
    let within = |bound: &Number| {
        let unit = error.power.min(bound.power);
        let size = |number: &Number| BigInt::from(in_units(number, unit).magnitude().clone());
        size(&error) <= size(bound)
    };
    let bound = |word: &str| match token(word.as_bytes()) {
        Token::Number(bound) => bound,
        Token::Text | Token::Extreme => panic!("`{word}` is no tolerance to test with"),
    };
    let times =
        |bound: Number| Number { digits: bound.digits * &answer.digits, power: bound.power + answer.power };
    rules.absolute.is_some_and(|word| within(&bound(word)))
        || rules.relative.is_some_and(|word| within(&times(bound(word))))
}

/// Whether both are written otherwise and are still one double that says what it is: 52 bits are what the format asks
/// of a judge.
fn one_double(answer: &[u8], output: &[u8]) -> bool {
    let double = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    match (double(answer), double(output)) {
        (Some(x), Some(y)) => x.to_bits() == y.to_bits() && x.is_normal(),
        _ => false,
    }
}

/// The parts of `text` between bytes of which `between` is true.
fn parts(text: &[u8], between: impl Fn(u8) -> bool) -> Vec<&[u8]> {
    text.split(|b| between(*b)).filter(|part| !part.is_empty()).collect()
}

/// Whether the output is accepted; `None` where a number is too extreme to tell this way.
pub(crate) fn accepts(answer: &[u8], output: &[u8], rules: &Rules<'_>) -> Option<bool> {
    let (tokens, got) = (parts(answer, is_space), parts(output, is_space));
    let mut same = tokens.len() == got.len();
    if rules.space_change_sensitive {
        let begins = |text: &[u8]| text.first().copied().is_some_and(is_space);
        same &= begins(answer) == begins(output);
        same &= parts(answer, |b| !is_space(b)) == parts(output, |b| !is_space(b));
    }
    let numeric = rules.absolute.is_some() || rules.relative.is_some();
    for (x, y) in tokens.iter().zip(&got) {
        same &= match (numeric, token(x), token(y)) {
            (true, Token::Number(a), Token::Number(b)) => x == y || one_double(x, y) || near(&a, &b, rules),
            (true, Token::Number(_) | Token::Extreme, Token::Text) => false,
            (true, Token::Extreme, _) | (true, Token::Number(_), Token::Extreme) => return None,
            _ if rules.case_sensitive => x == y,
            _ => x.eq_ignore_ascii_case(y),
        };
    }
    Some(same)
}
