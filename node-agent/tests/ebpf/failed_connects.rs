//! TCP connects that fail before the kernel changes their state: each was announced, and ends once.

use std::ffi::c_int;
use std::io;
use std::mem::{size_of, zeroed};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use beaconwatch_agent::ebpf::EbpfOptions;
use beaconwatch_engine::input::{Event, Input, SocketId};
use beaconwatch_engine::observe::contact::Bytes;
use rustix::net::{AddressFamily, SocketType, connect, listen, socket};

use crate::scene::{CLOSES, REFUSES, SERVER, Scene, Watch};
use crate::sockets::{id, socket_of};

/// What was said of a socket, a word each.
fn story(events: &[&Event]) -> Vec<&'static str> {
    events
        .iter()
        .map(|event| match event {
            Event::SocketOpened(opened) if opened.outbound => "opened",
            Event::SocketClosed { provisional: true, .. } => "closing",
            Event::SocketClosed { bytes, established: Some(false), .. } if *bytes == Bytes::default() => {
                "failed"
            }
            Event::SocketClosed { .. } => "closed",
            Event::SocketListening { .. } => "listening",
            Event::SocketOpened(_)
            | Event::SocketBurst { .. }
            | Event::Payload(_)
            | Event::CgroupCreated { .. }
            | Event::CgroupRemoved { .. }
            | Event::ProcessStarted(_)
            | Event::ProcessForked { .. }
            | Event::ProcessExited { .. } => "something else",
        })
        .collect()
}

/// Does `work` in a room while the kernel is watched. Another socket is made and closed last, so that all that was said
/// of the first has been seen by then.
fn told_of(work: impl FnOnce() -> SocketId + Send) -> Option<Vec<Event>> {
    let watch = Watch::begin(&EbpfOptions::default())?;
    let scene = Scene::with_rooms(1);
    let (socket, last) = scene.inside(1, || (work(), id(&TcpStream::connect((SERVER, CLOSES)).unwrap())));
    let seen = watch.until("the last socket's end", |input| {
        socket_of(input) == Some(last)
            && matches!(input, Input::Event(Event::SocketClosed { provisional: false, .. }))
    });
    let about = seen.into_iter().filter(|(_, input)| socket_of(input) == Some(socket));
    Some(
        about
            .filter_map(|(_, input)| if let Input::Event(event) = input { Some(event) } else { None })
            .collect(),
    )
}

fn check(work: impl FnOnce() -> SocketId + Send, expect: &[&str]) {
    let Some(events) = told_of(work) else { return };
    let story = story(&events.iter().collect::<Vec<_>>());
    assert_eq!(story, expect, "{events:#?}");
}

/// Connects a new socket, which fails with this error.
fn fails(to: &str, error: rustix::io::Errno) -> SocketId {
    let to: SocketAddr = to.parse().unwrap();
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket(family, SocketType::STREAM, None).unwrap();
    assert_eq!(connect(&socket, &to), Err(error));
    id(&socket)
}

#[test]
fn a_connect_without_a_route_ends_once() {
    check(|| fails("192.0.2.1:443", rustix::io::Errno::NETUNREACH), &["opened", "failed"]);
    check(|| fails("[2001:db8::1]:443", rustix::io::Errno::NETUNREACH), &["opened", "failed"]);
}

#[test]
fn a_connect_without_a_source_address_ends_once() {
    let work = || {
        // The room keeps a route, and no IPv6 address of any kind.
        let lines =
            "ip link set lo down && ip -6 addr flush dev eth0 && ip -6 route add 2001:db8::/32 dev eth0";
        assert!(Command::new("sh").args(["-c", lines]).status().unwrap().success());
        fails("[2001:db8::1]:443", rustix::io::Errno::ADDRNOTAVAIL)
    };
    check(work, &["opened", "failed"]);
}

#[test]
fn each_try_of_one_socket_ends_before_the_next_begins() {
    let work = || {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        for port in [443, 444] {
            let to = SocketAddr::from(([192, 0, 2, 1], port));
            assert_eq!(connect(&socket, &to), Err(rustix::io::Errno::NETUNREACH));
        }
        // This one gets as far as the network, and its refusal ends it.
        let refused = connect(&socket, &SocketAddr::from((SERVER, REFUSES)));
        assert_eq!(refused, Err(rustix::io::Errno::CONNREFUSED));
        id(&socket)
    };
    check(work, &["opened", "failed", "opened", "failed", "opened", "failed"]);
}

#[test]
fn a_socket_that_listens_after_it_failed_has_ended_as_a_client() {
    let work = || {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        let to = SocketAddr::from(([192, 0, 2, 1], 443));
        assert_eq!(connect(&socket, &to), Err(rustix::io::Errno::NETUNREACH));
        listen(&socket, 1).unwrap();
        id(&socket)
    };
    check(work, &["opened", "failed"]);
}

#[test]
fn a_connect_that_another_program_denies_ends_once() {
    let Some(watch) = Watch::begin(&EbpfOptions::default()) else { return };
    let scene = Scene::with_rooms(1);
    let denied = scene.cgroup("denied");
    std::fs::create_dir(&denied).unwrap();
    let cgroup = std::fs::metadata(&denied).unwrap().ino();
    let _deny = deny_connect4(&denied).unwrap();
    let script = format!("echo 0 > {}/cgroup.procs; : < /dev/tcp/{SERVER}/{CLOSES}", denied.display());
    let said = scene.inside(1, || Command::new("bash").args(["-c", &script]).output().unwrap());
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("not permitted"), "{said}");
    let last = scene.inside(1, || id(&TcpStream::connect((SERVER, CLOSES)).unwrap()));
    let seen = watch.until("the last socket's end", |input| {
        socket_of(input) == Some(last)
            && matches!(input, Input::Event(Event::SocketClosed { provisional: false, .. }))
    });
    let events = |input| if let Input::Event(event) = input { Some(event) } else { None };
    let all: Vec<Event> = seen.into_iter().filter_map(|(_, input)| events(input)).collect();
    let opened = all.iter().find_map(|event| {
        let Event::SocketOpened(opened) = event else { return None };
        (opened.cgroup == cgroup).then_some(opened.socket)
    });
    let about = |event: &&Event| socket_of_event(event) == opened;
    assert_eq!(story(&all.iter().filter(about).collect::<Vec<_>>()), ["opened", "failed"], "{all:#?}");
}

fn socket_of_event(event: &Event) -> Option<SocketId> {
    socket_of(&Input::Event(event.clone()))
}

/// A program of another owner that denies every IPv4 connect in a cgroup, as long as the link is held.
fn deny_connect4(cgroup: &Path) -> io::Result<OwnedFd> {
    const PROG_LOAD: c_int = 5;
    const LINK_CREATE: c_int = 28;
    const CGROUP_SOCK_ADDR: u32 = 18;
    const INET4_CONNECT: u32 = 10;
    // r0 = 0; exit
    let instructions: [u64; 2] = [0xb7, 0x95];
    let license = c"GPL";

    #[repr(C)]
    struct Load {
        program_type: u32,
        instruction_count: u32,
        instructions: u64,
        license: u64,
        log: [u32; 4],
        kernel_version: u32,
        flags: u32,
        name: [u8; 16],
        ifindex: u32,
        expected_attach_type: u32,
    }
    #[repr(C)]
    struct Link {
        program: u32,
        target: u32,
        attach_type: u32,
        flags: u32,
    }
    let directory = std::fs::File::open(cgroup)?;
    // SAFETY: plain numbers.
    #[expect(unsafe_code, reason = "an argument of the bpf system call")]
    let mut load: Load = unsafe { zeroed() };
    load.program_type = CGROUP_SOCK_ADDR;
    load.instruction_count = 2;
    load.instructions = instructions.as_ptr() as u64;
    load.license = license.as_ptr() as u64;
    load.expected_attach_type = INET4_CONNECT;
    let program = bpf(PROG_LOAD, &load)?;
    let link = Link {
        program: program.as_raw_fd() as u32,
        target: directory.as_raw_fd() as u32,
        attach_type: INET4_CONNECT,
        flags: 0,
    };
    bpf(LINK_CREATE, &link)
}

fn bpf<T>(command: c_int, argument: &T) -> io::Result<OwnedFd> {
    // SAFETY: the kernel reads as many bytes as the argument has; what it gives is a descriptor of ours.
    #[expect(unsafe_code, reason = "no safe binding of this system call")]
    unsafe {
        let fd = libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(argument), size_of::<T>());
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(fd as c_int)) }
    }
}
