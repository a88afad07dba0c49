//! Maps and read-only globals by name, and the values that user space reads or the socket carries.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::event::CGROUP_PATH_MAX;

/// Ring of processes and cgroups.
pub const IDENTITY_RING: &str = "IDENTITY";
/// Ring of sockets.
pub const FLOW_RING: &str = "FLOWS";
/// Ring of payload.
pub const PAYLOAD_RING: &str = "PAYLOADS";
/// Per-CPU array of `u64`: lost records, by [`crate::event::Kind`]; index 0: sockets without a state.
pub const LOST: &str = "LOST";
/// LRU hash: cgroup id -> [`CgroupPath`].
pub const CGROUP_PATHS: &str = "CGROUP_PATHS";

/// Bytes of the identity ring.
pub const IDENTITY_RING_BYTES: usize = 1 << 20;
/// Bytes of the flow ring.
pub const FLOW_RING_BYTES: usize = 2 << 20;
/// Bytes of the payload ring.
pub const PAYLOAD_RING_BYTES: usize = 4 << 20;
/// Cgroups whose path is remembered in the kernel.
pub const CGROUP_PATHS_MAX: usize = 4096;

/// Path of a cgroup, ended by NUL.
pub type CgroupPath = [u8; CGROUP_PATH_MAX];

/// What is kept in the socket itself. Only the kernel side reads and writes it; here for its size.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SocketState {
    /// Cookie; 0 until known.
    pub cookie: u64,
    /// Cgroup of the process that opened it.
    pub cgroup: u64,
    /// Cookie of the network namespace.
    pub netns: u64,
    /// UDP: bytes and datagrams each way. TCP counts by itself.
    pub sent: u64,
    /// See `sent`.
    pub received: u64,
    /// See `sent`.
    pub sent_packets: u64,
    /// See `sent`.
    pub received_packets: u64,
    /// Last sending of payload, boot clock; 0: none.
    pub sent_ns: u64,
    /// Last peer of a UDP socket.
    pub peer: [u32; 4],
    /// Its port, network order.
    pub peer_port: u32,
    /// Process.
    pub pid: u32,
    /// User.
    pub uid: u32,
    /// Sent stream: end of what was seen (sequence number).
    pub sent_seen: u32,
    /// Sent stream: end of what was reported without a gap.
    pub sent_reported: u32,
    /// Received stream, the same.
    pub received_seen: u32,
    /// Received stream, the same.
    pub received_reported: u32,
    /// Payload packets seen, sent.
    pub sent_peeked: u8,
    /// Payload packets seen, received.
    pub received_peeked: u8,
    /// [`socket_flags`]; written in process context and at state changes, not in the packet path.
    pub flags: u8,
    /// IP protocol number; 0 if it does not fit.
    pub transport: u8,
    /// 1: connected, nothing sent yet (UDP): reported with the first datagram.
    pub pending: u8,
    /// 1: received before anything was sent (UDP): a server.
    pub server: u8,
    /// Address family of `peer`.
    pub peer_family: u8,
    /// Zero.
    pub padding: [u8; 5],
}

/// Bits of [`SocketState::flags`].
pub mod socket_flags {
    /// The owner is known.
    pub const OWNED: u8 = 1;
    /// Listens; an accepted socket begins as its copy.
    pub const LISTENER: u8 = 2;
    /// Was accepted.
    pub const ACCEPTED: u8 = 4;
    /// Sequence numbers are known from the handshake on.
    pub const SEQUENCED: u8 = 8;
    /// A TCP connect was reported, and the kernel has not begun with it yet: it may fail before any state changes.
    pub const ANNOUNCED: u8 = 16;
}

const _: () = assert!(size_of::<SocketState>() == 120);
