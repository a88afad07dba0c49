//! What survives a restart, and what of it is said not to.

mod support;

use std::sync::Arc;

use beaconwatch_engine::assess::finding::FindingState;
use beaconwatch_engine::assess::policy::{Policy, PolicySet};
use beaconwatch_engine::checkpoint::Section;
use beaconwatch_engine::counters::BoundedTable;
use beaconwatch_engine::engine::Engine;
use beaconwatch_engine::input::Input;
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::observe::contact::{Bytes, NameSource, Naming};
use support::{Scene, Traffic};

fn policies(policy: Policy) -> Input {
    Input::Policies(Arc::new(PolicySet { policies: vec![policy] }))
}

#[test]
fn a_restart_from_a_checkpoint_goes_on_where_it_was() {
    let traffic = Traffic::new("/tmp/.x/agent", "203.0.113.9", 4444).every(20.0, 0.1);
    let policy = || Policy::everything("default");
    let mut first = Scene::with_policy(policy());
    first.play(traffic.clone().lasting(600.0));
    let saved = first.engine.checkpoint();

    let mut second = Scene::with_policy(policy());
    second.engine.restore(&saved).unwrap();
    second.input(support::time(600.0), policies(policy()));
    second.play(traffic.clone().from(600.0).lasting(400.0));
    assert_eq!(second.opened().len(), 1, "{:?}", second.findings);
    assert!(second.opened()[0].check_ins > 40);

    let mut again = Scene::with_policy(policy());
    again.play(traffic.from(600.0).lasting(400.0));
    assert!(again.findings.is_empty());
}

/// Also one with few bits, which nobody would look at again for five minutes.
#[test]
fn what_was_open_at_the_end_is_open_again_at_the_next_contact() {
    let policy = || {
        let mut policy = Policy::everything("default");
        policy.thresholds.record = -100.0;
        policy
    };
    let call = |scene: &mut Scene, minutes: core::ops::Range<u32>| {
        for at in minutes.map(|minute| 60.0 * f64::from(minute)) {
            let bytes = Some(Bytes { sent: 312, received: 40_000 });
            let mut contact = support::contact(at, "/usr/sbin/updater", "203.0.113.9", 443, bytes);
            contact.destination.name = Some(Arc::from("updates.example.org"));
            contact.destination.name_source = Some(NameSource::Dns);
            contact.naming = Naming::Consistent;
            scene.input(support::time(at), Input::Contact(Box::new(contact)));
        }
    };
    let mut first = Scene::with_policy(policy());
    call(&mut first, 0..120);
    assert_eq!(first.opened().len(), 1);
    first.finish(7150.0);
    let last = first.findings.last().unwrap();
    assert!(last.state == FindingState::Closed && last.score < 1.0, "{}", last.score);

    let mut second = Scene::with_policy(policy());
    second.engine.restore(&first.engine.checkpoint()).unwrap();
    second.input(support::time(7151.0), policies(policy()));
    call(&mut second, 120..121);
    let opened = second.opened();
    assert_eq!((opened.len(), opened[0].id), (1, last.id));
}

#[test]
fn a_checkpoint_of_equal_states_is_equal_and_a_damaged_one_is_refused() {
    let saved = || {
        let mut scene = Scene::with_policy(Policy::everything("default"));
        scene.play(Traffic::new("/tmp/.x/agent", "203.0.113.9", 4444).every(5.0, 0.3).lasting(300.0));
        scene.engine.checkpoint()
    };
    assert_eq!(saved(), saved());
    let mut scene = Scene::with_policy(Policy::everything("default"));
    for section in 0..saved().sections.len() {
        let mut damaged = saved();
        let section = &mut damaged.sections[section];
        section.bytes.pop();
        let name = section.name.to_string();
        let refused = scene.engine.restore(&damaged).unwrap_err().to_string();
        assert!(refused.contains(&name), "{refused}");
    }
    assert_eq!(scene.engine.counters().table(BoundedTable::Conversations).held, 0);
}

#[test]
fn what_finds_no_room_or_is_no_longer_known_is_told_by_name() {
    let mut scene = Scene::with_policy(Policy::everything("default"));
    for n in 1..=5 {
        let traffic = Traffic::new(&format!("/tmp/.x/agent{n}"), &format!("203.0.113.{n}"), 4444);
        scene.play(traffic.every(5.0, 0.3).from(f64::from(n) * 100.0).lasting(90.0));
    }
    let mut checkpoint = scene.engine.checkpoint();
    checkpoint.sections.push(Section { name: "moods".into(), bytes: vec![1, 2, 3] });
    let limits = Limits { conversations_max: 2, signatures_max: 3, ..Limits::default() };
    let mut engine = Engine::with_limits(limits);
    let dropped = engine.restore(&checkpoint).unwrap();
    let held = |table| engine.counters().table(table).held;
    assert_eq!((held(BoundedTable::Conversations), held(BoundedTable::Signatures)), (2, 3));
    let told = dropped.to_string();
    assert!(told.contains("conversations (3 times)") && told.contains("signatures (2 times)"), "{told}");
    assert!(told.contains("section moods (1 times)"), "{told}");
    assert!(scene.engine.restore(&scene.engine.checkpoint()).unwrap().is_empty());
}
