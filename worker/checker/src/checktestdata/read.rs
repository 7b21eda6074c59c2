//! Numbers of the input.

use std::io::Read;

use problem::decimal::Decimal;

use super::Place;
use super::number::{DIGITS_MAX, Int, too_large};
use super::run::{Run, Stop};
use super::tree::{Expression, Notation};
use super::value::Value;

impl<R: Read> Run<'_, R> {
    /// Over the next integer, which has to be in the range.
    pub(super) fn int(&mut self, at: Place, range: &[Expression; 2]) -> Result<Int, Stop> {
        let [least, most] = [self.value(&range[0])?, self.value(&range[1])?];
        let least_int = least.int().map_err(|why| self.fault(range[0].at, why))?;
        let most_int = most.int().map_err(|why| self.fault(range[1].at, why))?;
        let sign = usize::from(self.peek(0)? == Some(b'-'));
        let digits = self.digits(at, sign)?;
        let told =
            |why: &str| format!("{why}; an integer from {} to {} is asked for", least.told(), most.told());
        let first = self.peek(sign)?;
        if digits == 0 {
            return Err(self.wanted(at, &format!("an integer from {} to {}", least.told(), most.told())));
        }
        if first == Some(b'0') && (digits > 1 || sign == 1) {
            let why = if digits > 1 { "a leading zero" } else { "a minus before zero" };
            return Err(self.refusal(at, told(why)));
        }
        let number = match Int::parse(self.input.next(sign + digits)) {
            Ok(number) if *least_int <= number && number <= *most_int => number,
            Ok(number) => {
                let why = format!("{} is out of range", Value::Int(number).told());
                return Err(self.refusal(at, told(&why)));
            }
            // Larger than all that the specification can name.
            Err(_) => return Err(self.refusal(at, told("an integer of so many digits is out of range"))),
        };
        self.charge(number.words() * number.words()).map_err(|why| self.fault(at, why))?;
        self.input.step(sign + digits);
        Ok(number)
    }

    /// Over the next number.
    pub(super) fn float(
        &mut self,
        at: Place,
        range: &[Expression; 2],
        decimals: Option<&[Expression; 2]>,
        as_is: Notation,
    ) -> Result<Decimal, Stop> {
        let [least, most] = [self.value(&range[0])?, self.value(&range[1])?];
        let least_float = least.float().map_err(|why| self.fault(range[0].at, why))?;
        let most_float = most.float().map_err(|why| self.fault(range[1].at, why))?;
        let decimals = match decimals {
            None => None,
            Some([fewest, most]) => Some(self.decimals(fewest, most)?),
        };
        let whole = usize::from(self.peek(0)? == Some(b'-'));
        let mut end = whole + self.digits(at, whole)?;
        let told = || {
            let notation = match as_is {
                Notation::Any => "",
                Notation::Fixed => "fixed point ",
                Notation::Scientific => "scientific ",
            };
            format!("a {notation}number from {} to {}", least.told(), most.told())
        };
        if end == whole {
            return Err(self.wanted(at, &told()));
        }
        let mut places = 0;
        if self.peek(end)? == Some(b'.') {
            places = self.digits(at, end + 1)?;
            end += if places == 0 { 0 } else { 1 + places };
        }
        if as_is != Notation::Fixed && matches!(self.peek(end)?, Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.peek(end + 1)?, Some(b'+' | b'-')));
            let digits = self.digits(at, end + 1 + sign)?;
            end += if digits == 0 { 0 } else { 1 + sign + digits };
        }
        let written = self.input.next(end);
        if as_is == Notation::Scientific && !written.iter().any(|b| matches!(b, b'e' | b'E')) {
            return Err(self.wanted(at, &told()));
        }
        if end > DIGITS_MAX {
            return Err(self.fault(at, too_large()));
        }
        let Some(number) = Decimal::parse(written) else { return Err(self.wanted(at, &told())) };
        self.charge(end as u64 / 16).map_err(|why| self.fault(at, why))?;
        if number < least_float || number > most_float {
            let number = Value::Float(number).told();
            return Err(self.refusal(at, format!("{number} is out of range; {} is asked for", told())));
        }
        if let Some([fewest, most]) = decimals {
            let here = Value::Int(Int::Small(i64::try_from(places).unwrap_or(i64::MAX)));
            let too_few = here.compare(&fewest).map_err(|why| self.fault(at, why))?.is_lt();
            let too_many = here.compare(&most).map_err(|why| self.fault(at, why))?.is_gt();
            if too_few || too_many {
                let (fewest, most) = (fewest.told(), most.told());
                return Err(
                    self.refusal(at, format!("{places} decimal places; {fewest} to {most} are asked for"))
                );
            }
        }
        self.input.step(end);
        Ok(number)
    }

    /// The least and the greatest number of decimal places.
    fn decimals(&mut self, fewest: &Expression, most: &Expression) -> Result<[Value; 2], Stop> {
        let at = fewest.at;
        let [fewest, most] = [self.value(fewest)?, self.value(most)?];
        if fewest.compare(&most).map_err(|why| self.fault(at, why))?.is_gt() {
            return Err(self.fault(at, format!("{} is more than {}", fewest.told(), most.told())));
        }
        Ok([fewest, most])
    }

    /// How many digits there are from the byte `from` on. What is longer than a number can be is cut: it is refused
    /// by its length.
    fn digits(&mut self, at: Place, from: usize) -> Result<usize, Stop> {
        let mut n = 0;
        while n <= DIGITS_MAX && self.peek(from + n)?.is_some_and(|b| b.is_ascii_digit()) {
            n += 1;
        }
        self.charge(n as u64 / 4).map_err(|why| self.fault(at, why))?;
        Ok(n)
    }
}
