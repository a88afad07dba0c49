#![no_main]
//! Recordings: any bytes are read to their end, and what a record says is written as it was read.
use beaconwatch_codec::recording::{RecordingReader, decode, encode};
use beaconwatch_codec::{OLDEST, VERSION};
use beaconwatch_engine::input::Input;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(reader) = RecordingReader::open(data) {
        // Every step uses a byte at least, or is the last.
        assert!(reader.count() <= data.len() * 256 + 2);
    }
    for version in OLDEST..=VERSION {
        let Some((input, _)) = decode(version, data) else { continue };
        let (again, dropped) = decode(VERSION, &encode(&input)).expect("what was written can be read");
        assert!(dropped.is_empty());
        match (&input, &again) {
            // The tables are built again: what no entry needs is not in them, and the order may be another.
            (Input::Reputation(list), Input::Reputation(again)) => assert_eq!(list.len(), again.len()),
            _ => assert_eq!(format!("{again:?}"), format!("{input:?}")),
        }
    }
});
