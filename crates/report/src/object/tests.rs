use std::sync::Arc;

use beaconwatch_engine::actor::{Actor, ExecutableOrigin, Owner, Pod};
use beaconwatch_engine::assess::finding::{
    Evidence, FindingId, FindingKind, FindingState, ReplicaCount, RhythmKind, Severity, Term,
};
use beaconwatch_engine::assess::policy::{self, PolicyId};
use beaconwatch_engine::observe::contact::{Bytes, Destination, NameSource, Transport};
use beaconwatch_engine::time::Timestamp;

use super::*;

pub(crate) fn finding() -> Finding {
    let at = |secs: u64| Timestamp::from_nanos(secs * 1_000_000_000);
    Finding {
        id: FindingId(0x7c1f_9a04_0000_0001.into()),
        state: FindingState::Opened,
        time: at(3000),
        kind: FindingKind::Beacon,
        severity: Severity::High,
        score: 12.44,
        summary: "/tmp/.x/curl in Deployment/reports connects to cdn-sync.example:443 every 60 s".into(),
        actor: Arc::new(Actor {
            process: Some(Process {
                pid: 4127,
                executable: "/tmp/.x/curl".into(),
                args: Arc::from([Box::from("curl"), Box::from("\u{1b}[2J")]),
                uid: Some(1000),
                origin: ExecutableOrigin::Writable,
                ..Process::default()
            }),
            container: Some("c1".into()),
            ..Actor::default()
        }),
        pod: Some(Arc::new(Pod {
            uid: "0b5e".into(),
            name: "reports-6d9f7-x2x1k".into(),
            namespace: "payments".into(),
            node: "node-2".into(),
            owner: Owner { kind: "Deployment".into(), name: "reports".into() },
            ..Pod::default()
        })),
        container_name: Some("app".into()),
        destination: Destination {
            address: Some("203.0.113.9".parse().unwrap()),
            port: 443,
            transport: Transport::Tcp,
            name: Some("cdn-sync.example".into()),
            name_source: Some(NameSource::Dns),
        },
        sni: Some("cdn-sync.example".into()),
        ja4: None,
        protocol: AppProtocol::Tls,
        window: (at(100), at(2700)),
        may_be_backend: false,
        destinations: 1,
        check_ins: 41,
        bytes: Bytes { sent: 49_000, received: 12_000 },
        bytes_typical: Bytes { sent: 1200, received: 310 },
        rhythm: Some(Rhythm {
            kind: RhythmKind::Medium,
            bits: 57.0,
            period_secs: 60.0,
            window_secs: (48.0, 72.0),
            hits: 41,
            gaps: 43,
            chance: 0.09,
        }),
        evidence: vec![Evidence {
            term: Term::Executable,
            level: "not-in-image-writable",
            bits: 5.1,
            sentence: "s".into(),
        }],
        recent: Vec::new(),
        policy: PolicyId { namespace: Some("payments".into()), name: "payments".into() },
        mode: policy::Mode::Alert,
        lost: 0,
        replicas: Some(ReplicaCount { doing: 1, of: 6, at_least: false }),
    }
}

pub(crate) fn reporter() -> Reporter {
    Reporter { node: "node-2".into(), namespace: "beaconwatch".into() }
}

#[test]
fn a_finding_is_stored_in_the_namespace_of_its_pod_under_its_owners_name() {
    let object = object(&finding(), &reporter());
    assert_eq!(object.metadata.namespace.as_deref(), Some("payments"));
    let name = object.metadata.name.unwrap();
    assert!(name.starts_with("reports-") && name.len() == "reports-".len() + 32, "{name}");
    let labels = object.metadata.labels.unwrap();
    assert_eq!(labels.get(IDENTITIES_LABEL).map(String::as_str), Some("1"));
}

#[test]
fn the_table_shows_what_people_read() {
    let spec = object(&finding(), &reporter()).spec;
    let row = [
        spec.who.workload.unwrap(),
        spec.who.executable.unwrap(),
        spec.destination.destination,
        spec.behavior.to_string(),
        spec.when.every.unwrap(),
        spec.score_text,
        spec.severity.to_string(),
    ];
    let expect =
        ["Deployment/reports", "/tmp/.x/curl", "cdn-sync.example:443", "Beacon", "60s ±20%", "12.4", "High"];
    assert_eq!(row, expect);
    assert_eq!(spec.who.node.as_deref(), Some("node-2"));
}

#[test]
fn an_address_that_may_be_a_backend_is_said_to_be_one() {
    let mut finding = finding();
    let said = |finding: &Finding| {
        let spec = object(finding, &reporter()).spec;
        let not_seen = spec.not_seen.iter().any(|text| text.contains("backend"));
        let text = crate::text::destination(finding).contains("perhaps the backend of a service");
        let line = crate::fields::json_line(finding).contains("\"destination.may_be_backend\":true");
        (spec.destination.may_be_backend, not_seen, text, line)
    };
    assert_eq!(said(&finding), (None, false, false, false));
    finding.may_be_backend = true;
    assert_eq!(said(&finding), (Some(true), true, true, true));
}

#[test]
fn texts_of_a_workload_cannot_control_a_terminal() {
    let spec = object(&finding(), &reporter()).spec;
    assert_eq!(spec.who.arguments, ["curl", "\\u{1b}[2J"]);
}

#[test]
fn another_nodes_finding_of_the_same_behaviour_is_another_object() {
    let other = Reporter { node: "node-3".into(), ..reporter() };
    assert_ne!(object(&finding(), &reporter()).metadata.name, object(&finding(), &other).metadata.name);
}

#[test]
fn a_process_without_pod_is_reported_in_the_agents_namespace() {
    let mut finding = finding();
    finding.pod = None;
    let object = object(&finding, &reporter());
    assert_eq!(object.metadata.namespace.as_deref(), Some("beaconwatch"));
    assert_eq!(object.spec.who.workload.as_deref(), Some("Node/node-2"));
    assert!(object.metadata.name.unwrap().starts_with("node-"));
}
