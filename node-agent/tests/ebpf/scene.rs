//! A scene on the running kernel: network namespaces with servers, cgroups named as a runtime names them, and the
//! agent's own kernel side watching. Everything has a name of this run, and goes away with the scene.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use beaconwatch_agent::clock::NodeClock;
use beaconwatch_agent::ebpf::{CgroupRoot, Ebpf, EbpfError, EbpfOptions, HookReport};
use beaconwatch_agent::queue::Arrival;
use beaconwatch_agent::source::ringbuf::{self, RingHandle};
use beaconwatch_engine::counters::Counters;
use beaconwatch_engine::input::Input;
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::observe::contact::Contact;
use beaconwatch_engine::observe::session::{SessionOutput, Sessions};
use beaconwatch_engine::time::Timestamp;
use beaconwatch_skip::skip;

/// Server's addresses, in a namespace of their own.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
pub(crate) const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 1);
/// Answers with [`ANSWER`] bytes and closes first.
pub(crate) const CLOSES: u16 = 9000;
/// Answers and waits until the client closes.
pub(crate) const WAITS: u16 = 9001;
/// Reads a request as long as it comes, answers each with [`ANSWER`] bytes.
pub(crate) const REPEATS: u16 = 9002;
/// Nobody listens.
pub(crate) const REFUSES: u16 = 9009;
/// Bytes of an answer.
pub(crate) const ANSWER: usize = 1000;

/// Loads the object; `None` if the test is skipped.
#[track_caller]
pub(crate) fn load(options: &EbpfOptions) -> Option<(Ebpf, Vec<HookReport>)> {
    if !rustix::process::geteuid().is_root() {
        skip("loading eBPF programs needs root");
        return None;
    }
    match Ebpf::load(options) {
        Ok(loaded) => Some(loaded),
        Err(error @ (EbpfError::BuiltWithout | EbpfError::NoBtf(_) | EbpfError::NoCgroup2)) => {
            skip(error);
            None
        }
        Err(error) => panic!("{}", chain(&error)),
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// Namespaces and cgroups.
pub(crate) struct Scene {
    name: String,
    cgroup_root: PathBuf,
    rooms: u8,
}

impl Scene {
    /// A server's namespace, with servers, and this many clients' namespaces ("rooms"), each with a cable to it.
    pub(crate) fn with_rooms(rooms: u8) -> Self {
        let scene = Self::without_servers(rooms);
        for port in [CLOSES, WAITS, REPEATS] {
            scene.serve(port);
        }
        scene.serve_dns();
        scene
    }

    /// The same, with nobody at the server's address.
    pub(crate) fn without_servers(rooms: u8) -> Self {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let name = format!("bw{}x{}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed));
        let cgroup_root = CgroupRoot::find(None).unwrap().path;
        let scene = Self { name, cgroup_root, rooms };
        std::fs::create_dir(scene.cgroup("")).unwrap();
        scene.lay_cables();
        scene
    }

    /// Differs from that of any other scene on this machine.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn lay_cables(&self) {
        let server = self.namespace(None);
        ip(None, &format!("netns add {server}\n"));
        let mut lines = format!(
            "link set lo up
addr add {SERVER}/32 dev lo
"
        );
        for room in 1..=self.rooms {
            let client = self.namespace(Some(room));
            ip(None, &format!("netns add {client}\n"));
            lines += &format!(
                "link add v{room} type veth peer name eth0 netns {client}\nlink set v{room} up\n\
                 addr add {SERVER_V6}/128 dev v{room} nodad\n\
                 route add 10.77.1.{room}/32 dev v{room} src {SERVER}\n\
                 route add fd77::2:{room:x}/128 dev v{room}\n"
            );
        }
        ip(Some(&server), &lines);
        for room in 1..=self.rooms {
            let lines = format!(
                "link set lo up\naddr add 10.77.1.{room}/32 dev eth0\naddr add fd77::2:{room:x}/128 dev eth0 nodad\n\
                 link set eth0 up\nroute add {SERVER} dev eth0 scope link src 10.77.1.{room}\n\
                 route add {SERVER_V6} dev eth0 src fd77::2:{room:x}\n"
            );
            ip(Some(&self.namespace(Some(room))), &lines);
        }
    }

    fn namespace(&self, room: Option<u8>) -> String {
        room.map_or_else(|| format!("{}-s", self.name), |room| format!("{}-{room}", self.name))
    }

    /// Directory of a cgroup of this scene.
    pub(crate) fn cgroup(&self, below: &str) -> PathBuf {
        self.cgroup_root.join(&self.name).join(below)
    }

    /// Options that limit the agent to this scene.
    pub(crate) fn options(&self) -> EbpfOptions {
        EbpfOptions { scope: Some(format!("/{}", self.name)), ..EbpfOptions::default() }
    }

    /// Moves the calling thread into a room.
    pub(crate) fn enter(&self, room: Option<u8>) {
        let file = std::fs::File::open(Path::new("/run/netns").join(self.namespace(room))).unwrap();
        let kind = rustix::thread::LinkNameSpaceType::Network;
        rustix::thread::move_into_link_name_space(file.as_fd(), Some(kind)).unwrap();
    }

    /// Runs `work` on a thread in a room.
    pub(crate) fn inside<T: Send>(&self, room: u8, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|threads| {
            let thread = threads.spawn(|| {
                self.enter(Some(room));
                work()
            });
            thread.join().unwrap()
        })
    }

    fn serve(&self, port: u16) {
        for address in [SocketAddr::from((SERVER, port)), SocketAddr::from((SERVER_V6, port))] {
            let listener = self.in_server(move || TcpListener::bind(address).unwrap());
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    std::thread::spawn(move || answer(stream, port));
                }
            });
        }
    }

    fn serve_dns(&self) {
        for address in [SocketAddr::from((SERVER, 53)), SocketAddr::from((SERVER_V6, 53))] {
            let socket = self.in_server(move || UdpSocket::bind(address).unwrap());
            std::thread::spawn(move || {
                let mut question = [0_u8; 512];
                while let Ok((len, from)) = socket.recv_from(&mut question) {
                    let _ = socket.send_to(&dns_answer(&question[..len]), from);
                }
            });
        }
    }

    /// Runs `work` on a thread in the server's namespace.
    pub(crate) fn in_server<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|threads| {
            let thread = threads.spawn(|| {
                self.enter(None);
                work()
            });
            thread.join().unwrap()
        })
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for room in (1..=self.rooms).map(Some).chain([None]) {
            let _ = Command::new("ip").args(["netns", "del", &self.namespace(room)]).status();
        }
        remove_cgroup(&self.cgroup(""));
    }
}

/// Removes a cgroup with everything below; processes that are left in it are ended.
fn remove_cgroup(directory: &Path) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_cgroup(&entry.path());
        }
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    while std::fs::remove_dir(directory).is_err() && directory.exists() && Instant::now() < deadline {
        let _ = std::fs::write(directory.join("cgroup.kill"), "1");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn answer(mut stream: TcpStream, port: u16) {
    let mut request = [0_u8; 16384];
    loop {
        match stream.read(&mut request) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if stream.write_all(&[b'R'; ANSWER]).is_err() || port == CLOSES {
            return;
        }
    }
}

/// The question, with one address as its answer.
fn dns_answer(question: &[u8]) -> Vec<u8> {
    let mut answer = question.to_vec();
    answer[2..8].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1]);
    answer.extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\x4d\0\x01");
    answer
}

/// Runs lines of `ip`.
fn ip(namespace: Option<&str>, lines: &str) {
    let mut command = Command::new("ip");
    if let Some(namespace) = namespace {
        command.args(["-n", namespace]);
    }
    let mut child = command.args(["-batch", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "ip: {lines}");
}

/// The kernel side at work, and what it said so far.
pub(crate) struct Watch {
    pub(crate) ebpf: Ebpf,
    handle: Option<RingHandle>,
    inputs: Receiver<Arrival>,
}

/// What the kernel told, joined by the engine's session layer: the contacts, and what was counted.
pub(crate) fn joined(inputs: Vec<(Timestamp, Input)>) -> (Vec<Contact>, Counters) {
    let mut sessions = Sessions::with_limits(&Limits::default());
    let mut out = Vec::new();
    let mut last = Timestamp::ZERO;
    for (now, input) in inputs {
        last = now;
        if let Input::Event(event) = input {
            sessions.handle(now, event, &mut out);
        }
    }
    sessions.finish(last, &mut out);
    let contact = |output| if let SessionOutput::Contact(contact) = output { Some(*contact) } else { None };
    let mut counters = Counters::default();
    sessions.count(&mut counters);
    (out.into_iter().filter_map(contact).collect(), counters)
}

impl Watch {
    /// Begins to watch; `None` if that cannot be.
    pub(crate) fn begin(options: &EbpfOptions) -> Option<Self> {
        Self::with_queue(options, 1 << 20)
    }

    /// The same, with room for this many inputs.
    pub(crate) fn with_queue(options: &EbpfOptions, inputs_max: usize) -> Option<Self> {
        let (mut ebpf, _) = load(options)?;
        let (sender, inputs) = sync_channel(inputs_max);
        let handle = ringbuf::spawn(&mut ebpf, NodeClock::start(), sender).unwrap();
        Some(Self { ebpf, handle: Some(handle), inputs })
    }

    /// Ends, and hands out everything that was seen.
    pub(crate) fn end(mut self) -> Vec<(Timestamp, Input)> {
        self.handle.take().unwrap().stop();
        self.inputs.try_iter().map(Arrival::into_parts).collect()
    }

    /// Takes inputs until one is wanted, or fails after ten seconds.
    pub(crate) fn until(
        &self,
        what: &str,
        mut wanted: impl FnMut(&Input) -> bool,
    ) -> Vec<(Timestamp, Input)> {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut seen = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok((now, input)) = self.inputs.recv_timeout(left).map(Arrival::into_parts) else {
                panic!("never saw: {what}; saw {seen:#?}")
            };
            let found = wanted(&input);
            seen.push((now, input));
            if found {
                return seen;
            }
        }
    }
}
