//! Every table of the engine that has a bound is filled beyond it: it keeps its bound, and counts what that costs.

#![expect(clippy::unwrap_used, reason = "test support")]

mod support;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use beaconwatch_engine::actor::{Actor, FileId, Owner, Pod};
use beaconwatch_engine::assess::policy::{Exception, Policy, PolicyId, PolicySet};
use beaconwatch_engine::counters::{BoundedTable, Usage};
use beaconwatch_engine::input::{
    Direction, Event, Input, Payload, ProcessStarted, SocketId, SocketOpened, WorkloadChange,
};
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::observe::contact::{Bytes, Transport};
use support::{Scene, Traffic, contact, time};

/// Entries that each table may hold, where it can be chosen.
const MAX: usize = 4;

/// Limits under which every table is small.
fn small() -> Limits {
    Limits {
        conversations_per_workload_max: MAX,
        sockets_max: MAX,
        processes_max: MAX,
        cgroups_max: MAX,
        pods_max: MAX,
        names_per_workload_max: MAX,
        names_max: MAX,
        signatures_max: MAX,
        findings_open_max: MAX,
        ..Limits::default()
    }
}

fn scene() -> Scene {
    Scene::with_limits(small(), Policy::everything("bounds"))
}

fn many_conversations() -> Scene {
    let limits = Limits { conversations_per_workload_max: 64, ..small() };
    Scene::with_limits(limits, Policy::everything("bounds"))
}

fn outside(n: u32) -> String {
    Ipv4Addr::from_bits(0xcb00_7100 + n).to_string()
}

fn event(scene: &mut Scene, at: u32, event: Event) {
    scene.input(time(f64::from(at)), Input::Event(event));
}

/// Connections of many actors, each to a destination of its own.
fn actors(scene: &mut Scene, count: u32) {
    for n in 0..count {
        let mut contact = contact(f64::from(n), "/app/server", &outside(n), 443, None);
        let actor = Actor { cgroup: 1000 + u64::from(n), ..(*contact.actor).clone() };
        (contact.id, contact.actor_key, contact.actor) = (1 + u64::from(n), actor.key(), Arc::new(actor));
        scene.input(time(f64::from(n)), Input::Contact(Box::new(contact)));
    }
}

/// Connections of one container to pods that come and go: one behaviour, many destinations.
fn inside(scene: &mut Scene, count: u32) {
    for n in 0..count {
        let to = Ipv4Addr::from_bits(0x0a00_0000 + n).to_string();
        let mut contact = contact(f64::from(n), "/app/server", &to, 443, None);
        let actor = Actor { container: Some(Arc::from("c")), ..(*contact.actor).clone() };
        (contact.actor_key, contact.actor) = (actor.key(), Arc::new(actor));
        scene.input(time(f64::from(n)), Input::Contact(Box::new(contact)));
    }
}

/// A scene in which few findings may be open, under a policy that keeps to a budget and tolerates what the first
/// executables do, an exception each.
fn few_findings(budget: Option<f32>, tolerated: u32) -> Scene {
    let limits = Limits { findings_open_max: MAX, ..Limits::default() };
    let mut scene = Scene::with_limits(limits, Policy::everything("bounds"));
    scene.input(time(0.0), policy("one", budget, tolerated));
    scene
}

/// Many beacons at once, each of an executable of its own.
fn beacons(scene: &mut Scene, count: u32) {
    for (check_in, n) in (0..120_u32).flat_map(|check_in| (0..count).map(move |n| (check_in, n))) {
        let at = f64::from(check_in) * 5.0 + f64::from((check_in + n) * 7 % 5) * 0.1;
        scene.contact(at, &format!("/tmp/.x/agent-{n}"), &outside(n), 4444, 312, 900);
    }
}

/// A policy that keeps to a budget and tolerates what the list says, an exception each.
fn policy(name: &str, budget: Option<f32>, tolerated: u32) -> Input {
    let mut policy = Policy::everything("bounds");
    policy.id = PolicyId { namespace: None, name: Arc::from(name) };
    policy.thresholds.budget = budget;
    policy.thresholds.record = 0.0;
    if let Some(beacon) = &mut policy.detectors.beacon {
        beacon.minimum_span = Duration::from_secs(30);
    }
    policy.exceptions = (0..tolerated)
        .map(|n| Exception {
            name: Arc::from(format!("agent-{n}")),
            executables: vec![format!("/tmp/.x/agent-{n}").into()],
            ..Exception::default()
        })
        .collect();
    Input::Policies(Arc::new(PolicySet { policies: vec![policy] }))
}

/// Replicas of one Deployment that all do the same.
fn replicas(scene: &mut Scene, count: u32) {
    let owner = Owner { kind: Arc::from("Deployment"), name: Arc::from("shop") };
    for n in 0..count {
        let containers = Arc::from([(Arc::from(format!("{n:064}")), Box::from("app"))]);
        let (uid, owner) = (Arc::from(format!("pod-{n}")), owner.clone());
        let pod = Pod { uid, owner, containers, ..Pod::default() };
        scene.input(time(0.0), Input::Workload(WorkloadChange::Applied(Arc::new(pod))));
    }
    for (check_in, n) in (0..120_u32).flat_map(|check_in| (0..count).map(move |n| (check_in, n))) {
        let at = f64::from(check_in) * 5.0 + f64::from((check_in + n) * 7 % 5) * 0.1;
        let bytes = Some(Bytes { sent: 312, received: 312 });
        let mut contact = contact(at, "/tmp/.x/agent", "203.0.113.9", 4444, bytes);
        let container = Some(Arc::from(format!("{n:064}")));
        let actor = Actor { container, ..(*contact.actor).clone() };
        (contact.actor_key, contact.actor) = (actor.key(), Arc::new(actor));
        scene.input(time(at), Input::Contact(Box::new(contact)));
    }
}

fn opened(socket: u64, (pid, cgroup): (u32, u64), transport: Transport, to: &str) -> Event {
    Event::SocketOpened(Box::new(SocketOpened {
        socket: SocketId(socket),
        cgroup,
        pid,
        uid: None,
        netns: 1,
        transport,
        local: Some(format!("10.0.{}.{}:40000", socket >> 8, socket & 255).parse().unwrap()),
        remote: to.parse().unwrap(),
        outbound: true,
        snapshot: false,
    }))
}

/// An answer of a resolver that gives one address for one name.
fn look_up(scene: &mut Scene, n: u32, cgroup: u64) {
    event(scene, n, opened(u64::from(n), (1, cgroup), Transport::Udp, "10.96.0.10:53"));
    let name = [&[1, b'a' + (n % 26) as u8, 7][..], b"example", &[0, 0, 1, 0, 1]].concat();
    let [_, b, c, d] = n.to_be_bytes();
    let record = [&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4][..], &[198, b, c, d]].concat();
    let query = [&[0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], &name].concat();
    let answer = [&[0, 7, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0][..], &name, &record].concat();
    for (direction, bytes) in [(Direction::Sent, query), (Direction::Received, answer)] {
        let payload = Payload {
            socket: SocketId(u64::from(n)),
            cgroup,
            direction,
            transport: Transport::Udp,
            ports: (40_000, 53),
            remote: Some("10.96.0.10:53".parse().unwrap()),
            wire_len: bytes.len() as u32,
            bytes: bytes.into(),
            gap_before: false,
        };
        event(scene, n, Event::Payload(payload));
    }
}

fn processes(scene: &mut Scene, count: u32) {
    for n in 1..=count {
        event(scene, n, Event::CgroupCreated { cgroup: u64::from(n), path: format!("/{n}").into() });
        let file = FileId { device: 1, inode: u64::from(n) };
        let executable = format!("/bin/{n}").into();
        let started = ProcessStarted { pid: n, cgroup: u64::from(n), executable, file, ..Default::default() };
        event(scene, n, Event::ProcessStarted(Box::new(started)));
        event(scene, n, opened(u64::from(n), (n, u64::from(n)), Transport::Tcp, "203.0.113.9:443"));
    }
}

fn pods(scene: &mut Scene, count: u32, each: u32) {
    for n in 0..count {
        let containers = (0..each).map(|c| (Arc::from(format!("{n}-{c}")), Box::from("app"))).collect();
        let addresses = (0..each).map(|a| IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 + n * each + a)));
        let (uid, addresses) = (Arc::from(format!("pod-{n}")), addresses.collect());
        let pod = Pod { uid, containers, addresses, ..Pod::default() };
        scene.input(time(0.0), Input::Workload(WorkloadChange::Applied(Arc::new(pod))));
    }
}

/// One policy after the other, each with a budget.
fn budgets(scene: &mut Scene) {
    for n in 0..8 {
        let at = 1000.0 * f64::from(n);
        scene.input(time(at), policy(&format!("policy-{n}"), Some(100.0), 0));
        let traffic = Traffic::new("/tmp/.x/agent", "203.0.113.9", 4444).every(5.0, 0.1);
        scene.play(traffic.from(at).lasting(600.0));
    }
}

fn datagrams_to_many(scene: &mut Scene) {
    for n in 0..40 {
        event(scene, n, opened(1, (1, 1), Transport::Udp, &format!("{}:4500", outside(n))));
    }
}

fn listening(scene: &mut Scene) {
    for port in 0..20_u16 {
        let local = format!("10.0.0.1:{}", 8000 + port).parse().unwrap();
        event(scene, 0, Event::SocketListening { cgroup: 1, pid: 1, local, transport: Transport::Tcp });
    }
}

fn addresses(scene: &mut Scene) {
    for n in 0..20 {
        event(scene, n, opened(u64::from(n), (0, 0), Transport::Tcp, "203.0.113.9:443"));
    }
}

fn network_places(scene: &mut Scene) {
    for n in 1..=20 {
        let Event::SocketOpened(opened) = opened(n, (1, 1), Transport::Tcp, "203.0.113.9:443") else {
            return;
        };
        let opened = SocketOpened { netns: n, ..*opened };
        event(scene, 0, Event::SocketOpened(Box::new(opened)));
    }
}

fn digests(scene: &mut Scene) {
    for inode in 0..20 {
        scene.input(time(0.0), Input::Digest { file: FileId { device: 1, inode }, sha256: [1; 32] });
    }
}

fn digests_wanted(scene: &mut Scene) {
    let mut policy = Policy::everything("bounds");
    policy.exceptions.push(Exception { digests: vec![[1; 32]], ..Exception::default() });
    scene.input(time(0.0), Input::Policies(Arc::new(PolicySet { policies: vec![policy] })));
    processes(scene, 300);
}

/// Somebody will ask for conversations by name.
fn aliases(scene: &mut Scene) {
    scene.engine.keep_aliases(MAX);
    inside(scene, 20);
}

/// A scene in which a table had more to take than it may hold, and how much it may hold.
fn filled(table: BoundedTable) -> (Scene, usize) {
    use BoundedTable as T;
    type Fill = fn(&mut Scene);
    let (mut scene, fill, most): (Scene, Fill, usize) = match table {
        T::Conversations => (scene(), |s| inside(s, 20), MAX),
        T::Destinations => (many_conversations(), |s| inside(s, 20), MAX),
        T::OpenContacts | T::Participants | T::Signatures | T::Workloads => (scene(), |s| actors(s, 20), MAX),
        T::Findings => (few_findings(None, 0), |s| beacons(s, 8), MAX),
        T::FindingReplicas => (few_findings(None, 0), |s| replicas(s, 8), MAX * MAX),
        T::FindingsExcepted => (few_findings(None, 8), |s| beacons(s, 8), MAX),
        T::ExceptionsUsed => (few_findings(None, 20), |s| beacons(s, 20), 4 * MAX),
        T::Budgets => (few_findings(None, 0), budgets, MAX),
        T::BudgetIdentities => (few_findings(Some(100.0), 0), |s| beacons(s, 8), MAX),
        T::Sockets | T::Processes | T::Cgroups => (scene(), |s| processes(s, 20), MAX),
        T::SocketFlows => (scene(), datagrams_to_many, 0),
        T::ListeningPorts => (scene(), listening, MAX / 4),
        T::Addresses => (scene(), addresses, MAX),
        T::Digests => (scene(), digests, MAX),
        T::DigestsWanted => (scene(), digests_wanted, 256),
        T::Names => (scene(), |s| (0..20).for_each(|n| look_up(s, n, 1)), MAX),
        T::NamingWorkloads => (scene(), |s| (0..20).for_each(|n| look_up(s, n, 1 + u64::from(n))), MAX),
        T::NetworkPlaces => (scene(), network_places, MAX),
        T::Pods => (scene(), |s| pods(s, 20, 1), MAX),
        T::PodContainers => (scene(), |s| pods(s, 1, 100), 16 * MAX),
        T::PodAddresses => (scene(), |s| pods(s, 1, 100), 4 * MAX),
        T::Aliases => (many_conversations(), aliases, MAX),
    };
    fill(&mut scene);
    (scene, most)
}

#[test]
fn every_table_keeps_its_bound_and_counts_what_that_costs() {
    for table in BoundedTable::ALL {
        let (scene, most) = filled(table);
        let Usage { held, evicted, refused } = scene.table(table);
        assert!(evicted + refused > 0, "{table:?} counted nothing: {:?}", scene.table(table));
        assert!(held as usize <= most, "{table:?} holds {held}, at most {most} are allowed");
    }
}

#[test]
fn a_table_that_is_not_full_counts_nothing() {
    let mut scene = Scene::with_policy(Policy::everything("bounds"));
    actors(&mut scene, 20);
    inside(&mut scene, 20);
    pods(&mut scene, 20, 4);
    processes(&mut scene, 20);
    let lost: Vec<_> =
        scene.engine.counters().tables().filter(|(_, usage)| usage.evicted + usage.refused > 0).collect();
    assert_eq!(lost, []);
}

#[test]
fn an_open_contact_that_is_evicted_is_the_oldest_of_whoever_holds_most() {
    let limits = Limits { sockets_max: 10, ..Limits::default() };
    let mut scene = Scene::with_limits(limits, Policy::everything("bounds"));
    let mut connect = |n: u64, cgroup: u64, to: &str| {
        let mut contact = contact(n as f64, "/app/server", to, 443, None);
        let actor = Actor { cgroup, ..(*contact.actor).clone() };
        (contact.id, contact.actor_key, contact.actor) = (n, actor.key(), Arc::new(actor));
        scene.input(time(n as f64), Input::Contact(Box::new(contact)));
    };
    connect(1, 7, "203.0.113.9");
    (2..1000).for_each(|n| connect(n, 8, "203.0.113.10"));
    let end = beaconwatch_engine::observe::contact::ContactEnd {
        id: 1,
        bytes: Bytes { sent: 700, received: 800 },
        duration: Duration::from_secs(1000),
        established: Some(true),
        provisional: false,
    };
    scene.input(time(1000.0), Input::ContactEnd(end));
    let quiet = scene.engine.explain(|candidate| candidate.actor.cgroup == 7);
    assert_eq!(quiet[0].bytes.sent, 700);
    assert_eq!(scene.table(BoundedTable::OpenContacts), Usage { held: 9, evicted: 989, refused: 0 });
}
