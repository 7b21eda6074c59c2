//! What a fuzzer may throw at this crate: it panics only for a defect of ours.
//!
//! Compiled for tests and under `--cfg fuzzing`, for a fuzzer.

use std::io::Cursor;
use std::os::unix::fs::MetadataExt as _;

use proto::id::Digest;

use crate::layer::unpack::{Caps, Expected, Packing, unpack};

/// Small, so that a bomb costs nothing.
const CAPS: Caps =
    Caps { entries: 200, bytes: 1 << 20, harmless: 64 << 10, ratio: 200, name_bytes: 64 << 10 };

/// A layer as somebody's registry may serve it: it lands in its directory or is refused.
///
/// # Panics
/// When anything outside the directory changed, or nothing can be written here at all.
pub fn layer(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (dir, outside) = (folder.path().join("box"), folder.path().join("outside"));
    std::fs::create_dir(&dir).expect("a directory");
    std::fs::write(&outside, "untouched").expect("a file");
    let packing = match bytes {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstd,
        _ => Packing::Plain,
    };
    let digest = Digest::of(bytes);
    let expected = Expected { digest: &digest, size: bytes.len() as u64, diff_id: &digest };
    // Packed, its plain digest is not known: it is refused in the end, after everything was done.
    let result = unpack(Cursor::new(bytes), packing, &expected, CAPS, &dir);
    if let Ok(done) = &result {
        assert!(done.entries <= CAPS.entries && done.bytes <= CAPS.bytes, "{done:?}");
    }
    assert_eq!(std::fs::read_to_string(&outside).expect("it is still there"), "untouched");
    assert_eq!(std::fs::metadata(&outside).expect("it is still there").nlink(), 1);
    let beside = std::fs::read_dir(folder.path()).expect("it is still there").count();
    assert_eq!(beside, 2, "something was made beside the directory");
}
