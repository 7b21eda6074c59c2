//! OCI images: from a digest to a read-only root file system.
//!
//! Called by the worker (which root does this language run in?) and the command line (build, list, remove).
//! Languages and archives go in; a [`Rootfs`](rootfs::Rootfs), plain paths ready to be mounted by somebody
//! else, comes out. Nothing here mounts, judges, or knows a queue; everything blocks.

#![forbid(unsafe_code)]

mod blobs;
pub mod build;
pub mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod host;
mod index;
mod layer;
mod layers;
pub mod progress;
pub mod rootfs;
mod skeleton;
pub mod store;

pub use build::{BuildOptions, BuiltImage};
pub use error::ImageError;
pub use progress::{OnProgress, Progress};
pub use rootfs::{Rootfs, RootfsKind, RunConfig};
pub use store::{HOST, ImageInfo, Store, Verified};
