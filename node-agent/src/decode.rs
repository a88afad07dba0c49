//! Bytes of the kernel's rings to events of the engine: pure, bounds-checked, nothing assumed.
//!
//! The bytes that vary (paths, arguments, payload) are somebody else's choice; text that is not UTF-8 is kept
//! with replacement characters, and nothing here trusts a length.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use beaconwatch_engine::input::{Direction, Event, Payload, ProcessStarted, SocketId, SocketOpened};
use beaconwatch_engine::observe::contact::{BURST_PAUSE_NS, Bytes, Packets, Transport};
use beaconwatch_importers::pcap::PayloadLimit;
use node_agent_common::event::{self, Header, Kind, established, family, transport};
use zerocopy::{FromBytes, Immutable, KnownLayout};

mod process;

// The probes and the engine mean the same by a burst; neither may know the other.
const _: () = assert!(event::BURST_SILENCE_NS == BURST_PAUSE_NS, "the pause that makes a burst");
// Nor may the readers of captures, which give as much of a payload as the probes do.
const _: () = assert!(PayloadLimit::LIVE.packets == event::PAYLOAD_PACKETS as u32, "packets with payload");
const _: () = assert!(PayloadLimit::LIVE.originator_bytes == event::PAYLOAD_SENT_MAX, "payload that is sent");
const _: () =
    assert!(PayloadLimit::LIVE.responder_bytes == event::PAYLOAD_RECEIVED_MAX, "payload that is received");

pub(crate) use process::arguments;

/// Why a record was not understood. Also the label of the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum DecodeError {
    /// The record is shorter than its kind or its own length says.
    #[error("record is cut short")]
    Short,
    /// No such kind of record.
    #[error("unknown kind of record")]
    Kind,
    /// A length inside the record points outside of it.
    #[error("a length inside the record is wrong")]
    Length,
    /// No such address family.
    #[error("unknown address family")]
    Family,
}

/// A decoded record.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// When, boot clock, nanoseconds.
    pub boot_ns: u64,
    /// Cgroup that it is about; 0 if unknown.
    pub cgroup: u64,
    /// Of a new cgroup: names of its path that lead to the agent's root; 0 in all else.
    pub root_level: u32,
    /// What.
    pub event: Event,
}

/// A socket found by the start-up walk.
#[derive(Clone, Debug)]
pub struct FoundSocket {
    /// As an event; `outbound` is a guess yet.
    pub opened: SocketOpened,
    /// TCP state.
    pub state: u8,
}

/// A process found by the start-up walk.
#[derive(Clone, Debug)]
pub struct FoundProcess {
    /// As an event, without arguments yet.
    pub started: ProcessStarted,
    /// Its id under the agent's own `/proc`; 0 if unknown.
    pub reader_pid: u32,
}

/// Decodes one record of a ring.
///
/// # Errors
///
/// The record is not one of the ABI that this agent was built with, or it is damaged.
pub fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let header: Header = fixed(bytes)?;
    // The ring may hold more than the record uses.
    let bytes =
        usize::try_from(header.len).ok().and_then(|len| bytes.get(..len)).ok_or(DecodeError::Short)?;
    let mut root_level = 0;
    let event = match Kind::from_number(header.kind).ok_or(DecodeError::Kind)? {
        Kind::CgroupCreated => {
            let record: event::Cgroup = fixed(bytes)?;
            let path = tail::<event::Cgroup>(bytes, 0, record.path_len)?;
            root_level = record.root_level;
            Event::CgroupCreated { cgroup: header.cgroup, path: text(path) }
        }
        Kind::CgroupRemoved => Event::CgroupRemoved { cgroup: header.cgroup },
        Kind::Exec => Event::ProcessStarted(Box::new(process::exec(bytes)?)),
        Kind::Fork => process::fork(bytes)?,
        Kind::Exit => {
            let record: event::Exit = fixed(bytes)?;
            Event::ProcessExited { pid: record.pid }
        }
        Kind::SocketOpened => Event::SocketOpened(Box::new(opened(&fixed(bytes)?)?)),
        Kind::SocketListening => {
            let record: event::Socket = fixed(bytes)?;
            Event::SocketListening {
                cgroup: header.cgroup,
                pid: record.pid,
                local: address(record.family, record.local, record.local_port)?,
                transport: transport_of(record.transport),
            }
        }
        Kind::SocketClosed => closed(&fixed(bytes)?),
        Kind::SocketBurst => {
            let record: event::SocketTotals = fixed(bytes)?;
            let bytes = Bytes { sent: record.sent, received: record.received };
            Event::SocketBurst { socket: SocketId(record.socket), bytes }
        }
        Kind::Payload => payload(bytes)?,
        Kind::SocketSnapshot | Kind::ProcessSnapshot => return Err(DecodeError::Kind),
    };
    Ok(Decoded { boot_ns: header.time_ns, cgroup: header.cgroup, root_level, event })
}

/// Decodes the output of the iterator over sockets: whole records, one after the other.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_sockets(bytes: &[u8]) -> Result<Vec<FoundSocket>, DecodeError> {
    let mut found = Vec::new();
    for record in bytes.chunks(size_of::<event::Socket>()) {
        let record: event::Socket = fixed(record)?;
        let mut opened = opened(&record)?;
        opened.snapshot = true;
        found.push(FoundSocket { opened, state: record.state });
    }
    Ok(found)
}

/// Decodes the output of the iterator over processes: whole records, one after the other.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_processes(mut bytes: &[u8]) -> Result<Vec<FoundProcess>, DecodeError> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let header: Header = fixed(bytes)?;
        let len = usize::try_from(header.len).map_err(|_| DecodeError::Length)?;
        if header.kind != Kind::ProcessSnapshot as u32 || len < size_of::<Header>() {
            return Err(DecodeError::Kind);
        }
        let (record, rest) = bytes.split_at_checked(len).ok_or(DecodeError::Short)?;
        found.push(process::found(record)?);
        bytes = rest;
    }
    Ok(found)
}

fn opened(record: &event::Socket) -> Result<SocketOpened, DecodeError> {
    let remote = address(record.family, record.remote, record.remote_port)?;
    let local = address(record.family, record.local, record.local_port)?;
    Ok(SocketOpened {
        socket: SocketId(record.socket),
        cgroup: record.header.cgroup,
        pid: record.pid,
        uid: (record.uid != u32::MAX).then_some(record.uid),
        netns: record.netns,
        transport: transport_of(record.transport),
        local: (local.port() != 0 || !local.ip().is_unspecified()).then_some(local),
        remote,
        outbound: record.accepted == 0,
        snapshot: false,
    })
}

fn closed(record: &event::SocketTotals) -> Event {
    Event::SocketClosed {
        socket: SocketId(record.socket),
        bytes: Bytes { sent: record.sent, received: record.received },
        packets: Packets { sent: record.sent_packets, received: record.received_packets },
        provisional: record.provisional != 0,
        established: match record.established {
            established::NO => Some(false),
            established::YES => Some(true),
            _ => None,
        },
    }
}

fn payload(bytes: &[u8]) -> Result<Event, DecodeError> {
    let record: event::Payload = fixed(bytes)?;
    let data = tail::<event::Payload>(bytes, 0, record.data_len)?;
    let remote = address(record.family, record.remote, record.remote_port)?;
    Ok(Event::Payload(Payload {
        socket: SocketId(record.socket),
        cgroup: record.header.cgroup,
        direction: if record.received == 0 { Direction::Sent } else { Direction::Received },
        transport: transport_of(record.transport),
        ports: (record.local_port, record.remote_port),
        remote: Some(remote),
        bytes: Arc::from(data),
        wire_len: record.wire_len,
        gap_before: record.gap_before != 0,
    }))
}

/// The struct at the beginning of a record.
fn fixed<T: FromBytes + KnownLayout + Immutable>(bytes: &[u8]) -> Result<T, DecodeError> {
    T::read_from_prefix(bytes).map(|(record, _)| record).map_err(|_| DecodeError::Short)
}

/// `len` bytes that follow the struct `T`, after `at` other ones.
fn tail<T>(bytes: &[u8], at: u32, len: u32) -> Result<&[u8], DecodeError> {
    let begin = usize::try_from(at).ok().and_then(|at| at.checked_add(size_of::<T>()));
    let end = begin.zip(usize::try_from(len).ok()).and_then(|(begin, len)| begin.checked_add(len));
    begin.zip(end).and_then(|(begin, end)| bytes.get(begin..end)).ok_or(DecodeError::Length)
}

/// Text of unknown origin.
fn text(bytes: &[u8]) -> Box<str> {
    String::from_utf8_lossy(bytes).into()
}

fn transport_of(number: u8) -> Transport {
    match number {
        transport::TCP => Transport::Tcp,
        transport::UDP => Transport::Udp,
        _ => Transport::Other,
    }
}

/// An address; IPv4 inside IPv6 (RFC 4291, 2.5.5.2) is what it is on the wire: IPv4.
fn address(family: u8, bytes: [u8; 16], port: u16) -> Result<SocketAddr, DecodeError> {
    let ip = match family {
        family::INET => {
            let [a, b, c, d, ..] = bytes;
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        family::INET6 => IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical(),
        _ => return Err(DecodeError::Family),
    };
    Ok(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests;
