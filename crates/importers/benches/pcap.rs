//! Throughput of reading captures: bytes of the file per second, up to the engine's inputs.
//!
//! The captures are made here: many flows that take turns, once with 64 bytes of each packet (headers only), once
//! with 1,200 bytes of payload.

use std::hint::black_box;
use std::io::Cursor;

use beaconwatch_importers::pcap::{Capture, FlowTable, PayloadLimit, PcapInputs};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Flows that take turns.
const FLOWS: u32 = 2_000;
const PACKETS: u32 = 200_000;

/// A capture of TCP flows with `payload` bytes per packet, of which the file holds `snap_len` of the frame.
fn capture(payload: usize, snap_len: usize) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend([0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    file.extend(u32::try_from(snap_len).unwrap_or(u32::MAX).to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    let total = u16::try_from(40 + payload).unwrap_or(u16::MAX);
    for number in 0..PACKETS {
        let (flow, turn) = (number % FLOWS, number / FLOWS);
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
        frame.extend([0x45, 0]);
        frame.extend(total.to_be_bytes());
        frame.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0]);
        frame.extend([(flow >> 8).to_le_bytes()[0], flow.to_le_bytes()[0], 192, 0, 2, 1]);
        frame.extend(40_000_u16.to_be_bytes());
        frame.extend(443_u16.to_be_bytes());
        frame.extend((1 + turn * u32::try_from(payload).unwrap_or(0)).to_be_bytes());
        frame.extend([0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
        frame.resize(frame.len() + payload, 0xab);
        let kept = frame.len().min(snap_len);
        file.extend((1_700_000_000 + number / 10_000).to_le_bytes());
        file.extend((number % 10_000 * 100).to_le_bytes());
        file.extend(u32::try_from(kept).unwrap_or(0).to_le_bytes());
        file.extend(u32::try_from(frame.len()).unwrap_or(0).to_le_bytes());
        file.extend(frame.get(..kept).unwrap_or_default());
    }
    file
}

fn pcap(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pcap");
    group.sample_size(10);
    for (name, payload, snap_len, limit) in [
        ("headers only", 1200, 64, PayloadLimit::NONE),
        ("with payload, first three packets of each flow", 1200, 65535, PayloadLimit::LIVE),
        ("with payload, all of it in order", 1200, 65535, PayloadLimit::ALL),
    ] {
        let file = capture(payload, snap_len);
        group.throughput(Throughput::Bytes(file.len() as u64));
        group.bench_function(format!("flows, {name}"), |bencher| {
            bencher.iter(|| {
                let Ok(mut capture) = Capture::read(Box::new(Cursor::new(file.clone()))) else { return 0 };
                let mut table = FlowTable::with_payload(limit);
                let mut events = 0_u64;
                while let Ok(Some(packet)) = capture.next_packet() {
                    table.push(&packet, &mut |event| {
                        black_box(event);
                        events += 1;
                    });
                }
                events
            });
        });
        group.bench_function(format!("inputs, {name}"), |bencher| {
            bencher.iter(|| {
                let Ok(capture) = Capture::read(Box::new(Cursor::new(file.clone()))) else { return 0 };
                let mut inputs = PcapInputs::over(capture, "made", limit);
                let mut count = 0_u64;
                while let Ok(Some(input)) = inputs.next_input() {
                    black_box(input);
                    count += 1;
                }
                count
            });
        });
    }
    group.finish();
}

criterion_group!(benches, pcap);
criterion_main!(benches);
