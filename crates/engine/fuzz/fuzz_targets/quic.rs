#![no_main]
//! QUIC: datagrams as they are, and the frames behind their encryption.
mod shared;
use beaconwatch_engine::observe::protocol::{Carrier, Detail, FlowParser};
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    beaconwatch_engine::observe::protocol::fuzzing::quic_frames(data);
    shared::feed(&mut FlowParser::open(Carrier::Datagram, 443, Detail::Full), data);
});
