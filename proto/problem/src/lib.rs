//! Problem packages on disk, read into one model.

#![forbid(unsafe_code)]

pub mod model;
