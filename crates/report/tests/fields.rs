//! The JSON line and the page that documents it.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod example;

use beaconwatch_engine::assess::finding::FindingKind;
use beaconwatch_report::fields::{self, FIELDS};
use serde_json::{Value, json};

fn line() -> Value {
    serde_json::from_str(&fields::json_line(&example::finding())).unwrap()
}

#[test]
fn a_line_has_the_promised_fields() {
    let line = line();
    let expected = json!({
        "time_unix_nano": 1_800_002_588_000_000_000_u64,
        "finding.id": "00000000000000007c1f9a0400000001",
        "finding.state": "opened",
        "kind": "beacon",
        "severity": "high",
        "score": 12.4,
        "source.address": "10.0.3.7",
        "destination.address": "203.0.113.9",
        "destination.port": 443,
        "server.name": "cdn-sync.example",
        "network.transport": "tcp",
        "network.protocol.name": "tls",
        "process.executable.path": "/tmp/.x/curl",
        "process.pid": 4127,
        "process.parent_pid": 4100,
        "process.user.id": 1000,
        "k8s.pod.uid": "b0c6f1de-5a37-4c0c-9d4e-0a2b6f7c8d9e",
        "k8s.deployment.name": "reports",
        "window.start_unix_nano": 1_800_000_000_000_000_000_u64,
        "window.end_unix_nano": 1_800_002_588_000_000_000_u64,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&line[name], value, "{name}");
    }
    assert_eq!(
        line["evidence"][1],
        json!({"term": "timing", "level": "medium", "bits": 1.5,
               "sentence": "41 of 43 gaps fell in the predicted 48-71 s (chance 9 %)"})
    );
}

#[test]
fn a_line_is_printable_ascii_and_one_line() {
    let text = fields::json_line(&example::finding());
    assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text}");
    assert_eq!(line()["process.command_args"], json!(["curl", "\\u{1b}[2J\\u{202e}gpj.exe"]));
}

#[test]
fn text_beyond_ascii_reads_back() {
    let mut finding = example::finding();
    finding.summary = "na\u{ef}ve \u{1f680} \"quoted\" back\\slash".into();
    let line: Value = serde_json::from_str(&fields::json_line(&finding)).unwrap();
    assert_eq!(line["summary"], finding.summary);
}

#[test]
fn what_is_not_known_is_left_out() {
    let mut finding = example::finding();
    finding.pod = None;
    finding.actor = std::sync::Arc::default();
    finding.rhythm = None;
    let line: Value = serde_json::from_str(&fields::json_line(&finding)).unwrap();
    let fields = line.as_object().unwrap();
    let gone = ["k8s.", "process.", "rhythm.", "container.", "source."];
    assert!(fields.keys().all(|key| key == "k8s.container.name" || !gone.iter().any(|g| key.starts_with(g))));
}

#[test]
fn every_field_can_be_filled_and_none_twice() {
    let mut seen: Vec<String> = Vec::new();
    for kind in ["Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job"] {
        let mut finding = example::finding();
        finding.kind = FindingKind::DnsTunnel;
        finding.replicas.as_mut().unwrap().at_least = kind == "Deployment";
        finding.may_be_backend = kind == "Deployment";
        std::sync::Arc::make_mut(finding.pod.as_mut().unwrap()).owner.kind = kind.into();
        let line: Value = serde_json::from_str(&fields::json_line(&finding)).unwrap();
        assert_eq!(line.as_object().unwrap().len(), fields::values(&finding).count());
        seen.extend(line.as_object().unwrap().keys().cloned());
    }
    for field in FIELDS {
        assert!(seen.iter().any(|name| name == field.name), "{} is never written", field.name);
        assert_eq!(FIELDS.iter().filter(|other| other.name == field.name).count(), 1, "{}", field.name);
    }
}
