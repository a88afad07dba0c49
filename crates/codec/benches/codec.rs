//! What recordings and checkpoints cost: time on the thread of the engine and beside it, and bytes.
//!
//! The recording is that of a busy node: connections of 200 programs in 40 containers, each with a process, payload of
//! both directions, and totals. The checkpoint is that of a full node: 6696 conversations and their baseline. Median of
//! nine rounds.
#![expect(clippy::unwrap_used, reason = "a benchmark may stop")]

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use beaconwatch_codec::checkpoint;
use beaconwatch_codec::recording::{Block, RecordingReader, RecordingWriter};
use beaconwatch_engine::actor::{Actor, FileId, Process};
use beaconwatch_engine::counters::BoundedTable;
use beaconwatch_engine::engine::{Engine, drive};
use beaconwatch_engine::input::{Direction, Event, Input, Payload, ProcessStarted, SocketId, SocketOpened};
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::observe::contact::{
    Bytes, Contact, ContactKind, Destination, Naming, Packets, Transport,
};
use beaconwatch_engine::observe::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;

const ROUNDS: usize = 9;
const CONNECTIONS: u64 = 40_000;
const ACTORS: u64 = 216;
const DESTINATIONS: u64 = 31;
const START_NS: u64 = 1_700_000_000_000_000_000;

fn main() {
    let stream = stream();
    let inputs = stream.len() as f64;
    let (blocks, encode) = measure(|| blocks(&stream));
    let (bytes, seal) = measure(|| file(&blocks));
    let (read, reading) = measure(|| RecordingReader::open(&*bytes).unwrap().filter(Result::is_ok).count());
    assert_eq!(read, stream.len());
    println!("recording: {inputs} inputs, {:.1} bytes for each", bytes.len() as f64 / inputs);
    println!("  encoded on the engine's thread: {:.0} ns for each input", encode / inputs);
    println!("  compressed by the other: {:.0} ns for each input", seal / inputs);
    println!("  read: {:.0} ns for each input", reading / inputs);

    let engine = full_node();
    let (taken, encode) = measure(|| engine.checkpoint());
    let (bytes, write) = measure(|| {
        let mut bytes = Vec::new();
        checkpoint::write(&taken, &mut bytes).unwrap();
        bytes
    });
    let (restored, read) = measure(|| {
        let mut engine = Engine::with_limits(Limits::default());
        engine.restore(&checkpoint::read(&bytes).unwrap()).unwrap();
        engine
    });
    let held = |engine: &Engine| engine.counters().table(BoundedTable::Conversations).held;
    assert_eq!(held(&restored), held(&engine));
    let raw: usize = taken.sections.iter().map(|section| section.bytes.len()).sum();
    println!("checkpoint: {} conversations, {raw} bytes, {} on disk", held(&engine), bytes.len());
    println!("  encoded on the engine's thread: {:.1} ms", encode / 1e6);
    println!("  compressed by the other: {:.1} ms", write / 1e6);
    println!("  read and taken up: {:.1} ms", read / 1e6);
}

/// What it gives, and its median time in nanoseconds.
fn measure<T>(mut work: impl FnMut() -> T) -> (T, f64) {
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        last = Some(black_box(work()));
        times.push(start.elapsed().as_secs_f64() * 1e9);
    }
    times.sort_unstable_by(f64::total_cmp);
    (last.unwrap(), *times.get(ROUNDS / 2).unwrap())
}

fn blocks(stream: &[(Timestamp, Input)]) -> Vec<Block> {
    let mut writer = RecordingWriter::default();
    let mut blocks: Vec<Block> = stream.iter().filter_map(|(now, input)| writer.input(*now, input)).collect();
    blocks.extend(writer.end(Timestamp::MAX));
    blocks.extend(writer.close());
    blocks
}

fn file(blocks: &[Block]) -> Vec<u8> {
    let mut bytes = RecordingWriter::head(&Limits::default());
    blocks.iter().for_each(|block| bytes.extend_from_slice(&block.seal()));
    bytes
}

/// A number that is the same on every run.
fn noise(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 20
}

fn stream() -> Vec<(Timestamp, Input)> {
    let (mut stream, mut now, mut state) = (Vec::new(), START_NS, 7);
    let mut push = |now: &mut u64, event: Event| {
        *now += 130_000;
        stream.push((Timestamp::from_nanos(*now), Input::Event(event)));
    };
    for n in 0..CONNECTIONS {
        let program = noise(&mut state) % 200;
        let (pid, cgroup) = (10_000 + n as u32, 4_000 + program % 40);
        let started = ProcessStarted {
            pid,
            start_ns: now - START_NS,
            parent_pid: 900,
            cgroup,
            executable: format!("/usr/bin/program-{program}").into(),
            file: FileId { device: 8, inode: 70_000 + program },
            links: Some(1),
            args: vec![
                format!("program-{program}").into(),
                "--endpoint".into(),
                "https://api.example".into(),
            ],
            ..ProcessStarted::default()
        };
        push(&mut now, Event::ProcessStarted(Box::new(started)));
        let socket = SocketId(0x1_0000 + n);
        let remote = SocketAddr::from((Ipv4Addr::from_bits(0xcb00_7100 + (program as u32 & 0xff)), 443));
        let opened = SocketOpened {
            socket,
            cgroup,
            pid,
            uid: Some(0),
            netns: 5,
            transport: Transport::Tcp,
            local: None,
            remote,
            outbound: true,
            snapshot: false,
        };
        push(&mut now, Event::SocketOpened(Box::new(opened)));
        for direction in [Direction::Sent, Direction::Received] {
            let bytes: Vec<u8> =
                (0..300 + noise(&mut state) % 200).map(|_| noise(&mut state) as u8).collect();
            let payload = Payload {
                socket,
                cgroup,
                direction,
                transport: Transport::Tcp,
                ports: (40_000, 443),
                remote: None,
                wire_len: bytes.len() as u32,
                bytes: bytes.into(),
                gap_before: false,
            };
            push(&mut now, Event::Payload(payload));
        }
        let bytes = Bytes { sent: 300 + noise(&mut state) % 9_000, received: noise(&mut state) % 90_000 };
        let packets = Packets { sent: 3, received: 9 };
        push(
            &mut now,
            Event::SocketClosed { socket, bytes, packets, provisional: false, established: Some(true) },
        );
        push(&mut now, Event::ProcessExited { pid });
    }
    stream
}

fn full_node() -> Engine {
    let mut engine = Engine::with_limits(Limits::default());
    let mut state = 7;
    for round in 0..40_u64 {
        for n in 0..ACTORS * DESTINATIONS {
            let at = START_NS + round * 60_000_000_000 + n * 8_000_000 + noise(&mut state) % 8_000_000;
            let at = Timestamp::from_nanos(at);
            drive(&mut engine, at, Input::Contact(Box::new(contact(at, n, noise(&mut state)))), &mut |_| {});
        }
    }
    engine
}

fn contact(at: Timestamp, n: u64, noise: u64) -> Contact {
    let (who, to) = (n / DESTINATIONS, n % DESTINATIONS);
    let process = Process {
        pid: 100 + who as u32,
        start_ns: 1_000_000 * who,
        executable: format!("/usr/bin/program-{}", who % 54).into(),
        file: Some(FileId { device: 8, inode: 70_000 + who }),
        args: [Box::from("program"), Box::from("--serve")].into(),
        ..Process::default()
    };
    let actor = Actor {
        container: Some(format!("{who:064x}").into()),
        process: Some(process),
        cgroup: 4_000 + who,
        ..Actor::default()
    };
    Contact {
        id: 0,
        start: at,
        actor_key: actor.key(),
        actor: Arc::new(actor),
        destination: Destination {
            address: Some(Ipv4Addr::from_bits(0xc612_0000 + (who * 31 + to) as u32).into()),
            port: 443,
            transport: Transport::Tcp,
            name: Some(format!("host-{to}.service-{}.example", who % 54).into()),
            name_source: None,
        },
        kind: ContactKind::Connect { established: Some(true) },
        protocol: AppProtocol::Tls,
        naming: Naming::Consistent,
        sni: Some(format!("host-{to}.service-{}.example", who % 54).into()),
        ja4: Some("t13d1516h2_8daaf6152771_b0da82dd1658".into()),
        ja4_odd: Some(false),
        user_agent: None,
        bytes: Some(Bytes { sent: 300 + noise % 2_000, received: noise % 9_000 }),
        duration: None,
    }
}
