//! End-to-end tests and what they share. Nothing depends on this crate.

#![forbid(unsafe_code)]
