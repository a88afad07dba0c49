//! What a file looks like: any bytes are told in words.
#![no_main]

use beaconwatch_importers::sniff::Looks;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let looks = Looks::of(bytes);
    // A capture in the format pcapng begins with line ends.
    assert!(matches!(looks, Looks::Empty | Looks::Capture) || !bytes.trim_ascii().is_empty());
    assert!(!looks.to_string().is_empty());
});
