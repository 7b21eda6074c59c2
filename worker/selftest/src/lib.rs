//! Hostile programs: what each tries, what must come of it, running it in a box, and the host watched meanwhile.
//!
//! The corpus lies in `tests/hostile/`, one folder per attack. Two callers share this crate: the test that runs all
//! of it (`tests`), and `tribunal selftest`, which runs the shipped part on an operator's own host.
//!
//! ```text
//!  tests, with cc ──────┐
//!                       ├─ programs ──> ground.rs ── one case ──> boxes.rs   the box, held against expect.rs
//!  shipped.rs, in a box ┘                  └─ before, after ────> oracle.rs  the host, with canary.rs, leftovers.rs, kernel_log.rs
//! ```
//! Nothing here prints, and nothing here compiles or runs a program outside of a box.

#![forbid(unsafe_code)]

pub mod boxes;
pub mod canary;
pub mod case;
pub mod catalogue;
pub mod expect;
pub mod ground;
pub mod honest;
pub mod image;
pub mod kernel_log;
mod leftovers;
pub mod oracle;
mod processes;
pub mod shipped;

pub use boxes::Happened;
pub use case::{BadCase, Case};
pub use expect::{Expect, Mode};
pub use ground::{Ground, Programs};
pub use processes::runs_below;
