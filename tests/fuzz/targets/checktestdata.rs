//! A checktestdata specification, and an input that is held against it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checker::fuzz::specification(bytes));
