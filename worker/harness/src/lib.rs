//! Harness mode: a course's own autograder judges a submission, and its word becomes a report.
//!
//! ```text
//!  HARNESS (zip, folder, image) --bundle--> Harness --layout--> RunSpec --box--> facts, files
//!  student's folder or zip ------tree-----> Tree ------^                             |
//!                        Report <--settle-- results.json (results, prairielearn), lines
//! ```
//! Called by `tribunal grade`, by `worker` for jobs against a harness, and by `api` to read one that is uploaded. Formats of Gradescope and PrairieLearn, and any image with a command, end in one
//! [`Report`]. All a harness leaves behind is hostile: in these formats it shares its box with the submission,
//! which may have written it. What cannot be read is named and counts nothing; what was not reported has failed.
//!
//! Absent: no queue, no store, no image is unpacked here, and nothing is started but in boxes.

#![forbid(unsafe_code)]

mod bundle;
mod findings;
mod judgement;
mod layout;
mod lines;
mod manifest;
mod prairielearn;
mod report;
mod results;
mod run;
mod separate;
mod settle;
mod setup;
mod tree;
mod view;

pub use bundle::{Bundle, BundleError, ImageCommand};
pub use findings::Finding;
pub use judgement::judgement;
pub use layout::Layer;
pub use manifest::Schema;
pub use report::{Report, Status, TestResult, Visibility};
pub use run::{Ground, Run, RunError};
pub use setup::{Prepared, SetupError, prepare};
pub use tree::{Caps, Tree, TreeError};
pub use view::{Stage, as_student, shown};

/// Changes whenever equal inputs may give another report: records made under another number are graded again.
pub const REPORT_VERSION: u32 = 1;
