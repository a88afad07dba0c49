//! A small language for streams of events, and for what comes out of them.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::actor::FileId;
use crate::limits::Limits;
use crate::observe::contact::{Bytes, Contact, ContactEnd, ContactKind, Packets, Transport};
use crate::observe::event::{Direction, Event, Payload, ProcessStarted, SocketId, SocketOpened};
use crate::observe::session::{SessionOutput, Sessions};
use crate::time::Timestamp;

pub(super) const CONTAINER: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(super) const POD: &str = "0d4f0a4e-8c1e-4b0c-9a53-3d2f4c9d7f10";
/// Cgroup of the container, once [`Scene::container`] made it.
pub(super) const INSIDE: u64 = 500;
/// Cgroup of the runtime on the host.
pub(super) const HOST: u64 = 50;

/// Sessions with their own time, and what they said.
pub(super) struct Scene {
    pub(super) sessions: Sessions,
    pub(super) now_ns: u64,
    pub(super) contacts: Vec<Contact>,
    pub(super) ends: Vec<ContactEnd>,
    /// One line per output.
    pub(super) lines: Vec<String>,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self::with_limits(&Limits::default())
    }

    pub(super) fn with_limits(limits: &Limits) -> Self {
        Self {
            sessions: Sessions::with_limits(limits),
            now_ns: 1_000_000_000_000,
            contacts: Vec::new(),
            ends: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// A scene with a container whose init (`/app/server`, pid 100) was started by a runtime (pid 10).
    pub(super) fn container() -> Self {
        let mut scene = Self::new();
        scene.cgroup(HOST, "/system.slice/containerd.service");
        scene.exec(10, 1, HOST, "/usr/bin/containerd-shim-runc-v2");
        scene.cgroup(INSIDE, &inside_path());
        scene.fork(100, 10, HOST);
        scene.exec(100, 10, INSIDE, "/app/server");
        scene
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.now_ns)
    }

    /// Lets time pass; what is due happens at its time.
    pub(super) fn wait_ms(&mut self, ms: u64) {
        self.now_ns += ms * 1_000_000;
        while let Some(due) = self.sessions.poll_timeout().filter(|due| due.as_nanos() <= self.now_ns) {
            let mut out = Vec::new();
            self.sessions.handle_timeout(due, &mut out);
            self.take(out);
        }
    }

    pub(super) fn event(&mut self, event: Event) {
        let mut out = Vec::new();
        self.sessions.handle(self.now(), event, &mut out);
        self.take(out);
    }

    pub(super) fn finish(&mut self) {
        let mut out = Vec::new();
        self.sessions.finish(self.now(), &mut out);
        self.take(out);
    }

    pub(super) fn cgroup(&mut self, cgroup: u64, path: &str) {
        self.event(Event::CgroupCreated { cgroup, path: path.into() });
    }

    pub(super) fn fork(&mut self, pid: u32, parent_pid: u32, cgroup: u64) {
        let start_ns = self.now_ns;
        self.event(Event::ProcessForked { pid, start_ns, parent_pid, cgroup });
    }

    pub(super) fn exec(&mut self, pid: u32, parent_pid: u32, cgroup: u64, executable: &str) {
        self.start(ProcessStarted { pid, parent_pid, cgroup, executable: executable.into(), ..exec() });
    }

    pub(super) fn start(&mut self, started: ProcessStarted) {
        self.event(Event::ProcessStarted(Box::new(started)));
    }

    pub(super) fn open(&mut self, socket: u64, pid: u32, cgroup: u64, to: (Transport, &str)) {
        let opened = SocketOpened { pid, cgroup, ..opened(socket, to) };
        self.event(Event::SocketOpened(Box::new(opened)));
    }

    pub(super) fn sent(&mut self, socket: u64, bytes: &[u8]) {
        self.event(Event::Payload(payload(socket, Direction::Sent, bytes)));
    }

    pub(super) fn received(&mut self, socket: u64, bytes: &[u8]) {
        self.event(Event::Payload(payload(socket, Direction::Received, bytes)));
    }

    pub(super) fn burst(&mut self, socket: u64, sent: u64, received: u64) {
        self.event(Event::SocketBurst { socket: SocketId(socket), bytes: Bytes { sent, received } });
    }

    pub(super) fn close(&mut self, socket: u64, sent: u64, received: u64) {
        self.end(socket, sent, received, false, None);
    }

    pub(super) fn end(&mut self, socket: u64, sent: u64, received: u64, provisional: bool, ok: Option<bool>) {
        self.event(Event::SocketClosed {
            socket: SocketId(socket),
            bytes: Bytes { sent, received },
            packets: Packets::default(),
            provisional,
            established: ok,
        });
    }

    /// Looks a name up over a socket of its own.
    pub(super) fn look_up(&mut self, socket: u64, pid: u32, cgroup: u64, name: &str, address: [u8; 4]) {
        self.open(socket, pid, cgroup, (Transport::Udp, "10.96.0.10:53"));
        self.sent(socket, &dns_query(7, name));
        self.received(socket, &dns_answer(7, name, address));
        self.close(socket, 0, 0);
    }

    /// The lines since the last call.
    pub(super) fn said(&mut self) -> Vec<String> {
        core::mem::take(&mut self.lines)
    }

    fn take(&mut self, outputs: Vec<SessionOutput>) {
        for output in outputs {
            match output {
                SessionOutput::Contact(contact) => {
                    self.lines.push(line(&contact));
                    self.contacts.push(*contact);
                }
                SessionOutput::End(end) => {
                    let open = if end.provisional { " (open)" } else { "" };
                    let Bytes { sent, received } = end.bytes;
                    let ms = end.duration.as_millis();
                    self.lines.push(format!("end {} {sent}/{received} {ms} ms{open}", end.id));
                    self.ends.push(end);
                }
            }
        }
    }
}

pub(super) fn inside_path() -> String {
    let pod = POD.replace('-', "_");
    format!("/kubepods.slice/kubepods-pod{pod}.slice/cri-containerd-{CONTAINER}.scope")
}

pub(super) fn exec() -> ProcessStarted {
    ProcessStarted {
        start_ns: 0,
        file: FileId { device: 7, inode: 1 },
        links: Some(1),
        changed: Some(Timestamp::from_nanos(1_000_000_000)),
        ..ProcessStarted::default()
    }
}

pub(super) fn opened(socket: u64, (transport, remote): (Transport, &str)) -> SocketOpened {
    SocketOpened {
        socket: SocketId(socket),
        cgroup: 0,
        pid: 0,
        uid: None,
        netns: 0,
        transport,
        local: None,
        remote: remote.parse().unwrap(),
        outbound: true,
        snapshot: false,
    }
}

pub(super) fn payload(socket: u64, direction: Direction, bytes: &[u8]) -> Payload {
    Payload {
        socket: SocketId(socket),
        cgroup: 0,
        direction,
        transport: Transport::Tcp,
        ports: (40_000, 443),
        remote: None,
        bytes: Arc::from(bytes),
        wire_len: bytes.len() as u32,
        gap_before: false,
    }
}

/// `ID KIND DESTINATION PROTOCOL NAMING EXECUTABLE`.
fn line(contact: &Contact) -> String {
    let destination = &contact.destination;
    let mut line = match &contact.kind {
        ContactKind::Connect { established: Some(false) } => format!("{} refused", contact.id),
        ContactKind::Connect { .. } => format!("{} connect", contact.id),
        ContactKind::Burst => format!("{} burst", contact.id),
        ContactKind::DnsQuery(question) => {
            let Bytes { sent, received } = contact.bytes.unwrap();
            format!("query {} rcode {:?} {sent}/{received} for", question.name, question.rcode)
        }
    };
    let name = destination.name.as_deref().unwrap_or("-");
    write!(line, " {name} {} {:?}", destination.port, contact.protocol).unwrap();
    if !matches!(contact.kind, ContactKind::DnsQuery(_)) {
        write!(line, " {:?}", contact.naming).unwrap();
    }
    line
}

pub(super) fn client_hello(server_name: Option<&str>) -> Vec<u8> {
    let mut extensions = Vec::new();
    if let Some(name) = server_name {
        extensions.extend([0, 0]);
        extensions.extend((name.len() as u16 + 5).to_be_bytes());
        extensions.extend((name.len() as u16 + 3).to_be_bytes());
        extensions.push(0);
        extensions.extend((name.len() as u16).to_be_bytes());
        extensions.extend(name.as_bytes());
    }
    extensions.extend([0, 43, 0, 3, 2, 3, 4]);
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 4, 0x13, 0x01, 0x13, 0x02, 1, 0]);
    hello.extend((extensions.len() as u16).to_be_bytes());
    hello.extend(extensions);
    let mut record = vec![22, 3, 1];
    record.extend((hello.len() as u16 + 4).to_be_bytes());
    record.extend([1, 0]);
    record.extend((hello.len() as u16).to_be_bytes());
    record.extend(hello);
    record
}

fn dns_message(id: u16, flags: u16, answers: u16, name: &str) -> Vec<u8> {
    let mut message = Vec::new();
    for word in [id, flags, 1, answers, 0, 0] {
        message.extend(word.to_be_bytes());
    }
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    message
}

pub(super) fn dns_query(id: u16, name: &str) -> Vec<u8> {
    dns_message(id, 0x0100, 0, name)
}

pub(super) fn dns_answer(id: u16, name: &str, address: [u8; 4]) -> Vec<u8> {
    let mut message = dns_message(id, 0x8180, 1, name);
    message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4]);
    message.extend(address);
    message
}

pub(super) fn dns_refusal(id: u16, name: &str) -> Vec<u8> {
    dns_message(id, 0x8183, 0, name)
}
