//! What the kernel side says about sockets that the test itself opens and knows by their cookies.

use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use beaconwatch_agent::ebpf::EbpfOptions;
use beaconwatch_engine::input::{Direction, Event, Input, Payload, SocketId};
use beaconwatch_engine::observe::contact::{Bytes, Packets, Transport};

use crate::container::question;
use crate::scene::{ANSWER, CLOSES, REFUSES, REPEATS, SERVER, SERVER_V6, Scene, WAITS, Watch};

pub(crate) fn id(socket: &impl AsFd) -> SocketId {
    SocketId(rustix::net::sockopt::socket_cookie(socket).unwrap())
}

pub(crate) fn socket_of(input: &Input) -> Option<SocketId> {
    let Input::Event(event) = input else { return None };
    match event {
        Event::SocketOpened(opened) => Some(opened.socket),
        Event::Payload(payload) => Some(payload.socket),
        Event::SocketBurst { socket, .. } | Event::SocketClosed { socket, .. } => Some(*socket),
        Event::CgroupCreated { .. }
        | Event::CgroupRemoved { .. }
        | Event::ProcessStarted(_)
        | Event::ProcessForked { .. }
        | Event::ProcessExited { .. }
        | Event::SocketListening { .. } => None,
    }
}

/// Does `work` in a room while the kernel is watched, and returns what was said about the socket it returns, up
/// to its final totals.
fn watched(work: impl FnOnce() -> SocketId + Send) -> Option<Vec<Event>> {
    let watch = Watch::begin(&EbpfOptions::default())?;
    let scene = Scene::with_rooms(1);
    let socket = scene.inside(1, work);
    let seen = watch.until("final totals", |input| {
        socket_of(input) == Some(socket)
            && matches!(input, Input::Event(Event::SocketClosed { provisional: false, .. }))
    });
    let about = seen.into_iter().filter(|(_, input)| socket_of(input) == Some(socket));
    Some(
        about
            .filter_map(|(_, input)| if let Input::Event(event) = input { Some(event) } else { None })
            .collect(),
    )
}

fn payloads(events: &[Event], direction: Direction) -> Vec<&Payload> {
    events
        .iter()
        .filter_map(|event| if let Event::Payload(payload) = event { Some(payload) } else { None })
        .filter(|payload| payload.direction == direction)
        .collect()
}

fn totals(events: &[Event]) -> (Bytes, Packets, Option<bool>) {
    let Some(Event::SocketClosed { bytes, packets, established, provisional: false, .. }) = events.last()
    else {
        panic!("{events:#?}")
    };
    (*bytes, *packets, *established)
}

fn bytes(sent: usize, received: usize) -> Bytes {
    Bytes { sent: sent as u64, received: received as u64 }
}

fn packets(sent: u64, received: u64) -> Packets {
    Packets { sent, received }
}

#[test]
fn a_connection_has_its_owner_its_peer_and_exact_totals_in_both_families() {
    for server in [SocketAddr::from((SERVER, CLOSES)), SocketAddr::from((SERVER_V6, CLOSES))] {
        let Some(events) = watched(|| exchange(server)) else { return };
        let Event::SocketOpened(opened) = &events[0] else { panic!("{events:#?}") };
        assert_eq!((opened.remote, opened.pid), (server, std::process::id()));
        assert_eq!((opened.uid, opened.outbound, opened.snapshot), (Some(0), true, false));
        assert!(opened.cgroup != 0 && opened.netns != 0 && opened.transport == Transport::Tcp);
        assert_eq!(totals(&events), (bytes(200, ANSWER), packets(1, 1), Some(true)));
        let provisional =
            events.iter().filter(|e| matches!(e, Event::SocketClosed { provisional: true, .. })).count();
        assert_eq!(provisional, 1);
        for direction in [Direction::Sent, Direction::Received] {
            let [payload] = payloads(&events, direction)[..] else { panic!("{events:#?}") };
            assert_eq!((payload.remote, payload.ports.1), (Some(server), CLOSES));
            assert!(!payload.gap_before && payload.bytes.len() == payload.wire_len as usize);
        }
    }
}

fn exchange(server: SocketAddr) -> SocketId {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.write_all(&[b'q'; 200]).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    id(&stream)
}

#[test]
fn an_ipv4_peer_of_an_ipv6_socket_is_an_ipv4_peer() {
    let mapped = SocketAddr::from((SERVER.to_ipv6_mapped(), CLOSES));
    let Some(events) = watched(|| exchange(mapped)) else { return };
    let Event::SocketOpened(opened) = &events[0] else { panic!("{events:#?}") };
    assert_eq!(opened.remote, SocketAddr::from((SERVER, CLOSES)));
    assert_eq!(totals(&events).0, bytes(200, ANSWER));
}

#[test]
fn a_refused_connection_says_so() {
    let work = || {
        use rustix::net::{AddressFamily, SocketType, connect, socket};
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        connect(&socket, &SocketAddr::from((SERVER, REFUSES))).unwrap_err();
        id(&socket)
    };
    let Some(events) = watched(work) else { return };
    assert_eq!(totals(&events), (bytes(0, 0), packets(0, 0), Some(false)));
}

#[test]
fn only_the_first_three_payloads_each_way_are_reported_and_long_ones_are_cut() {
    let work = || {
        let mut stream = TcpStream::connect((SERVER, REPEATS)).unwrap();
        for _ in 0..5 {
            stream.write_all(&[b'q'; 6000]).unwrap();
            stream.read_exact(&mut [0; ANSWER]).unwrap();
        }
        id(&stream)
    };
    let Some(events) = watched(work) else { return };
    let sent = payloads(&events, Direction::Sent);
    assert_eq!(sent.len(), 3);
    let first = sent[0];
    assert!(first.bytes.len() == 4096.min(first.wire_len as usize) && !first.gap_before, "{first:?}");
    assert!(sent[1].gap_before == (first.wire_len as usize > first.bytes.len()), "what was cut is a gap");
    let received = payloads(&events, Direction::Received);
    assert_eq!(received.len(), 3);
    assert!(received.iter().all(|payload| !payload.gap_before && payload.bytes.len() == ANSWER));
    assert_eq!(totals(&events).0, bytes(30_000, 5 * ANSWER));
}

#[test]
fn the_first_sending_after_a_silence_is_a_burst_with_the_totals_until_then() {
    let work = || {
        let mut stream = TcpStream::connect((SERVER, REPEATS)).unwrap();
        for pause in [0, 0, 0, 0, 0, 300, 0, 300] {
            // The silence itself is what is tested.
            std::thread::sleep(Duration::from_millis(pause));
            stream.write_all(&[b'q'; 100]).unwrap();
            stream.read_exact(&mut [0; ANSWER]).unwrap();
        }
        id(&stream)
    };
    let Some(events) = watched(work) else { return };
    let burst =
        |event: &Event| if let Event::SocketBurst { bytes, .. } = event { Some(*bytes) } else { None };
    let bursts: Vec<Bytes> = events.iter().filter_map(burst).collect();
    assert_eq!(bursts, [bytes(500, 5 * ANSWER), bytes(700, 7 * ANSWER)]);
    assert_eq!(totals(&events).0, bytes(800, 8 * ANSWER));
}

#[test]
fn datagrams_are_counted_each_way_and_every_dns_question_is_reported() {
    for server in [SocketAddr::from((SERVER, 53)), SocketAddr::from((SERVER_V6, 53))] {
        let work = || {
            let socket = udp_socket(server);
            for _ in 0..6 {
                socket.send_to(&question("www.example.test"), server).unwrap();
                socket.recv(&mut [0; 512]).unwrap();
            }
            id(&socket)
        };
        let Some(events) = watched(work) else { return };
        let opened = events.iter().filter(|event| matches!(event, Event::SocketOpened(_))).count();
        assert_eq!(opened, 1, "one peer");
        let question = question("www.example.test").len();
        assert_eq!(totals(&events), (bytes(6 * question, 6 * (question + 16)), packets(6, 6), Some(true)));
        assert_eq!(payloads(&events, Direction::Sent).len(), 6);
        assert_eq!(payloads(&events, Direction::Received).len(), 6);
    }
}

fn udp_socket(server: SocketAddr) -> UdpSocket {
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}

#[test]
fn a_connected_datagram_socket_is_reported_when_it_is_used_and_not_before() {
    let work = || {
        let socket = udp_socket(SocketAddr::from((SERVER, 53)));
        // As resolvers do to learn which own address would be used.
        socket.connect((SERVER, REFUSES)).unwrap();
        socket.connect((SERVER, 53)).unwrap();
        socket.send(&question("a.test")).unwrap();
        socket.recv(&mut [0; 512]).unwrap();
        id(&socket)
    };
    let Some(events) = watched(work) else { return };
    let opened: Vec<SocketAddr> = events
        .iter()
        .filter_map(|event| if let Event::SocketOpened(opened) = event { Some(opened.remote) } else { None })
        .collect();
    assert_eq!(opened, [SocketAddr::from((SERVER, 53))]);
}

#[test]
fn payload_behind_ipv6_extension_headers_is_found() {
    let work = || {
        let socket = UdpSocket::bind("[::]:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        set_destination_options(&socket);
        socket.send_to(&question("behind.test"), (SERVER_V6, 53)).unwrap();
        socket.recv(&mut [0; 512]).unwrap();
        id(&socket)
    };
    let Some(events) = watched(work) else { return };
    let [payload] = payloads(&events, Direction::Sent)[..] else { panic!("{events:#?}") };
    assert_eq!(*payload.bytes, question("behind.test"));
    assert_eq!(payload.remote, Some(SocketAddr::from((SERVER_V6, 53))));
}

/// A destination options header of eight bytes of padding (RFC 8200, 4.6).
fn set_destination_options(socket: &UdpSocket) {
    let header = [0_u8, 0, 1, 4, 0, 0, 0, 0];
    #[expect(unsafe_code, reason = "no safe binding of this socket option")]
    // SAFETY: the pointer and the length are those of a live array.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IPV6,
            libc::IPV6_DSTOPTS,
            header.as_ptr().cast(),
            8,
        )
    };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn a_socket_that_is_older_than_the_agent_is_found_with_its_owner_and_followed() {
    let scene = Scene::with_rooms(1);
    let mut stream = scene.inside(1, || TcpStream::connect((SERVER, WAITS)).unwrap());
    stream.write_all(&[b'q'; 200]).unwrap();
    stream.read_exact(&mut [0; ANSWER]).unwrap();
    let socket = id(&stream);
    let Some(watch) = Watch::begin(&EbpfOptions::default()) else { return };
    let found = watch.until("the old socket", |input| socket_of(input) == Some(socket));
    let Some((_, Input::Event(Event::SocketOpened(opened)))) = found.last() else { panic!("{found:#?}") };
    assert!(opened.snapshot && opened.outbound && opened.pid == std::process::id());
    assert_eq!(opened.remote, SocketAddr::from((SERVER, WAITS)));
    assert!(found.iter().any(|(_, input)| {
        let Input::Event(Event::ProcessStarted(process)) = input else { return false };
        process.pid == std::process::id() && process.snapshot && !process.executable.is_empty()
    }));
    drop(stream);
    let seen = watch.until("its end", |input| {
        socket_of(input) == Some(socket)
            && matches!(input, Input::Event(Event::SocketClosed { provisional: false, .. }))
    });
    let Some((_, Input::Event(Event::SocketClosed { bytes: moved, .. }))) = seen.last() else { panic!() };
    assert_eq!(*moved, bytes(200, ANSWER));
}

#[test]
fn servers_and_accepted_connections_belong_to_the_process_that_listens() {
    let Some(watch) = Watch::begin(&EbpfOptions::default()) else { return };
    let scene = Scene::with_rooms(1);
    let (local, accepted) = scene.inside(1, || {
        let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
        let local = listener.local_addr().unwrap();
        let _client = TcpStream::connect(local).unwrap();
        (local, id(&listener.accept().unwrap().0))
    });
    let mut listens = false;
    let seen = watch.until("the accepted socket", |input| {
        if let Input::Event(Event::SocketListening { local: bound, pid, .. }) = input {
            listens |= *bound == local && *pid == std::process::id();
        }
        socket_of(input) == Some(accepted)
    });
    let Some((_, Input::Event(Event::SocketOpened(opened)))) = seen.last() else { panic!("{seen:#?}") };
    assert!(listens && !opened.outbound && opened.pid == std::process::id() && opened.local == Some(local));
}
