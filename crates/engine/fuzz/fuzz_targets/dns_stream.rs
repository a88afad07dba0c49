#![no_main]
//! DNS over TCP: what is seen does not depend on the segments.
mod shared;
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let query = b"\x00\x1d\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01";
    shared::split(query, data);
});
