//! The worker: takes jobs, gives reports.
//!
//! ```text
//!  JobSource ──> consume ──claim──> Coordinator        one task per slot
//!                   │
//!                   v
//!                engine: compile ──> cases in order ──> fold ──> Judgement
//!                   │       │            │
//!                   │       └── Runner ──┘  (a box each; the only way to start anything)
//!                   v
//!  ReportSink <── report, confirmed ──> then the job is acknowledged
//! ```
//!
//! `tribunal judge` calls `engine` directly; `tribunal worker` and `serve` call it through `consume`.
//! The worker moves things: facts come from `sandbox`, verdicts from `checker`. It knows a broker, the API
//! and its own token; it holds no database credentials, and it writes no SQL.

#![forbid(unsafe_code)]

pub mod boxes;
pub mod cache;
pub mod consume;
pub mod coordinator_http;
pub mod engine;
pub mod error;
pub mod fitness;
pub mod floor;
pub mod harnesses;
pub mod packages;
pub mod room;
pub mod runner;
pub mod speed;
#[cfg(test)]
mod testing;
pub mod toolchains;
pub mod versions;

pub use engine::{Against, Engine, Progress, Submission};
pub use error::{JudgeError, Rejected};
