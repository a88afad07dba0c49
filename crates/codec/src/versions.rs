//! Every version that was ever written is still read, or refused by name: a file of each lies in `fixtures/`.
//!
//! Those of the version of today are made by `cargo test -p beaconwatch-codec -- --ignored`, once its layout stands.

use std::path::PathBuf;
use std::sync::Arc;

use beaconwatch_engine::actor::{Actor, Process};
use beaconwatch_engine::assess::policy::{Policy, PolicyId, PolicySet, PolicySource};
use beaconwatch_engine::counters::BoundedTable;
use beaconwatch_engine::engine::{Engine, drive};
use beaconwatch_engine::input::{Event, Input, WorkloadChange};
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::observe::contact::{
    Bytes, Contact, ContactKind, Destination, DnsQuestion, NameSource, Naming, Transport,
};
use beaconwatch_engine::observe::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;

use crate::checkpoint::{self, CheckpointFileError};
use crate::recording::tests::{read, record_with, stream::random_stream};
use crate::recording::{RecordingReader, decode, encode};
use crate::{VERSION, frame};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn bytes_of(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

fn kind(input: &Input) -> usize {
    match input {
        Input::Event(event) => match event {
            Event::CgroupCreated { .. } => 0,
            Event::CgroupRemoved { .. } => 1,
            Event::ProcessStarted(_) => 2,
            Event::ProcessForked { .. } => 3,
            Event::ProcessExited { .. } => 4,
            Event::SocketOpened(_) => 5,
            Event::Payload(_) => 6,
            Event::SocketBurst { .. } => 7,
            Event::SocketClosed { .. } => 8,
            Event::SocketListening { .. } => 9,
        },
        Input::Contact(_) => 10,
        Input::ContactEnd(_) => 11,
        Input::Workload(WorkloadChange::Applied(_)) => 12,
        Input::Workload(WorkloadChange::Deleted { .. }) => 13,
        Input::Digest { .. } => 14,
        Input::Policies(_) => 15,
        Input::Baseline(_) => 16,
        Input::Reputation(_) => 17,
        Input::Lost { .. } => 18,
        Input::Networks(_) => 19,
        Input::Secret(_) => 20,
        Input::MeshProxies(_) => 21,
        Input::Rewritten(_) => 22,
    }
}

/// The bounds and the stream that are in the recordings. A bound whose default has changed since is named.
fn recorded() -> (Limits, Vec<(Timestamp, Input)>) {
    let limits =
        Limits { sockets_max: 7, loopback_contacts: true, names_per_workload_max: 512, ..Limits::default() };
    (limits, random_stream(7, 500))
}

/// Reads a recording to its end: how many inputs of each kind there are. What was read is written as it was read.
fn check(name: &str, version: u16, dropped: &str) -> [usize; 23] {
    let bytes = bytes_of(name);
    let (steps, errors, end) = read(&bytes);
    assert_eq!(errors, [""; 0]);
    assert!(end > steps.last().unwrap().0);
    let mut reader = RecordingReader::open(&*bytes).unwrap();
    assert_eq!(reader.by_ref().count(), steps.len());
    assert_eq!((reader.version(), reader.limits()), (version, &recorded().0));
    assert_eq!(reader.dropped().to_string(), dropped);
    let mut kinds = [0; 23];
    for (_, input) in &steps {
        kinds[kind(input)] += 1;
        if let Input::Contact(contact) = input {
            assert_eq!(contact.actor_key, contact.actor.key());
        }
        if !matches!(input, Input::Reputation(_)) {
            let (again, dropped) = decode(VERSION, &encode(input)).unwrap();
            assert_eq!((format!("{again:?}"), dropped.is_empty()), (format!("{input:?}"), true));
        }
    }
    kinds
}

#[test]
fn a_recording_of_version_1_is_read_and_what_is_dropped_is_told() {
    let kinds = check("recording-1.bwrec", 1, "Contact.actor_key (28 times)");
    assert_eq!(
        kinds,
        [20, 29, 25, 23, 21, 21, 18, 20, 24, 38, 28, 29, 28, 25, 31, 21, 24, 31, 44, 0, 0, 0, 0]
    );
}

#[test]
fn a_recording_of_version_2_is_read() {
    let kinds = check("recording-2.bwrec", 2, "");
    assert_eq!(kinds.iter().sum::<usize>(), 500);
    assert!(kinds[..21].iter().all(|count| *count > 0), "{kinds:?}");
}

#[test]
fn a_recording_of_version_3_is_read() {
    let kinds = check("recording-3.bwrec", 3, "");
    assert_eq!(kinds.iter().sum::<usize>(), 500);
    assert!(kinds.iter().all(|count| *count > 0), "{kinds:?}");
}

#[test]
fn the_recording_of_the_demo_is_of_version_1_and_loses_nothing() {
    let bytes = std::fs::read(fixture("../../../demo/scene.bwrec")).unwrap();
    let mut reader = RecordingReader::open(&*bytes).unwrap();
    assert!(reader.by_ref().all(|step| step.is_ok()));
    assert_eq!((reader.version(), reader.dropped().is_empty()), (1, true));
}

#[test]
fn a_checkpoint_of_before_this_format_is_refused_by_name() {
    let refused = checkpoint::read(&bytes_of("checkpoint-before.bwck"));
    assert_eq!(refused, Err(CheckpointFileError::BeforeIdentities));
}

#[test]
fn checkpoints_of_versions_2_and_3_are_taken_up() {
    for version in [2, 3] {
        taken_up(&format!("checkpoint-{version}.bwck"), version);
    }
}

fn taken_up(name: &str, version: u16) {
    let checkpoint = checkpoint::read(&bytes_of(name)).unwrap();
    assert_eq!(checkpoint.version, version);
    let mut engine = Engine::with_limits(Limits::default());
    assert_eq!(engine.restore(&checkpoint).unwrap().to_string(), "");
    let begun = learned();
    for table in [BoundedTable::Conversations, BoundedTable::Signatures, BoundedTable::Destinations] {
        assert_eq!(engine.counters().table(table).held, begun.counters().table(table).held, "{table:?}");
    }
    let explained = engine.explain(|_| true);
    let beacon = explained.iter().find(|one| one.summary.contains("203.0.113.9"));
    assert!(beacon.is_some_and(|one| one.check_ins == 120), "{explained:?}");
    assert_eq!(engine.checkpoint().sections.len(), begun.checkpoint().sections.len());
}

/// An engine that saw a beacon of two hours, and questions to one domain.
fn learned() -> Engine {
    let mut engine = Engine::with_limits(Limits::default());
    let mut policy = Policy {
        id: PolicyId { namespace: None, name: "p".into() },
        source: PolicySource::File,
        created: Timestamp::ZERO,
        workloads: Default::default(),
        mode: Default::default(),
        thresholds: Default::default(),
        detectors: Default::default(),
        exceptions: Vec::new(),
    };
    policy.thresholds.budget = Some(1.0);
    let policies = Input::Policies(Arc::new(PolicySet { policies: vec![policy] }));
    drive(&mut engine, Timestamp::ZERO, policies, &mut |_| {});
    for minute in 0..120 {
        let at = Timestamp::from_nanos((1_700_000_000 + minute * 60) * 1_000_000_000);
        let question =
            DnsQuestion { name: format!("{minute:x}.evil.example").into(), rr_type: 16, rcode: Some(3) };
        for kind in [ContactKind::Connect { established: Some(true) }, ContactKind::DnsQuery(question)] {
            drive(&mut engine, at, Input::Contact(Box::new(contact(at, kind))), &mut |_| {});
        }
    }
    engine
}

fn contact(at: Timestamp, kind: ContactKind) -> Contact {
    let process = Process { pid: 5, executable: "/tmp/.x/agent".into(), ..Process::default() };
    let actor = Actor { cgroup: 9, process: Some(process), ..Actor::default() };
    let dns = matches!(kind, ContactKind::DnsQuery(_));
    Contact {
        id: 0,
        start: at,
        actor_key: actor.key(),
        actor: Arc::new(actor),
        destination: Destination {
            address: (!dns).then(|| "203.0.113.9".parse().unwrap()),
            port: if dns { 53 } else { 4444 },
            transport: if dns { Transport::Udp } else { Transport::Tcp },
            name: dns.then(|| "evil.example".into()),
            name_source: dns.then_some(NameSource::Dns),
        },
        kind,
        protocol: if dns { AppProtocol::Dns } else { AppProtocol::Tls },
        naming: Naming::NoLookup,
        sni: None,
        ja4: None,
        ja4_odd: Some(true),
        user_agent: None,
        bytes: Some(Bytes { sent: 120, received: 40 }),
        duration: None,
    }
}

#[test]
#[ignore = "writes the fixtures of the version of today"]
fn write_the_fixtures_of_this_version() {
    let (limits, stream) = recorded();
    let recording = record_with(&limits, &stream);
    assert_eq!(frame::head_begin(*b"BWREC\r\n\x1a", &recording).unwrap().0, VERSION);
    std::fs::write(fixture(&format!("recording-{VERSION}.bwrec")), recording).unwrap();
    let mut bytes = Vec::new();
    let learned = learned().checkpoint();
    checkpoint::write(&learned, &mut bytes).unwrap();
    std::fs::write(fixture(&format!("checkpoint-{VERSION}.bwck")), bytes).unwrap();
    // What the fuzz target of the engine begins with: sections behind their lengths.
    let section = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_le_bytes(), bytes].concat();
    let seed: Vec<u8> = learned.sections.iter().flat_map(|one| section(&one.bytes)).collect();
    std::fs::write(fixture("../../engine/fuzz/seeds/checkpoint/learned"), seed).unwrap();
}
