//! Carries commands out over an input.

use std::cmp::Ordering;
use std::io::Read;

use super::input::Input;
use super::matcher::{Matchers, NoMatch};
use super::number::Int;
use super::store::{Key, Store};
use super::tree::{Action, Command, Expression, Operator, Relation, Term, Times, Variable};
use super::value::Value;
use super::{Place, Refusal};

/// What one check may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Steps: a command is some, an operation on numbers one for each word, a byte of a match one.
    pub(super) steps: u64,
    /// Bytes of variables.
    pub(super) memory: usize,
}

/// Far more than packages take: an input of 10^6 numbers is some 10^7 steps and, all of them kept, 120 MB.
pub(super) const BOUNDS: Bounds = Bounds { steps: 1_000_000_000, memory: 512 << 20 };

/// Steps of a command or an operator, beside what it looks at.
const COMMAND: u64 = 4;

/// Why a check ended early. Boxed: it is made once, and returned through everything.
pub(super) struct Stop(Box<Refusal>);

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self(Box::new(refusal))
    }
}

/// What is wrong with an expression, or with the specification at large.
type Fault = String;

/// Holds `input` against `commands`, and against its end.
pub(super) fn run(
    commands: &[Command],
    names: &[String],
    input: impl Read,
    bounds: &Bounds,
) -> Result<(), Refusal> {
    let mut run = Run {
        names,
        input: Input::new(input),
        store: Store::new(names.len(), bounds.memory),
        matchers: Matchers::default(),
        left: bounds.steps,
    };
    let at_end = commands.last().map_or(Place { line: 1, column: 1 }, |last| last.at);
    let done = run.all(commands).and_then(|()| run.end(at_end));
    done.map_err(|stop| *stop.0)
}

/// One check.
pub(super) struct Run<'a, R> {
    names: &'a [String],
    pub(super) input: Input<R>,
    store: Store,
    matchers: Matchers,
    /// Steps that may still be made.
    left: u64,
}

impl<R: Read> Run<'_, R> {
    fn all(&mut self, commands: &[Command]) -> Result<(), Stop> {
        commands.iter().try_for_each(|command| self.one(command))
    }

    fn one(&mut self, command: &Command) -> Result<(), Stop> {
        let at = command.at;
        self.charge(COMMAND).map_err(|why| self.fault(at, why))?;
        match &command.what {
            Action::Space => self.byte(at, b' ', "a space"),
            Action::Newline => self.byte(at, b'\n', "the end of the line"),
            Action::End => self.end(at),
            Action::Int { range, into } => {
                let number = self.int(at, range)?;
                self.keep(at, into.as_ref(), Value::Int(number))
            }
            Action::Float { range, decimals, into, as_is } => {
                let number = self.float(at, range, decimals.as_ref(), *as_is)?;
                self.keep(at, into.as_ref(), Value::Float(number))
            }
            Action::Text(text) => self.text(at, text),
            Action::Regex(expression, into) => self.regex(at, expression, into.as_ref()),
            Action::Assert(test) => {
                if self.test(test)? {
                    return Ok(());
                }
                let why = self.why_not(test)?;
                Err(self.refusal(at, why))
            }
            Action::Set(all) => all.iter().try_for_each(|(variable, value)| {
                let value = self.value(value)?;
                self.keep(at, Some(variable), value)
            }),
            Action::Unset(all) => {
                let gone: usize = all.iter().map(|variable| self.store.len(*variable)).sum();
                self.charge(gone as u64).map_err(|why| self.fault(at, why))?;
                for variable in all {
                    self.store.unset(*variable);
                }
                Ok(())
            }
            Action::Repeat { counter, times, separator, body } => {
                self.repeat(at, counter.as_ref(), times, separator.as_deref(), body)
            }
            Action::If { test, then, otherwise } => {
                if self.test(test)? {
                    self.all(then)
                } else {
                    self.all(otherwise)
                }
            }
        }
    }

    fn repeat(
        &mut self,
        at: Place,
        counter: Option<&Variable>,
        times: &Times,
        separator: Option<&Command>,
        body: &[Command],
    ) -> Result<(), Stop> {
        let count = |n: i64| Value::Int(Int::Small(n));
        self.keep(at, counter, count(0))?;
        let most = match times {
            Times::While(_) => i64::MAX,
            Times::Count(bound) => {
                let value = self.value(bound)?;
                let most = value.int().map_err(|why| self.fault(bound.at, why))?.to_u32();
                let message = || format!("a count is from 0 to {}, not {}", u32::MAX, value.told());
                i64::from(most.ok_or_else(|| self.fault(bound.at, message()))?)
            }
        };
        for round in 0..most {
            if let Times::While(test) = times
                && !self.test(test)?
            {
                return Ok(());
            }
            self.charge(COMMAND).map_err(|why| self.fault(at, why))?;
            if let Some(separator) = separator.filter(|_| round > 0) {
                self.one(separator)?;
            }
            self.all(body)?;
            self.keep(at, counter, count(round + 1))?;
        }
        Ok(())
    }

    fn byte(&mut self, at: Place, wanted: u8, told: &str) -> Result<(), Stop> {
        if self.peek(0)? == Some(wanted) {
            self.input.step(1);
            return Ok(());
        }
        Err(self.wanted(at, told))
    }

    fn end(&mut self, at: Place) -> Result<(), Stop> {
        if self.peek(0)?.is_none() { Ok(()) } else { Err(self.wanted(at, "the end of the input")) }
    }

    fn text(&mut self, at: Place, text: &Expression) -> Result<(), Stop> {
        let value = self.value(text)?;
        let wanted = value.text().map_err(|why| self.fault(text.at, why))?;
        self.charge(value.words()).map_err(|why| self.fault(at, why))?;
        for b in wanted.iter() {
            if self.peek(0)? != Some(*b) {
                return Err(self.wanted(at, &value.told()));
            }
            self.input.step(1);
        }
        Ok(())
    }

    fn regex(&mut self, at: Place, text: &Expression, into: Option<&Variable>) -> Result<(), Stop> {
        let value = self.value(text)?;
        let expression = value.text().map_err(|why| self.fault(text.at, why))?;
        let left = &mut self.left;
        let found = self.matchers.find(expression, &mut self.input, |steps| take(left, steps));
        let length = match found {
            Ok(length) => length,
            Err(NoMatch::Here) => return Err(self.wanted(at, &format!("a match of {}", value.told()))),
            Err(NoMatch::Wrong(why)) => return Err(self.fault(at, why)),
            Err(NoMatch::Read(error)) => return Err(Refusal::Read(error).into()),
        };
        let matched = into.map(|_| Value::Text(self.input.next(length).into()));
        self.input.step(length);
        match matched {
            Some(matched) => self.keep(at, into, matched),
            None => Ok(()),
        }
    }

    pub(super) fn keep(&mut self, at: Place, variable: Option<&Variable>, value: Value) -> Result<(), Stop> {
        let Some(variable) = variable else { return Ok(()) };
        if let Value::Truth(_) = value {
            return Err(self.fault(at, "a variable holds a number or a string, no test".to_owned()));
        }
        let key = self.key(variable)?;
        self.store.set(variable.number, key, value).map_err(|why| self.fault(at, why))
    }

    fn key(&mut self, variable: &Variable) -> Result<Key, Stop> {
        let mut indices = Vec::with_capacity(variable.indices.len());
        for index in &variable.indices {
            let value = self.value(index)?;
            indices.push(value.int().map_err(|why| self.fault(index.at, why))?.clone());
        }
        Ok(Key::of(indices))
    }

    fn test(&mut self, test: &Expression) -> Result<bool, Stop> {
        self.value(test)?.truth().map_err(|why| self.fault(test.at, why))
    }

    pub(super) fn value(&mut self, expression: &Expression) -> Result<Value, Stop> {
        let at = expression.at;
        self.charge(1).map_err(|why| self.fault(at, why))?;
        Ok(match &expression.what {
            Term::Literal(value) => value.clone(),
            Term::Variable(variable) => {
                let key = self.key(variable)?;
                let found = self.store.get(variable.number, &key).cloned();
                let told = || format!("`{}{}` has no value", self.names[variable.number], key.told());
                let value = found.ok_or_else(|| self.fault(at, told()))?;
                self.charge(value.words()).map_err(|why| self.fault(at, why))?;
                value
            }
            Term::Negated(inner) => self.value(inner)?.negated().map_err(|why| self.fault(at, why))?,
            Term::Computed(operator, both) => {
                let (a, b) = (self.value(&both[0])?, self.value(&both[1])?);
                let computed = a.compute(*operator, &b).map_err(|why| self.fault(at, why))?;
                let work = match operator {
                    Operator::Plus | Operator::Minus if matches!(computed, Value::Int(_)) => {
                        a.words() + b.words()
                    }
                    _ => (a.words() + b.words() + computed.words()).pow(2),
                };
                self.charge(work).map_err(|why| self.fault(at, why))?;
                computed
            }
            Term::Compared(relation, both) => {
                let (a, b) = (self.value(&both[0])?, self.value(&both[1])?);
                self.charge(a.words() + b.words()).map_err(|why| self.fault(at, why))?;
                Value::Truth(holds(*relation, a.compare(&b).map_err(|why| self.fault(at, why))?))
            }
            Term::Not(inner) => Value::Truth(!self.test(inner)?),
            Term::And(both) => Value::Truth(self.test(&both[0])? && self.test(&both[1])?),
            Term::Or(both) => Value::Truth(self.test(&both[0])? || self.test(&both[1])?),
            Term::Length(inner) => {
                let value = self.value(inner)?;
                let length = value.text().map_err(|why| self.fault(at, why))?.len();
                Value::Int(Int::Small(i64::try_from(length).unwrap_or(i64::MAX)))
            }
            Term::Match(inner) => {
                let value = self.value(inner)?;
                self.charge(value.words()).map_err(|why| self.fault(at, why))?;
                let next = self.peek(0)?;
                let any = value.text().map_err(|why| self.fault(at, why))?;
                Value::Truth(next.is_some_and(|b| any.contains(&b)))
            }
            Term::AtEnd => Value::Truth(self.peek(0)?.is_none()),
            Term::Unique(variables) => Value::Truth(self.unique(at, variables)?.is_ok()),
            Term::InArray(inner, variable) => {
                let value = self.value(inner)?;
                self.charge(self.store.len(*variable) as u64 * 2).map_err(|why| self.fault(at, why))?;
                let mut work = 0;
                let mut found = false;
                for other in self.store.values(*variable) {
                    work += other.words() - 1;
                    if value.compare(other).map_err(|why| self.fault(at, why))?.is_eq() {
                        found = true;
                        break;
                    }
                }
                self.charge(work).map_err(|why| self.fault(at, why))?;
                Value::Truth(found)
            }
        })
    }

    /// Whether the variables' tuples differ, and if not, why.
    fn unique(&mut self, at: Place, variables: &[usize]) -> Result<Result<(), String>, Stop> {
        let all: u64 = variables.iter().map(|v| self.store.len(*v) as u64).sum();
        // Sorting looks at each about as often as their number has bits.
        self.charge(all * u64::from(64 - all.leading_zeros())).map_err(|why| self.fault(at, why))?;
        let long: u64 =
            variables.iter().flat_map(|v| self.store.values(*v)).map(|value| value.words() - 1).sum();
        self.charge(long * u64::from(64 - all.leading_zeros())).map_err(|why| self.fault(at, why))?;
        Ok(self.store.unique(variables, self.names))
    }

    /// What to say of a test that does not hold.
    fn why_not(&mut self, test: &Expression) -> Result<String, Stop> {
        Ok(match &test.what {
            Term::Unique(variables) => match self.unique(test.at, variables)? {
                Err(why) => why,
                Ok(()) => "the assertion does not hold".to_owned(),
            },
            Term::Compared(relation, both) => {
                let (a, b) = (self.value(&both[0])?.told(), self.value(&both[1])?.told());
                format!("the assertion does not hold: {a} {} {b}", sign(*relation))
            }
            _ => "the assertion does not hold".to_owned(),
        })
    }

    pub(super) fn peek(&mut self, ahead: usize) -> Result<Option<u8>, Stop> {
        self.input.peek(ahead).map_err(|error| Refusal::Read(error).into())
    }

    pub(super) fn charge(&mut self, steps: u64) -> Result<(), Fault> {
        take(&mut self.left, steps)
    }

    /// The input is not as the command asks.
    pub(super) fn wanted(&mut self, at: Place, what: &str) -> Stop {
        match self.input.told() {
            Ok(here) => self.refusal(at, format!("{what} is asked for, and {here}")),
            Err(error) => Refusal::Read(error).into(),
        }
    }

    pub(super) fn refusal(&self, at: Place, message: String) -> Stop {
        Refusal::Input { input: self.input.place(), at, message }.into()
    }

    pub(super) fn fault(&self, at: Place, message: String) -> Stop {
        Refusal::Specification { input: self.input.place(), at, message }.into()
    }
}

fn take(left: &mut u64, steps: u64) -> Result<(), Fault> {
    let less = left.checked_sub(steps);
    *left = less.unwrap_or(0);
    less.map(drop).ok_or_else(|| "it takes more steps than a check may have".to_owned())
}

fn holds(relation: Relation, order: Ordering) -> bool {
    match relation {
        Relation::Less => order.is_lt(),
        Relation::LessOrEqual => order.is_le(),
        Relation::Greater => order.is_gt(),
        Relation::GreaterOrEqual => order.is_ge(),
        Relation::Equal => order.is_eq(),
        Relation::Different => order.is_ne(),
    }
}

fn sign(relation: Relation) -> &'static str {
    match relation {
        Relation::Less => "<",
        Relation::LessOrEqual => "<=",
        Relation::Greater => ">",
        Relation::GreaterOrEqual => ">=",
        Relation::Equal => "==",
        Relation::Different => "!=",
    }
}
