//! The wall around execve: only files of the box's own tree are executed (landlock(7)).
//!
//! Until execve the program process executes the same file as the worker, and `/proc/self/exe` leads to it, past
//! every mount: as a command, in the first line of a script, as the interpreter of an ELF file. The kernel would
//! start that file of the host inside the box (CVE-2019-5736 began so; sandbox.md R11).

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr,
};

use super::Failure;
use crate::error::Step;

/// Executing. A domain refuses renames between directories unless it says otherwise, so that is named, too.
fn access() -> BitFlags<AccessFs> {
    AccessFs::Execute | AccessFs::Refer
}

/// Lets this process and all it starts execute what lies below the root of the box, and anonymous files
/// (memfd_create), which the kernel does not hold to be anywhere. Kernels without Landlock, or with its first
/// version only (before 5.19), go without: `doctor` says so.
pub(crate) fn only_own_programs() -> Result<(), Failure> {
    let failed = |errno| Failure { step: Step::Landlock, index: 0, errno };
    if !is_supported() {
        return Ok(());
    }
    let root = PathFd::new("/").map_err(|_| failed(libc::ENOENT))?;
    let enforce = || {
        Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(access())?
            .create()?
            .add_rule(PathBeneath::new(root, access()))?
            .restrict_self()
    };
    enforce().map(drop).map_err(|_: landlock::RulesetError| failed(libc::EPERM))
}

/// Whether this kernel has Landlock, with renames between directories. Asked once: the box server does so before its
/// first box, and every init inherits the answer.
pub(crate) fn is_supported() -> bool {
    static SUPPORTED: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *SUPPORTED.get_or_init(ask)
}

fn ask() -> bool {
    let made = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V2) & access())
        .and_then(Ruleset::create);
    made.is_ok()
}
