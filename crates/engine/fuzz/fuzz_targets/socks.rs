#![no_main]
//! SOCKS, and what is inside.
mod shared;
use beaconwatch_engine::observe::protocol::{Carrier, Detail, Sender, FlowParser};
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut parser = FlowParser::open(Carrier::Stream, 1080, Detail::Full);
    if data.len() % 2 == 0 {
        parser.push(Sender::Originator, &[5, 1, 0], false, &mut Vec::new());
    }
    shared::feed(&mut parser, data);
});
