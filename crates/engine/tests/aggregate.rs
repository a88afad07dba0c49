//! The aggregate of an executable: a rhythm that moves from destination to destination.

mod support;

use std::time::Duration;

use beaconwatch_engine::assess::finding::{Finding, FindingKind};
use beaconwatch_engine::assess::policy::Policy;
use beaconwatch_engine::counters::BoundedTable;
use beaconwatch_engine::engine::Engine;
use beaconwatch_engine::input::Input;
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::observe::contact::Bytes;
use support::{Noise, Scene, Traffic, time};

fn policy() -> Policy {
    let mut policy = Policy::everything("aggregate");
    policy.thresholds.record = 2.0;
    policy
}

/// Check-ins about every minute for two hours, each with another one of `fronts` addresses, picked at random.
fn rotating(scene: &mut Scene, executable: &str, fronts: u32) {
    let (mut noise, mut at) = (Noise(9), 0.0);
    while at < 7200.0 {
        let front = (noise.next() * f64::from(fronts)) as u32;
        let to = std::net::Ipv4Addr::from_bits(0x0b00_0000 + 977 * front).to_string();
        scene.contact(at, executable, &to, 443, 312, 900);
        at += 60.0 * (0.9 + 0.2 * noise.next());
    }
}

#[test]
fn check_ins_that_go_to_another_address_each_time_are_one_finding() {
    let mut scene = Scene::with_policy(policy());
    rotating(&mut scene, "/tmp/.x/agent", 1000);
    let opened = scene.opened();
    assert_eq!(opened.len(), 1, "{:?}", opened.iter().map(|f| &f.summary).collect::<Vec<_>>());
    assert_eq!(opened[0].kind, FindingKind::Beacon);
    assert!(opened[0].summary.contains("changing destinations (lately 11."), "{}", opened[0].summary);
    assert!(opened[0].destination.address.is_some(), "where it went last");
    let rhythm = opened[0].rhythm.unwrap();
    assert!((50.0..70.0).contains(&rhythm.period_secs), "{rhythm:?}");
}

#[test]
fn a_dozen_fronts_in_turn_are_found_as_one() {
    let mut scene = Scene::with_policy(policy());
    rotating(&mut scene, "/tmp/.x/agent", 12);
    assert!(
        scene.opened().iter().any(|finding| finding.summary.contains("changing destinations")),
        "{:?}",
        scene.opened()
    );
}

#[test]
fn what_has_no_share_of_the_table_left_is_still_counted() {
    let limits = Limits { conversations_per_workload_max: 8, ..Limits::default() };
    let mut scene = Scene::with_limits(limits, policy());
    rotating(&mut scene, "/tmp/.x/agent", 1000);
    assert!(scene.table(BoundedTable::Conversations).refused > 50);
    assert_eq!(scene.opened().len(), 1);
    assert!(scene.opened()[0].check_ins > 10);
}

#[test]
fn a_rhythm_outlives_a_flood_through_a_large_share_of_the_table() {
    let limits = Limits { conversations_per_workload_max: 200, ..Limits::default() };
    let mut scene = Scene::with_limits(limits, policy());
    for minute in 0..60_u32 {
        let at = 60.0 * f64::from(minute);
        scene.contact(at, "/tmp/.x/agent", "203.0.113.9", 443, 312, 900);
        // Each of them twice, so that it may push out another.
        for n in 0..200_u32 {
            let to = std::net::Ipv4Addr::from_bits(0x0b00_0000 + 100 * minute + n / 2).to_string();
            scene.contact(at + 1.0 + 0.2 * f64::from(n), "/tmp/.x/agent", &to, 443, 200 + u64::from(n), 900);
        }
    }
    let conversations = scene.table(BoundedTable::Conversations);
    assert!(conversations.evicted > 1000 && conversations.held <= 200, "{conversations:?}");
    let told = |finding: &&Finding| finding.destination.address == Some("203.0.113.9".parse().unwrap());
    assert_eq!(scene.opened().into_iter().filter(told).count(), 1);
}

#[test]
fn destinations_that_are_each_asked_regularly_are_told_one_by_one() {
    let mut scene = Scene::with_policy(policy());
    let mut noise = Noise(3);
    // Six services every minute, one after the other, as an exporter does it: a rhythm of all together, too.
    for round in 0..120_u32 {
        let begin = 60.0 * (f64::from(round) + 0.1 * noise.next());
        for service in 0..6_u32 {
            let to = format!("203.0.113.{service}");
            scene.contact(begin + 0.05 * f64::from(service), "/app/exporter", &to, 443, 312, 900);
        }
    }
    assert!(!scene.findings.is_empty());
    assert!(scene.findings.iter().all(|finding| !finding.summary.contains("changing")));
}

#[test]
fn irregular_visits_of_many_destinations_stay_silent() {
    let mut scene = Scene::with_policy(policy());
    let (mut noise, mut at) = (Noise(5), 0.0);
    while at < 7200.0 {
        let to = std::net::Ipv4Addr::from_bits(0x0b00_0000 + (noise.next() * 1e6) as u32).to_string();
        let size = 200 + (noise.next() * 8000.0) as u64;
        scene.contact(at, "/app/crawler", &to, 443, size, 900);
        at += -20.0 * (1.0 - noise.next()).ln();
    }
    assert!(scene.findings.is_empty(), "{:?}", scene.findings);
}

#[test]
fn one_destination_is_no_aggregate() {
    let mut scene = Scene::with_policy(policy());
    scene.play(Traffic::new("/tmp/.x/agent", "203.0.113.9", 4444).every(60.0, 0.1));
    assert_eq!(scene.table(BoundedTable::Conversations).held, 1);
    assert_eq!(scene.opened().len(), 1);
}

#[test]
fn an_aggregate_survives_a_restart() {
    let mut scene = Scene::with_policy(policy());
    rotating(&mut scene, "/tmp/.x/agent", 1000);
    let checkpoint = scene.engine.checkpoint();
    let mut again = Engine::with_limits(Limits::default());
    again.restore(&checkpoint).unwrap();
    let held = again.counters().table(BoundedTable::Conversations).held;
    assert_eq!(held, scene.table(BoundedTable::Conversations).held);
    let explained = again.explain(|_| true);
    assert!(explained.iter().any(|one| one.summary.contains("changing destinations") && one.check_ins > 100));
}

#[test]
fn totals_that_come_later_reach_the_aggregate() {
    let mut scene = Scene::with_policy(policy());
    let mut noise = Noise(9);
    let mut at = 0.0;
    for check_in in 1..=90_u32 {
        let to = std::net::Ipv4Addr::from_bits(0x0b00_0000 + 977 * check_in).to_string();
        let mut contact = support::contact(at, "/tmp/.x/agent", &to, 443, None);
        contact.id = u64::from(check_in);
        scene.input(time(at), Input::Contact(Box::new(contact)));
        let end = beaconwatch_engine::observe::contact::ContactEnd {
            id: u64::from(check_in),
            bytes: Bytes { sent: 312, received: 900 },
            duration: Duration::from_millis(80),
            established: Some(true),
            provisional: false,
        };
        scene.input(time(at + 0.1), Input::ContactEnd(end));
        at += 60.0 * (0.9 + 0.2 * noise.next());
    }
    scene.finish(at);
    let closed = scene.findings.last().unwrap();
    assert!(closed.summary.contains("changing destinations"), "{}", closed.summary);
    assert_eq!(closed.bytes.sent, closed.check_ins * 312);
}
