#![no_main]
//! First lines of SSH, SMTP and unknown text.
mod shared;
use beaconwatch_engine::observe::protocol::{Carrier, Detail, Sender, FlowParser};
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for begin in [&b"SSH-"[..], b"220 ", b"EHLO ", b"text "] {
        let mut parser = FlowParser::open(Carrier::Stream, 22, Detail::Full);
        parser.push(Sender::Responder, begin, false, &mut Vec::new());
        shared::feed(&mut parser, data);
    }
});
