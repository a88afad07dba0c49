#![no_main]
//! DTLS: records and fragments in datagrams.
use beaconwatch_engine::observe::protocol::{Carrier, Detail, Sender, FlowParser};
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut parser = FlowParser::open(Carrier::Datagram, 4433, Detail::Full);
    let mut seen = Vec::new();
    for datagram in data.chunks(200) {
        let whole = [&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 1][..], datagram].concat();
        parser.push(Sender::Originator, &whole, false, &mut seen);
        parser.push(Sender::Responder, datagram, false, &mut seen);
    }
    parser.finish(&mut seen);
});
