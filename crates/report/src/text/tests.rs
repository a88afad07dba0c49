use std::sync::Arc;

use beaconwatch_engine::actor::{Actor, Process};
use beaconwatch_engine::assess::finding::{
    FindingId, FindingKind, FindingState, ReplicaCount, Rhythm, RhythmKind, Term,
};
use beaconwatch_engine::assess::policy::{Mode, PolicyId};
use beaconwatch_engine::observe::contact::{Bytes, Destination, Transport};
use beaconwatch_engine::observe::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;

use super::*;

/// A beacon every minute, with hostile names.
pub(crate) fn example() -> Finding {
    let start = 1_767_571_200_u64;
    let recent: Vec<_> =
        (0..40).map(|n| Timestamp::from_nanos((start + n * 60 + n % 3) * 1_000_000_000)).collect();
    Finding {
        id: FindingId(0xfeed.into()),
        state: FindingState::Updated,
        time: Timestamp::from_nanos((start + 2400) * 1_000_000_000),
        kind: FindingKind::Beacon,
        severity: Severity::High,
        score: 11.2,
        summary: "one replica of web calls <b>evil</b>\x1b[2J every 60 s".to_owned(),
        actor: Arc::new(Actor {
            address: Some("10.0.0.5".parse().unwrap()),
            process: Some(Process {
                executable: "/tmp/<script>alert(1)</script>".into(),
                ..Process::default()
            }),
            ..Actor::default()
        }),
        pod: None,
        container_name: None,
        destination: Destination {
            address: Some("192.0.2.7".parse().unwrap()),
            port: 443,
            transport: Transport::Tcp,
            name: Some("a\u{202e}b\"'><img src=x onerror=alert(1)>".into()),
            name_source: None,
        },
        sni: None,
        ja4: None,
        protocol: AppProtocol::Tls,
        window: (recent[0], recent[39]),
        may_be_backend: false,
        destinations: 1,
        check_ins: 340,
        bytes: Bytes { sent: 123_456, received: 2_345_678 },
        bytes_typical: Bytes { sent: 363, received: 6899 },
        rhythm: Some(Rhythm {
            kind: RhythmKind::Narrow,
            bits: 14.0,
            period_secs: 60.0,
            window_secs: (57.0, 63.0),
            hits: 330,
            gaps: 339,
            chance: 0.09,
        }),
        evidence: vec![
            Evidence {
                term: Term::Executable,
                level: "not-in-image-writable",
                bits: 5.2,
                sentence: "runs /tmp/\x07x, not part of the image".to_owned(),
            },
            Evidence {
                term: Term::Timing,
                level: "narrow",
                bits: 1.3,
                sentence: "330 of 339 gaps in the predicted window".to_owned(),
            },
            Evidence {
                term: Term::Destination,
                level: "popular",
                bits: -0.8,
                sentence: "5 workloads talk to it".to_owned(),
            },
        ],
        recent,
        policy: PolicyId { namespace: None, name: "default".into() },
        mode: Mode::Alert,
        lost: 0,
        replicas: Some(ReplicaCount { doing: 1, of: 6, at_least: false }),
    }
}

#[test]
fn a_finding_is_drawn_with_its_window_and_evidence() {
    let text = finding(&example(), &Style::PLAIN);
    for part in
        ["HIGH 11.2 bits", "check-ins", "│", "predicted", "═", "330 of 339 gaps, chance 9 %", "+5.2", "-0.8"]
    {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

#[test]
fn no_control_character_reaches_the_terminal() {
    let text = finding(&example(), &Style::PLAIN);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    assert!(!text.contains('\u{202e}'), "{text:?}");
    let coloured = finding(&example(), &Style { colour: true, width: 80 });
    assert!(!coloured.contains("\x1b[2J"), "{coloured:?}");
}

#[test]
fn lines_keep_to_the_width_except_for_sentences() {
    for line in finding(&example(), &Style { colour: false, width: 60 }).lines() {
        let is_picture = line.chars().any(|c| "│═▁▂▃▄▅▆▇".contains(c));
        assert!(!is_picture || line.chars().count() <= 60, "{line}");
    }
}
