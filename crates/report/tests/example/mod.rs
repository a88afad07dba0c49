//! A finding with everything in it, for tests of what is made from findings.

use std::net::Ipv4Addr;
use std::sync::Arc;

use beaconwatch_engine::actor::{Actor, ExecutableOrigin, FileId, Owner, Pod, Process};
use beaconwatch_engine::assess::finding::{
    Evidence, Finding, FindingId, FindingKind, FindingState, ReplicaCount, Rhythm, RhythmKind, Severity, Term,
};
use beaconwatch_engine::assess::policy::{Mode, PolicyId};
use beaconwatch_engine::observe::contact::{Bytes, Destination, NameSource, Transport};
use beaconwatch_engine::observe::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;

/// The finding of the documentation, as far as it is made up there.
pub(crate) fn finding() -> Finding {
    let at = |secs: u64| Timestamp::from_nanos((1_800_000_000 + secs) * 1_000_000_000);
    Finding {
        id: FindingId(0x7c1f_9a04_0000_0001.into()),
        state: FindingState::Opened,
        time: at(2588),
        kind: FindingKind::Beacon,
        severity: Severity::High,
        score: 12.4,
        summary: "/tmp/.x/curl in Deployment/reports connects to cdn-sync.example:443 every 60 s".into(),
        actor: Arc::new(actor()),
        pod: Some(Arc::new(pod())),
        container_name: Some("app".into()),
        destination: Destination {
            address: Some(Ipv4Addr::new(203, 0, 113, 9).into()),
            port: 443,
            transport: Transport::Tcp,
            name: Some("cdn-sync.example".into()),
            name_source: Some(NameSource::Dns),
        },
        sni: Some("cdn-sync.example".into()),
        ja4: Some("t13d3112h2_e8f1e7e78f70_b26ce05bbdd6".into()),
        protocol: AppProtocol::Tls,
        window: (at(0), at(2588)),
        may_be_backend: false,
        destinations: 1,
        check_ins: 44,
        bytes: Bytes { sent: 50_176, received: 12_288 },
        bytes_typical: Bytes { sent: 1228, received: 310 },
        rhythm: Some(Rhythm {
            kind: RhythmKind::Medium,
            bits: 57.0,
            period_secs: 60.1,
            window_secs: (48.0, 71.0),
            hits: 41,
            gaps: 43,
            chance: 0.09,
        }),
        evidence: vec![
            evidence(Term::Executable, "not-in-image-writable", 5.1, "executable is not part of the image"),
            evidence(Term::Timing, "medium", 1.5, "41 of 43 gaps fell in the predicted 48-71 s (chance 9 %)"),
        ],
        recent: vec![at(0), at(60), at(121)],
        policy: PolicyId { namespace: Some("payments".into()), name: "payments".into() },
        mode: Mode::Alert,
        lost: 0,
        replicas: Some(ReplicaCount { doing: 1, of: 6, at_least: false }),
    }
}

fn actor() -> Actor {
    Actor {
        container: Some("3f9a".repeat(16).as_str().into()),
        pod_uid: Some("b0c6f1de-5a37-4c0c-9d4e-0a2b6f7c8d9e".into()),
        address: Some(Ipv4Addr::new(10, 0, 3, 7).into()),
        process: Some(Process {
            pid: 4127,
            start_ns: 99,
            parent_pid: 4100,
            executable: "/tmp/.x/curl".into(),
            file: Some(FileId { device: 1, inode: 2 }),
            digest: Some([0x1f; 32]),
            origin: ExecutableOrigin::Writable,
            // What a workload chooses may try to control a terminal or the reading direction.
            args: Arc::from(["curl".into(), "\u{1b}[2J\u{202e}gpj.exe".into()]),
            uid: Some(1000),
            login_uid: Some(1000),
            lineage: Arc::from(["sh".into(), "entrypoint.sh".into()]),
            exec_session: Some(false),
        }),
        cgroup: 12,
    }
}

fn pod() -> Pod {
    Pod {
        uid: "b0c6f1de-5a37-4c0c-9d4e-0a2b6f7c8d9e".into(),
        name: "reports-6d9f7-x2x1k".into(),
        namespace: "payments".into(),
        node: "node-2".into(),
        owner: Owner { kind: "Deployment".into(), name: "reports".into() },
        replicas: Some(6),
        ..Pod::default()
    }
}

fn evidence(term: Term, level: &'static str, bits: f32, sentence: &str) -> Evidence {
    Evidence { term, level, bits, sentence: sentence.into() }
}
