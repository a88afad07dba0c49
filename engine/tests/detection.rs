//! Detection through the engine's contract: what becomes a finding, and what stays silent.

mod support;

use std::sync::Arc;
use std::time::Duration;

use beaconwatch_engine::finding::{FindingKind, FindingState};
use beaconwatch_engine::policy::{Exception, Policy};
use support::{Scene, Traffic};

/// A demo's policy: half a minute is long enough.
fn quick() -> Policy {
    let mut policy = Policy::everything("quick");
    if let Some(beacon) = &mut policy.detectors.beacon {
        beacon.minimum_span = Duration::from_secs(30);
    }
    policy
}

#[test]
fn a_curl_loop_of_ninety_seconds_becomes_a_finding_under_a_quick_policy() {
    let mut scene = Scene::with_policy(quick());
    scene.play(Traffic::new("/usr/bin/curl", "203.0.113.9", 8080).every(2.0, 0.15).lasting(90.0));
    let opened = scene.opened();
    assert_eq!(opened.len(), 1, "{:?}", scene.findings);
    assert_eq!(opened[0].kind, FindingKind::Beacon);
    assert!(opened[0].summary.contains("/usr/bin/curl"), "{}", opened[0].summary);
    assert!(opened[0].score >= 6.0, "{} {:?}", opened[0].score, opened[0].evidence);
}

#[test]
fn its_poisson_twin_with_varying_sizes_stays_silent() {
    let mut scene = Scene::with_policy(quick());
    scene.play(Traffic::new("/usr/bin/curl", "203.0.113.9", 8080).poisson(2.0).varying().lasting(90.0));
    assert!(scene.findings.is_empty(), "{:?}", scene.findings);
}

#[test]
fn a_download_in_one_burst_stays_silent() {
    let mut scene = Scene::with_policy(quick());
    for file in 0..60 {
        let at = f64::from(file) * 0.12;
        scene.contact(at, "/usr/lib/apt/methods/http", "151.101.2.132", 80, 180, 900_000);
    }
    scene.end(90.0);
    assert!(scene.findings.is_empty(), "{:?}", scene.findings);
}

#[test]
fn a_beacon_is_not_told_before_it_lasted() {
    let mut scene = Scene::with_policy(Policy::everything("default"));
    let traffic = Traffic::new("/tmp/.x/agent", "203.0.113.9", 443).every(20.0, 0.1);
    scene.play(traffic.clone().lasting(600.0));
    assert!(scene.findings.is_empty(), "{:?}", scene.findings);
    scene.play(traffic.from(600.0).lasting(600.0));
    assert_eq!(scene.opened().len(), 1);
}

#[test]
fn a_finding_is_closed_when_the_behaviour_ends() {
    let mut scene = Scene::with_policy(quick());
    scene.play(Traffic::new("/tmp/.x/agent", "203.0.113.9", 443).every(5.0, 0.1).lasting(300.0));
    scene.end(3000.0);
    let states: Vec<FindingState> = scene.findings.iter().map(|finding| finding.state).collect();
    assert_eq!(states.first(), Some(&FindingState::Opened));
    assert_eq!(states.last(), Some(&FindingState::Closed));
    assert!(states.contains(&FindingState::Updated));
}

#[test]
fn the_same_input_gives_the_same_findings() {
    let run = || {
        let mut scene = Scene::with_policy(quick());
        scene.play(Traffic::new("/tmp/.x/agent", "203.0.113.9", 443).every(5.0, 0.3).lasting(300.0));
        scene.end(3000.0);
        scene.findings
    };
    assert_eq!(run(), run());
}

#[test]
fn an_exception_keeps_a_finding_silent_until_it_expires() {
    let exception = |expires| {
        let mut policy = quick();
        policy.exceptions.push(Exception {
            name: Arc::from("agent"),
            reason: Arc::from("known"),
            executables: vec!["/tmp/**".into()],
            expires,
            ..Exception::default()
        });
        let mut scene = Scene::with_policy(policy);
        scene.play(Traffic::new("/tmp/.x/agent", "203.0.113.9", 443).every(5.0, 0.1).lasting(600.0));
        scene
    };
    assert!(exception(None).findings.is_empty());
    assert_eq!(exception(None).engine.counters().findings_excepted, 1);
    let expiring = exception(Some(support::time(300.0)));
    assert_eq!(expiring.opened().len(), 1);
    assert!(expiring.opened()[0].time >= support::time(300.0));
}

#[test]
fn a_switched_off_detector_is_silent() {
    let mut policy = quick();
    policy.detectors.beacon = None;
    let mut scene = Scene::with_policy(policy);
    scene.play(Traffic::new("/tmp/.x/agent", "203.0.113.9", 443).every(5.0, 0.1).lasting(600.0));
    assert!(scene.findings.is_empty());
}
