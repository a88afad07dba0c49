//! What a contact costs once tables are full: it must not depend on how much they hold.
//!
//! A scan: 4096 workloads fill the tables of sockets, contacts and conversations; then one of them, or all in turn, open
//! connections to ever new addresses and ports. A full share: one workload, as of recorded traffic, with 4096
//! conversations. 64 domains are looked up about every minute, twice before each connection to a host below, so that
//! the look-ups have a rhythm that is judged with the connections; and the rest are irregular connections, which no
//! detector has anything to say about.
#![expect(clippy::unwrap_used, reason = "a benchmark may stop")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use beaconwatch_engine::actor::{Actor, ActorKey, Process};
use beaconwatch_engine::assess::finding::Finding;
use beaconwatch_engine::assess::policy::{Policy, PolicySet};
use beaconwatch_engine::engine::{Engine, drive};
use beaconwatch_engine::input::{Event, Input, SocketId, SocketOpened};
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::observe::contact::{
    Bytes, Contact, ContactKind, Destination, DnsQuestion, NameSource, Naming, Transport,
};
use beaconwatch_engine::observe::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

/// 2023-11-14, in seconds of Unix time.
const START: f64 = 1_700_000_000.0;
/// Inputs that are made at a time.
const BATCH: u64 = 256;
/// Workloads that hold as much as each other before a scan.
const WORKLOADS: u64 = 4096;
/// Conversations of one workload.
const SHARE: usize = 4096;
const DOMAINS: u64 = 64;
/// Steps of a domain: two look-ups and the connection.
const STEPS: u64 = 3;

type Made = (Timestamp, Input);

/// A number between 0 and 1 that is the same on every run.
fn noise(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 11) as f64 / (1_u64 << 53) as f64
}

fn ignore(finding: Finding) {
    black_box(&finding);
}

fn engine(limits: Limits) -> Engine {
    let mut engine = Engine::with_limits(limits);
    let policies = PolicySet { policies: vec![Policy::everything("bench")] };
    drive(&mut engine, Timestamp::ZERO, Input::Policies(Arc::new(policies)), &mut ignore);
    engine
}

fn feed(engine: &mut Engine, batch: Vec<Made>) {
    for (time, input) in batch {
        drive(engine, time, input, &mut ignore);
    }
}

/// The `n`th connection that is opened: each to an address and a port of its own.
fn opened(n: u64, cgroup: u64) -> Made {
    let to = Ipv4Addr::from_bits(0x0b00_0000 + (n as u32 & 0x00ff_ffff));
    let event = Event::SocketOpened(Box::new(SocketOpened {
        socket: SocketId(n),
        cgroup,
        pid: 0,
        uid: None,
        netns: cgroup,
        transport: Transport::Tcp,
        local: Some(SocketAddr::from((Ipv4Addr::from_bits(0x0a00_0000 + cgroup as u32), 40_000))),
        remote: SocketAddr::from((to, 1024 + (n % 60_000) as u16)),
        outbound: true,
        snapshot: false,
    }));
    (Timestamp::from_nanos((START * 1e9) as u64 + n * 1_000_000), Input::Event(event))
}

fn scan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scan");
    group.throughput(Throughput::Elements(BATCH)).sample_size(30);
    for (name, workloads) in [("one workload", 1), ("all workloads in turn", WORKLOADS)] {
        let mut engine = engine(Limits::default());
        let mut n = 1;
        let mut batch = |workloads: u64| {
            let made = (n..n + BATCH).map(|n| opened(n, 1 + n % workloads)).collect::<Vec<_>>();
            n += BATCH;
            made
        };
        for _ in 0..2 * engine.limits().sockets_max as u64 / BATCH {
            feed(&mut engine, batch(WORKLOADS));
        }
        group.bench_function(name, |bencher| {
            let made = || batch(workloads);
            bencher.iter_batched(made, |made| feed(&mut engine, made), BatchSize::PerIteration);
        });
    }
    group.finish();
}

/// One workload with a full share.
struct Share {
    actor: Arc<Actor>,
    key: ActorKey,
    at: f64,
    step: u64,
    state: u64,
}

impl Share {
    fn begin() -> Self {
        let process = Process { pid: 7, executable: Arc::from("/app/server"), ..Process::default() };
        let actor = Actor { process: Some(process), cgroup: 42, ..Actor::default() };
        Self { key: actor.key(), actor: Arc::new(actor), at: START, step: 0, state: 42 }
    }

    fn contact(&self, destination: Destination, kind: ContactKind, sent: u64) -> Made {
        let time = Timestamp::from_secs_f64(self.at);
        let dns = matches!(kind, ContactKind::DnsQuery(_));
        let contact = Contact {
            id: 0,
            start: time,
            actor: Arc::clone(&self.actor),
            actor_key: self.key,
            destination,
            kind,
            protocol: if dns { AppProtocol::Dns } else { AppProtocol::Tls },
            naming: Naming::Unknown,
            sni: None,
            ja4: None,
            ja4_odd: None,
            user_agent: None,
            bytes: Some(Bytes { sent, received: 2 * sent }),
            duration: None,
        };
        (time, Input::Contact(Box::new(contact)))
    }

    /// An irregular connection to one of the other hosts.
    fn irregular(&mut self, secs: f64) -> Made {
        let others = SHARE as u64 - 2 * DOMAINS;
        let host = (noise(&mut self.state) * others as f64) as u64;
        self.host(host, secs)
    }

    fn host(&mut self, host: u64, secs: f64) -> Made {
        self.at -= secs * (1.0 - noise(&mut self.state)).ln();
        let sent = 80 + (noise(&mut self.state) * 9.0).exp() as u64;
        let connect = ContactKind::Connect { established: Some(true) };
        self.contact(named(host as u32, 443, &format!("host-{host}.example")), connect, sent)
    }

    /// The next of the look-ups and connections of all domains, which take turns.
    fn regular(&mut self) -> Made {
        let (turn, step) = (self.step / STEPS, self.step % STEPS);
        let domain = turn % DOMAINS;
        self.step += 1;
        if step > 0 {
            self.at += 0.001;
            if step == 2 {
                let connect = ContactKind::Connect { established: Some(true) };
                let to = named(0x1_0000 + domain as u32, 443, &format!("a.domain-{domain}.example"));
                return self.contact(to, connect, 312);
            }
        } else {
            self.at += 60.0 / DOMAINS as f64 * (0.8 + 0.4 * noise(&mut self.state));
        }
        let name = Arc::from(format!("a.domain-{domain}.example"));
        let question = DnsQuestion { name, rr_type: if step == 0 { 1 } else { 28 }, rcode: Some(0) };
        let resolver = Destination {
            address: Some(IpAddr::from([10, 96, 0, 10])),
            transport: Transport::Udp,
            ..named(0, 53, &format!("domain-{domain}.example"))
        };
        self.contact(resolver, ContactKind::DnsQuery(question), 36)
    }
}

fn named(host: u32, port: u16, name: &str) -> Destination {
    Destination {
        address: Some(IpAddr::from(Ipv4Addr::from_bits(0xc612_0000 + host))),
        port,
        transport: Transport::Tcp,
        name: Some(Arc::from(name)),
        name_source: Some(NameSource::Dns),
    }
}

fn full_share(criterion: &mut Criterion) {
    let limits = Limits { conversations_per_workload_max: SHARE, ..Limits::default() };
    let (mut engine, mut share) = (engine(limits), Share::begin());
    // Two hours of both, so that rhythms are proven and last.
    for host in 0..SHARE as u64 - 2 * DOMAINS {
        let made = share.host(host, 0.1);
        feed(&mut engine, vec![made]);
    }
    for _ in 0..120 * DOMAINS * STEPS {
        let made = vec![share.regular(), share.irregular(0.001)];
        feed(&mut engine, made);
    }
    let look_ups = engine.explain(|candidate| candidate.destination.port == 53);
    let (held, regular) = (look_ups.len(), look_ups.iter().filter(|one| one.rhythm.is_some()).count());
    println!(
        "full share: {regular} of {held} look-ups with a rhythm, e.g. {:?}",
        look_ups.first().unwrap().outcome
    );

    let mut group = criterion.benchmark_group("full share");
    group.throughput(Throughput::Elements(BATCH)).sample_size(30);
    group.bench_function("gate shut", |bencher| {
        bencher.iter_batched(
            || (0..BATCH).map(|_| share.irregular(0.3)).collect(),
            |made| feed(&mut engine, made),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("part of others", |bencher| {
        bencher.iter_batched(
            || (0..BATCH).map(|_| share.regular()).collect(),
            |made| feed(&mut engine, made),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, scan, full_share);
criterion_main!(benches);
