//! What the engine costs: contacts a second on one core, and memory per conversation, with every allocation counted.
//!
//! The traffic is that of a full node: 108 pods (27 workloads of four replicas), in each two executables that turn to 31
//! destinations outside: half of them regularly (2 s to 60 s with jitter), half not. Contacts are made just before the
//! engine takes them, as agents and readers do; that time does not count. Once all destinations are in the baseline, as
//! they are after a day, and once all are new, so that each executable has an aggregate too; both with the engine looking
//! ahead, as a replay lets it, and the first also without, as where contacts come one by one.
#![expect(unsafe_code, reason = "a global allocator that counts")]
#![expect(clippy::unwrap_used, reason = "a benchmark may stop")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use beaconwatch_engine::actor::{Actor, ActorKey, ContainerId, Owner, Pod, Process};
use beaconwatch_engine::assess::finding::Finding;
use beaconwatch_engine::assess::policy::{Policy, PolicySet};
use beaconwatch_engine::counters::BoundedTable;
use beaconwatch_engine::engine::{Engine, LOOK_AHEAD, drive};
use beaconwatch_engine::input::{BaselineEntry, Input, WorkloadChange};
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::observe::contact::{Bytes, Contact, ContactKind, Destination, Naming, Transport};
use beaconwatch_engine::observe::protocol::AppProtocol;
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

const WORKLOADS: u64 = 27;
const REPLICAS: u64 = 4;
const EXECUTABLES: u64 = 2;
const DESTINATIONS: u64 = 31;
/// Contacts that are made at a time: few, so that they are in the caches, as where they are made one by one.
const BATCH: usize = 256;
/// Contacts of each conversation before anything is measured: rings of gaps are full by then.
const WARM_UP: usize = 40 * (WORKLOADS * REPLICAS * EXECUTABLES * DESTINATIONS) as usize;

/// A number between 0 and 1 that is the same on every run.
fn noise(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 11) as f64 / (1_u64 << 53) as f64
}

fn pod(workload: u64, replica: u64) -> Pod {
    let container: ContainerId = Arc::from(format!("{workload:032x}{replica:032x}"));
    Pod {
        uid: Arc::from(format!("pod-{workload}-{replica}")),
        name: Arc::from(format!("app-{workload}-{replica}")),
        namespace: Arc::from("default"),
        node: Arc::from("node"),
        owner: owner(workload),
        replicas: Some(REPLICAS as u32),
        started: Some(Timestamp::from_secs_f64(START)),
        containers: Arc::from([(container, Box::from("app"))]),
        ..Pod::default()
    }
}

fn owner(workload: u64) -> Owner {
    Owner { kind: Arc::from("Deployment"), name: Arc::from(format!("app-{workload}")) }
}

fn executable(n: u64) -> Arc<str> {
    Arc::from(format!("/usr/bin/app-{n}"))
}

fn address(workload: u64, destination: u64) -> IpAddr {
    IpAddr::from(Ipv4Addr::from_bits(
        0xc612_0000 + (workload * EXECUTABLES * DESTINATIONS + destination) as u32,
    ))
}

/// 2023-11-14, in seconds of Unix time.
const START: f64 = 1_700_000_000.0;

/// Contacts in order of time, without end.
struct Traffic {
    actors: Vec<(Arc<Actor>, ActorKey)>,
    /// When each conversation comes next, nanoseconds from the start, soonest first.
    next: BinaryHeap<Reverse<(u64, u64)>>,
    state: u64,
}

impl Traffic {
    fn begin(pods: &[Pod]) -> Self {
        let actor = |pod: &Pod, n| {
            let process = Process { pid: 1, executable: executable(n), ..Process::default() };
            let container = pod.containers.first().map(|(id, _)| Arc::clone(id));
            let actor = Actor { process: Some(process), container, ..Actor::default() };
            let key = actor.key();
            (Arc::new(actor), key)
        };
        let actors: Vec<_> =
            pods.iter().flat_map(|pod| (0..EXECUTABLES).map(move |n| actor(pod, n))).collect();
        let mut state = 42;
        let next = (0..actors.len() as u64 * DESTINATIONS)
            .map(|n| Reverse(((noise(&mut state) * 60e9) as u64, n)))
            .collect();
        Self { actors, next, state }
    }

    /// A batch of contacts, in steps as a source that knows what comes next gives them.
    fn batch(&mut self) -> Vec<Vec<(Timestamp, Input)>> {
        (0..BATCH / LOOK_AHEAD).map(|_| (0..LOOK_AHEAD).map(|_| self.one()).collect()).collect()
    }

    fn one(&mut self) -> (Timestamp, Input) {
        let Reverse((at, n)) = self.next.pop().unwrap();
        let regular = n.is_multiple_of(2);
        let period = 2.0 + 58.0 * ((n % 97) as f64 / 97.0);
        let luck = noise(&mut self.state);
        let gap = if regular { 0.8 + 0.4 * luck } else { -(1.0 - luck).ln() };
        self.next.push(Reverse((at + (period * gap * 1e9) as u64, n)));
        let time = Timestamp::from_nanos((START * 1e9) as u64 + at);
        let size = if regular { 0 } else { (noise(&mut self.state) * 4000.0) as u64 };
        let (actor, actor_key) = self.actors.get((n / DESTINATIONS) as usize).unwrap();
        let workload = n / (DESTINATIONS * EXECUTABLES * REPLICAS);
        let contact = Contact {
            id: 0,
            start: time,
            actor: Arc::clone(actor),
            actor_key: *actor_key,
            destination: Destination {
                address: Some(address(workload, n % (DESTINATIONS * EXECUTABLES))),
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
            bytes: Some(Bytes { sent: 300 + size, received: 900 + size }),
            duration: None,
        };
        (time, Input::Contact(Box::new(contact)))
    }
}

fn ignore(finding: Finding) {
    black_box(&finding);
}

/// An engine that knows these pods and, if wanted, what they turn to.
fn engine(pods: &[Pod], with_baseline: bool) -> Engine {
    let mut engine = Engine::with_limits(Limits::default());
    let policies = PolicySet { policies: vec![Policy::everything("bench")] };
    let mut give = |input| drive(&mut engine, Timestamp::ZERO, input, &mut ignore);
    give(Input::Policies(Arc::new(policies)));
    for pod in pods {
        give(Input::Workload(WorkloadChange::Applied(Arc::new(pod.clone()))));
    }
    for workload in (0..WORKLOADS).filter(|_| with_baseline) {
        for destination in 0..EXECUTABLES * DESTINATIONS {
            give(Input::Baseline(Box::new(BaselineEntry {
                namespace: Arc::from("default"),
                owner: owner(workload),
                executable: executable(destination / DESTINATIONS),
                names: Vec::new(),
                address: Some(address(workload, destination)),
                port: 443,
                transport: Transport::Tcp,
            })));
        }
    }
    engine
}

fn feed(engine: &mut Engine, look_ahead: bool, batch: Vec<Vec<(Timestamp, Input)>>) {
    for step in batch {
        if look_ahead {
            engine.look_ahead(step.iter().map(|(_, input)| input));
        }
        for (time, input) in step {
            drive(engine, time, input, &mut ignore);
        }
    }
}

fn contacts(criterion: &mut Criterion) {
    let pods: Vec<Pod> = (0..WORKLOADS)
        .flat_map(|workload| (0..REPLICAS).map(move |replica| pod(workload, replica)))
        .collect();
    let mut group = criterion.benchmark_group("engine");
    group.throughput(Throughput::Elements(BATCH as u64)).sample_size(30);
    let variants = [
        ("known destinations", true, true),
        ("new destinations", false, true),
        ("known destinations, one at a time", true, false),
    ];
    for (name, with_baseline, look_ahead) in variants {
        let mut traffic = Traffic::begin(&pods);
        let before = LIVE_BYTES.load(Ordering::Relaxed);
        let room = Engine::with_limits(Limits::default());
        let reserved = LIVE_BYTES.load(Ordering::Relaxed) - before;
        drop(room);
        let mut engine = engine(&pods, with_baseline);
        (0..WARM_UP / BATCH).for_each(|_| feed(&mut engine, look_ahead, traffic.batch()));
        let held = engine.counters().table(BoundedTable::Conversations).held.max(1);
        let bytes = LIVE_BYTES.load(Ordering::Relaxed) - before;
        // The room for all conversations that there may be is asked for at once.
        let each = reserved / engine.limits().conversations_max as u64 + (bytes - reserved) / held;
        println!("{name}: {held} conversations in {each} bytes each, with all that is kept beside them");

        let (mut allocated, mut counted) = (0, 0);
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || traffic.batch(),
                |contacts| {
                    let before = ALLOCATIONS.load(Ordering::Relaxed);
                    feed(&mut engine, look_ahead, contacts);
                    allocated += ALLOCATIONS.load(Ordering::Relaxed) - before;
                    counted += BATCH;
                },
                BatchSize::PerIteration,
            );
        });
        println!("{name}: {allocated} allocations for {counted} contacts, findings included");
    }
    group.finish();
}

criterion_group!(benches, contacts);
criterion_main!(benches);
