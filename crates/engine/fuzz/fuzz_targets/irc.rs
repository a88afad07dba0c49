#![no_main]
//! IRC: what is seen does not depend on the segments.
mod shared;
libfuzzer_sys::fuzz_target!(|data: &[u8]| shared::split(b"NICK a\r\n", data));
