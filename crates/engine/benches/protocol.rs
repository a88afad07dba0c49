//! Cost of the protocol parsers per payload packet, with the allocations of each.
//!
//! Each case is one packet of a flow that is at that point of its life; making the parser is part of the cost
//! where the packet is the first.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use beaconwatch_engine::observe::protocol::{Carrier, Detail, FlowParser, Observation, Sender};
use criterion::{Criterion, criterion_group, criterion_main};

#[path = "../src/observe/protocol/sample.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "shared with the unit tests, which use all of it")]
mod sample;

/// Counts allocations.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[expect(unsafe_code, reason = "a global allocator that counts has no safe form")]
// SAFETY: every call is handed to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are those of the system allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are those of the system allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

type Push<'a> = (Sender, &'a [u8]);

/// Measures `packet` after `before`.
fn measure(criterion: &mut Criterion, name: &str, carrier: Carrier, before: &[Push<'_>], packet: Push<'_>) {
    let open = |seen: &mut Vec<Observation>| {
        let mut parser = FlowParser::open(carrier, 443, Detail::Evidence);
        for (sender, bytes) in before {
            parser.push(*sender, bytes, false, seen);
        }
        seen.clear();
        parser
    };
    let mut seen = Vec::with_capacity(16);
    let mut parser = open(&mut seen);
    let allocations = ALLOCATIONS.load(Ordering::Relaxed);
    parser.push(packet.0, packet.1, false, &mut seen);
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - allocations;
    println!("{name}: {allocations} allocations, {} observations", seen.len());

    criterion.bench_function(name, |bencher| {
        let mut seen = Vec::with_capacity(16);
        if before.is_empty() {
            bencher.iter(|| {
                seen.clear();
                let mut parser = FlowParser::open(carrier, 443, Detail::Evidence);
                parser.push(packet.0, black_box(packet.1), false, &mut seen);
                parser
            });
        } else {
            let mut parser = open(&mut seen);
            bencher.iter(|| {
                seen.clear();
                parser.push(packet.0, black_box(packet.1), false, &mut seen);
            });
        }
    });
}

fn parsers(criterion: &mut Criterion) {
    use Sender::{Originator, Responder};
    let hello = sample::records(&sample::client_hello("www.example.com"), 16384);
    let server = sample::records(&sample::server_hello(), 16384);
    let query = sample::dns_query(7, "www.example.com", 1);
    let response = sample::dns_response(7, "www.example.com", "edge.example.net", [192, 0, 2, 7]);
    let request = b"GET /index.html HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\n\r\n";
    let post = b"POST /u HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1000000000000\r\n\r\n";
    let data = [[23, 3, 3, 4, 0].as_slice(), &[0xab; 1024]].concat();

    let mut case =
        |name: &str, carrier, before: &[Push<'_>], packet| measure(criterion, name, carrier, before, packet);
    case("tls client hello with ja4 (1.7 kB)", Carrier::Stream, &[], (Originator, &hello));
    case("tls server hello", Carrier::Stream, &[(Originator, &hello)], (Responder, &server));
    let over = [(Originator, hello.as_slice()), (Originator, data.as_slice())];
    case("tls application data, nothing new", Carrier::Stream, &over, (Originator, &data));
    case("dns query", Carrier::Datagram, &[], (Originator, &query));
    case("dns response", Carrier::Datagram, &[(Originator, &query)], (Responder, &response));
    case("http request", Carrier::Stream, &[], (Originator, request));
    case("http body, nothing new", Carrier::Stream, &[(Originator, post)], (Originator, &data));
    let unknown: Vec<u8> = (0..=255_u8).rev().cycle().take(1024).collect();
    case("unknown binary, first packet", Carrier::Stream, &[], (Originator, &unknown));
    let given_up: Vec<Push<'_>> = vec![(Originator, unknown.as_slice()); 64];
    case("unknown binary, given up", Carrier::Stream, &given_up, (Originator, &unknown));
}

criterion_group!(benches, parsers);
criterion_main!(benches);
