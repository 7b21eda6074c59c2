//! An answer and an output, for every built-in checker.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checker::fuzz::compared(bytes));
