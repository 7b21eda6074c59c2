//! OCI images: from a digest to a read-only root file system.

#![forbid(unsafe_code)]

pub mod rootfs;
