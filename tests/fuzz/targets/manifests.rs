//! The YAML of a problem package as somebody may upload it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| problem::fuzz::manifests(bytes));
