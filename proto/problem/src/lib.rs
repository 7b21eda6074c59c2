//! Problem packages on disk, read into one model.

#![forbid(unsafe_code)]

pub mod decimal;
pub mod flags;
pub mod model;
