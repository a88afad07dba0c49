//! Pseudo-random streams of inputs, the same for the same seed.

use std::sync::Arc;

use beaconwatch_engine::actor::{Actor, FileId, Owner, Pod, Process};
use beaconwatch_engine::assess::policy::{Exception, Policy, PolicyId, PolicySet, PolicySource, Requirement};
use beaconwatch_engine::identity::Secret;
use beaconwatch_engine::input::{
    BaselineEntry, Direction, Event, Input, LossPlace, Payload, ProcessStarted, SocketId, SocketOpened,
    WorkloadChange,
};
use beaconwatch_engine::inside::Network;
use beaconwatch_engine::observe::contact::{
    Bytes, Contact, ContactEnd, ContactKind, Destination, DnsQuestion, NameSource, Naming, Packets, Transport,
};
use beaconwatch_engine::observe::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;

/// Deterministic pseudo-random numbers (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn any<T>(&mut self, mut of: Vec<T>) -> T {
        let at = self.below(of.len() as u64) as usize;
        of.swap_remove(at)
    }

    fn maybe<T>(&mut self, value: T) -> Option<T> {
        (self.below(2) == 0).then_some(value)
    }

    fn text(&mut self) -> String {
        let length = self.below(12);
        (0..length).map(|_| self.any(vec!['a', '.', '/', 'ß', '\u{1b}'])).collect()
    }

    /// Small, or anything.
    fn number(&mut self) -> u64 {
        if self.below(3) == 0 { self.below(u64::MAX) } else { self.below(300) }
    }

    fn bytes(&mut self) -> Bytes {
        Bytes { sent: self.number(), received: self.number() }
    }

    fn address(&mut self) -> std::net::SocketAddr {
        let ip = self.any(vec!["192.0.2.1", "2001:db8::7", "10.0.0.1"]);
        std::net::SocketAddr::new(ip.parse().unwrap(), self.below(65_536) as u16)
    }
}

fn random_event(r: &mut Random) -> Event {
    let (cgroup, pid, start_ns) = (r.number(), r.below(1 << 22) as u32, r.number());
    let socket = SocketId(r.number());
    let transport = r.any(vec![Transport::Tcp, Transport::Udp, Transport::Other]);
    match r.below(10) {
        0 => Event::CgroupCreated { cgroup, path: r.text().into() },
        1 => Event::CgroupRemoved { cgroup },
        2 => Event::ProcessStarted(Box::new(ProcessStarted {
            pid,
            start_ns,
            parent_pid: r.below(1000) as u32,
            cgroup,
            executable: r.text().into(),
            filename: r.text().into(),
            file: FileId { device: r.number(), inode: r.number() },
            links: r.maybe(3),
            changed: r.maybe(Timestamp::from_nanos(7)),
            args: vec![r.text().into(), r.text().into()],
            uid: 0,
            login_uid: r.maybe(u32::MAX),
            snapshot: r.below(2) == 0,
        })),
        3 => Event::ProcessForked { pid, start_ns, parent_pid: 1, cgroup },
        4 => Event::ProcessExited { pid },
        5 => Event::SocketOpened(Box::new(SocketOpened {
            socket,
            cgroup,
            pid,
            uid: r.maybe(5),
            netns: r.number(),
            transport,
            local: Some(r.address()).filter(|_| cgroup > 100),
            remote: r.address(),
            outbound: r.below(2) == 0,
            snapshot: false,
        })),
        6 => Event::Payload(Payload {
            socket,
            cgroup,
            direction: r.any(vec![Direction::Sent, Direction::Received]),
            transport,
            ports: (r.below(65_536) as u16, 443),
            remote: Some(r.address()).filter(|_| cgroup > 100),
            bytes: vec![r.below(256) as u8; r.below(300) as usize].into(),
            wire_len: r.below(1 << 20) as u32,
            gap_before: r.below(2) == 0,
        }),
        7 => Event::SocketBurst { socket, bytes: r.bytes() },
        8 => Event::SocketClosed {
            socket,
            bytes: r.bytes(),
            packets: Packets { sent: r.number(), received: r.number() },
            provisional: r.below(2) == 0,
            established: r.maybe(true),
        },
        _ => Event::SocketListening { cgroup, pid, local: r.address(), transport },
    }
}

fn random_contact(r: &mut Random) -> Contact {
    let process = Process {
        pid: 5,
        executable: r.text().into(),
        digest: r.maybe([9; 32]),
        args: vec![r.text().into_boxed_str()].into(),
        exec_session: r.maybe(true),
        ..Process::default()
    };
    let actor = Actor { container: r.maybe("c".into()), process: r.maybe(process), ..Actor::default() };
    let question = DnsQuestion { name: r.text().into(), rr_type: 16, rcode: r.maybe(3) };
    Contact {
        id: r.number(),
        start: Timestamp::from_nanos(r.number()),
        actor_key: actor.key(),
        actor: Arc::new(actor),
        destination: Destination {
            address: Some(r.address().ip()),
            port: 443,
            transport: Transport::Tcp,
            name: r.maybe("evil.example".into()),
            name_source: r.maybe(NameSource::Sni),
        },
        kind: r.any(vec![
            ContactKind::Connect { established: None },
            ContactKind::Burst,
            ContactKind::DnsQuery(question),
        ]),
        protocol: r.any(vec![AppProtocol::Unknown, AppProtocol::Text, AppProtocol::Tls]),
        naming: r.any(vec![Naming::Unknown, Naming::SniMissing]),
        sni: r.maybe("a".into()),
        ja4: r.maybe("t13d".into()),
        ja4_odd: r.maybe(false),
        user_agent: None,
        bytes: Some(r.bytes()),
        duration: r.maybe(core::time::Duration::new(77, 999_999_999)),
    }
}

fn policy() -> Policy {
    let exception = Exception {
        name: "mirror".into(),
        reason: "nightly".into(),
        expires: Some(Timestamp::from_nanos(9)),
        executables: vec!["/usr/bin/apt".into()],
        digests: vec![[3; 32]],
        names: vec!["*.debian.org".into()],
        networks: vec!["198.51.100.0/24".parse().unwrap()],
        ports: vec![443],
        protocols: vec![AppProtocol::Http],
    };
    let mut policy = Policy {
        id: PolicyId { namespace: Some("payments".into()), name: "p".into() },
        source: PolicySource::Cluster { generation: 7 },
        created: Timestamp::from_nanos(1),
        workloads: Default::default(),
        mode: Default::default(),
        thresholds: Default::default(),
        detectors: Default::default(),
        exceptions: vec![exception],
    };
    policy.workloads.pod =
        vec![Requirement::In("a".into(), vec!["b".into()]), Requirement::Exists("c".into())];
    policy.detectors.irc = None;
    policy
}

fn random_input(r: &mut Random) -> Input {
    match r.below(20) {
        0 => Input::Contact(Box::new(random_contact(r))),
        1 => Input::ContactEnd(ContactEnd {
            id: r.number(),
            bytes: r.bytes(),
            duration: core::time::Duration::from_millis(r.number() >> 20),
            established: r.maybe(false),
            provisional: true,
        }),
        2 => Input::Workload(WorkloadChange::Applied(Arc::new(Pod {
            uid: r.text().into(),
            labels: vec![("app".into(), r.text().into_boxed_str())].into(),
            owner: Owner { kind: "Job".into(), name: r.text().into() },
            addresses: vec![r.address().ip()].into(),
            containers: vec![("c".into(), "main".into())].into(),
            replicas: r.maybe(3),
            config_hash: r.maybe("5b1c".into()),
            runtime_class: r.maybe("gvisor".into()),
            ..Pod::default()
        }))),
        3 => Input::Workload(WorkloadChange::Deleted { uid: r.text().into() }),
        4 => {
            Input::Digest { file: FileId { device: 1, inode: r.number() }, sha256: [r.below(256) as u8; 32] }
        }
        5 => Input::Policies(Arc::new(PolicySet { policies: vec![policy()] })),
        6 => Input::Baseline(Box::new(BaselineEntry {
            namespace: "n".into(),
            owner: Owner::default(),
            executable: r.text().into(),
            names: vec!["x".into()],
            address: Some(r.address().ip()),
            port: 1,
            transport: Transport::Udp,
        })),
        7 => Input::Lost { place: r.any(vec![LossPlace::FlowRing, LossPlace::Capture]), count: r.number() },
        8 => {
            let mut list = beaconwatch_engine::assess::reputation::ReputationList::default();
            list.add_domain("feed", "bad.example");
            list.add_network("own", r.address().ip(), 24);
            Input::Reputation(Arc::new(list))
        }
        9 => Input::Networks(Network::of(r.address().ip(), 24).into_iter().collect()),
        11 => Input::MeshProxies(Arc::from([r.text().into_boxed_str()])),
        12 => Input::Rewritten(r.below(2) == 0),
        10 => Input::Secret(Secret([r.below(256) as u8; 16])),
        _ => Input::Event(random_event(r)),
    }
}

pub(crate) fn random_stream(seed: u64, count: usize) -> Vec<(Timestamp, Input)> {
    let mut r = Random(seed);
    let mut now = 1_700_000_000_000_000_000;
    (0..count)
        .map(|_| {
            now += r.below(10_000_000);
            (Timestamp::from_nanos(now), random_input(&mut r))
        })
        .collect()
}
