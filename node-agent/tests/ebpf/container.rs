//! A container that lives for one conversation: cgroups as a kubelet makes them, one process, one socket.
//!
//! The process is this test binary again, which runs the test [`client`] and finds in its environment what to do.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::scene::{ANSWER, CLOSES, SERVER, Scene, WAITS};

/// Says to the client what to do.
const DO: &str = "BEACONWATCH_TEST_CLIENT";
/// Bytes of a plain request.
pub(crate) const REQUEST: usize = 200;

/// What the process of a container does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The server closes first.
    ServerCloses,
    /// The client closes first.
    ClientCloses,
    /// The client is killed with the connection open.
    Killed,
    /// The client ends with the answer unread: the kernel resets the connection.
    Unread,
    /// A TLS client hello with a server name.
    Tls,
    /// A DNS question from a socket that is not connected.
    Dns,
    /// A DNS question from a connected socket.
    DnsConnected,
}

impl Mode {
    pub(crate) const ALL: [Self; 7] = [
        Self::ServerCloses,
        Self::ClientCloses,
        Self::Killed,
        Self::Unread,
        Self::Tls,
        Self::Dns,
        Self::DnsConnected,
    ];

    pub(crate) fn destination(self) -> SocketAddr {
        let port = match self {
            Self::ServerCloses | Self::Tls => CLOSES,
            Self::ClientCloses | Self::Killed | Self::Unread => WAITS,
            Self::Dns | Self::DnsConnected => 53,
        };
        SocketAddr::from((SERVER, port))
    }

    pub(crate) fn is_dns(self) -> bool {
        matches!(self, Self::Dns | Self::DnsConnected)
    }

    /// Payload bytes (sent, received); `None` where it depends on the moment.
    pub(crate) fn bytes(self, job: usize) -> (u64, Option<u64>) {
        let long = |len: usize| u64::try_from(len).unwrap();
        match self {
            Self::ServerCloses | Self::ClientCloses | Self::Killed => (long(REQUEST), Some(long(ANSWER))),
            Self::Unread => (long(REQUEST), None),
            Self::Tls => (long(hello(&name(job)).len()), Some(long(ANSWER))),
            Self::Dns | Self::DnsConnected => {
                let question = long(question(&name(job)).len());
                (question, Some(question + 16))
            }
        }
    }
}

/// The name that a job asks for or says it speaks to.
pub(crate) fn name(job: usize) -> String {
    format!("job{job}.example.test")
}

/// What was done: the truth to compare with.
#[derive(Clone, Debug)]
pub(crate) struct Truth {
    pub(crate) job: usize,
    pub(crate) mode: Mode,
    pub(crate) container: String,
    pub(crate) pod_uid: String,
    pub(crate) pid: u32,
    pub(crate) args: Vec<String>,
    pub(crate) life: Duration,
}

/// Runs one container from beginning to end, from a thread that is in its network namespace.
pub(crate) fn run(scene: &Scene, job: usize, mode: Mode) -> Truth {
    let container =
        format!("{:064x}", (job as u128 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835));
    let pod_uid = format!("{job:08x}-0000-4000-8000-{:012x}", job * 7);
    let pod = format!("kubepods-besteffort-pod{}.slice", pod_uid.replace('-', "_"));
    let pod = scene.cgroup("kubepods.slice/kubepods-besteffort.slice").join(pod);
    let scope = pod.join(format!("cri-containerd-{container}.scope"));
    std::fs::create_dir_all(&scope).unwrap();
    let (pid, args, life) = run_process(&scope, job, mode);
    // As a runtime does, at once.
    for directory in [&scope, &pod] {
        let deadline = Instant::now() + Duration::from_secs(5);
        while let Err(error) = std::fs::remove_dir(directory) {
            assert!(Instant::now() < deadline, "{}: {error}", directory.display());
            std::thread::yield_now();
        }
    }
    Truth { job, mode, container, pod_uid, pid, args, life }
}

/// As a runtime does: a process joins the cgroup, then becomes the program.
fn run_process(scope: &Path, job: usize, mode: Mode) -> (u32, Vec<String>, Duration) {
    let program = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
    let job_name = format!("job-{job}");
    let args = [&program, "container::client", "--ignored", "--exact", "--nocapture", "--skip", &job_name];
    let begin = Instant::now();
    let mut child = Command::new("/bin/sh")
        .args(["-c", "echo 0 > \"$0\" && exec \"$@\""])
        .arg(scope.join("cgroup.procs"))
        .args(args)
        .env(DO, format!("{mode:?} {} {}", mode.destination(), name(job)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let status = child.wait().unwrap();
    assert!(status.success() || mode == Mode::Killed, "client of job {job} ({mode:?}): {status}");
    (child.id(), args.iter().map(ToString::to_string).collect(), begin.elapsed())
}

/// Not a test: the process of a container.
#[test]
#[ignore = "other tests start it"]
fn client() {
    let order = std::env::var(DO).expect("what to do");
    let mut order = order.split(' ');
    let mode = order.next().unwrap();
    let to: SocketAddr = order.next().unwrap().parse().unwrap();
    let name = order.next().unwrap();
    match mode {
        "Dns" | "DnsConnected" => ask(to, name, mode == "DnsConnected"),
        "Tls" => exchange(to, &hello(name), true),
        "Unread" => {
            TcpStream::connect(to).unwrap().write_all(&[b'q'; REQUEST]).unwrap();
        }
        "Killed" => {
            let mut stream = request(to);
            stream.read_exact(&mut [0; ANSWER]).unwrap();
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
        }
        "ClientCloses" => {
            let mut stream = request(to);
            stream.read_exact(&mut [0; ANSWER]).unwrap();
        }
        _ => exchange(to, &[b'q'; REQUEST], true),
    }
    std::process::exit(0);
}

fn request(to: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.write_all(&[b'q'; REQUEST]).unwrap();
    stream
}

fn exchange(to: SocketAddr, bytes: &[u8], to_the_end: bool) {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    if to_the_end {
        stream.read_to_end(&mut answer).unwrap();
    }
    assert_eq!(answer.len(), ANSWER);
}

fn ask(to: SocketAddr, name: &str, connected: bool) {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let question = question(name);
    if connected {
        socket.connect(to).unwrap();
        socket.send(&question).unwrap();
    } else {
        socket.send_to(&question, to).unwrap();
    }
    assert_eq!(socket.recv(&mut [0; 512]).unwrap(), question.len() + 16);
}

/// A DNS question for an IPv4 address.
pub(crate) fn question(name: &str) -> Vec<u8> {
    let mut bytes = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0".to_vec();
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.extend_from_slice(b"\0\0\x01\0\x01");
    bytes
}

/// A small TLS 1.3 client hello with a server name (RFC 8446, 4.1.2; RFC 6066, 3).
pub(crate) fn hello(name: &str) -> Vec<u8> {
    let sized16 =
        |inner: Vec<u8>| [u16::try_from(inner.len()).unwrap().to_be_bytes().to_vec(), inner].concat();
    let host = [vec![0], sized16(name.as_bytes().to_vec())].concat();
    let extensions = [
        [vec![0, 0], sized16(sized16(host))].concat(),
        [vec![0, 0x2b], sized16(vec![2, 3, 4])].concat(),
        [vec![0, 0x0a], sized16(sized16(vec![0, 0x1d]))].concat(),
    ];
    let body =
        [vec![3, 3], vec![7; 32], vec![0], sized16(vec![0x13, 1]), vec![1, 0], sized16(extensions.concat())];
    let body = body.concat();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let handshake = [vec![1], length[1..].to_vec(), body].concat();
    [vec![22, 3, 1], sized16(handshake)].concat()
}
