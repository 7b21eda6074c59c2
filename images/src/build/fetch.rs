//! Archives that a step of a recipe unpacks, as the registry of their packages gives them.
//!
//! The registry's own client fetches: it knows the mirrors, proxies and logins set up on the host. What it brings is
//! believed only when its SHA-256 is the recipe's. Nothing of the package is run here; the step unpacks it in its box.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use language::Archive;
use proto::id::Digest;

/// Most bytes of an archive: a compiler is a tenth of it.
const ARCHIVE_MAX: u64 = 128 << 20;
/// Most characters shown of what the client said.
const SAID_MAX: usize = 2000;

/// One archive.
///
/// # Errors
/// What went wrong, in words: npm is missing or failed, or brought something else.
pub(super) fn fetch(archive: &Archive) -> Result<Vec<u8>, String> {
    fetch_with(Command::new("npm"), archive)
}

fn fetch_with(mut npm: Command, archive: &Archive) -> Result<Vec<u8>, String> {
    let place = tempfile::tempdir().map_err(|e| format!("could not make a temporary directory: {e}"))?;
    let output = npm
        .args(["pack", "--ignore-scripts", "--pack-destination"])
        .arg(place.path())
        .arg(&archive.npm)
        // Away from any package.json of the user's.
        .current_dir(place.path())
        .stdin(Stdio::null())
        .output()
        .map_err(|e| {
            format!("npm, which fetches `{}`, could not be started: {e}; install npm", archive.npm)
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said: String = said.trim().chars().take(SAID_MAX).collect();
        return Err(format!("npm could not fetch `{}` ({}):\n{said}", archive.npm, output.status));
    }
    let bytes =
        only_file(place.path()).map_err(|e| format!("npm brought no archive of `{}`: {e}", archive.npm))?;
    let digest = Digest::of(&bytes);
    if digest.hex() != archive.sha256 {
        return Err(format!(
            "`{}` is not what the recipe means: its SHA-256 is {}, and `sha256` says {}",
            archive.npm,
            digest.hex(),
            archive.sha256
        ));
    }
    Ok(bytes)
}

/// The content of the one archive in a folder.
fn only_file(folder: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tgz") {
            std::fs::File::open(path)?.take(ARCHIVE_MAX + 1).read_to_end(&mut bytes)?;
            break;
        }
    }
    match bytes.len() as u64 {
        0 => Err(std::io::Error::other("there is no file")),
        length if length > ARCHIVE_MAX => {
            Err(std::io::Error::other(format!("it is larger than {} MiB", ARCHIVE_MAX >> 20)))
        }
        _ => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of `abc` (FIPS 180-2, appendix B.1).
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn archive(sha256: &str) -> Archive {
        let (name, npm) = ("x.tgz".to_owned(), "x@1.0.0".to_owned());
        Archive { name, npm, sha256: sha256.to_owned() }
    }

    /// With a shell in npm's place: no file is written that another thread's child could hold open.
    fn fetched(script: &str, sha256: &str) -> Result<Vec<u8>, String> {
        let mut npm = Command::new("/bin/sh");
        npm.args(["-c", script, "npm"]);
        fetch_with(npm, &archive(sha256))
    }

    #[test]
    fn an_archive_is_believed_only_with_the_digest_of_the_recipe() {
        let packs = r#"[ "$1 $2 $3 $5" = "pack --ignore-scripts --pack-destination x@1.0.0" ] && printf abc >"$4/x-1.0.0.tgz""#;
        assert_eq!(fetched(packs, ABC).unwrap(), b"abc");
        let other = fetched(packs, &ABC.replace("ba78", "0000")).unwrap_err();
        assert!(other.contains("x@1.0.0") && other.contains(ABC) && other.contains("0000"), "{other}");
    }

    #[test]
    fn a_client_that_is_missing_fails_or_brings_nothing_is_told() {
        let failed = fetched("echo 'no such package' >&2; exit 3", ABC).unwrap_err();
        assert!(failed.contains("no such package") && failed.contains("x@1.0.0"), "{failed}");
        assert!(fetched("exit 0", ABC).unwrap_err().contains("no archive"));
        let missing = fetch_with(Command::new("/nonexistent/npm"), &archive(ABC)).unwrap_err();
        assert!(missing.contains("install npm"), "{missing}");
    }
}
