//! End-to-end tests and what they share. Nothing depends on this crate.
//!
//! The executable under test is the real one; processes are started on free ports and killed by their id
//! when their handle is dropped, and their data lives in temporary folders.

#![forbid(unsafe_code)]

pub mod apart;
pub mod client;
pub mod collector;
pub mod corpus;
pub mod courses;
pub mod hostile;
pub mod images;
pub mod process;
pub mod proxy;
pub mod random;
pub mod servers;
pub mod store;
