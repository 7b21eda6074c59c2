//! Ids are types: parsed once at the rim, passed inward as proofs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh, time-ordered id (UUIDv7, RFC 9562 section 5.7).
            #[allow(clippy::new_without_default)]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(s: &str) -> Result<Self, uuid::Error> {
                s.parse().map(Self)
            }
        }
    };
}

uuid_id!(
    /// Names one submission for ever.
    SubmissionId
);
impl SubmissionId {
    /// When it was made, RFC 3339: ids of version 7 hold it. 1970 for any other.
    pub fn created_at(&self) -> String {
        let ms = self.0.get_timestamp().map_or(0, |time| {
            let (seconds, nanos) = time.to_unix();
            seconds as i64 * 1000 + i64::from(nanos / 1_000_000)
        });
        crate::units::rfc3339(ms)
    }
}

uuid_id!(
    /// Names one judgement of a submission. A rejudge makes a new one.
    JudgementId
);
uuid_id!(
    /// Names one start of a worker process.
    WorkerId
);

/// Which granted claim of a judgement this is; the first is 1.
pub type Attempt = u32;

/// Fencing token of a claim: strictly increasing per judgement. Reports and events that carry an older
/// one are dropped by the store.
pub type Fence = i64;

/// A content address, `sha256:` and 64 lower-case hexadecimal digits (OCI image spec, descriptor.md).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^sha256:[0-9a-f]{64}$")]
pub struct Digest(String);

/// The text is not `sha256:` with 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a digest: `sha256:` and 64 lower-case hexadecimal digits are needed")]
pub struct DigestError(pub String);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self::from_raw(&sha2::Sha256::digest(bytes))
    }

    /// Wraps the 32 raw bytes of a finished SHA-256.
    ///
    /// # Panics
    /// When `raw` is not 32 bytes long.
    pub fn from_raw(raw: &[u8]) -> Self {
        assert_eq!(raw.len(), 32, "SHA-256 has 32 bytes");
        let mut text = String::with_capacity(71);
        text.push_str("sha256:");
        for byte in raw {
            use fmt::Write as _;
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// The 64 hexadecimal digits alone, as file names use them.
    pub fn hex(&self) -> &str {
        &self.0[7..]
    }

    /// The first 12 digits, for people.
    pub fn short(&self) -> &str {
        &self.0[7..19]
    }

    /// The whole text with its prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = DigestError;
    fn from_str(s: &str) -> Result<Self, DigestError> {
        let ok = s.len() == 71
            && s.starts_with("sha256:")
            && s.bytes().skip(7).all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if ok { Ok(Self(s.to_owned())) } else { Err(DigestError(s.chars().take(100).collect())) }
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;
    fn try_from(s: String) -> Result<Self, DigestError> {
        s.parse()
    }
}

impl From<Digest> for String {
    fn from(d: Digest) -> String {
        d.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_checked_when_parsed() {
        let empty = Digest::of(b"");
        assert_eq!(empty.hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(empty.as_str().parse::<Digest>().unwrap(), empty);
        for bad in ["", "sha256:", "sha512:00", "sha256:../../etc/passwd", &empty.as_str().to_uppercase()] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }
}
