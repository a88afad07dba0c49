#![no_main]
//! The session layer: any stream of events keeps every bound, ends each contact once, and says the same twice.
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use beaconwatch_engine::actor::FileId;
use beaconwatch_engine::observe::contact::{Bytes, Packets, Transport};
use beaconwatch_engine::counters::{BoundedTable, Counters};
use beaconwatch_engine::input::{Direction, Event, Payload, ProcessStarted, SocketId, SocketOpened};
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::observe::session::{SessionOutput, Sessions};
use beaconwatch_engine::time::Timestamp;

/// Choices, byte by byte; zero at the end.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    fn address(&mut self) -> SocketAddr {
        const PORTS: [u16; 4] = [53, 443, 80, 50_000];
        let byte = self.byte();
        let ip = [Ipv4Addr::new(203, 0, 113, byte >> 4), Ipv4Addr::LOCALHOST][usize::from(byte & 15 == 7)];
        SocketAddr::new(IpAddr::V4(ip), PORTS[usize::from(byte & 3)])
    }

    fn transport(&mut self) -> Transport {
        [Transport::Tcp, Transport::Udp, Transport::Udp, Transport::Other][usize::from(self.byte() & 3)]
    }

    fn bytes(&mut self) -> Bytes {
        Bytes { sent: u64::from(self.byte()), received: u64::from(self.byte()) }
    }

    fn packets(&mut self) -> Packets {
        Packets { sent: u64::from(self.byte()), received: u64::from(self.byte()) }
    }

    fn taken(&mut self) -> Vec<u8> {
        let length = usize::from(self.byte()).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken.to_vec()
    }

    fn event(&mut self) -> Event {
        let kind = self.byte();
        let (socket, pid) = (SocketId(u64::from(self.byte() & 31)), u32::from(self.byte() & 15));
        let cgroup = u64::from(self.byte() & 7);
        match kind % 11 {
            0 => {
                let path = match cgroup {
                    0..4 => format!("/kubepods/pod{cgroup:032x}/{cgroup:064x}"),
                    _ => String::from_utf8_lossy(&self.taken()).into_owned(),
                };
                Event::CgroupCreated { cgroup, path: path.into() }
            }
            1 => Event::CgroupRemoved { cgroup },
            2 => {
                let names = ["/bin/sh", "/usr/bin/runc", "/memfd:x", "/tmp/x", ""];
                Event::ProcessStarted(Box::new(ProcessStarted {
                    pid,
                    start_ns: u64::from(self.byte() & 3),
                    parent_pid: u32::from(self.byte() & 15),
                    cgroup,
                    executable: names[usize::from(self.byte() % 5)].into(),
                    file: FileId { device: 1, inode: u64::from(self.byte() & 3) },
                    links: Some(u32::from(self.byte() & 1)),
                    args: vec![String::from_utf8_lossy(&self.taken()).into()],
                    snapshot: self.flag(),
                    ..ProcessStarted::default()
                }))
            }
            3 => Event::ProcessForked { pid, start_ns: 0, parent_pid: u32::from(self.byte() & 15), cgroup },
            4 => Event::ProcessExited { pid },
            5 => Event::SocketOpened(Box::new(SocketOpened {
                socket,
                cgroup,
                pid,
                uid: None,
                netns: 0,
                transport: self.transport(),
                local: self.flag().then(|| self.address()),
                remote: self.address(),
                outbound: self.byte() & 7 != 0,
                snapshot: self.byte() & 7 == 0,
            })),
            6 | 7 => {
                let bytes = self.taken();
                Event::Payload(Payload {
                    socket,
                    cgroup,
                    direction: if self.flag() { Direction::Sent } else { Direction::Received },
                    transport: self.transport(),
                    ports: (40_000, 53),
                    remote: self.flag().then(|| self.address()),
                    wire_len: bytes.len() as u32 + u32::from(self.byte() & 1),
                    bytes: Arc::from(bytes),
                    gap_before: self.flag(),
                })
            }
            8 => Event::SocketBurst { socket, bytes: self.bytes() },
            9 => Event::SocketClosed {
                socket,
                bytes: self.bytes(),
                packets: self.packets(),
                provisional: self.flag(),
                established: self.flag().then_some(true),
            },
            _ => Event::SocketListening { cgroup, pid, local: self.address(), transport: self.transport() },
        }
    }
}

fn run(data: &[u8]) -> Vec<String> {
    let limits = Limits {
        sockets_max: 12,
        processes_max: 8,
        cgroups_max: 5,
        names_max: 6,
        names_per_workload_max: 3,
        ..Limits::default()
    };
    let mut sessions = Sessions::with_limits(&limits);
    let mut choices = Choices(data);
    let mut now = Timestamp::from_nanos(1 << 60);
    let mut out = Vec::new();
    while !choices.0.is_empty() {
        now = now + core::time::Duration::from_millis(u64::from(choices.byte()) * 10);
        while let Some(due) = sessions.poll_timeout().filter(|due| *due <= now) {
            sessions.handle_timeout(due, &mut out);
            assert!(sessions.poll_timeout().is_none_or(|next| next > due), "a timer that does not pass");
        }
        let event = choices.event();
        sessions.handle(now, event, &mut out);
    }
    sessions.finish(now, &mut out);
    let mut counters = Counters::default();
    sessions.count(&mut counters);
    let held = |table| counters.table(table).held;
    assert!(held(BoundedTable::Sockets) <= 12 && held(BoundedTable::Processes) <= 8);
    assert!(held(BoundedTable::Cgroups) <= 5 && held(BoundedTable::Names) <= 6);
    let (mut contacts, mut ended) = (BTreeSet::new(), BTreeSet::new());
    for output in &out {
        match output {
            SessionOutput::Contact(contact) => assert!(contact.id == 0 || contacts.insert(contact.id)),
            SessionOutput::End(end) => {
                assert!(contacts.contains(&end.id) && !ended.contains(&end.id), "{end:?}");
                if !end.provisional {
                    ended.insert(end.id);
                }
            }
        }
    }
    out.iter().map(|output| format!("{output:?}")).collect()
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    assert_eq!(run(data), run(data));
});
