//! Suricata's EVE logs: any bytes give rows or rejected ones, and an end.
#![no_main]

use beaconwatch_importers::lines::Lines;
use beaconwatch_importers::{Reader, RejectedRows};
use libfuzzer_sys::fuzz_target;

/// Questions of one event, at most.
const QUESTIONS_MAX: u64 = 64;

fuzz_target!(|bytes: &[u8]| {
    let lines = Lines::from_bytes("fuzz", bytes.to_vec());
    let mut reader = beaconwatch_importers::suricata::SuricataReader::over(lines);
    let mut rejected = RejectedRows::default();
    let mut records = 0_u64;
    while reader.next(&mut rejected).is_some() {
        records += 1;
    }
    // Nothing comes from nowhere, and nothing goes uncounted
    assert!(records <= QUESTIONS_MAX * reader.rows_read());
    // (events of types that are not used are no fault of the log, and are counted apart from its faults).
    let counted: u64 = rejected.iter().map(|(_, count, _)| count).sum();
    assert!(records > 0 || counted > 0 || reader.rows_read() == 0);
});
