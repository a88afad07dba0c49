//! A finding as the engine would hand it over.

use std::sync::Arc;

use beaconwatch_engine::actor::{Actor, Owner, Pod, Process};
use beaconwatch_engine::assess::finding::{Finding, FindingId, FindingKind, FindingState, Severity};
use beaconwatch_engine::assess::policy::{Mode, PolicyId};
use beaconwatch_engine::observe::contact::{Bytes, Destination, Transport};
use beaconwatch_engine::observe::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;

pub(crate) fn finding(id: u64, state: FindingState, severity: Severity) -> Finding {
    let at = |secs: u64| Timestamp::from_nanos((1_700_000_000 + secs) * 1_000_000_000);
    Finding {
        id: FindingId(id.into()),
        state,
        time: at(100),
        kind: FindingKind::Beacon,
        severity,
        score: 11.0,
        summary: format!("/tmp/x calls host-{id}.example:443 every 60 s"),
        actor: Arc::new(Actor {
            process: Some(Process { pid: 7, executable: "/tmp/x".into(), ..Process::default() }),
            ..Actor::default()
        }),
        pod: Some(Arc::new(Pod {
            uid: "0b5e".into(),
            name: "reports-1".into(),
            namespace: "payments".into(),
            node: "node-1".into(),
            owner: Owner { kind: "Deployment".into(), name: "reports".into() },
            ..Pod::default()
        })),
        container_name: Some("app".into()),
        destination: Destination {
            address: None,
            port: 443,
            transport: Transport::Tcp,
            name: Some(format!("host-{id}.example").into()),
            name_source: None,
        },
        sni: None,
        ja4: None,
        protocol: AppProtocol::Tls,
        window: (at(0), at(100)),
        may_be_backend: false,
        destinations: 1,
        check_ins: 5,
        bytes: Bytes { sent: 10, received: 10 },
        bytes_typical: Bytes { sent: 2, received: 2 },
        rhythm: None,
        evidence: Vec::new(),
        recent: Vec::new(),
        policy: PolicyId { namespace: None, name: "all".into() },
        mode: Mode::Alert,
        lost: 0,
        replicas: None,
    }
}
