//! Each detector fires on what it is for, stays silent on its benign twin, keeps to its bound, can be switched off,
//! and says the same when its input is replayed.

mod support;

use std::sync::Arc;
use std::time::Duration;

use beaconwatch_engine::actor::ExecutableOrigin;
use beaconwatch_engine::assess::finding::{Finding, FindingKind, Term};
use beaconwatch_engine::assess::policy::{Detectors, Policy};
use beaconwatch_engine::input::Input;
use beaconwatch_engine::observe::contact::{
    Bytes, Contact, ContactEnd, ContactKind, DnsQuestion, NameSource, Naming,
};
use beaconwatch_engine::observe::protocol::AppProtocol;
use support::{Noise, Scene, contact, time};

const AGENT: &str = "/tmp/.x/agent";
const PEER: &str = "203.0.113.9";

/// Plays a script twice and gives what it found; `switch` changes the detectors of the default policy.
fn found(script: impl Fn(&mut Scene), switch: impl Fn(&mut Detectors)) -> Vec<Finding> {
    let run = || {
        let mut policy = Policy::everything("default");
        switch(&mut policy.detectors);
        let mut scene = Scene::with_policy(policy);
        script(&mut scene);
        scene.finish(90_000.0);
        scene.findings
    };
    let findings = run();
    assert_eq!(findings, run(), "a replay says the same");
    findings
}

fn kinds(findings: &[Finding]) -> Vec<FindingKind> {
    let mut kinds: Vec<FindingKind> = findings.iter().map(|finding| finding.kind).collect();
    kinds.dedup();
    kinds
}

fn put(scene: &mut Scene, at: f64, contact: Contact) {
    scene.input(time(at), Input::Contact(Box::new(contact)));
}

/// One connection of the agent, changed by `change`.
fn connection(at: f64, port: u16, bytes: (u64, u64), change: impl Fn(&mut Contact)) -> Contact {
    let mut made = contact(at, AGENT, PEER, port, Some(Bytes { sent: bytes.0, received: bytes.1 }));
    let mut actor = (*made.actor).clone();
    if let Some(process) = &mut actor.process {
        process.origin = ExecutableOrigin::Writable;
    }
    made.actor = Arc::new(actor);
    change(&mut made);
    made
}

/// Gaps without any rhythm, sizes without any repetition.
fn irregular(noise: &mut Noise, mean: f64) -> (f64, u64) {
    (-mean * (1.0 - noise.next()).ln() + 0.5, (noise.next() * 9.0).exp() as u64 + 50)
}

fn retries(scene: &mut Scene, answered: bool) {
    let mut noise = Noise(3);
    let mut at = 0.0;
    for _ in 0..60 {
        let kind = ContactKind::Connect { established: Some(answered) };
        put(scene, at, connection(at, 4444, (0, 0), |c| c.kind = kind.clone()));
        at += irregular(&mut noise, 12.0).0;
    }
}

#[test]
fn a_peer_that_never_answers_is_told_and_one_that_does_is_not() {
    let findings = found(|scene| retries(scene, false), |_| {});
    assert_eq!(kinds(&findings), [FindingKind::FailedRetries]);
    assert!(findings[0].summary.contains("without an answer"), "{}", findings[0].summary);
    assert!(found(|scene| retries(scene, true), |_| {}).is_empty());
    assert!(found(|scene| retries(scene, false), |on| on.retries = None).is_empty());
}

fn upload(scene: &mut Scene, bytes: (u64, u64)) {
    let mut noise = Noise(5);
    let mut at = 0.0;
    for _ in 0..40 {
        put(scene, at, connection(at, 1337, bytes, |_| {}));
        at += irregular(&mut noise, 60.0).0;
    }
}

#[test]
fn a_bulk_upload_is_told_and_an_even_exchange_is_not() {
    let unbalanced = |on: &mut Detectors| on.beacon = None;
    let findings = found(|scene| upload(scene, (1 << 20, 100)), unbalanced);
    assert_eq!(kinds(&findings), [FindingKind::Unbalanced]);
    assert!(findings[0].summary.contains("MiB"), "{}", findings[0].summary);
    assert!(found(|scene| upload(scene, (1 << 20, 1 << 20)), unbalanced).is_empty());
    let off = |on: &mut Detectors| (on.beacon, on.balance) = (None, None);
    assert!(found(|scene| upload(scene, (1 << 20, 100)), off).is_empty());
}

#[test]
fn a_small_upload_stays_below_the_bound() {
    let findings = found(|scene| upload(scene, (1 << 10, 10)), |on| on.beacon = None);
    assert!(findings.is_empty(), "{findings:?}");
}

fn questions(scene: &mut Scene, name: impl Fn(u32) -> String, rr_type: u16) {
    let mut noise = Noise(7);
    let mut at = 0.0;
    for n in 0..400 {
        let question = DnsQuestion { name: Arc::from(name(n)), rr_type, rcode: Some(0) };
        let asked = connection(at, 53, (80, 200), |c| {
            c.kind = ContactKind::DnsQuery(question.clone());
            c.protocol = AppProtocol::Dns;
            c.naming = Naming::Unknown;
        });
        put(scene, at, asked);
        at += irregular(&mut noise, 5.0).0;
    }
}

fn tunnel(n: u32) -> String {
    let mut noise = Noise(u64::from(n) + 11);
    let label: String = (0..40).map(|_| char::from(b'a' + (noise.next() * 25.9) as u8)).collect();
    format!("{label}.t.example.com")
}

#[test]
fn names_that_carry_data_are_told_and_ordinary_names_are_not() {
    let findings = found(|scene| questions(scene, tunnel, 16), |_| {});
    assert_eq!(kinds(&findings), [FindingKind::DnsTunnel]);
    assert_eq!(findings[0].destination.name.as_deref(), Some("example.com"));
    let few = |n: u32| format!("shard-{}.cdn.example.com", n % 8);
    assert!(found(|scene| questions(scene, few, 1), |on| on.beacon = None).is_empty());
    assert!(found(|scene| questions(scene, tunnel, 16), |on| on.dns = None).is_empty());
}

#[test]
fn a_tunnel_that_needs_no_registered_domain_is_found_at_the_resolver() {
    let bare =
        |n: u32| format!("{}.{}", tunnel(n).replace(".t.example.com", ""), tunnel(n + 9).replace('.', ""));
    let findings = found(|scene| questions(scene, bare, 16), |_| {});
    let told = findings.iter().find(|f| f.kind == FindingKind::DnsTunnel && f.destination.name.is_none());
    assert!(told.unwrap().summary.contains("queries names under no registered domain"), "{findings:?}");
}

/// Whether rhythm and sizes count in the finding about NTP packets of 48 bytes that are answered so.
fn rhythm_counts(answer: u64) -> bool {
    let script = |scene: &mut Scene| {
        for n in 0..40 {
            let at = f64::from(n) * 64.0;
            put(scene, at, connection(at, 123, (48, answer), |c| c.protocol = AppProtocol::Ntp));
        }
    };
    let findings = found(script, |_| {});
    assert!(!findings.is_empty());
    let counted = |term| findings.iter().any(|f| f.evidence.iter().any(|item| item.term == term));
    assert_eq!(counted(Term::Timing), counted(Term::Size), "{findings:?}");
    counted(Term::Timing)
}

#[test]
fn the_rhythm_of_asking_for_the_time_does_not_count_and_that_of_other_use_of_its_port_does() {
    assert!(!rhythm_counts(48));
    assert!(rhythm_counts(480));
}

fn sessions(scene: &mut Scene, protocol: AppProtocol, port: u16) {
    let mut noise = Noise(9);
    let mut at = 0.0;
    for _ in 0..8 {
        let (gap, size) = irregular(&mut noise, 400.0);
        put(scene, at, connection(at, port, (size, size), |c| c.protocol = protocol));
        at += gap;
    }
}

#[test]
fn irc_style_sessions_are_told_on_any_port() {
    let findings = found(|scene| sessions(scene, AppProtocol::Irc, 8080), |_| {});
    assert_eq!(kinds(&findings), [FindingKind::Irc]);
    assert!(found(|scene| sessions(scene, AppProtocol::Http, 8080), |_| {}).is_empty());
    assert!(found(|scene| sessions(scene, AppProtocol::Irc, 8080), |on| on.irc = None).is_empty());
}

#[test]
fn another_protocol_on_a_known_port_is_told() {
    let findings = found(|scene| sessions(scene, AppProtocol::Ssh, 443), |_| {});
    assert_eq!(kinds(&findings), [FindingKind::UnexpectedPort]);
    assert!(findings[0].summary.contains("speaks ssh on port 443"), "{}", findings[0].summary);
    assert!(found(|scene| sessions(scene, AppProtocol::Ssh, 22), |_| {}).is_empty());
    assert!(found(|scene| sessions(scene, AppProtocol::Ssh, 443), |on| on.ports = None).is_empty());
}

fn long(scene: &mut Scene, hours: f64, named: bool) {
    let opened = connection(0.0, 4444, (0, 0), |c| {
        c.id = 7;
        c.bytes = None;
        c.duration = None;
        c.kind = ContactKind::Connect { established: None };
        if named {
            let mut actor = (*c.actor).clone();
            if let Some(process) = &mut actor.process {
                process.origin = ExecutableOrigin::Image;
            }
            c.actor = Arc::new(actor);
            c.destination.port = 443;
            c.destination.name = Some(Arc::from("push.example.com"));
            c.destination.name_source = Some(NameSource::Dns);
            c.naming = Naming::Consistent;
            c.protocol = AppProtocol::Tls;
        }
    });
    put(scene, 0.0, opened);
    scene.end(hours * 3600.0);
    let duration = Duration::from_secs_f64(hours * 3600.0);
    let bytes = Bytes { sent: 40_000, received: 50_000 };
    let end = ContactEnd { id: 7, bytes, duration, established: Some(true), provisional: false };
    scene.input(time(hours * 3600.0), Input::ContactEnd(end));
}

#[test]
fn a_long_connection_to_a_bare_address_is_told_and_one_to_a_looked_up_name_is_not() {
    let findings = found(|scene| long(scene, 9.0, false), |_| {});
    assert_eq!(kinds(&findings), [FindingKind::LongConnection]);
    assert!(found(|scene| long(scene, 9.0, true), |_| {}).is_empty());
    assert!(found(|scene| long(scene, 3.0, false), |_| {}).is_empty());
    assert!(found(|scene| long(scene, 9.0, false), |on| on.long_connection = None).is_empty());
}

fn bursts(scene: &mut Scene, jitter: f64) {
    let mut noise = Noise(13);
    put(scene, 0.0, connection(0.0, 4444, (150, 90), |_| {}));
    let mut at = 0.0;
    for _ in 0..60 {
        at += if jitter < 1.0 { 20.0 * (1.0 + jitter * noise.next()) } else { irregular(&mut noise, 20.0).0 };
        let size = if jitter < 1.0 { 150 } else { irregular(&mut noise, 1.0).1 };
        put(scene, at, connection(at, 4444, (size, 90), |c| c.kind = ContactKind::Burst));
    }
}

#[test]
fn a_beacon_inside_one_connection_is_told_and_chatter_is_not() {
    let findings = found(|scene| bursts(scene, 0.2), |_| {});
    assert_eq!(kinds(&findings), [FindingKind::Beacon]);
    assert!(findings[0].summary.contains("inside one open connection"), "{}", findings[0].summary);
    assert!(found(|scene| bursts(scene, 1.0), |_| {}).is_empty());
    assert!(found(|scene| bursts(scene, 0.2), |on| on.beacon = None).is_empty());
}
