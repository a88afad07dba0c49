use std::sync::{Arc, Mutex};

use super::*;
use beaconwatch_engine::actor::{Actor, FileId, Owner, Pod, Process};
use beaconwatch_engine::contact::{
    Bytes, Contact, ContactEnd, ContactKind, Destination, DnsQuestion, NameSource, Naming, Transport,
};
use beaconwatch_engine::engine::{Engine, drive};
use beaconwatch_engine::input::{
    BaselineEntry, Direction, Event, LossPlace, Payload, ProcessStarted, SocketId, SocketOpened,
    WorkloadChange,
};
use beaconwatch_engine::policy::{Exception, Policy, PolicyId, PolicySet, Requirement};
use beaconwatch_engine::protocol::AppProtocol;

/// A file in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Deterministic pseudo-random numbers (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
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
            packets: r.bytes(),
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
        networks: vec![("198.51.100.0".parse().unwrap(), 24)],
        ports: vec![443],
        protocols: vec![AppProtocol::Http],
    };
    let mut policy = Policy {
        id: PolicyId { namespace: Some("payments".into()), name: "p".into() },
        generation: -1,
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
    match r.below(16) {
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
            let mut list = beaconwatch_engine::reputation::ReputationList::default();
            list.add_domain("feed", "bad.example");
            list.add_network("own", r.address().ip(), 24);
            Input::Reputation(Arc::new(list))
        }
        _ => Input::Event(random_event(r)),
    }
}

fn random_stream(seed: u64, count: usize) -> Vec<(Timestamp, Input)> {
    let mut r = Random(seed);
    let mut now = 1_700_000_000_000_000_000;
    (0..count)
        .map(|_| {
            now += r.below(10_000_000);
            (Timestamp::from_nanos(now), random_input(&mut r))
        })
        .collect()
}

fn record(stream: &[(Timestamp, Input)]) -> Vec<u8> {
    let memory = Memory::default();
    let mut recorder = Recorder::to_writer(memory.clone(), &Limits::default()).unwrap();
    for (now, input) in stream {
        recorder.write(*now, input);
    }
    let totals = recorder.finish(stream.last().map_or(Timestamp::ZERO, |(now, _)| *now)).unwrap();
    let bytes = core::mem::take(&mut *memory.0.lock().unwrap());
    assert_eq!(
        (totals.inputs, totals.blocks_lost, totals.bytes),
        (stream.len() as u64, 0, bytes.len() as u64)
    );
    bytes
}

fn debug(stream: &[(Timestamp, Input)]) -> Vec<String> {
    stream.iter().map(|step| format!("{step:?}")).collect()
}

/// What can be read, and the errors in between.
fn read(bytes: &[u8]) -> (Vec<(Timestamp, Input)>, Vec<String>, Timestamp) {
    let mut reader = RecordingReader::open(bytes).unwrap();
    let (mut steps, mut errors) = (Vec::new(), Vec::new());
    for step in &mut reader {
        match step {
            Ok(step) => steps.push(step),
            Err(error) => errors.push(error.to_string()),
        }
    }
    (steps, errors, reader.end())
}

#[test]
fn any_stream_comes_back_as_it_was() {
    for seed in 0..5 {
        let stream = random_stream(seed, 3000);
        let (steps, errors, end) = read(&record(&stream));
        assert_eq!(errors, [""; 0]);
        assert_eq!(debug(&steps), debug(&stream));
        assert_eq!(end, stream.last().unwrap().0);
    }
    assert_eq!(read(&record(&[])).1, [""; 0]);
}

#[test]
fn the_bounds_of_the_engine_are_recorded() {
    let memory = Memory::default();
    let limits = Limits { loopback_contacts: true, sockets_max: 7, ..Limits::default() };
    drop(Recorder::to_writer(memory.clone(), &limits).unwrap());
    let bytes = memory.0.lock().unwrap().clone();
    assert_eq!(RecordingReader::open(&*bytes).unwrap().limits(), &limits);
}

#[test]
fn a_replay_makes_the_same_contacts_and_counts_the_same() {
    let run = |stream: &[(Timestamp, Input)]| {
        let mut engine = Engine::with_limits(Limits::default());
        let mut found = Vec::new();
        for (now, input) in stream {
            drive(&mut engine, *now, input.clone(), &mut |finding| found.push(format!("{finding:?}")));
        }
        engine.finish(stream.last().unwrap().0);
        while let Some(finding) = engine.poll() {
            found.push(format!("{finding:?}"));
        }
        (found, engine.counters())
    };
    for seed in 20..24 {
        let stream = random_stream(seed, 5000);
        assert_eq!(run(&read(&record(&stream)).0), run(&stream));
    }
}

#[test]
fn damage_costs_the_block_it_touches() {
    let stream = random_stream(1, 20_000);
    let sound = record(&stream);
    let blocks = memchr::memmem::find_iter(&sound, &block::MARKER).collect::<Vec<_>>();
    assert!(blocks.len() >= 5, "{}", blocks.len());
    let mut damaged = sound.clone();
    damaged[blocks[1] + 100] ^= 0xff;
    damaged[blocks[3] + 10] ^= 0xff;
    let (steps, errors, _) = read(&damaged);
    assert_eq!(errors.len(), 4, "{errors:?}");
    assert!(errors[0].contains(&format!("{} bytes at offset {}", blocks[2] - blocks[1], blocks[1])));
    assert!(errors[1].contains("1 blocks are missing"), "{errors:?}");
    assert!(steps.len() > stream.len() / 3);
    let whole = debug(&stream).into_iter().collect::<std::collections::BTreeSet<_>>();
    assert!(debug(&steps).iter().all(|step| whole.contains(step)));
}

#[test]
fn a_recording_that_was_cut_is_read_to_the_cut() {
    let stream = random_stream(2, 20_000);
    let sound = record(&stream);
    let (steps, errors, _) = read(&sound[..sound.len() * 2 / 3]);
    assert!(steps.len() > stream.len() / 3);
    assert_eq!(debug(&steps), debug(&stream[..steps.len()]));
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[1].contains("ends early"), "{errors:?}");
}

#[test]
fn any_bytes_are_read_without_harm() {
    let sound = record(&random_stream(3, 300));
    let mut r = Random(4);
    for _ in 0..300 {
        let mut bytes = sound.clone();
        for _ in 0..=r.below(20) {
            let at = r.below(bytes.len() as u64) as usize;
            match r.below(3) {
                0 => bytes[at] = r.below(256) as u8,
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, 0xff),
            }
        }
        if let Ok(reader) = RecordingReader::open(&*bytes) {
            assert!(reader.count() < 100_000);
        }
    }
}

#[test]
fn something_else_is_refused() {
    let open = |bytes: &[u8]| RecordingReader::open(bytes).unwrap_err().to_string();
    assert!(open(b"\xd4\xc3\xb2\xa1 a capture").contains("no recording"));
    assert!(open(b"").contains("no recording"));
    let mut other = record(&[]);
    other[8] = 9;
    assert!(open(&other).contains("version 9"));
}

#[test]
fn a_disk_that_fails_is_told_and_stalls_nothing() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if bytes.len() < 200 { Ok(bytes.len()) } else { Err(io::Error::other("disk full")) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut recorder = Recorder::to_writer(Full, &Limits::default()).unwrap();
    for (now, input) in random_stream(5, 50_000) {
        recorder.write(now, &input);
    }
    assert!(recorder.finish(Timestamp::MAX).unwrap_err().to_string().contains("disk full"));
    assert!(recorder.totals().blocks_lost > 0);
}
