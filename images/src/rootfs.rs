//! The product of this crate: a read-only tree on disk, ready for a box.

use std::path::PathBuf;

use proto::id::Digest;

use crate::lease::Lease;

/// Where a root file system comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RootfsKind {
    /// Unpacked from an OCI image.
    Oci,
    /// The stand-in made of the host's own `/usr`.
    Host,
}

impl RootfsKind {
    /// The word in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            RootfsKind::Oci => "oci",
            RootfsKind::Host => "host",
        }
    }
}

/// A read-only tree and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rootfs {
    /// Digest of the image's manifest; for the host image a digest over its skeleton and the host's
    /// package state.
    pub digest: Digest,
    /// Where it comes from.
    pub kind: RootfsKind,
    /// Unpacked layers, topmost first.
    pub layers: Vec<PathBuf>,
    /// Read-only directories mounted over it: (directory on the host, absolute path inside).
    pub binds: Vec<(PathBuf, PathBuf)>,
    /// Environment from the image's configuration, `PATH` at least.
    pub env: Vec<(String, String)>,
    /// Keeps the layers from being removed as long as this, or a copy of it, lives.
    pub lease: Lease,
}

/// What an image's configuration says about running it. All of it may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunConfig {
    /// Entrypoint, then Cmd: what a container of it would run.
    pub argv: Vec<String>,
    /// WorkingDir.
    pub working_dir: String,
}

/// `PATH` where an image names none, and in the host image.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
