//! A policy file, compiled to filters.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sandbox::fuzz::policy(bytes));
