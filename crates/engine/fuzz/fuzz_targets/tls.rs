#![no_main]
//! TLS over a stream: what is seen does not depend on the segments.
mod shared;
libfuzzer_sys::fuzz_target!(|data: &[u8]| shared::split(&[22, 3, 1], data));
