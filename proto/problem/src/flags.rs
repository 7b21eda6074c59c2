//! Flags of the format's default output validator, parsed once.
//!
//! They stand here, below the checker that obeys them, so that a package with a bad flag is refused when it
//! is read and not when the first submission meets it.

use crate::decimal::Decimal;

/// A tolerance, kept both exactly as written and as the nearest double.
#[derive(Debug, Clone, PartialEq)]
pub struct Tolerance {
    /// The exact value, never negative.
    pub exact: Decimal,
    /// The nearest double.
    pub approx: f64,
}

/// What the default validator was asked to do. The default compares tokens, ignoring ASCII case.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Flags {
    /// `case_sensitive`: bytes of a token must be equal.
    pub case_sensitive: bool,
    /// `space_change_sensitive`: white space must be equal byte by byte.
    pub space_change_sensitive: bool,
    /// `float_relative_tolerance e`, or half of `float_tolerance e`.
    pub relative: Option<Tolerance>,
    /// `float_absolute_tolerance e`, or half of `float_tolerance e`.
    pub absolute: Option<Tolerance>,
}

/// A list of flags that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlagError {
    /// Nobody knows the word.
    #[error(
        "`{0}` is not a flag of the default output validator: one of case_sensitive, \
         space_change_sensitive, float_relative_tolerance, float_absolute_tolerance, float_tolerance is needed"
    )]
    Unknown(String),
    /// A tolerance at the end of the list.
    #[error("`{0}` needs a number after it, such as `{0} 1e-6`")]
    MissingValue(&'static str),
    /// A tolerance followed by something else than a number.
    #[error("`{flag} {value}`: the tolerance must be a decimal number that is not negative, such as `1e-6`")]
    BadValue {
        /// The tolerance flag.
        flag: &'static str,
        /// What followed.
        value: String,
    },
    /// The same tolerance twice.
    #[error("`{0}` is given twice; give it once")]
    Repeated(&'static str),
    /// `float_tolerance` beside one of its halves.
    #[error("`float_tolerance` sets both tolerances and cannot stand beside `{0}`; use one or the other")]
    Mixed(&'static str),
}

const RELATIVE: &str = "float_relative_tolerance";
const ABSOLUTE: &str = "float_absolute_tolerance";
const BOTH: &str = "float_tolerance";

/// Longest value quoted in a message.
const QUOTED: usize = 60;

impl Flags {
    /// Reads a list of arguments, one word each.
    ///
    /// # Errors
    /// The first word that is unknown, repeated, contradictory, or lacks its number.
    pub fn parse(args: &[String]) -> Result<Self, FlagError> {
        let (mut flags, mut both) = (Flags::default(), None);
        let mut words = args.iter();
        while let Some(word) = words.next() {
            let (name, slot) = match word.as_str() {
                "case_sensitive" => {
                    flags.case_sensitive = true;
                    continue;
                }
                "space_change_sensitive" => {
                    flags.space_change_sensitive = true;
                    continue;
                }
                RELATIVE => (RELATIVE, &mut flags.relative),
                ABSOLUTE => (ABSOLUTE, &mut flags.absolute),
                BOTH => (BOTH, &mut both),
                other => return Err(FlagError::Unknown(other.chars().take(QUOTED).collect())),
            };
            if slot.is_some() {
                return Err(FlagError::Repeated(name));
            }
            *slot = Some(tolerance(name, words.next())?);
        }
        if let Some(both) = both {
            if flags.relative.is_some() {
                return Err(FlagError::Mixed(RELATIVE));
            }
            if flags.absolute.is_some() {
                return Err(FlagError::Mixed(ABSOLUTE));
            }
            flags.relative = Some(both.clone());
            flags.absolute = Some(both);
        }
        Ok(flags)
    }

    /// Reads a string of flags separated by white space, as `tribunal check --validator-flags` takes it.
    ///
    /// # Errors
    /// See [`Flags::parse`].
    pub fn parse_line(text: &str) -> Result<Self, FlagError> {
        Self::parse(&text.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    /// Whether tokens of the answer that are numbers are compared as numbers.
    pub fn numeric(&self) -> bool {
        self.relative.is_some() || self.absolute.is_some()
    }
}

fn tolerance(flag: &'static str, value: Option<&String>) -> Result<Tolerance, FlagError> {
    let value = value.ok_or(FlagError::MissingValue(flag))?;
    let bad = || FlagError::BadValue { flag, value: value.chars().take(QUOTED).collect() };
    let exact = Decimal::parse(value.as_bytes()).ok_or_else(bad)?;
    let approx: f64 = value.parse().map_err(|_| bad())?;
    if exact.is_negative() || !approx.is_finite() || value.len() > QUOTED {
        return Err(bad());
    }
    Ok(Tolerance { exact, approx })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn float_tolerance_sets_both_tolerances() {
        let flags = Flags::parse_line("float_tolerance 1e-6 case_sensitive").unwrap();
        assert_eq!(flags.relative, flags.absolute);
        assert!(flags.case_sensitive && !flags.space_change_sensitive);
        assert!((flags.relative.unwrap().approx - 1e-6).abs() < 1e-20);
    }

    #[test]
    fn relative_and_absolute_may_stand_together() {
        let flags = Flags::parse_line("float_relative_tolerance 1e-6 float_absolute_tolerance 1e-9").unwrap();
        assert!(flags.relative != flags.absolute && flags.numeric());
    }

    #[test]
    fn one_tolerance_makes_numbers_of_tokens_and_no_other_flag_does() {
        for (line, numeric) in [
            ("", false),
            ("case_sensitive space_change_sensitive", false),
            ("float_tolerance 0", true),
            ("float_relative_tolerance 1", true),
            ("float_absolute_tolerance 1", true),
        ] {
            assert_eq!(Flags::parse_line(line).unwrap().numeric(), numeric, "{line}");
        }
    }

    #[test]
    fn a_tolerance_has_so_many_characters_and_no_more() {
        let of = |len: usize| Flags::parse_line(&format!("float_tolerance {:0<len$}", "0."));
        assert!(of(QUOTED).is_ok());
        let shown = format!("{:0<QUOTED$}", "0.");
        assert_eq!(of(QUOTED + 1), Err(FlagError::BadValue { flag: BOTH, value: shown }));
    }

    #[test]
    fn repeated_mixed_and_incomplete_tolerances_are_refused() {
        use FlagError::{BadValue, MissingValue, Mixed, Repeated, Unknown};
        for (line, error) in [
            ("float_tolerance", MissingValue(BOTH)),
            ("float_tolerance 1 float_tolerance 1", Repeated(BOTH)),
            ("float_tolerance 1 float_absolute_tolerance 1", Mixed(ABSOLUTE)),
            ("float_relative_tolerance 1 float_tolerance 1", Mixed(RELATIVE)),
            ("float_tolerance case_sensitive", BadValue { flag: BOTH, value: "case_sensitive".into() }),
            ("float_tolerance -1", BadValue { flag: BOTH, value: "-1".into() }),
            ("float_tolerance inf", BadValue { flag: BOTH, value: "inf".into() }),
            ("float_tolerance 0x1", BadValue { flag: BOTH, value: "0x1".into() }),
            ("float_tolerance 1e999", BadValue { flag: BOTH, value: "1e999".into() }),
            ("case_sensitve", Unknown("case_sensitve".into())),
        ] {
            assert_eq!(Flags::parse_line(line), Err(error), "{line}");
        }
    }
}
