//! The recording of the demo's scene, which is played where this machine does not allow eBPF, shows what the scene shows.

use std::collections::BTreeSet;

use beaconwatch_agent::args::{Args, Command};
use beaconwatch_engine::assess::finding::{Finding, FindingKind};
use clap::Parser;

#[test]
fn the_recorded_scene_shows_the_beacon_and_neither_its_twin_nor_the_download() {
    let file = |name: &str| format!("{}/../demo/{name}", env!("CARGO_MANIFEST_DIR"));
    let (recording, policy) = (file("scene.bwrec"), file("policy.yaml"));
    let args = ["beaconwatch-agent", "replay", "--recording", &recording, "--policy", &policy];
    let Command::Replay(args) = Args::parse_from(args).command else { panic!("not a replay") };
    let mut findings: Vec<Finding> = Vec::new();
    beaconwatch_agent::replay::run(&args, |finding| findings.push(finding)).unwrap();
    let said: BTreeSet<_> = findings.iter().map(|f| (f.kind, f.destination.name.as_deref())).collect();
    assert_eq!(said, BTreeSet::from([(FindingKind::Beacon, Some("cdn-sync.example"))]));
    assert!(findings.iter().all(|finding| finding.actor.container.is_some() && finding.lost == 0));
}
