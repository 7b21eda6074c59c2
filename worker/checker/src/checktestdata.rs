//! Checktestdata: the little language in which many packages say what their inputs look like (`.ctd`).
//!
//! A specification is parsed once, then run over any number of inputs. It walks the input from its first byte to
//! its last and holds nothing of it but what a variable keeps, so inputs of any size are read in one pass.
//!
//! Specification and input are both somebody else's. Nothing here starts a process or opens a file; commands that
//! may be carried out, memory, digits, nesting and the look ahead of a regular expression are bounded, and whoever
//! reaches a bound is told which. Our own process only understands a specification, which takes no longer than its
//! text is long; held against inputs it is by a process of ours in a box (`worker::engine`, inputs), because a
//! specification decides for how long that goes on, and with how much memory.
//!
//! Where the language's documents of several years differ, the newest counts: in a regular expression a dot matches a
//! line feed, too, and of alternatives the first that leads to a match is taken. `&&` binds closer than `||`, and `!`
//! is about the whole comparison after it.

mod input;
mod lexer;
mod matcher;
mod number;
mod package;
mod read;
mod run;
mod store;
mod syntax;
mod tree;
mod value;

use std::fmt;
use std::io::{self, Read};

pub use package::{is_specification, malformed, understand};

/// Most bytes of one specification; those in use have a hundredth of that.
pub const SPECIFICATION_MAX: usize = 1 << 20;

/// A place in a text, both from 1; columns count bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: u32,
    /// Byte in it.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A specification that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// Where in it.
    pub at: Place,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

/// Why an input was not accepted.
#[derive(Debug)]
pub enum Refusal {
    /// It is not what the specification asks for.
    Input {
        /// Where in the input.
        input: Place,
        /// The command of the specification.
        at: Place,
        /// What was asked for.
        message: String,
    },
    /// The specification itself cannot go on: a variable without a value, a text where a number is needed, a bound.
    /// It says nothing about the input.
    Specification {
        /// How far the input was read.
        input: Place,
        /// Where in the specification.
        at: Place,
        /// What is wrong.
        message: String,
    },
    /// The input could not be read.
    Read(io::Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input { input, at, message } => {
                write!(f, "line {}, column {}: {message} (specification {at})", input.line, input.column)
            }
            Self::Specification { input, at, message } => {
                write!(f, "{at}: {message} (at line {}, column {} of the input)", input.line, input.column)
            }
            Self::Read(error) => write!(f, "the input could not be read: {error}"),
        }
    }
}

/// A specification, understood.
#[derive(Debug)]
pub struct Specification {
    commands: Vec<tree::Command>,
    /// Names of the variables, by number.
    names: Vec<String>,
}

impl Specification {
    /// Understands a specification.
    ///
    /// # Errors
    /// The first place that is not of the language, or is beyond a bound.
    pub fn parse(text: &[u8]) -> Result<Self, Malformed> {
        if text.len() > SPECIFICATION_MAX {
            let message = format!("it has more than {SPECIFICATION_MAX} bytes");
            return Err(Malformed { at: Place { line: 1, column: 1 }, message });
        }
        syntax::parse(lexer::tokens(text)?)
    }

    /// Holds an input against it, to its end.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn check(&self, input: impl Read) -> Result<(), Refusal> {
        self.check_within(input, &run::BOUNDS)
    }

    /// The same with bounds that are met in no time: a million steps, a MiB.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn check_briefly(&self, input: impl Read) -> Result<(), Refusal> {
        self.check_within(input, &run::Bounds { steps: 1_000_000, memory: 1 << 20 })
    }

    fn check_within(&self, input: impl Read, bounds: &run::Bounds) -> Result<(), Refusal> {
        run::run(&self.commands, &self.names, input, bounds)
    }
}

#[cfg(test)]
mod tests;
