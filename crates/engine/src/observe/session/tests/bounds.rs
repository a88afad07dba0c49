use super::scene::*;
use crate::counters::{BoundedTable, Counters};
use crate::limits::Limits;
use crate::observe::contact::{Bytes, Packets, Transport};
use crate::observe::event::{Direction, Event, ProcessStarted, SocketId};

/// Deterministic pseudo-random numbers (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// Any event, about a few hundred sockets, processes and cgroups.
fn random_event(random: &mut Random) -> Event {
    let socket = random.below(400);
    let pid = random.below(300) as u32;
    let cgroup = random.below(100);
    let transport = [Transport::Tcp, Transport::Udp, Transport::Other][random.below(3) as usize];
    let ports = [53, 443, 80, 6667];
    let remote = format!("203.0.113.{}:{}", random.below(20), ports[random.below(4) as usize]);
    let bytes = Bytes { sent: random.below(9000), received: random.below(9000) };
    match random.below(12) {
        0 => {
            Event::CgroupCreated { cgroup, path: format!("/kubepods/pod{cgroup:032x}/{cgroup:064x}").into() }
        }
        1 => Event::CgroupRemoved { cgroup },
        2 => {
            let parent_pid = random.below(300) as u32;
            let snapshot = random.below(8) == 0;
            let executable = format!("/bin/{}", random.below(9)).into();
            let started = ProcessStarted { pid, parent_pid, cgroup, snapshot, executable, ..exec() };
            Event::ProcessStarted(Box::new(started))
        }
        3 => {
            let (start_ns, parent_pid) = (random.below(1000), random.below(300) as u32);
            Event::ProcessForked { pid, start_ns, parent_pid, cgroup }
        }
        4 => Event::ProcessExited { pid },
        5 | 6 => {
            let mut opened = opened(socket, (transport, &remote));
            (opened.pid, opened.cgroup, opened.outbound) = (pid, cgroup, random.below(5) > 0);
            Event::SocketOpened(Box::new(opened))
        }
        7 | 8 => {
            let direction = [Direction::Sent, Direction::Received][random.below(2) as usize];
            let id = random.below(4) as u16;
            let body = match random.below(5) {
                0 => client_hello(Some("a.example")),
                1 => dns_query(id, "b.example"),
                2 => dns_answer(id, "b.example", [203, 0, 113, random.below(20) as u8]),
                3 => b"GET / HTTP/1.1\r\nHost: c.example\r\n\r\n".to_vec(),
                _ => (0..random.below(90)).map(|_| random.below(256) as u8).collect(),
            };
            let mut payload = payload(socket, direction, &body);
            (payload.cgroup, payload.transport) = (cgroup, transport);
            payload.remote = (random.below(2) == 0).then(|| remote.parse().unwrap());
            payload.gap_before = random.below(9) == 0;
            payload.wire_len += random.below(2) as u32 * 100;
            Event::Payload(payload)
        }
        9 => Event::SocketBurst { socket: SocketId(socket), bytes },
        10 => Event::SocketClosed {
            socket: SocketId(socket),
            bytes,
            packets: Packets::default(),
            provisional: random.below(3) == 0,
            established: [None, Some(true), Some(false)][random.below(3) as usize],
        },
        _ => Event::SocketListening { cgroup, pid, local: "10.1.1.1:53".parse().unwrap(), transport },
    }
}

fn run(seed: u64, limits: &Limits, events: u64) -> (Vec<String>, Counters) {
    let mut random = Random(seed);
    let mut scene = Scene::with_limits(limits);
    for _ in 0..events {
        scene.wait_ms(random.below(20));
        scene.event(random_event(&mut random));
    }
    scene.wait_ms(random.below(3000));
    scene.finish();
    let mut counters = Counters::default();
    scene.sessions.count(&mut counters);
    check_ends(&scene);
    (scene.lines, counters)
}

/// Every end belongs to a contact, and nothing follows the final one.
fn check_ends(scene: &Scene) {
    let mut finals = std::collections::BTreeSet::new();
    let ids: std::collections::BTreeSet<u64> = scene.contacts.iter().map(|contact| contact.id).collect();
    for end in &scene.ends {
        assert!(ids.contains(&end.id), "{end:?}");
        assert!(!finals.contains(&end.id), "after the final end: {end:?}");
        if !end.provisional {
            finals.insert(end.id);
        }
    }
}

#[test]
fn any_stream_keeps_every_bound_and_gives_the_same_twice() {
    let limits = Limits {
        sockets_max: 50,
        processes_max: 40,
        cgroups_max: 30,
        names_max: 20,
        names_per_workload_max: 5,
        ..Limits::default()
    };
    for seed in 0..20 {
        let (lines, counters) = run(seed, &limits, 4000);
        assert!(lines.len() > 200);
        let of = |table| counters.table(table);
        assert!(of(BoundedTable::Sockets).held <= 50 && of(BoundedTable::Processes).held <= 40);
        assert!(of(BoundedTable::Cgroups).held <= 30 && of(BoundedTable::Names).held <= 20);
        assert!(of(BoundedTable::Sockets).evicted > 0 && of(BoundedTable::Processes).evicted > 0);
        assert_eq!((lines, counters), run(seed, &limits, 4000));
    }
}

#[test]
fn a_flood_from_one_container_leaves_the_others_alone() {
    let limits = Limits { sockets_max: 1000, processes_max: 1000, ..Limits::default() };
    let mut scene = Scene::with_limits(&limits);
    scene.cgroup(INSIDE, &inside_path());
    scene.exec(100, 10, INSIDE, "/app/server");
    scene.open(1, 100, INSIDE, (Transport::Tcp, "203.0.113.9:443"));
    scene.sent(1, &client_hello(Some("quiet.example")));
    let flood = format!("/kubepods/pod{:032x}/{:064x}", 1, 1);
    scene.cgroup(600, &flood);
    for n in 0..20_000_u32 {
        scene.fork(1000 + n, 999, 600);
        scene.open(u64::from(1000 + n), 1000 + n, 600, (Transport::Tcp, "198.51.100.1:443"));
    }
    let flooded = scene.contacts.len();
    assert!(flooded >= 19_000, "what is evicted while it waits is delivered first: {flooded}");
    scene.wait_ms(1000);
    scene.burst(1, 100, 100);
    let burst = scene.contacts.last().unwrap();
    assert_eq!(burst.destination.name.as_deref(), Some("quiet.example"));
    scene.open(2, 100, INSIDE, (Transport::Tcp, "203.0.113.9:443"));
    scene.wait_ms(2000);
    let quiet = scene.contacts.iter().rfind(|c| c.actor.cgroup == INSIDE).unwrap();
    assert_eq!(&*quiet.actor.process.as_ref().unwrap().executable, "/app/server");
}

#[test]
fn a_socket_that_is_evicted_ends_once_and_for_all() {
    let limits = Limits { sockets_max: 2, ..Limits::default() };
    let mut scene = Scene::with_limits(&limits);
    for socket in 1..=3 {
        scene.open(socket, 0, 600, (Transport::Tcp, "203.0.113.9:443"));
        scene.wait_ms(5000);
    }
    let ended: Vec<(u64, bool)> = scene.ends.iter().map(|end| (end.id, end.provisional)).collect();
    assert_eq!(ended, [(1, false)]);
    // What the kernel says of it later is about nobody.
    scene.close(1, 100, 200);
    assert_eq!(scene.ends.len(), 1);
}
