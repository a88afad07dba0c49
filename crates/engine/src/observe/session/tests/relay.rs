//! Meshes: what a proxy passes on is the program's contact, and nothing else is left out.

use super::scene::*;
use crate::counters::Counters;
use crate::limits::Limits;
use crate::observe::contact::Transport;
use crate::observe::event::{Event, ProcessStarted, SocketOpened};
use crate::time::Timestamp;

/// Network namespace of the pod.
const NETNS: u64 = 7;
/// Cgroup of the pod's second container.
const SIDECAR: u64 = 501;
const APP: u32 = 100;
const PROXY: u32 = 300;
const FAR: &str = "203.0.113.9:443";

/// A pod with a program in one container and `proxy` in another.
fn mesh(proxy: &str) -> Scene {
    mesh_within(Scene::container(), proxy)
}

fn mesh_within(mut scene: Scene, proxy: &str) -> Scene {
    scene.cgroup(SIDECAR, &inside_path().replace(CONTAINER, &"b".repeat(64)));
    scene.fork(PROXY, 10, HOST);
    scene.exec(PROXY, 10, SIDECAR, proxy);
    scene
}

fn of(pid: u32) -> u64 {
    if pid == APP { INSIDE } else { SIDECAR }
}

fn socket(scene: &mut Scene, opened: SocketOpened) {
    scene.event(Event::SocketOpened(Box::new(opened)));
}

fn connect(scene: &mut Scene, number: u64, pid: u32, to: &str) {
    let opened = opened(number, (Transport::Tcp, to));
    socket(scene, SocketOpened { pid, cgroup: of(pid), netns: NETNS, ..opened });
}

/// A connection arrives at the proxy.
fn accept(scene: &mut Scene, number: u64, local: &str, from: &str) {
    let opened = opened(number, (Transport::Tcp, from));
    let local = Some(local.parse().unwrap());
    let opened = SocketOpened { pid: PROXY, cgroup: SIDECAR, netns: NETNS, local, outbound: false, ..opened };
    socket(scene, opened);
}

/// What rules of the pod do with a connection of its programs.
fn redirect(scene: &mut Scene, number: u64) {
    accept(scene, number, "127.0.0.1:15001", "10.0.0.7:40000");
}

/// Who contacted whom, and how often something was passed on.
fn end(mut scene: Scene) -> (Vec<String>, u64) {
    scene.finish();
    let say = |contact: &crate::observe::contact::Contact| {
        let executable = contact.actor.process.as_ref().map_or("?", |process| &*process.executable);
        let to = &contact.destination;
        format!("{executable} -> {}:{}", to.address.unwrap(), to.port)
    };
    let mut counters = Counters::default();
    scene.sessions.count(&mut counters);
    (scene.contacts.iter().map(say).collect(), counters.passed_on)
}

#[test]
fn what_a_proxy_passes_on_is_the_contact_of_the_program_that_asked() {
    let mut scene = mesh("/opt/relay");
    for round in 0..3 {
        connect(&mut scene, 10 * round, APP, FAR);
        redirect(&mut scene, 10 * round + 1);
        scene.wait_ms(40);
        connect(&mut scene, 10 * round + 2, PROXY, FAR);
        for number in 0..3 {
            scene.close(10 * round + number, 100, 100);
        }
        scene.wait_ms(60_000);
    }
    let expect = ["/app/server -> 203.0.113.9:443"; 3].map(str::to_owned).to_vec();
    assert_eq!(end(scene), (expect, 3));
}

#[test]
fn only_what_another_process_asked_for_just_before_is_passed_on() {
    let both = |first: &str, second: &str| {
        vec![format!("/app/server -> {first}"), format!("/opt/relay -> {second}")]
    };
    // Somewhere else.
    let mut scene = mesh("/opt/relay");
    connect(&mut scene, 1, APP, FAR);
    redirect(&mut scene, 2);
    connect(&mut scene, 3, PROXY, "203.0.113.9:444");
    assert_eq!(end(scene), (both(FAR, "203.0.113.9:444"), 0));
    // Too late.
    let mut scene = mesh("/opt/relay");
    connect(&mut scene, 1, APP, FAR);
    redirect(&mut scene, 2);
    scene.wait_ms(10_500);
    connect(&mut scene, 3, PROXY, FAR);
    assert_eq!(end(scene), (both(FAR, FAR), 0));
    // Nothing was led to it.
    let mut scene = mesh("/opt/relay");
    connect(&mut scene, 1, APP, FAR);
    connect(&mut scene, 3, PROXY, FAR);
    assert_eq!(end(scene), (both(FAR, FAR), 0));
    // Nobody but the proxy itself asked.
    let mut scene = mesh("/opt/relay");
    redirect(&mut scene, 2);
    connect(&mut scene, 3, PROXY, FAR);
    connect(&mut scene, 4, PROXY, FAR);
    assert_eq!(end(scene), (vec![format!("/opt/relay -> {FAR}"); 2], 0));
    // From another network namespace.
    let mut scene = mesh("/opt/relay");
    let other = opened(1, (Transport::Tcp, FAR));
    socket(&mut scene, SocketOpened { pid: APP, cgroup: INSIDE, netns: NETNS + 1, ..other });
    redirect(&mut scene, 2);
    connect(&mut scene, 3, PROXY, FAR);
    assert_eq!(end(scene), (both(FAR, FAR), 0));
}

#[test]
fn a_connection_that_somebody_meant_for_loopback_is_no_redirect() {
    for (meant, at) in [
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("10.0.0.7:8080", "10.0.0.7:8080"),
        ("[::1]:8080", "127.0.0.1:8080"),
    ] {
        let mut scene = mesh("/opt/relay");
        connect(&mut scene, 1, APP, FAR);
        connect(&mut scene, 2, APP, meant);
        accept(&mut scene, 3, at, "10.0.0.7:40000");
        connect(&mut scene, 4, PROXY, FAR);
        let (contacts, passed_on) = end(scene);
        assert_eq!(passed_on, 0, "{meant}");
        assert_eq!(contacts.last().unwrap(), "/opt/relay -> 203.0.113.9:443", "{meant}");
    }
    // Nor is one from outside of the pod.
    let mut scene = mesh("/opt/relay");
    connect(&mut scene, 1, APP, FAR);
    accept(&mut scene, 3, "10.0.0.7:15006", "10.0.0.99:40000");
    connect(&mut scene, 4, PROXY, FAR);
    assert_eq!(end(scene).1, 0);
}

/// A program asks for `asked`, is led to `proxy`, and that connects to `to`: what is left.
fn led(proxy: ProcessStarted, asked: &str, to: &str) -> u64 {
    let mut scene = mesh("/bin/sh");
    scene.start(ProcessStarted { pid: PROXY, parent_pid: 10, cgroup: SIDECAR, ..proxy });
    connect(&mut scene, 1, APP, asked);
    redirect(&mut scene, 2);
    connect(&mut scene, 3, PROXY, to);
    end(scene).1
}

#[test]
fn a_known_proxy_may_choose_another_address_inside_the_cluster() {
    let runs = |executable: &str| ProcessStarted { executable: executable.into(), ..exec() };
    let service = "10.96.0.5:80";
    for proxy in ["/usr/local/bin/envoy", "/usr/lib/linkerd/linkerd2-proxy", "/usr/local/bin/ztunnel"] {
        assert_eq!(led(runs(proxy), service, "10.1.2.3:15008"), 1, "{proxy}");
        assert_eq!(led(runs(proxy), service, "203.0.113.9:80"), 0, "{proxy}");
    }
    assert_eq!(led(runs("/opt/relay"), service, "10.1.2.3:8080"), 0);
    // A program that was dropped there may have any name.
    let later = Some(Timestamp::from_nanos(u64::MAX));
    let dropped = ProcessStarted { changed: later, ..runs("/tmp/envoy") };
    assert_eq!(led(dropped, service, "10.1.2.3:8080"), 0);
}

#[test]
fn a_proxy_can_be_named() {
    let mut scene = mesh("/opt/relay");
    scene.sessions.set_mesh_proxies(std::sync::Arc::from([Box::from("relay")]));
    connect(&mut scene, 1, APP, "10.96.0.5:80");
    redirect(&mut scene, 2);
    connect(&mut scene, 3, PROXY, "10.1.2.3:8080");
    assert_eq!(end(scene), (vec!["/app/server -> 10.96.0.5:80".to_owned()], 1));
}

#[test]
fn a_connection_that_a_proxy_keeps_open_serves_who_asks_next() {
    let mut scene = mesh("/opt/relay");
    // Before anybody asked: the proxy's own.
    connect(&mut scene, 3, PROXY, FAR);
    scene.wait_ms(5000);
    for round in 0..2 {
        connect(&mut scene, 10 + round, APP, FAR);
        redirect(&mut scene, 20 + round);
        scene.burst(3, 500, 500);
        scene.close(10 + round, 1, 1);
        scene.wait_ms(60_000);
    }
    // Nobody asks any more: whatever this is, it is the proxy's.
    scene.burst(3, 900, 900);
    scene.close(3, 950, 950);
    let sent: Vec<u64> = scene.ends.iter().map(|end| end.bytes.sent).collect();
    assert_eq!(sent[sent.len() - 2..], [50, 500], "what was passed on is in no contact of the proxy");
    let (proxy, app) =
        ("/opt/relay -> 203.0.113.9:443".to_owned(), "/app/server -> 203.0.113.9:443".to_owned());
    assert_eq!(end(scene), (vec![proxy.clone(), app.clone(), app, proxy], 2));
}

#[test]
fn a_connection_that_began_as_anothers_does_not_hide_what_the_proxy_does_later() {
    let mut scene = mesh("/opt/relay");
    connect(&mut scene, 1, APP, FAR);
    redirect(&mut scene, 2);
    connect(&mut scene, 3, PROXY, FAR);
    for round in 1..=3 {
        scene.wait_ms(60_000);
        scene.burst(3, round * 500, 500);
    }
    let (proxy, app) =
        ("/opt/relay -> 203.0.113.9:443".to_owned(), "/app/server -> 203.0.113.9:443".to_owned());
    assert_eq!(end(scene), (vec![app, proxy.clone(), proxy.clone(), proxy], 1));
}

#[test]
fn a_nodes_proxy_has_room_for_each_pod_that_it_serves() {
    const NODE: u64 = 900;
    let mut scene = Scene::with_limits(&Limits { sockets_max: 16, ..Limits::default() });
    scene.cgroup(NODE, &inside_path().replace(CONTAINER, &"f".repeat(64)).replace(POD_DIGITS, "ffffffff"));
    scene.exec(PROXY, 10, NODE, "/usr/local/bin/ztunnel");
    let other = inside_path().replace(CONTAINER, &"c".repeat(64)).replace(POD_DIGITS, "cccccccc");
    for (pid, cgroup, path) in [(APP, INSIDE, inside_path()), (APP + 1, INSIDE + 50, other)] {
        scene.cgroup(cgroup, &path);
        scene.exec(pid, 10, cgroup, "/app/server");
        let asked = opened(u64::from(pid), (Transport::Tcp, FAR));
        socket(&mut scene, SocketOpened { pid, cgroup, netns: u64::from(pid), ..asked });
    }
    let serve = |scene: &mut Scene, number: u64, pod: u32| {
        let opened = opened(number, (Transport::Tcp, "198.51.100.7:443"));
        socket(scene, SocketOpened { pid: PROXY, cgroup: NODE, netns: u64::from(pod), ..opened });
    };
    serve(&mut scene, 1, APP);
    (1000..1100).for_each(|number| serve(&mut scene, number, APP + 1));
    scene.close(1, 10, 10);
    let mut counters = Counters::default();
    scene.sessions.count(&mut counters);
    assert_eq!(counters.sockets_unknown, 0, "what it does for a quiet pod is still there");
}

/// First digits of the pod's uid, as the path has them.
const POD_DIGITS: &str = "0d4f0a4e";
