//! What crosses a process border, and nothing else: ids, units, limits, facts, verdicts, jobs, reports,
//! events and the bodies of the HTTP API.
//!
//! Every other crate speaks these types, from the HTTP body down to the box, so a limit or a verdict has
//! one definition. The crate does no I/O, reads no clock, spawns nothing and holds no unsafe code.
//! Golden samples of everything that travels on a queue are in `proto/fixtures/`; old samples keep
//! parsing.

#![forbid(unsafe_code)]

pub mod event;
pub mod facts;
pub mod graded;
pub mod http;
pub mod id;
pub mod job;
pub mod language;
pub mod limits;
pub mod report;
pub mod skew;
pub mod trace;
pub mod units;
pub mod verdict;
