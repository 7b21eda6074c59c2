//! Harness mode: a course's own autograder judges a submission in a box.
//!
//! ```text
//!  Bundle --setup--> Ground --run--> RunSpec --box--> facts, files --course::settle--> Report
//!  Tree ------------------------------^  +--separate--> boxes of the submission's own
//! ```
//! Called by `tribunal grade`, and by `worker` for jobs against a harness. What a harness is, and what its leavings
//! mean, is read by `course`.
//!
//! Absent: no queue, no store, no image is unpacked here, and nothing is started but in boxes.

#![forbid(unsafe_code)]

mod hear;
mod run;
mod separate;
mod setup;

pub use hear::OnHeard;
pub use run::{Ground, Run, RunError};
pub use setup::{Prepared, SetupError, prepare};
