#![no_main]
//! Any flow: recognition, tunnels, late TLS, gaps.
mod shared;
use beaconwatch_engine::observe::protocol::{Carrier, Detail, FlowParser};
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for (carrier, port) in [(Carrier::Stream, 443), (Carrier::Datagram, 53)] {
        let seen = shared::feed(&mut FlowParser::open(carrier, port, Detail::Evidence), data);
        assert!(seen.len() <= data.len() + 8);
    }
});
