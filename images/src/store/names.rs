//! What an image may be called.

use proto::id::Digest;

use crate::error::{ImageError, Result};
use proto::language::HOST;

/// Longest name, as long as a reference may be.
const NAME_BYTES_MAX: usize = 255;

/// Checks a name somebody gave, or an archive did.
pub(crate) fn check(name: &str) -> Result<()> {
    let refuse =
        |why: &str| Err(ImageError::BadRequest(format!("`{}` is no name for an image: {why}", shown(name))));
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return refuse("1 to 255 characters are needed");
    }
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:/@+".contains(&b)) {
        return refuse("letters, digits and . _ - : / @ + are allowed");
    }
    if !name.as_bytes()[0].is_ascii_alphanumeric() {
        return refuse("it must begin with a letter or a digit");
    }
    if name == HOST || name.parse::<Digest>().is_ok() {
        return refuse("it means something else already");
    }
    Ok(())
}

fn shown(name: &str) -> String {
    name.chars().take(100).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_names_and_paths_digests_and_host_are_not() {
        for good in ["cpp", "debian:12", "127.0.0.1:5000/a/b@sha256:00", "a+b_c"] {
            check(good).unwrap();
        }
        let digest = Digest::of(b"").to_string();
        for bad in ["", "host", "../x", ".x", "a b", "a\nb", digest.as_str(), "ä", &"x".repeat(256)] {
            assert!(matches!(check(bad), Err(ImageError::BadRequest(_))), "{bad}");
        }
    }
}
