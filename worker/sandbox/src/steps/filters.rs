//! no_new_privs and the two seccomp filters.

use std::os::fd::OwnedFd;

use super::{At, Failure};
use crate::error::Step;
use crate::policy::Filters;
use crate::sys;

/// Sets no_new_privs and installs the argument filter: in the box server, for all boxes. The server and the
/// init do none of the calls it refuses.
pub(crate) fn install_arguments(filters: &Filters) -> Result<(), Failure> {
    sys::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0).at(Step::Seccomp, 0)?;
    sys::seccomp_install(&filters.arguments, false).map(drop).at(Step::Seccomp, 1)
}

/// Installs the classes filter on this process and all it starts; returns the listener of the kill class.
pub(crate) fn install_classes(filters: &Filters) -> Result<OwnedFd, Failure> {
    let listener = sys::seccomp_install(&filters.classes, true).at(Step::Seccomp, 2)?;
    listener.ok_or(Failure { step: Step::Seccomp, index: 3, errno: libc::EINVAL })
}
