//! From facts to verdicts: what happened in the box, what the output is worth, what the cases add up to.
//!
//! Everything here is pure. [`classify`] reads the facts of a run, [`default_validator`] compares bytes,
//! [`simple`] has the other checkers with a name, [`external`], [`testlib`] and [`grader`] read what a program
//! of the package said, [`fold`] makes groups and the overall verdict, [`reverdict`] makes all of it again.
//! The crate starts no process, opens no file and reads no clock: `worker` runs the programs, and the API
//! can make a verdict again from stored facts without a run.

#![forbid(unsafe_code)]

pub mod checktestdata;
pub mod classify;
pub mod confirm;
pub mod default_validator;
mod excerpt;
pub mod external;
pub mod fold;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod grader;
pub mod interaction;
pub mod live;
pub mod policy;
mod reason;
pub mod reverdict;
pub mod scoring;
pub mod simple;
pub mod testlib;

pub use classify::{Classified, classify};
pub use default_validator::{Comparison, Difference, Flags, compare, compare_expected, compare_streams};
pub use excerpt::message;
pub use external::{Feedback, Judged, interpret};
pub use fold::{Folded, fold};
pub use scoring::{Decided, Given, Scored, Scorer};
