use super::scene::*;
use crate::actor::{Actor, ExecutableOrigin, FileId};
use crate::counters::Counters;
use crate::observe::contact::Transport;
use crate::observe::event::{Event, ProcessStarted};
use crate::time::Timestamp;
use std::sync::Arc;

/// Opens a connection and says who it comes from.
fn actor_of(scene: &mut Scene, socket: u64, pid: u32, cgroup: u64) -> Arc<Actor> {
    scene.open(socket, pid, cgroup, (Transport::Tcp, "203.0.113.9:443"));
    scene.end(socket, 0, 0, false, None);
    Arc::clone(&scene.contacts.last().unwrap().actor)
}

#[test]
fn a_flow_has_its_process_container_and_pod() {
    let mut scene = Scene::container();
    scene.fork(101, 100, INSIDE);
    scene.start(ProcessStarted {
        pid: 101,
        parent_pid: 100,
        cgroup: INSIDE,
        executable: "/usr/bin/curl".into(),
        args: vec!["curl".into(), "-s".into(), "https://evil.example".into()],
        uid: 1000,
        login_uid: Some(1234),
        ..exec()
    });
    let actor = actor_of(&mut scene, 1, 101, INSIDE);
    assert_eq!((actor.container.as_deref(), actor.pod_uid.as_deref()), (Some(CONTAINER), Some(POD)));
    let process = actor.process.as_ref().unwrap();
    assert_eq!((process.pid, &*process.executable, process.args.len()), (101, "/usr/bin/curl", 3));
    assert_eq!((process.uid, process.login_uid), (Some(1000), Some(1234)));
    let lineage: Vec<&str> = process.lineage.iter().map(|name| &**name).collect();
    assert_eq!(lineage, ["server", "containerd-shim-runc-v2"]);
    assert_eq!((process.origin, process.exec_session), (ExecutableOrigin::Image, Some(false)));
    // The same actor for the next flow, and after the process ended.
    assert!(Arc::ptr_eq(&actor, &actor_of(&mut scene, 2, 101, INSIDE)));
    scene.event(Event::ProcessExited { pid: 101 });
    scene.event(Event::CgroupRemoved { cgroup: INSIDE });
    assert!(Arc::ptr_eq(&actor, &actor_of(&mut scene, 3, 101, INSIDE)));
    scene.wait_ms(600_000);
    let unknown = actor_of(&mut scene, 4, 101, INSIDE);
    assert_eq!((&unknown.container, &unknown.process, unknown.cgroup), (&None, &None, INSIDE));
}

#[test]
fn what_enters_a_container_after_its_init_is_an_exec_session() {
    let mut scene = Scene::container();
    // The runtime's own steps inside the container are nobody's session.
    scene.fork(200, 10, INSIDE);
    scene.exec(200, 10, INSIDE, "/memfd:runc_cloned:/proc/self/exe");
    scene.fork(201, 200, INSIDE);
    scene.exec(201, 10, INSIDE, "/bin/sh");
    scene.fork(202, 201, INSIDE);
    scene.exec(202, 201, INSIDE, "/usr/bin/watch");
    scene.fork(203, 202, INSIDE);
    scene.fork(101, 100, INSIDE);
    scene.exec(101, 100, INSIDE, "/usr/bin/curl");
    scene.exec(100, 10, INSIDE, "/app/server-after-entrypoint");
    let mut session = |pid| actor_of(&mut scene, u64::from(pid), pid, INSIDE).process.clone().unwrap();
    for (pid, expect) in
        [(201, Some(true)), (202, Some(true)), (203, Some(true)), (101, Some(false)), (100, Some(false))]
    {
        assert_eq!(session(pid).exec_session, expect, "{pid}");
    }
    assert_eq!(&*session(203).executable, "/usr/bin/watch");
}

#[test]
fn a_process_that_the_runtime_moves_after_its_exec_is_attributed_by_its_socket() {
    let mut scene = Scene::new();
    scene.cgroup(HOST, "/system.slice/containerd.service");
    scene.exec(10, 1, HOST, "/usr/bin/crun");
    scene.cgroup(INSIDE, &inside_path());
    scene.fork(100, 10, HOST);
    scene.exec(100, 10, HOST, "/app/server");
    let actor = actor_of(&mut scene, 1, 100, INSIDE);
    assert_eq!(actor.container.as_deref(), Some(CONTAINER));
    assert_eq!(actor.process.as_ref().unwrap().exec_session, Some(false));
}

#[test]
fn the_start_up_walk_may_come_in_any_order() {
    let mut scene = Scene::new();
    let walk = |pid, parent_pid, start_ns, cgroup, executable: &str| ProcessStarted {
        pid,
        parent_pid,
        start_ns,
        cgroup,
        executable: executable.into(),
        snapshot: true,
        ..exec()
    };
    scene.cgroup(INSIDE, &inside_path());
    scene.start(walk(30, 20, 3000, INSIDE, "/usr/bin/curl"));
    scene.start(walk(40, 10, 4000, INSIDE, "/bin/sh"));
    scene.start(walk(20, 10, 2000, INSIDE, "/bin/entry"));
    scene.start(walk(10, 1, 1000, HOST, "/usr/bin/containerd-shim-runc-v2"));
    scene.fork(41, 40, INSIDE);
    scene.exec(41, 40, INSIDE, "/usr/bin/wget");
    let curl = actor_of(&mut scene, 1, 30, INSIDE).process.clone().unwrap();
    assert_eq!(curl.exec_session, Some(false));
    let lineage: Vec<&str> = curl.lineage.iter().map(|name| &**name).collect();
    assert_eq!(lineage, ["entry", "containerd-shim-runc-v2"]);
    for pid in [40, 41] {
        let process = actor_of(&mut scene, u64::from(pid), pid, INSIDE).process.clone().unwrap();
        assert_eq!(process.exec_session, Some(true), "{pid}");
    }
}

#[test]
fn a_file_that_appeared_after_the_container_is_told_by_its_change_time() {
    let mut scene = Scene::container();
    let created = scene.now_ns;
    scene.wait_ms(60_000);
    let mut dropped = ProcessStarted {
        pid: 101,
        parent_pid: 100,
        cgroup: INSIDE,
        executable: "/tmp/.x/curl".into(),
        changed: Some(Timestamp::from_nanos(created + 30_000_000_000)),
        ..exec()
    };
    scene.start(dropped.clone());
    let process = |scene: &mut Scene| actor_of(scene, 1, 101, INSIDE).process.clone().unwrap();
    assert_eq!(process(&mut scene).origin, ExecutableOrigin::Writable);
    dropped.executable = "/usr/bin/curl".into();
    scene.start(dropped.clone());
    assert_eq!(process(&mut scene).origin, ExecutableOrigin::Drift);
    // The container's own first step.
    dropped.changed = Some(Timestamp::from_nanos(created + 20_000_000));
    scene.start(dropped.clone());
    assert_eq!(process(&mut scene).origin, ExecutableOrigin::Drift);
    dropped.changed = Some(Timestamp::from_nanos(created - 30_000_000_000));
    scene.start(dropped.clone());
    assert_eq!(process(&mut scene).origin, ExecutableOrigin::Image);
    (dropped.executable, dropped.links) = ("/memfd:x".into(), Some(0));
    scene.start(dropped);
    assert_eq!(process(&mut scene).origin, ExecutableOrigin::Memfd);
}

#[test]
fn a_container_older_than_the_agent_is_as_old_as_its_first_process() {
    let mut scene = Scene::new();
    scene.cgroup(INSIDE, &inside_path());
    let boot = 900_000_000_000;
    let walk = |pid, start_ns| ProcessStarted { pid, start_ns, cgroup: INSIDE, snapshot: true, ..exec() };
    scene.start(walk(100, 10_000_000_000));
    scene.event(Event::ProcessForked { pid: 7, start_ns: scene.now_ns - boot, parent_pid: 1, cgroup: HOST });
    // Started 90 s before the agent; the file changed 30 s before it.
    let changed = Some(Timestamp::from_nanos(scene.now_ns - 30_000_000_000));
    let late = ProcessStarted { executable: "/usr/bin/x".into(), changed, ..walk(101, 70_000_000_000) };
    scene.start(late);
    let process = actor_of(&mut scene, 1, 101, INSIDE).process.clone().unwrap();
    assert_eq!(process.origin, ExecutableOrigin::Drift);
}

#[test]
fn a_digest_reaches_the_actors_of_its_file_until_the_file_changes() {
    let mut scene = Scene::container();
    let file = FileId { device: 7, inode: 99 };
    let run = ProcessStarted { pid: 101, parent_pid: 100, cgroup: INSIDE, file, ..exec() };
    scene.sessions.want_digests(true);
    scene.start(run.clone());
    assert_eq!(actor_of(&mut scene, 1, 101, INSIDE).process.as_ref().unwrap().digest, None);
    assert_eq!(scene.sessions.poll_digest_wanted().map(|a| a.process.as_ref().unwrap().pid), Some(101));
    assert_eq!(scene.sessions.poll_digest_wanted(), None);
    scene.sessions.set_digest(file, [5; 32]);
    assert_eq!(actor_of(&mut scene, 2, 101, INSIDE).process.as_ref().unwrap().digest, Some([5; 32]));
    scene.start(ProcessStarted { changed: Some(scene.now()), ..run });
    assert_eq!(actor_of(&mut scene, 3, 101, INSIDE).process.as_ref().unwrap().digest, None);
}

#[test]
fn a_process_that_is_not_known_leaves_its_container() {
    let mut scene = Scene::container();
    let actor = actor_of(&mut scene, 1, 4711, INSIDE);
    assert_eq!((actor.container.as_deref(), &actor.process), (Some(CONTAINER), &None));
    let mut counters = Counters::default();
    scene.sessions.count(&mut counters);
    assert_eq!(counters.processes_unknown, 1);
}

#[test]
fn a_record_of_the_process_that_comes_after_its_socket_is_not_too_late() {
    let mut scene = Scene::container();
    scene.open(1, 101, INSIDE, (Transport::Tcp, "203.0.113.9:443"));
    scene.exec(101, 100, INSIDE, "/usr/bin/curl");
    scene.wait_ms(2000);
    assert_eq!(&*scene.contacts[0].actor.process.as_ref().unwrap().executable, "/usr/bin/curl");
}

#[test]
fn recorded_traffic_has_its_source_address_for_an_actor() {
    let mut scene = Scene::new();
    let mut from = |socket: u64, local: &str| {
        let mut opened = opened(socket, (Transport::Udp, "203.0.113.9:4444"));
        opened.local = Some(local.parse().unwrap());
        scene.event(Event::SocketOpened(Box::new(opened)));
        scene.wait_ms(2000);
        scene.contacts.last().unwrap().clone()
    };
    let (first, second, other) = (from(1, "10.0.0.5:1"), from(2, "10.0.0.5:2"), from(3, "10.0.0.6:1"));
    assert_eq!(first.actor.address, Some("10.0.0.5".parse().unwrap()));
    assert!(Arc::ptr_eq(&first.actor, &second.actor));
    assert_ne!(first.actor_key, other.actor_key);
}

#[test]
fn pods_whose_inside_is_not_seen_are_named_while_their_sandbox_runs() {
    let mut scene = Scene::container();
    scene.exec(11, 1, HOST, "/usr/bin/containerd-shim-runsc-v1");
    assert_eq!(scene.sessions.sandboxes(), []);
    scene.fork(102, 11, HOST);
    scene.exec(102, 11, INSIDE, "/usr/local/bin/runsc");
    scene.fork(103, 102, INSIDE);
    let [sandbox] = &scene.sessions.sandboxes()[..] else { panic!("{:?}", scene.sessions.sandboxes()) };
    assert_eq!((sandbox.runtime.as_str(), sandbox.pod_uid.as_deref()), ("gvisor", Some(POD)));
    scene.event(Event::ProcessExited { pid: 102 });
    scene.event(Event::ProcessExited { pid: 103 });
    assert_eq!(scene.sessions.sandboxes(), []);
    // A virtual machine of the host is nobody's pod.
    scene.exec(12, 1, HOST, "/usr/bin/qemu-system-x86_64");
    assert_eq!(scene.sessions.sandboxes(), []);
}
