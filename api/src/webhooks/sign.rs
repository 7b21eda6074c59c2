//! The signature of a delivery: HMAC-SHA256 (RFC 2104) over `TIMESTAMP.BODY`, in hexadecimal.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// In hexadecimal.
fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> String {
    // HMAC takes keys of every length (RFC 2104, section 2).
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("every length is a key");
    for part in parts {
        mac.update(part);
    }
    hex::encode(mac.finalize().into_bytes())
}

/// The value of `Tribunal-Signature` for a body sent at `timestamp`, in seconds since 1970.
pub(crate) fn signature(secret: &str, timestamp: i64, body: &[u8]) -> String {
    format!("v1={}", hmac_sha256(secret.as_bytes(), &[timestamp.to_string().as_bytes(), b".", body]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac(key: &[u8], data: &[u8]) -> String {
        hmac_sha256(key, &[data])
    }

    /// RFC 4231, test cases 1, 2, 3 and 6.
    #[test]
    fn it_is_the_hmac_of_the_rfc() {
        assert_eq!(
            mac(&[0x0b; 20], b"Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        assert_eq!(
            mac(b"Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            mac(&[0xaa; 20], &[0xdd; 50]),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
        );
        assert_eq!(
            mac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn time_and_body_and_secret_are_all_signed() {
        let base = signature("whs_a", 7, b"{}");
        assert_eq!(base.len(), "v1=".len() + 64);
        for other in
            [signature("whs_b", 7, b"{}"), signature("whs_a", 8, b"{}"), signature("whs_a", 7, b"{ }")]
        {
            assert_ne!(base, other);
        }
    }
}
