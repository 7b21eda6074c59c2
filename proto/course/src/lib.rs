//! A course's autograder (a harness) as a package, and what it leaves in its box as a report.
//!
//! ```text
//!  HARNESS (zip, folder, image) --bundle--> Bundle    student's folder or zip --tree--> Tree
//!  results.json (results, prairielearn), results.jsonl (lines) --settle--> Report --judgement--> Judgement
//! ```
//! Called by `harness`, which runs what is read here, by `worker` and `tribunal grade` around it, and by `api` to
//! read one that is uploaded. Formats of Gradescope and PrairieLearn, and any image with a command, end in one
//! [`Report`]. All a harness leaves behind is hostile: in these formats it shares its box with the submission,
//! which may have written it. What cannot be read is named and counts nothing; what was not reported has failed.
//!
//! Absent: nothing is run, no box is known, no image is unpacked here.

#![forbid(unsafe_code)]

mod bundle;
mod findings;
mod judgement;
mod layout;
mod lines;
mod live;
mod manifest;
mod prairielearn;
mod report;
mod results;
mod settle;
mod tarball;
mod tree;
mod view;

pub use bundle::{Bundle, BundleError, ImageCommand};
pub use findings::{Finding, cut};
pub use judgement::{SHARED_BOX, judgement};
pub use layout::{Layer, WORK, in_work};
pub use lines::Planned;
pub use live::{Heard, Live};
pub use manifest::Schema;
pub use report::{Report, Status, TestResult, Visibility};
pub use results::FILE_MAX;
pub use settle::{Leavings, Left, STDOUT_MAX, settle};
pub use tree::{Caps, Entry, Packed, Tree, TreeError};
pub use view::{Stage, as_student, shown};

/// Changes whenever equal inputs may give another report: records made under another number are graded again.
pub const REPORT_VERSION: u32 = 3;
