//! From facts to verdicts: what happened in the box, what the output is worth, what the cases add up to.
//!
//! Everything here is pure. [`classify`] reads the facts of a run, [`default_validator`] compares bytes,
//! [`external`] reads what a custom validator left behind, [`fold`] makes groups and the overall verdict.
//! The crate starts no process, opens no file and reads no clock: `worker` runs the programs, and the API
//! can make a verdict again from stored facts without a run.

#![forbid(unsafe_code)]

pub mod classify;
pub mod default_validator;
mod excerpt;
pub mod external;
pub mod fold;
mod reason;

pub use classify::{Classified, classify};
pub use default_validator::{Comparison, Difference, Flags, compare, compare_expected};
pub use external::{Feedback, Judged, interpret};
pub use fold::{Folded, fold};
