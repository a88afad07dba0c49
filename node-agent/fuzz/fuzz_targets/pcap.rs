//! Captures: any bytes give packets and inputs whose time never goes back, and an end.
#![no_main]

use std::io::Cursor;

use beaconwatch_agent::source::pcap::{Capture, PayloadLimit, PcapInputs};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(capture) = Capture::read(Box::new(Cursor::new(bytes.to_vec()))) else { return };
    let mut inputs = PcapInputs::over(capture, "fuzz", PayloadLimit::ALL);
    let mut last = inputs.last();
    while let Ok(Some((now, _))) = inputs.next_input() {
        assert!(now >= last);
        last = now;
    }
    let counters = inputs.counters();
    // What is refused took at least a byte: blocks without a packet are refused too.
    assert!(counters.malformed + counters.not_ip <= bytes.len() as u64);
});
