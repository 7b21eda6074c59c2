//! Hostile programs: what each tries, what must come of it, and running it in a box.
//!
//! The corpus lies in `tests/hostile/`, one folder per attack. Two callers share this crate: the test that runs all
//! of it and holds the host against itself (`tests`), and `tribunal selftest`, which runs the shipped part on an
//! operator's own host. What goes in is a [`Case`] and a compiled program; what comes out is what happened, or a
//! sentence that says how that differs from what must happen. Nothing here compiles on the host, prints, or looks at
//! the host: the callers do.

#![forbid(unsafe_code)]

pub mod boxes;
pub mod case;
pub mod catalogue;
pub mod expect;

pub use boxes::Happened;
pub use case::{BadCase, Case};
pub use expect::{Expect, Mode};
