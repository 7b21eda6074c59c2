//! Which releases understand each other: the one before, the same, and the one after.
//!
//! Everything that travels between API and worker (registration, job, report, event) says of which protocol it is.
//! Keys that are added with a default need no new number; a release that changes what a key means, or needs a new
//! one, raises [`PROTOCOL`] by one and still speaks the number before.

/// The protocol of this release.
pub const PROTOCOL: u32 = 2;

/// The protocol of whoever does not name one: releases before there were numbers.
pub(crate) const fn unnamed() -> u32 {
    1
}

/// The other side is more than one release away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it speaks protocol {theirs}, and this release {ours}; they may be one apart: bring the older of the two up to date"
)]
pub struct Skew {
    /// Ours.
    pub ours: u32,
    /// Theirs.
    pub theirs: u32,
}

/// Whether what comes in protocol `theirs` is understood here.
///
/// # Errors
/// When the two are more than one apart.
pub const fn understood(theirs: u32) -> Result<(), Skew> {
    if theirs.abs_diff(PROTOCOL) <= 1 { Ok(()) } else { Err(Skew { ours: PROTOCOL, theirs }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_release_apart_is_understood_and_two_name_both_numbers() {
        for near in [PROTOCOL - 1, PROTOCOL, PROTOCOL + 1] {
            assert_eq!(understood(near), Ok(()));
        }
        for far in [PROTOCOL.wrapping_sub(2), PROTOCOL + 2, u32::MAX] {
            let told = understood(far).unwrap_err().to_string();
            assert!(told.contains(&far.to_string()) && told.contains(&PROTOCOL.to_string()), "{told}");
        }
        assert_eq!(understood(unnamed()), Ok(()), "who names none is the release before");
    }
}
