//! The box: runs one untrusted program in fresh namespaces and says what happened.

pub mod spec;
