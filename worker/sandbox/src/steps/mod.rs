//! What the box init and the program process do, one file per mechanism. Each step either holds or ends the
//! box with (step, operand, errno).
//!
//! Runs in processes of one thread that never executed foreign code.

pub(crate) mod credentials;
pub(crate) mod filters;
pub(crate) mod landlock;
pub(crate) mod mounts;
pub(crate) mod namespaces;

use std::io;

use crate::error::Step;

/// A step that did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) step: Step,
    pub(crate) index: u32,
    pub(crate) errno: i32,
}

/// Names the step in which an operation failed.
pub(crate) trait At<T> {
    /// `index` is the operand: the n-th mount, node, filter.
    fn at(self, step: Step, index: u32) -> Result<T, Failure>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, step: Step, index: u32) -> Result<T, Failure> {
        self.map_err(|e| Failure { step, index, errno: e.raw_os_error().unwrap_or(libc::EIO) })
    }
}

impl<T> At<T> for nix::Result<T> {
    fn at(self, step: Step, index: u32) -> Result<T, Failure> {
        self.map_err(|e| Failure { step, index, errno: e as i32 })
    }
}

impl<T> At<T> for rustix::io::Result<T> {
    fn at(self, step: Step, index: u32) -> Result<T, Failure> {
        self.map_err(|e| Failure { step, index, errno: e.raw_os_error() })
    }
}
