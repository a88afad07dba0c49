//! What the engine costs: events a second on one core, and memory per conversation, with every allocation counted.
//!
//! The traffic is that of a busy node: 900 actors with eight destinations each (and an aggregate), half of them regular
//! (2 s to 60 s with jitter), half not; all destinations are known after the first round.
#![expect(unsafe_code, reason = "a global allocator that counts")]
#![expect(clippy::unwrap_used, reason = "a benchmark may stop")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use beaconwatch_engine::actor::{Actor, ActorKey, Process};
use beaconwatch_engine::contact::{Bytes, Contact, ContactKind, Destination, Naming, Transport};
use beaconwatch_engine::engine::{Engine, drive};
use beaconwatch_engine::input::Input;
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::policy::{Policy, PolicySet};
use beaconwatch_engine::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static LIVE_BYTES: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is handed on to the system's allocator; only counters are kept besides.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        LIVE_BYTES.fetch_add(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ACTORS: u64 = 900;
const DESTINATIONS: u64 = 8;
const EVENTS: usize = 200_000;

/// A number between 0 and 1 that is the same on every run.
fn noise(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 11) as f64 / (1_u64 << 53) as f64
}

fn actors() -> Vec<(Arc<Actor>, ActorKey)> {
    (0..ACTORS)
        .map(|n| {
            let process = Process { pid: 1, executable: Arc::from("/app/server"), ..Process::default() };
            let actor = Actor { process: Some(process), cgroup: n + 1, ..Actor::default() };
            let key = actor.key();
            (Arc::new(actor), key)
        })
        .collect()
}

/// Contacts in order of time: `EVENTS` of them from `seconds` on.
fn traffic(actors: &[(Arc<Actor>, ActorKey)], seconds: f64) -> Vec<(Timestamp, Box<Contact>)> {
    let mut state = 42_u64;
    let conversations = ACTORS * DESTINATIONS;
    let mut next: Vec<(f64, u64)> = (0..conversations).map(|n| (noise(&mut state) * 60.0, n)).collect();
    let mut out = Vec::with_capacity(EVENTS + conversations as usize);
    let mut round = 0.0;
    while out.len() < EVENTS {
        round += 60.0;
        for (at, n) in &mut next {
            let period = 2.0 + 58.0 * ((*n % 97) as f64 / 97.0);
            while *at < round {
                out.push((*at, *n, (noise(&mut state) * 4000.0) as u64));
                let gap = if n.is_multiple_of(2) {
                    0.8 + 0.4 * noise(&mut state)
                } else {
                    -(1.0 - noise(&mut state)).ln()
                };
                *at += period * gap;
            }
        }
    }
    out.sort_by(|a, b| a.0.total_cmp(&b.0));
    out.truncate(EVENTS);
    out.into_iter()
        .map(|(at, n, size)| {
            let time = Timestamp::from_secs_f64(1_700_000_000.0 + seconds + at);
            let (actor, actor_key) = actors.get((n / DESTINATIONS) as usize).unwrap();
            (time, Box::new(contact(time, actor, *actor_key, n, size)))
        })
        .collect()
}

fn contact(time: Timestamp, actor: &Arc<Actor>, actor_key: ActorKey, n: u64, size: u64) -> Contact {
    Contact {
        id: 0,
        start: time,
        actor: Arc::clone(actor),
        actor_key,
        destination: Destination {
            address: Some(std::net::Ipv4Addr::from_bits(0x0a00_0000 + n as u32).into()),
            port: 443,
            transport: Transport::Tcp,
            name: None,
            name_source: None,
        },
        kind: ContactKind::Connect { established: Some(true) },
        protocol: AppProtocol::Tls,
        naming: Naming::Unknown,
        sni: None,
        ja4: None,
        ja4_odd: None,
        user_agent: None,
        bytes: Some(Bytes { sent: 300 + if n.is_multiple_of(2) { 0 } else { size }, received: 900 + size }),
        duration: None,
    }
}

fn engine() -> Engine {
    let mut engine = Engine::with_limits(Limits::default());
    let policies = PolicySet { policies: vec![Policy::everything("bench")] };
    drive(&mut engine, Timestamp::ZERO, Input::Policies(Arc::new(policies)), &mut |_| {});
    engine
}

fn feed(engine: &mut Engine, contacts: Vec<(Timestamp, Box<Contact>)>) -> u64 {
    let mut findings = 0;
    for (time, contact) in contacts {
        drive(engine, time, Input::Contact(contact), &mut |finding| {
            black_box(&finding);
            findings += 1;
        });
    }
    findings
}

fn known_conversations(criterion: &mut Criterion) {
    let actors = actors();
    let mut engine = engine();
    let before = LIVE_BYTES.load(Ordering::Relaxed);
    let warm = traffic(&actors, 0.0);
    feed(&mut engine, warm);
    let after = LIVE_BYTES.load(Ordering::Relaxed);
    let held = engine.counters().conversations;
    println!(
        "{held} conversations in {} bytes each, tables included",
        after.saturating_sub(before) / held.max(1)
    );

    let contacts = traffic(&actors, 100.0 * 60.0);
    let (begin, count) = (ALLOCATIONS.load(Ordering::Relaxed), contacts.len() as u64);
    feed(&mut engine, contacts);
    let allocated = ALLOCATIONS.load(Ordering::Relaxed) - begin;
    println!("{allocated} allocations for {count} contacts of known conversations, findings included");

    let mut group = criterion.benchmark_group("engine");
    group.throughput(Throughput::Elements(EVENTS as u64)).sample_size(10);
    let mut seconds = 200.0 * 60.0;
    group.bench_function("contacts of known conversations", |bencher| {
        bencher.iter_batched(
            || {
                seconds += 100.0 * 60.0;
                traffic(&actors, seconds)
            },
            |contacts| feed(&mut engine, contacts),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, known_conversations);
criterion_main!(benches);
