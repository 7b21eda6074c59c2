//! A layer as somebody's registry may serve it.
#![no_main]

/// Where a tar header has its checksum and its magic.
const CHECKSUM: std::ops::Range<usize> = 148..156;
const MAGIC: std::ops::Range<usize> = 257..262;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| images::fuzz::layer(&mended(bytes)));

/// Gives each header its right checksum: nearly every change breaks it, and what lies behind would never be reached.
/// Headers without magic keep theirs, so a wrong one is seen too.
fn mended(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for block in bytes.chunks_exact_mut(512) {
        if block[MAGIC] == *b"ustar" {
            block[CHECKSUM].fill(b' ');
            let sum: u32 = block.iter().copied().map(u32::from).sum();
            block[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    bytes
}
