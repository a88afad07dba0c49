//! What lies inside a cluster, through the engine's contract.

mod support;

use std::sync::Arc;
use std::time::Duration;

use beaconwatch_engine::actor::{Actor, Owner, Pod};
use beaconwatch_engine::assess::finding::Term;
use beaconwatch_engine::assess::policy::Policy;
use beaconwatch_engine::input::{Input, WorkloadChange};
use beaconwatch_engine::observe::contact::Bytes;
use support::{Scene, time};

/// Pods of clusters with public addresses: what tells inside from outside is who has them, not what they look like.
#[test]
fn polls_between_pods_are_inside_whatever_their_addresses() {
    let evidence = |to: &str, own: Option<&str>, named: Option<&str>| {
        let mut policy = Policy::everything("quick");
        if let Some(beacon) = &mut policy.detectors.beacon {
            beacon.minimum_span = Duration::from_secs(30);
        }
        policy.thresholds.record = -100.0;
        let mut scene = Scene::with_policy(policy);
        let pod = |uid: &str, address: Option<&str>, container: Arc<str>| Pod {
            namespace: Arc::from("shop"),
            name: Arc::from(uid),
            uid: Arc::from(uid),
            owner: Owner { kind: Arc::from("Deployment"), name: Arc::from(uid) },
            addresses: address.iter().map(|address| address.parse().unwrap()).collect(),
            containers: Arc::from([(container, Box::from("app"))]),
            ..Pod::default()
        };
        let container: Arc<str> = Arc::from("c".repeat(64));
        for pod in [pod("front", None, Arc::clone(&container)), pod("back", own, Arc::from("d".repeat(64)))] {
            scene.input(time(0.0), Input::Workload(WorkloadChange::Applied(Arc::new(pod))));
        }
        if let Some(network) = named {
            scene.input(time(0.0), Input::Networks(Arc::from([network.parse().unwrap()])));
        }
        for check_in in 0..90_u32 {
            let at = f64::from(check_in) * 5.0 + f64::from(check_in * 7 % 5) * 0.1;
            let bytes = Some(Bytes { sent: 312, received: 312 });
            let mut contact = support::contact(at, "/app/front", to, 9090, bytes);
            let actor = Actor { container: Some(Arc::clone(&container)), ..(*contact.actor).clone() };
            (contact.actor_key, contact.actor) = (actor.key(), Arc::new(actor));
            scene.input(time(at), Input::Contact(Box::new(contact)));
        }
        scene.end(500.0);
        let opened = scene.opened();
        let terms: Vec<Term> = opened[0].evidence.iter().map(|evidence| evidence.term).collect();
        terms.contains(&Term::NameResolution) || terms.contains(&Term::Port)
    };
    let global = "2600:1f18:abcd:3:5f2b::8";
    assert!(evidence(global, None, None), "an address of nobody here is outside");
    assert!(!evidence(global, Some("2600:1f18:abcd:3:5f2b::7"), None));
    assert!(!evidence(global, None, Some("2600:1f18:abcd::/48")));
    assert!(evidence(global, Some("2600:1f18:abcd:4::7"), Some("11.0.0.0/8")));
    assert!(!evidence("240.10.3.7", None, None));
    assert!(!evidence("11.4.7.9", Some("11.4.7.200"), None));
    assert!(evidence("11.4.7.9", Some("10.4.7.200"), None));
}
