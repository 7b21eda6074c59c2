//! A lease: while it lives, nobody removes the unpacked layers it names.

use std::fs::File;
use std::sync::Arc;

/// Held with a [`Rootfs`](crate::Rootfs) by whoever reads it. Shared locks on the layers' marker files, so it ends with
/// the process at the latest, however that ends.
#[derive(Debug, Clone, Default)]
pub struct Lease(#[allow(dead_code)] Option<Arc<Vec<File>>>); // held, never read

impl Lease {
    /// Holds nothing: for trees that no store owns.
    pub const fn none() -> Self {
        Self(None)
    }

    pub(crate) fn of(markers: Vec<File>) -> Self {
        Self(Some(Arc::new(markers)))
    }
}

/// What is held does not change what a root is.
impl PartialEq for Lease {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Lease {}
