//! Giving up power, in the order the kernel needs it (corrections 5): as real root no supplementary groups;
//! in the user namespace bounding set, securebits, ids, then every capability set.

use caps::{CapSet, Capability};
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};

use super::{At, Failure};
use crate::error::Step;
use crate::sys;

// linux/securebits.h: NOROOT, NO_SETUID_FIXUP, NO_CAP_AMBIENT_RAISE, each with its lock.
const SECUREBITS: u64 = 0b11 | 0b11 << 2 | 0b11 << 6;

/// Host groups survive a user namespace: they go before it.
pub(crate) fn drop_groups() -> Result<(), Failure> {
    setgroups(&[]).at(Step::Ids, 0)
}

/// Becomes user and group `id` of the current user namespace, for good.
pub(crate) fn become_id(id: u32) -> Result<(), Failure> {
    let (uid, gid) = (Uid::from_raw(id), Gid::from_raw(id));
    setresgid(gid, gid, gid).at(Step::Ids, 1)?;
    setresuid(uid, uid, uid).at(Step::Ids, 2)
}

/// Empties the ambient and bounding sets and locks the bits that make user 0 special. Inherited by fork.
pub(crate) fn bound() -> Result<(), Failure> {
    caps(1, caps::clear(None, CapSet::Ambient))?;
    for capability in all() {
        sys::prctl(libc::PR_CAPBSET_DROP, u64::from(capability), 0).at(Step::Capabilities, 2)?;
    }
    sys::prctl(libc::PR_SET_SECUREBITS, SECUREBITS, 0).map(drop).at(Step::Capabilities, 3)
}

/// The two capabilities that make a child another user of this user namespace.
pub(crate) fn ids() -> caps::CapsHashSet {
    caps::CapsHashSet::from([Capability::CAP_SETUID, Capability::CAP_SETGID])
}

/// Gives up every other capability.
pub(crate) fn keep(kept: &caps::CapsHashSet) -> Result<(), Failure> {
    caps(7, caps::set(None, CapSet::Effective, kept))?;
    caps(8, caps::set(None, CapSet::Permitted, kept))?;
    caps(9, caps::clear(None, CapSet::Inheritable))
}

/// Empties effective, permitted and inheritable. Allocates nothing.
pub(crate) fn clear() -> Result<(), Failure> {
    caps(4, caps::clear(None, CapSet::Effective))?;
    caps(5, caps::clear(None, CapSet::Permitted))?;
    caps(6, caps::clear(None, CapSet::Inheritable))
}

/// Every capability this kernel knows: the ones caps names and any newer ones, up to the first that
/// PR_CAPBSET_READ refuses.
fn all() -> impl Iterator<Item = u8> {
    let known = Capability::CAP_CHECKPOINT_RESTORE as u8;
    (0..64u8).take_while(move |c| *c <= known || sys::prctl(libc::PR_CAPBSET_READ, u64::from(*c), 0).is_ok())
}

fn caps(index: u32, result: Result<(), caps::errors::CapsError>) -> Result<(), Failure> {
    result.map_err(|_| Failure { step: Step::Capabilities, index, errno: libc::EPERM })
}

/// SIGKILL when the parent thread dies. Cleared silently by every change of ids, so armed again after each
/// (sandbox.md M21).
pub(crate) fn die_with_parent() -> Result<(), Failure> {
    sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64, 0).map(drop).at(Step::ParentDeath, 0)
}
