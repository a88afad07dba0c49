//! Captures: any bytes give packets and inputs whose time never goes back, an end, and a reason for each packet that is
//! not used.
#![no_main]

use std::io::Cursor;

use beaconwatch_importers::pcap::{Capture, PayloadLimit, PcapInputs};
use beaconwatch_importers::{Effect, OrderedSource, RejectedRows, Unit};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(capture) = Capture::read(Box::new(Cursor::new(bytes.to_vec()))) else { return };
    let mut inputs = PcapInputs::over(capture, "fuzz", PayloadLimit::ALL);
    let mut rejected = RejectedRows::default();
    let mut last = inputs.last();
    while let Some((now, _)) = inputs.next(&mut rejected) {
        assert!(now >= last);
        last = now;
    }
    let counters = inputs.counters();
    assert!(counters.packets <= bytes.len() as u64);
    let refused = rejected.count(Unit::Packet, Effect::NotUnderstood);
    let not_concerned = rejected.count(Unit::Packet, Effect::NoConnection);
    assert_eq!(counters.used + refused + not_concerned, counters.packets);
});
