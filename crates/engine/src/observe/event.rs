//! Facts from the kernel or from packets, decoded, not yet joined with anything.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::actor::FileId;
use crate::codec::{choices, fields, newtype};
use crate::observe::contact::{Bytes, Packets, Transport};
use crate::time::Timestamp;

/// A socket, over its whole life. Live: the kernel's socket cookie. Pcap: a number of the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// Direction of payload, seen from the actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Sent by the actor.
    Sent,
    /// Received by the actor.
    Received,
}

/// A fact from the kernel or from a packet, already decoded, not yet joined with anything.
#[derive(Clone, Debug)]
pub enum Event {
    /// A cgroup of the v2 hierarchy was created (or found by the start-up walk).
    CgroupCreated {
        /// Its id: the inode number of its directory.
        cgroup: u64,
        /// Path below the cgroup2 root, with a leading slash.
        path: Box<str>,
    },
    /// A cgroup was removed; flows of it may still be reported.
    CgroupRemoved {
        /// Its id.
        cgroup: u64,
    },
    /// A process called `execve` (or was found by the start-up walk).
    ProcessStarted(Box<ProcessStarted>),
    /// A process forked: the child carries its parent's executable until it calls `execve`.
    ProcessForked {
        /// New process.
        pid: u32,
        /// Its start time, boot clock, nanoseconds.
        start_ns: u64,
        /// Its parent.
        parent_pid: u32,
        /// Cgroup of the child.
        cgroup: u64,
    },
    /// The last thread of a process ended.
    ProcessExited {
        /// Which.
        pid: u32,
    },
    /// A socket was connected to a peer (by connect, or by the first datagram to it), or was accepted.
    SocketOpened(Box<SocketOpened>),
    /// Payload was seen on a socket: the first packets of each direction.
    Payload(Payload),
    /// A quiet connection woke up: the first sending after a pause.
    SocketBurst {
        /// Which.
        socket: SocketId,
        /// Totals until now.
        bytes: Bytes,
    },
    /// Totals of a socket.
    SocketClosed {
        /// Which.
        socket: SocketId,
        /// Totals of payload.
        bytes: Bytes,
        /// Datagrams each way; for TCP the segments that carried payload.
        packets: Packets,
        /// Not the end yet: the connection is closing, and the last record may never come.
        provisional: bool,
        /// The peer answered (TCP: the handshake was completed).
        established: Option<bool>,
    },
    /// A server socket was bound: this process listens.
    SocketListening {
        /// Its cgroup.
        cgroup: u64,
        /// Its process; 0 if unknown.
        pid: u32,
        /// Bound address and port.
        local: SocketAddr,
        /// Transport.
        transport: Transport,
    },
}

/// A process at `execve`.
#[derive(Clone, Debug, Default)]
pub struct ProcessStarted {
    /// Process id (thread group) in the host's pid namespace.
    pub pid: u32,
    /// Start time, boot clock, nanoseconds.
    pub start_ns: u64,
    /// Parent's process id.
    pub parent_pid: u32,
    /// Cgroup at the time (a runtime may attach it to the container's only later).
    pub cgroup: u64,
    /// Real path of the executable inside its mount, `/memfd:NAME` if it has none.
    pub executable: Box<str>,
    /// Name that was asked for (symbolic link, script), if another.
    pub filename: Box<str>,
    /// File identity.
    pub file: FileId,
    /// Number of hard links; 0: the file is unlinked.
    pub links: Option<u32>,
    /// Last change of the inode (`st_ctime`), wall clock; `None` if unknown.
    pub changed: Option<Timestamp>,
    /// Arguments.
    pub args: Vec<Box<str>>,
    /// User id.
    pub uid: u32,
    /// Login user id; `None` if unset or not known to the kernel.
    pub login_uid: Option<u32>,
    /// Came from the start-up walk, not from a live `execve`.
    pub snapshot: bool,
}

/// A socket with its peer.
#[derive(Clone, Debug)]
pub struct SocketOpened {
    /// Which.
    pub socket: SocketId,
    /// Cgroup of the socket; 0 if unknown (captures).
    pub cgroup: u64,
    /// Process; 0 if unknown.
    pub pid: u32,
    /// User id of the process; `None` if unknown.
    pub uid: Option<u32>,
    /// Network namespace cookie; 0 if unknown.
    pub netns: u64,
    /// Transport.
    pub transport: Transport,
    /// Own side, as far as known (port 0 before the kernel chose one).
    pub local: Option<SocketAddr>,
    /// The peer, as the program asked for it (before NAT).
    pub remote: SocketAddr,
    /// True: this side opened it. False: accepted.
    pub outbound: bool,
    /// Found open by the start-up walk: its beginning was not seen, so it is no contact by itself.
    pub snapshot: bool,
}

/// A piece of payload.
#[derive(Clone, Debug)]
pub struct Payload {
    /// Which socket.
    pub socket: SocketId,
    /// Its cgroup, in case the socket is not known; 0 if unknown.
    pub cgroup: u64,
    /// Direction seen from the owner of the socket.
    pub direction: Direction,
    /// Transport.
    pub transport: Transport,
    /// Own port and peer port, in case the socket is not known.
    pub ports: (u16, u16),
    /// Peer, if the record knows it (UDP sockets talk to many).
    pub remote: Option<SocketAddr>,
    /// The bytes: a prefix of the segment or datagram.
    pub bytes: Arc<[u8]>,
    /// Bytes that the segment or datagram had on the wire; more than `bytes.len()`: cut.
    pub wire_len: u32,
    /// Bytes of this stream before these were not seen.
    pub gap_before: bool,
}

choices!(Direction { 0 => Sent, 1 => Received });
choices!(Event {
    0 => CgroupCreated { cgroup, path },
    1 => CgroupRemoved { cgroup },
    2 => ProcessStarted(started),
    3 => ProcessForked { pid, start_ns, parent_pid, cgroup },
    4 => ProcessExited { pid },
    5 => SocketOpened(opened),
    6 => Payload(payload),
    7 => SocketBurst { socket, bytes },
    8 => SocketClosed { socket, bytes, packets, provisional, established },
    9 => SocketListening { cgroup, pid, local, transport },
});
fields!(ProcessStarted {
    pid,
    start_ns,
    parent_pid,
    cgroup,
    executable,
    filename,
    file,
    links,
    changed,
    args,
    uid,
    login_uid,
    snapshot,
});
fields!(SocketOpened { socket, cgroup, pid, uid, netns, transport, local, remote, outbound, snapshot });
fields!(Payload { socket, cgroup, direction, transport, ports, remote, bytes, wire_len, gap_before });
newtype!(SocketId);
