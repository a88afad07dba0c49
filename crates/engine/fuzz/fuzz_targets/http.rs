#![no_main]
//! HTTP/1 in both directions, with gaps.
mod shared;
use beaconwatch_engine::observe::protocol::{Carrier, Detail, Sender, FlowParser};
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut parser = FlowParser::open(Carrier::Stream, 80, Detail::Full);
    let begin: &[u8] = if data.len() % 2 == 0 { b"GET / HTTP/1.1\r\n" } else { b"CONNECT a:1 HTTP/1.1\r\n\r\n" };
    parser.push(Sender::Originator, begin, false, &mut Vec::new());
    shared::feed(&mut parser, data);
});
