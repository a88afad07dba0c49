//! Records of the kernel's rings: whatever the bytes are, decoding ends and gives no more than there was.
#![no_main]

use beaconwatch_agent::decode::{decode, decode_processes, decode_sockets};
use beaconwatch_engine::input::Event;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(decoded) = decode(bytes) {
        match decoded.event {
            Event::Payload(payload) => assert!(payload.bytes.len() <= bytes.len()),
            Event::ProcessStarted(process) => assert!(process.args.len() <= bytes.len()),
            _ => {}
        }
    }
    let _ = decode_sockets(bytes);
    let _ = decode_processes(bytes);
});
