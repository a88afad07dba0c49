#![no_main]
//! Handshake messages, with certificates, of which one follows the other.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    beaconwatch_engine::observe::protocol::fuzzing::handshake(data);
    let len = u32::try_from(data.len()).unwrap_or(0).to_be_bytes();
    let list = [&[11][..], &(u32::try_from(data.len() + 6).unwrap_or(0)).to_be_bytes()[1..], &[0, 0, 0], &len[1..], data];
    beaconwatch_engine::observe::protocol::fuzzing::handshake(&list.concat());
});
