use std::path::Path;
use std::sync::Arc;

use beaconwatch_engine::actor::{Actor, Owner, Pod, Process};
use beaconwatch_engine::assess::finding::FindingKind;
use beaconwatch_engine::observe::contact::{Bytes, Destination, Transport};
use beaconwatch_engine::time::Timestamp;

use super::*;

fn seen(executable: &str, name: &str, outcome: Outcome) -> Explanation {
    let pod = Pod {
        namespace: "shop".into(),
        name: "web-1".into(),
        owner: Owner { kind: "Deployment".into(), name: "web".into() },
        ..Pod::default()
    };
    let process = Process { executable: executable.into(), ..Process::default() };
    Explanation {
        actor: Arc::new(Actor { process: Some(process), ..Actor::default() }),
        pod: Some(Arc::new(pod)),
        destination: Destination {
            address: "192.0.2.7".parse().ok(),
            port: 443,
            transport: Transport::Tcp,
            name: Some(name.into()),
            name_source: None,
        },
        aliases: Vec::new(),
        destinations: 1,
        protocol: AppProtocol::Tls,
        window: (Timestamp::ZERO, Timestamp::from_nanos(9)),
        check_ins: 100,
        bytes: Bytes::default(),
        rhythm: None,
        bits: (12.0, 0.0),
        kind: FindingKind::Beacon,
        summary: "calls\n  - name: injected".to_owned(),
        score: 6.5,
        evidence: Vec::new(),
        alert_raised: None,
        outcome,
    }
}

#[test]
fn what_goes_to_another_destination_each_time_is_tolerated_by_who_does_it() {
    let mut moving = seen("/app/crawler", "last.example", Outcome::Finding(Severity::Low));
    moving.destinations = 40;
    let text = policy(&[moving], &[]).replace("reason: \"\"", "reason: it crawls");
    let policies = beaconwatch_crds::file::parse(Path::new("p.yaml"), &text).unwrap().policies;
    let exception = &policies[0].policy.exceptions[0];
    assert_eq!(&*exception.name, "app-crawler", "{text}");
    assert_eq!(exception.executables.len(), 1);
    assert!(!text.contains("destinations:") && !text.contains("ports:"), "{text}");
}

#[test]
fn a_proposal_is_valid_once_its_reasons_are_filled_in() {
    let text = policy(
        &[
            seen("/usr/bin/app", "api.example.com", Outcome::Finding(Severity::Medium)),
            seen("/usr/bin/app", "api.example.com", Outcome::Finding(Severity::Low)),
            seen("/tmp/x\"\n: *", "a b\u{202e}", Outcome::Finding(Severity::Low)),
            seen("/tmp/evil", "evil.example", Outcome::Finding(Severity::High)),
            seen("/usr/bin/quiet", "quiet.example", Outcome::Below { record: 4.0 }),
        ],
        &[],
    );
    assert!(beaconwatch_crds::file::parse(Path::new("p.yaml"), &text).is_err(), "{text}");
    let filled = text.replace("reason: \"\"", "reason: approved by the platform team");
    let policies = beaconwatch_crds::file::parse(Path::new("p.yaml"), &filled);
    let policies = policies.unwrap_or_else(|problems| panic!("{problems:?}\n{filled}")).policies;
    let names: Vec<_> = policies[0].policy.exceptions.iter().map(|e| e.name.to_string()).collect();
    assert_eq!(names, ["192-0-2-7-443", "api-example-com-443"], "{text}");
    assert!(text.contains("#  - name: evil-example-443"), "{text}");
}

#[test]
fn nothing_to_propose_is_said() {
    assert!(policy(&[], &[]).contains("no exception is needed"));
}
