//! A scene with real servers and clients from packages, each client in a container of its own, and what the engine
//! makes of what the kernel saw of them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use beaconwatch_agent::ebpf::EbpfOptions;
use beaconwatch_engine::input::{Direction, Event, Input, Payload};
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::observe::contact::{Contact, ContactKind, Transport};
use beaconwatch_engine::observe::protocol::{self, Carrier, Detail, FlowParser, Observation};
use beaconwatch_engine::observe::session::{SessionOutput, Sessions};
use beaconwatch_engine::time::Timestamp;
use beaconwatch_skip::skip;

use crate::scene::{SERVER, Scene, Watch, load};

/// A certificate of the tests, and its key.
pub(crate) const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/server.pem");
pub(crate) const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/server.key");
/// A client that takes longer is ended.
const CLIENT_TAKES_MAX: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(5);

/// Servers and clients, watched.
pub(crate) struct Stage {
    pub(crate) scene: Scene,
    watch: Option<Watch>,
    directory: PathBuf,
    servers: Vec<Child>,
    clients: u32,
}

/// A client that ran.
#[derive(Debug)]
pub(crate) struct Client {
    cgroup: u64,
    container: String,
    /// `None`: it was ended.
    pub(crate) status: Option<ExitStatus>,
    /// What it printed, errors included.
    pub(crate) printed: String,
}

impl Stage {
    /// Begins to watch; `None` if programs are missing or the kernel cannot be watched.
    pub(crate) fn set(programs: &[&str]) -> Option<Self> {
        let missing: Vec<&str> = programs.iter().copied().filter(|program| !is_installed(program)).collect();
        if !missing.is_empty() {
            skip(format!("not installed: {} (scripts/setup.sh test)", missing.join(", ")));
            return None;
        }
        load(&EbpfOptions::default())?;
        let scene = Scene::without_servers(1);
        let watch = Watch::begin(&scene.options());
        let directory = std::env::temp_dir().join(scene.name());
        std::fs::create_dir_all(&directory).unwrap();
        Some(Self { scene, watch, directory, servers: Vec::new(), clients: 0 })
    }

    /// A file for a program to read.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.directory.join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Where a client finds its files.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Starts a server, and waits until it listens on a port.
    pub(crate) fn serve(&mut self, transport: Transport, port: u16, command: &[&str]) {
        let log = std::fs::File::create(self.directory.join(format!("server-{port}.log"))).unwrap();
        let mut child = self.scene.in_server(|| {
            Command::new(command[0])
                .args(&command[1..])
                .current_dir(&self.directory)
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap()
        });
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.scene.in_server(|| listens(transport, port)) {
            let over = child.try_wait().unwrap();
            let log = || std::fs::read_to_string(self.directory.join(format!("server-{port}.log")));
            assert!(over.is_none() && Instant::now() < deadline, "{command:?}: {over:?} {:?}", log());
            std::thread::sleep(TICK);
        }
        self.servers.push(child);
    }

    /// Accepts connections on a port, and plays `part` with each.
    pub(crate) fn play(&self, port: u16, part: impl Fn(TcpStream) + Send + 'static) {
        let address = SocketAddr::from((SERVER, port));
        let listener = self.scene.in_server(move || TcpListener::bind(address).unwrap());
        std::thread::spawn(move || listener.incoming().flatten().for_each(part));
    }

    /// Runs a client to its end.
    pub(crate) fn run(&mut self, command: &[&str]) -> Client {
        self.run_until(command, || false)
    }

    /// Runs a client to its end, or until `enough`.
    pub(crate) fn run_until(&mut self, command: &[&str], mut enough: impl FnMut() -> bool) -> Client {
        self.clients += 1;
        let container = format!("{:064x}", self.clients);
        let (cgroup, mut child) = self.start(&container, command);
        let deadline = Instant::now() + CLIENT_TAKES_MAX;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            if enough() {
                break None;
            }
            assert!(Instant::now() < deadline, "{command:?} takes too long: {}", self.printed());
            std::thread::sleep(TICK);
        };
        if status.is_none() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        Client { cgroup, container, status, printed: self.printed() }
    }

    /// As a runtime does: a process joins the cgroup of its container, then becomes the program. Its resolver is set
    /// up as the stage's `resolv.conf` says.
    fn start(&self, container: &str, command: &[&str]) -> (u64, Child) {
        let scope = self.scene.cgroup("kubepods.slice").join(format!("cri-containerd-{container}.scope"));
        std::fs::create_dir_all(&scope).unwrap();
        let output = std::fs::File::create(self.directory.join("printed")).unwrap();
        let directory = &self.directory;
        let resolver = directory.join("resolv.conf");
        let script =
            "echo 0 > \"$0\"; [ -e \"$1\" ] && mount --bind \"$1\" /etc/resolv.conf; shift; exec \"$@\"";
        let child = self.scene.inside(1, || {
            Command::new("unshare")
                .args(["--mount", "sh", "-c", script])
                .args([&scope.join("cgroup.procs"), &resolver])
                .args(command)
                .current_dir(directory)
                .env("HOME", directory)
                .stdin(Stdio::null())
                .stdout(output.try_clone().unwrap())
                .stderr(output)
                .spawn()
                .unwrap()
        });
        (std::fs::metadata(&scope).unwrap().ino(), child)
    }

    fn printed(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.directory.join("printed")).unwrap()).into_owned()
    }

    /// Ends the watch: what was seen.
    pub(crate) fn end(mut self) -> Seen {
        let watch = self.watch.take().unwrap();
        let lost = watch.ebpf.counters().lost;
        assert_eq!(lost, vec![], "records were lost");
        Seen::of(watch.end())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// Whether somebody listens on a port in the network namespace of this thread.
fn listens(transport: Transport, port: u16) -> bool {
    let (tables, state) = match transport {
        Transport::Udp => (["udp", "udp6"], "07"),
        Transport::Tcp | Transport::Other => (["tcp", "tcp6"], "0A"),
    };
    let port = format!(":{port:04X}");
    tables.iter().any(|table| {
        let text = std::fs::read_to_string(format!("/proc/thread-self/net/{table}")).unwrap_or_default();
        text.lines().any(|line| {
            let mut words = line.split_whitespace();
            words.nth(1).is_some_and(|own| own.ends_with(&port)) && words.nth(1) == Some(state)
        })
    })
}

/// Reads until the end of an HTTP head, answers, and closes.
pub(crate) fn answer_http(mut stream: TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes");
}

/// What came out of the rings, joined by the engine's session layer. Without bursts: on a busy machine a client
/// pauses when it likes.
#[derive(Default)]
pub(crate) struct Seen {
    contacts: HashMap<String, Vec<Contact>>,
    observations: HashMap<u64, Vec<Observation>>,
}

impl Seen {
    fn of(inputs: Vec<(Timestamp, Input)>) -> Self {
        let mut sessions = Sessions::with_limits(&Limits::default());
        let mut parsers = HashMap::new();
        let mut seen = Self::default();
        let mut out = Vec::new();
        let mut last = Timestamp::ZERO;
        for (now, input) in inputs {
            let Input::Event(event) = input else { panic!("{input:?}") };
            if let Event::Payload(payload) = &event {
                let parser = parsers.entry(payload.socket).or_insert_with(|| parser_of(payload));
                observe(parser, payload, seen.observations.entry(payload.cgroup).or_default());
            }
            // What waits for a name waits until the end: on a busy machine a client may take longer than the engine does.
            sessions.handle(now, event, &mut out);
            last = now;
        }
        sessions.finish(last, &mut out);
        for output in out {
            if let SessionOutput::Contact(contact) = output
                && contact.kind != ContactKind::Burst
                && let Some(container) = &contact.actor.container
            {
                seen.contacts.entry(container.to_string()).or_default().push(*contact);
            }
        }
        seen
    }

    /// Contacts of a client.
    pub(crate) fn contacts(&self, client: &Client) -> &[Contact] {
        self.contacts.get(&client.container).map_or(&[], Vec::as_slice)
    }

    /// The same, a line for each.
    pub(crate) fn lines(&self, client: &Client) -> Vec<String> {
        self.contacts(client).iter().map(line).collect()
    }

    /// What the parsers read of a client's sockets.
    pub(crate) fn observations(&self, client: &Client) -> &[Observation] {
        self.observations.get(&client.cgroup).map_or(&[], Vec::as_slice)
    }
}

fn parser_of(payload: &Payload) -> FlowParser {
    let carrier = if payload.transport == Transport::Udp { Carrier::Datagram } else { Carrier::Stream };
    FlowParser::open(carrier, payload.ports.1, Detail::Evidence)
}

fn observe(parser: &mut FlowParser, payload: &Payload, seen: &mut Vec<Observation>) {
    let direction = match payload.direction {
        Direction::Sent => protocol::Sender::Originator,
        Direction::Received => protocol::Sender::Responder,
    };
    if payload.gap_before {
        parser.push(direction, &[], true, seen);
    }
    parser.push(direction, &payload.bytes, payload.bytes.len() < payload.wire_len as usize, seen);
}

/// `KIND NAME by SOURCE PORT/TRANSPORT PROTOCOL NAMING`, or the question and its response code.
fn line(contact: &Contact) -> String {
    let destination = &contact.destination;
    let mut line = match &contact.kind {
        ContactKind::Connect { .. } => "connect".to_owned(),
        ContactKind::Burst => "burst".to_owned(),
        ContactKind::DnsQuery(question) => {
            let rcode = question.rcode.map_or("none".to_owned(), |rcode| rcode.to_string());
            format!("query {} type {} rcode {rcode} for", question.name, question.rr_type)
        }
    };
    let name = destination.name.as_deref().unwrap_or("-");
    let (transport, protocol) = (destination.transport.as_str(), contact.protocol.as_str());
    if let Some(source) = destination.name_source {
        write!(line, " {name} by {source:?}").unwrap();
    }
    write!(line, " {}/{transport} {protocol}", destination.port).unwrap();
    if !matches!(contact.kind, ContactKind::DnsQuery(_)) {
        write!(line, " {:?}", contact.naming).unwrap();
    }
    line
}
