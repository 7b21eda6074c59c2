//! OCI images: from a digest to a read-only root file system.
//!
//! Called by the worker (which root does this language run in?) and the command line (build, list, remove).
//! Languages and archives go in; a [`Rootfs`](rootfs::Rootfs), plain paths ready to be mounted by somebody
//! else, comes out. Nothing here mounts, judges, or knows a queue; everything blocks.

#![forbid(unsafe_code)]

mod blobs;
pub mod build;
pub mod error;
mod export;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod helper;
mod host;
pub mod import;
mod index;
mod layer;
mod layers;
mod lease;
mod own;
pub mod progress;
pub mod registry;
pub mod rootfs;
mod skeleton;
pub mod store;

pub use build::{BuildOptions, BuiltImage, Outdated, RunStep, StepFile};
pub use error::ImageError;
pub use helper::{is_unpacker, unpacker_main};
pub use import::ImportOptions;
pub use lease::Lease;
pub use own::OwnTree;
pub use progress::{OnProgress, Progress};
pub use registry::{Credentials, PullOptions, RegistryOptions};
pub use rootfs::{Rootfs, RootfsKind, RunConfig};
pub use store::adopt::{AdoptOptions, Adopted};
pub use store::garbage::Freed;
pub use store::platform::Platform;
pub use store::{ImageInfo, Store, Verified};
