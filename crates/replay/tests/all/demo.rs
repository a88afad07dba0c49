//! The recording of the demo's scene, which is played where this machine does not allow eBPF, shows what the scene shows.

use std::collections::BTreeSet;

use beaconwatch_engine::assess::finding::{Finding, FindingKind};

use crate::program::args;

#[test]
fn the_recorded_scene_shows_the_beacon_and_neither_its_twin_nor_the_download() {
    let file = |name: &str| format!("{}/../../demo/{name}", env!("CARGO_MANIFEST_DIR"));
    let (recording, policy) = (file("scene.bwrec"), file("policy.yaml"));
    let args = args(&["--recording", &recording, "--policy", &policy]).unwrap();
    let mut findings: Vec<Finding> = Vec::new();
    beaconwatch_replay::run(&args, &mut std::io::sink(), |finding| findings.push(finding)).unwrap();
    let said: BTreeSet<_> = findings.iter().map(|f| (f.kind, f.destination.name.as_deref())).collect();
    assert_eq!(said, BTreeSet::from([(FindingKind::Beacon, Some("cdn-sync.example"))]));
    assert!(findings.iter().all(|finding| finding.actor.container.is_some() && finding.lost == 0));
}
