//! A datagram on any line between worker, box server and box.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sandbox::fuzz::wire(bytes));
