//! Compressed files: any bytes unpack to something or to an error, and to an end.
#![no_main]

use std::io::{Cursor, Read};

use beaconwatch_importers::stored::Stored;
use libfuzzer_sys::fuzz_target;

/// Small files may hold much.
const UNPACKED_MAX: u64 = 1 << 22;

fuzz_target!(|bytes: &[u8]| {
    let Ok(stored) = Stored::over(Cursor::new(bytes.to_vec())) else { return };
    let mut unpacked = Vec::new();
    let _ = stored.reader.take(UNPACKED_MAX).read_to_end(&mut unpacked);
});
