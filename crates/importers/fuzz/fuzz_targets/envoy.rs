//! Envoy access logs: any bytes give rows or rejected ones, and an end.
#![no_main]

use beaconwatch_importers::lines::Lines;
use beaconwatch_importers::{Reader, RejectedRows};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let lines = Lines::from_bytes("fuzz", bytes.to_vec());
    let mut reader = beaconwatch_importers::envoy::EnvoyReader::over(lines);
    let mut rejected = RejectedRows::default();
    let mut rows = 0_u64;
    while reader.next(&mut rejected).is_some() {
        rows += 1;
    }
    // A row makes at most one record and the announcement of its pod.
    assert!(rows <= 2 * reader.rows_read());
});
