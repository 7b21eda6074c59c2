//! no_new_privs and the two seccomp filters.

use std::os::fd::OwnedFd;

use super::{At, Failure};
use crate::error::Step;
use crate::policy::Filters;
use crate::spec::Profile;
use crate::sys;

/// Sets no_new_privs and installs the argument filter: in the box server, for all boxes. The server and the
/// init do none of the calls it refuses.
pub(crate) fn install_arguments(filters: &Filters) -> Result<(), Failure> {
    sys::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0).at(Step::Seccomp, 0)?;
    sys::seccomp_install(&filters.arguments, false).map(drop).at(Step::Seccomp, 1)
}

/// Installs the classes filter of `profile` on this process and all it starts; returns the listener of the
/// kill class, and the word that the start of the program has to carry (0 where none is asked for).
pub(crate) fn install_classes(filters: &Filters, profile: Profile) -> Result<(OwnedFd, u64), Failure> {
    let unknown = Failure { step: Step::Seccomp, index: 5, errno: libc::EINVAL };
    let classes = filters.classes(profile).ok_or(unknown)?;
    let (listener, word) = if classes.has_start_word() {
        let word = sys::random_word().at(Step::Seccomp, 6)?;
        (sys::seccomp_install(&classes.with_start_word(word), true), word)
    } else {
        (sys::seccomp_install(classes.program(), true), 0)
    };
    let listener = listener.at(Step::Seccomp, 2)?;
    Ok((listener.ok_or(Failure { step: Step::Seccomp, index: 3, errno: libc::EINVAL })?, word))
}
