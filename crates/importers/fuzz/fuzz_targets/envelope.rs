//! Envelopes of log shippers: any bytes give a row or none, and a row that was taken apart and put together again is
//! an object.
#![no_main]

use std::borrow::Cow;

use beaconwatch_importers::{envelope, flat_json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(opened) = envelope::open(bytes) else { return };
    assert!(flat_json::scan(bytes, |_, _| {}).is_some(), "only objects are envelopes");
    if let Cow::Owned(row) = &opened.row {
        // Escapes only become shorter. What is put together again may hold a name twice, and the names of fields.
        assert!(row.len() <= 2 * bytes.len() + 512);
    }
    let _ = envelope::open(&opened.row);
});
