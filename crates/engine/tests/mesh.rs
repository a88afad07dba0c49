//! Meshes, through the engine's contract: one behaviour, one finding, about the application.

#![expect(clippy::unwrap_used, reason = "test support")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use beaconwatch_engine::actor::{Actor, Owner, Pod};
use beaconwatch_engine::assess::policy::Policy;
use beaconwatch_engine::input::{Event, Input, ProcessStarted, SocketId, SocketOpened, WorkloadChange};
use beaconwatch_engine::observe::contact::{Bytes, Packets, Transport};
use support::{Scene, time};

const POD: &str = "0d4f0a4e-8c1e-4b0c-9a53-3d2f4c9d7f10";

fn policy() -> Policy {
    let mut policy = Policy::everything("quick");
    if let Some(beacon) = &mut policy.detectors.beacon {
        beacon.minimum_span = Duration::from_secs(30);
    }
    policy.thresholds.record = -100.0;
    policy
}

/// A pod with an application and a sidecar.
fn pod() -> Scene {
    let mut scene = Scene::with_policy(policy());
    let containers = [("a", "app"), ("b", "istio-proxy")];
    let pod = Pod {
        uid: Arc::from(POD),
        namespace: Arc::from("shop"),
        name: Arc::from("web-0"),
        owner: Owner { kind: Arc::from("Deployment"), name: Arc::from("web") },
        addresses: Arc::from(["10.0.0.7".parse().unwrap()]),
        containers: containers.map(|(digit, name)| (Arc::from(digit.repeat(64)), Box::from(name))).into(),
        ..Pod::default()
    };
    scene.input(time(0.0), Input::Workload(WorkloadChange::Applied(Arc::new(pod))));
    for (cgroup, (digit, executable)) in (1..).zip([("a", "/app/server"), ("b", "/usr/local/bin/envoy")]) {
        let path = format!("/kubepods/pod{POD}/{}", digit.repeat(64)).into();
        scene.input(time(0.0), Input::Event(Event::CgroupCreated { cgroup, path }));
        let (pid, executable) = (u32::try_from(cgroup).unwrap(), executable.into());
        let started = ProcessStarted { pid, cgroup, executable, ..ProcessStarted::default() };
        scene.input(time(0.0), Input::Event(Event::ProcessStarted(Box::new(started))));
    }
    scene
}

fn socket(number: u32, of: u32, remote: &str) -> SocketOpened {
    SocketOpened {
        socket: SocketId(number.into()),
        cgroup: of.into(),
        pid: of,
        uid: None,
        netns: 7,
        transport: Transport::Tcp,
        local: None,
        remote: remote.parse().unwrap(),
        outbound: true,
        snapshot: false,
    }
}

#[test]
fn a_beacon_behind_a_sidecar_is_one_finding_about_the_application() {
    let mut scene = pod();
    for check_in in 0..90_u32 {
        let at = f64::from(check_in) * 5.0 + f64::from(check_in * 7 % 5) * 0.1;
        let local = Some("127.0.0.1:15001".parse().unwrap());
        let redirected =
            SocketOpened { local, outbound: false, ..socket(3 * check_in + 1, 2, "10.0.0.7:40000") };
        let sockets = [
            socket(3 * check_in, 1, "203.0.113.9:443"),
            redirected,
            socket(3 * check_in + 2, 2, "203.0.113.9:443"),
        ];
        for (opened, later) in sockets.into_iter().zip([0.0, 0.001, 0.002]) {
            scene.input(time(at + later), Input::Event(Event::SocketOpened(Box::new(opened))));
        }
        for number in 0..3 {
            let closed = Event::SocketClosed {
                socket: SocketId((3 * check_in + number).into()),
                bytes: Bytes { sent: 312, received: 312 },
                packets: Packets::default(),
                provisional: false,
                established: Some(true),
            };
            scene.input(time(at + 0.2), Input::Event(closed));
        }
    }
    scene.end(600.0);
    let about = |finding: &&beaconwatch_engine::assess::finding::Finding| {
        let process = finding.actor.process.as_ref().unwrap();
        (process.executable.to_string(), finding.container_name.clone().unwrap().into_string())
    };
    let opened: Vec<_> = scene.opened().iter().map(about).collect();
    assert_eq!(opened, [("/app/server".to_owned(), "app".to_owned())]);
    assert_eq!(scene.engine.counters().passed_on, 90);
}

/// Contacts every five seconds from the pod's sidecar to an address: the findings they make.
fn calls(scene: &mut Scene, to: &str) {
    for check_in in 0..90_u32 {
        let at = f64::from(check_in) * 5.0 + f64::from(check_in * 7 % 5) * 0.1;
        let bytes = Some(Bytes { sent: 312, received: 312 });
        let mut contact = support::contact(at, "/usr/local/bin/envoy", to, 8080, bytes);
        let actor = Actor { container: Some(Arc::from("b".repeat(64))), ..(*contact.actor).clone() };
        (contact.actor_key, contact.actor) = (actor.key(), Arc::new(actor));
        scene.input(time(at), Input::Contact(Box::new(contact)));
    }
    scene.end(600.0);
}

#[test]
fn what_comes_in_and_is_handed_to_the_own_pod_is_not_judged() {
    let mut scene = pod();
    calls(&mut scene, "10.0.0.7");
    assert_eq!(scene.opened().len(), 0);
    let mut scene = pod();
    calls(&mut scene, "10.0.0.8");
    assert_eq!(scene.opened().len(), 1);
}

#[test]
fn an_address_inside_may_be_a_backend_where_a_load_balancer_looks_first() {
    let may_be_backend = |rewritten: Option<bool>, to: &str| {
        let mut scene = pod();
        if let Some(rewritten) = rewritten {
            scene.input(time(0.0), Input::Rewritten(rewritten));
        }
        calls(&mut scene, to);
        scene.opened()[0].may_be_backend
    };
    assert!(!may_be_backend(None, "10.0.0.8"));
    assert!(!may_be_backend(Some(false), "10.0.0.8"));
    assert!(may_be_backend(Some(true), "10.0.0.8"));
    assert!(!may_be_backend(Some(true), "203.0.113.9"), "no service has it");
}
