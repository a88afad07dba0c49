//! The forms that traffic is written down in, and the contacts that follow from each: who is named how.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use beaconwatch_engine::input::{Direction, Event, Input, Payload, ProcessStarted, SocketId, SocketOpened};
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::observe::contact::{Bytes, Contact, ContactKind, NameSource, Packets, Transport};
use beaconwatch_engine::observe::session::{SessionOutput, Sessions};
use beaconwatch_engine::time::Timestamp;
use beaconwatch_importers::pcap::{PayloadLimit, PcapInputs};
use beaconwatch_replay::{Feed, FeedItem, FileKind};

use super::traffic::{BEGIN_SECS, CLIENT, Does, Step};
use super::wire;

/// A directory of its own for a test, removed with it.
struct Directory(PathBuf);

impl Directory {
    fn of(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("beaconwatch-naming-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// As packets of raw IP.
pub(crate) fn capture(test: &str, steps: &[Step]) -> Vec<String> {
    let directory = Directory::of(&format!("capture-{test}"));
    let path = directory.0.join("traffic.pcap");
    let mut packets = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        packets.extend(packets_of(u16::try_from(number).unwrap(), step));
    }
    packets.sort_by_key(|(time, _)| *time);
    let mut file =
        vec![0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 101, 0, 0, 0];
    for (time, packet) in packets {
        let length = u32::try_from(packet.len()).unwrap().to_le_bytes();
        file.extend(u32::try_from(time.as_nanos() / 1_000_000_000).unwrap().to_le_bytes());
        file.extend(u32::try_from(time.as_nanos() % 1_000_000_000).unwrap().to_le_bytes());
        file.extend(length);
        file.extend(length);
        file.extend(packet);
    }
    std::fs::write(&path, file).unwrap();
    let mut inputs = PcapInputs::open(&path, PayloadLimit::LIVE).unwrap();
    let mut sessions = Named::default();
    while let Some((time, input)) = inputs.next_input().unwrap() {
        let Input::Event(event) = input else { panic!("{input:?}") };
        sessions.event(time, event);
    }
    sessions.finish()
}

fn packets_of(number: u16, step: &Step) -> Vec<(Timestamp, Vec<u8>)> {
    let client = SocketAddr::new(CLIENT.parse().unwrap(), 10_000 + number);
    let (to, sent, received) = (step.to(), wire::sent(step), wire::received(step));
    if step.is_look_up() {
        return vec![
            (step.time(0), packet(17, client, to, &udp_header(client, to, &sent), &sent)),
            (step.time(20), packet(17, to, client, &udp_header(to, client, &received), &received)),
        ];
    }
    const SYN: u8 = 2;
    const ACK: u8 = 16;
    const FIN: u8 = 1;
    let tcp = |ms, from: SocketAddr, to: SocketAddr, numbers: (usize, usize), flags, payload: &[u8]| {
        (step.time(ms), packet(6, from, to, &tcp_header(from, to, numbers, flags), payload))
    };
    let (asked, answered) = (1 + sent.len(), 1 + received.len());
    vec![
        tcp(0, client, to, (0, 0), SYN, &[]),
        tcp(5, to, client, (0, 1), SYN | ACK, &[]),
        tcp(10, client, to, (1, 1), ACK, &sent),
        tcp(15, to, client, (1, asked), ACK, &received),
        tcp(100, client, to, (asked, answered), FIN | ACK, &[]),
        tcp(105, to, client, (answered, asked + 1), FIN | ACK, &[]),
    ]
}

fn udp_header(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    [from.port(), to.port(), length, 0].into_iter().flat_map(u16::to_be_bytes).collect()
}

fn tcp_header(
    from: SocketAddr,
    to: SocketAddr,
    (sequence, acknowledged): (usize, usize),
    flags: u8,
) -> Vec<u8> {
    let mut header: Vec<u8> = [from.port(), to.port()].into_iter().flat_map(u16::to_be_bytes).collect();
    for number in [sequence, acknowledged] {
        header.extend(u32::try_from(number).unwrap().to_be_bytes());
    }
    header.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    header
}

fn packet(protocol: u8, from: SocketAddr, to: SocketAddr, header: &[u8], payload: &[u8]) -> Vec<u8> {
    let (IpAddr::V4(source), IpAddr::V4(destination)) = (from.ip(), to.ip()) else { panic!("{from} {to}") };
    let length = u16::try_from(20 + header.len() + payload.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x45, 0, length[0], length[1], 0, 0, 0x40, 0, 64, protocol, 0, 0];
    packet.extend(source.octets());
    packet.extend(destination.octets());
    packet.extend(header);
    packet.extend(payload);
    packet
}

/// As Zeek writes it down.
pub(crate) fn zeek(test: &str, steps: &[Step]) -> Vec<String> {
    let directory = Directory::of(&format!("zeek-{test}"));
    let [mut conn, mut dns, mut ssl, mut http] = [const { String::new() }; 4];
    for (number, step) in steps.iter().enumerate() {
        let to = step.to();
        let ends = format!("C{number}\t{CLIENT}\t{}\t{}\t{}", 10_000 + number, to.ip(), to.port());
        let (begun, said) = (format!("{}.000000", step.secs), format!("{}.010000", step.secs));
        let (sent, received) = (wire::sent(step).len(), wire::received(step).len());
        let mut conn_row = |proto, service| {
            conn += &format!("{begun}\t{ends}\t{proto}\t{service}\t0.105000\t{sent}\t{received}\tSF\n");
        };
        match &step.does {
            Does::LookUp { name, rr_type, alias, addresses, ttl_s } => {
                conn_row("udp", "dns");
                let addresses = addresses.iter().map(ToString::to_string);
                let answers: Vec<String> = alias.iter().cloned().chain(addresses).collect();
                let ttls = vec![format!("{ttl_s}.000000"); answers.len()];
                let list =
                    |items: Vec<String>| if items.is_empty() { "-".to_owned() } else { items.join(",") };
                let (answers, ttls) = (list(answers), list(ttls));
                dns += &format!("{begun}\t{ends}\tudp\t0.020000\t{name}\t{rr_type}\t0\t{answers}\t{ttls}\n");
            }
            Does::Tls { to: _, sni, ech: _ } => {
                conn_row("tcp", "ssl");
                ssl += &format!("{said}\t{ends}\tTLSv13\t{}\n", sni.as_deref().unwrap_or("-"));
            }
            Does::Says { to: _, bytes } => {
                match bytes.split_once(' ').filter(|(_, rest)| rest.contains("HTTP/")) {
                    Some((method, rest)) => {
                        conn_row("tcp", "http");
                        let target = rest.split(' ').next().unwrap();
                        let host = rest.split("\r\nHost: ").nth(1).and_then(|host| host.split("\r\n").next());
                        http += &format!("{said}\t{ends}\t1\t{method}\t{}\t{target}\n", host.unwrap_or("-"));
                    }
                    None => conn_row("tcp", "-"),
                }
            }
        }
    }
    let log = |name: &str, columns: &str, rows: String| {
        let path = directory.0.join(format!("{name}.log"));
        let ends = "ts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p";
        std::fs::write(&path, format!("#separator \\x09\n#path\t{name}\n#fields\t{ends}\t{columns}\n{rows}"))
            .unwrap();
        (path, FileKind::Zeek)
    };
    let files = vec![
        log("conn", "proto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state", conn),
        log("dns", "proto\trtt\tquery\tqtype\trcode\tanswers\tTTLs", dns),
        log("ssl", "version\tserver_name", ssl),
        log("http", "trans_depth\tmethod\thost\turi", http),
    ];
    let mut feed = Feed::of(files, 100_000);
    let mut lines = Vec::new();
    while let Some(taken) = feed.take() {
        if let FeedItem::Input(_, Input::Contact(contact)) = taken {
            lines.push(line(&contact));
        }
    }
    assert_eq!(feed.rejected.total(), 0, "{:?}", feed.rejected);
    sorted(lines)
}

/// As the kernel tells it of a container that is older than the agent.
pub(crate) fn events(steps: &[Step]) -> Vec<String> {
    const CGROUP: u64 = 500;
    let mut sessions = Named::default();
    let begin = Timestamp::from_nanos(BEGIN_SECS * 1_000_000_000);
    let path = format!("/kubepods/pod{:032x}/{:064x}", 7, 9).into();
    sessions.event(begin, Event::CgroupCreated { cgroup: CGROUP, path });
    let executable = "/app/server".into();
    let started =
        ProcessStarted { pid: 100, cgroup: CGROUP, executable, snapshot: true, ..ProcessStarted::default() };
    sessions.event(begin, Event::ProcessStarted(Box::new(started)));
    let mut events = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let (socket, remote) = (SocketId(number as u64 + 1), step.to());
        let transport = if step.is_look_up() { Transport::Udp } else { Transport::Tcp };
        let opened = SocketOpened {
            socket,
            cgroup: CGROUP,
            pid: 100,
            uid: None,
            netns: 0,
            transport,
            local: None,
            remote,
            outbound: true,
            snapshot: false,
        };
        let payload = |direction, bytes: Vec<u8>| {
            Event::Payload(Payload {
                socket,
                cgroup: CGROUP,
                direction,
                transport,
                ports: (10_000, remote.port()),
                remote: Some(remote),
                wire_len: u32::try_from(bytes.len()).unwrap(),
                bytes: bytes.into(),
                gap_before: false,
            })
        };
        let bytes =
            Bytes { sent: wire::sent(step).len() as u64, received: wire::received(step).len() as u64 };
        let closed = Event::SocketClosed {
            socket,
            bytes,
            packets: Packets::default(),
            provisional: false,
            established: Some(true),
        };
        events.extend([
            (step.time(0), Event::SocketOpened(Box::new(opened))),
            (step.time(10), payload(Direction::Sent, wire::sent(step))),
            (step.time(20), payload(Direction::Received, wire::received(step))),
            (step.time(105), closed),
        ]);
    }
    events.sort_by_key(|(time, _)| *time);
    for (time, event) in events {
        sessions.event(time, event);
    }
    sessions.finish()
}

/// The session layer with its own time.
struct Named {
    sessions: Sessions,
    outputs: Vec<SessionOutput>,
    now: Timestamp,
}

impl Default for Named {
    fn default() -> Self {
        let sessions = Sessions::with_limits(&Limits::default());
        Self { sessions, outputs: Vec::new(), now: Timestamp::ZERO }
    }
}

impl Named {
    fn event(&mut self, time: Timestamp, event: Event) {
        self.now = self.now.max(time);
        while let Some(due) = self.sessions.poll_timeout().filter(|due| *due <= self.now) {
            self.sessions.handle_timeout(due, &mut self.outputs);
        }
        self.sessions.handle(self.now, event, &mut self.outputs);
    }

    fn finish(mut self) -> Vec<String> {
        self.sessions.finish(self.now, &mut self.outputs);
        let contact = |output| match output {
            SessionOutput::Contact(contact) => Some(line(&contact)),
            SessionOutput::End(_) => None,
        };
        sorted(self.outputs.into_iter().filter_map(contact).collect())
    }
}

/// `SECONDS KIND NAME SOURCE NAMING`, with the destination where it is one behind a proxy.
fn line(contact: &Contact) -> String {
    let secs = contact.start.as_nanos() / 1_000_000_000 - BEGIN_SECS;
    let to = &contact.destination;
    let name = to.name.as_deref().unwrap_or("-");
    if let ContactKind::DnsQuery(_) = &contact.kind {
        return format!("{secs} query {name} {:?}", contact.naming);
    }
    let source = to.name_source.map(|source| format!(" {source:?}")).unwrap_or_default();
    let behind = if to.name_source == Some(NameSource::Proxy) {
        let address = to.address.map(|address| address.to_string()).unwrap_or_default();
        format!(" to {address}:{} over {:?}", to.port, contact.protocol)
    } else {
        String::new()
    };
    format!("{secs} connect {name}{source} {:?}{behind}", contact.naming)
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    let secs = |line: &String| line.split(' ').next().unwrap().parse::<u64>().unwrap();
    lines.sort_by(|a, b| (secs(a), a).cmp(&(secs(b), b)));
    lines
}
