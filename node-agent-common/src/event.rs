//! Records of the ring buffers: a [`Header`], one struct per kind, then the bytes that vary in length.
//!
//! All structs are `repr(C)` without implicit padding and a multiple of eight bytes long. Numbers are in the
//! byte order of the machine, addresses and their bytes in network order, ports in machine order.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Longest cgroup path in a record, in bytes.
pub const CGROUP_PATH_MAX: usize = 512;
/// Longest argument vector in a record, in bytes, with the NUL after each argument.
pub const ARGS_MAX: usize = 4096;
/// Longest file name (as asked for in `execve`) in a record, in bytes.
pub const FILENAME_MAX: usize = 512;
/// Bytes that may follow an [`Exec`]: path components, file name and arguments.
pub const EXEC_TAIL_MAX: usize = 8192;
/// Components of a path that are walked; a deeper path lacks its first ones.
pub const PATH_COMPONENTS_MAX: u32 = 48;
/// Longest prefix of a received packet's payload in a record, in bytes.
pub const PAYLOAD_RECEIVED_MAX: usize = 2048;
/// The same of a packet that is sent. A browser's ClientHello with a post-quantum key share and a session ticket
/// is longer than 2 KiB, and leaves in one piece where segmentation is offloaded.
pub const PAYLOAD_SENT_MAX: usize = 4096;
/// Payload packets reported per direction and socket.
pub const PAYLOAD_PACKETS: u8 = 3;
/// Silence after which the next sending is reported as a burst, in nanoseconds.
pub const BURST_SILENCE_NS: u64 = 250_000_000;

/// What a record is. Also the index of its loss counter in the map `LOST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// [`Cgroup`]: a cgroup of the v2 hierarchy was created.
    CgroupCreated = 1,
    /// [`Cgroup`]: it was removed.
    CgroupRemoved = 2,
    /// [`Exec`]: a process called `execve`.
    Exec = 3,
    /// [`Fork`]: a process (not a thread) was made.
    Fork = 4,
    /// [`Exit`]: the last thread of a process ended.
    Exit = 5,
    /// [`Socket`]: a socket connected to a peer, or was accepted.
    SocketOpened = 6,
    /// [`Socket`]: a socket was bound (UDP) or listens (TCP).
    SocketListening = 7,
    /// [`SocketTotals`]: a socket is closing or closed.
    SocketClosed = 8,
    /// [`SocketTotals`]: first sending after a silence.
    SocketBurst = 9,
    /// [`Payload`]: the beginning of a packet's payload.
    Payload = 10,
    /// [`Socket`] with `state`: found open by the start-up walk. Not in a ring; read from an iterator.
    SocketSnapshot = 11,
    /// [`Exec`] without file name and arguments: found running by the start-up walk. Not in a ring either.
    ProcessSnapshot = 12,
}

/// One more than the highest [`Kind`]: the length of the map `LOST`.
pub const KINDS: u32 = 13;

impl Kind {
    /// Every kind that a ring can lose, in order.
    pub const RING: [Self; 10] = [
        Self::CgroupCreated,
        Self::CgroupRemoved,
        Self::Exec,
        Self::Fork,
        Self::Exit,
        Self::SocketOpened,
        Self::SocketListening,
        Self::SocketClosed,
        Self::SocketBurst,
        Self::Payload,
    ];

    /// The kind with this number.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::CgroupCreated,
            2 => Self::CgroupRemoved,
            3 => Self::Exec,
            4 => Self::Fork,
            5 => Self::Exit,
            6 => Self::SocketOpened,
            7 => Self::SocketListening,
            8 => Self::SocketClosed,
            9 => Self::SocketBurst,
            10 => Self::Payload,
            11 => Self::SocketSnapshot,
            12 => Self::ProcessSnapshot,
            _ => return None,
        })
    }
}

/// Begins every record.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Header {
    /// When, on the boot clock, nanoseconds.
    pub time_ns: u64,
    /// Cgroup that the record is about: of the process, or of the socket's owner; 0 if unknown.
    pub cgroup: u64,
    /// [`Kind`] as a number.
    pub kind: u32,
    /// Bytes in use, header included; the ring may hold more (unspecified) bytes after them.
    pub len: u32,
}

/// A cgroup; its path (without NUL) follows. `header.cgroup` is its id.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Cgroup {
    /// Common part.
    pub header: Header,
    /// Bytes of path that follow.
    pub path_len: u32,
    /// Names of the path that lead to the agent's root (0: that is the kernel's), or [`OUTSIDE_OF_ROOT`].
    pub root_level: u32,
}

/// Of a cgroup that is not below the agent's root.
pub const OUTSIDE_OF_ROOT: u32 = u32::MAX;

/// An `execve`; path components, file name and arguments follow.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Exec {
    /// Common part.
    pub header: Header,
    /// Start of the process, boot clock, nanoseconds.
    pub start_ns: u64,
    /// Inode number of the executable.
    pub inode: u64,
    /// Last change of the inode, wall clock, seconds.
    pub changed_sec: i64,
    /// Nanoseconds of it.
    pub changed_nsec: u32,
    /// Device of the file system, as the kernel encodes it (major << 20 | minor).
    pub device: u32,
    /// Thread group id in the initial pid namespace.
    pub pid: u32,
    /// Thread group id of the parent.
    pub parent_pid: u32,
    /// Real user id in the initial user namespace.
    pub uid: u32,
    /// Login user id; `u32::MAX` if unset or if the kernel keeps none.
    pub login_uid: u32,
    /// Hard links of the executable; 0: unlinked.
    pub links: u32,
    /// [`exec_flags`].
    pub flags: u32,
    /// Bytes of path components that follow: last component first, each ended by NUL.
    pub path_len: u32,
    /// Bytes of file name after them, without NUL.
    pub filename_len: u32,
    /// Bytes of arguments after that, each ended by NUL (the last may be cut).
    pub args_len: u32,
    /// Thread group id in the pid namespace of whoever reads the start-up walk; 0 if unknown, and in other records.
    pub reader_pid: u32,
}

/// Bits of [`Exec::flags`].
pub mod exec_flags {
    /// `inode`, `device` and `links` are known.
    pub const FILE: u32 = 1;
    /// `changed_sec` and `changed_nsec` are known.
    pub const CHANGED: u32 = 2;
    /// Arguments were cut at [`super::ARGS_MAX`].
    pub const ARGS_CUT: u32 = 4;
    /// The path has more components than were walked.
    pub const PATH_CUT: u32 = 8;
}

/// A new process. `header.cgroup` is the child's.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Fork {
    /// Common part.
    pub header: Header,
    /// Start of the child, boot clock, nanoseconds.
    pub start_ns: u64,
    /// Child.
    pub pid: u32,
    /// Parent.
    pub parent_pid: u32,
}

/// The end of a process.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Exit {
    /// Common part.
    pub header: Header,
    /// Its start, boot clock, nanoseconds.
    pub start_ns: u64,
    /// Which.
    pub pid: u32,
    /// Wait status of the thread that ended last.
    pub status: u32,
}

/// Transport numbers of [`Socket::transport`] and [`Payload::transport`]: those of IP.
pub mod transport {
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
}

/// Address family numbers.
pub mod family {
    /// IPv4; the address is in the first four bytes.
    pub const INET: u8 = 2;
    /// IPv6.
    pub const INET6: u8 = 10;
}

/// A socket and who owns it.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Socket {
    /// Common part.
    pub header: Header,
    /// Cookie.
    pub socket: u64,
    /// Cookie of its network namespace; 0 if unknown.
    pub netns: u64,
    /// Own address; all zero if unknown.
    pub local: [u8; 16],
    /// Address of the peer; all zero if there is none.
    pub remote: [u8; 16],
    /// Process that opened or bound it (accepted: that listens); 0 if unknown.
    pub pid: u32,
    /// Its user; `u32::MAX` if unknown.
    pub uid: u32,
    /// Own port; 0 if unknown.
    pub local_port: u16,
    /// Port of the peer.
    pub remote_port: u16,
    /// [`family`].
    pub family: u8,
    /// [`transport`], or another number of IP.
    pub transport: u8,
    /// 1: accepted; 0: opened by this side.
    pub accepted: u8,
    /// TCP state, in snapshots only.
    pub state: u8,
}

/// Totals of a socket.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SocketTotals {
    /// Common part.
    pub header: Header,
    /// Cookie.
    pub socket: u64,
    /// Payload bytes sent, without repetitions.
    pub sent: u64,
    /// Payload bytes received, without repetitions.
    pub received: u64,
    /// Datagrams, or segments with payload, sent.
    pub sent_packets: u64,
    /// Datagrams, or segments with payload, received.
    pub received_packets: u64,
    /// 1: a closing connection whose last record may never come.
    pub provisional: u8,
    /// [`established`].
    pub established: u8,
    /// Zero.
    pub padding: [u8; 6],
}

/// Values of [`SocketTotals::established`].
pub mod established {
    /// Not known.
    pub const UNKNOWN: u8 = 0;
    /// The peer never answered, or refused.
    pub const NO: u8 = 1;
    /// The peer answered.
    pub const YES: u8 = 2;
}

/// The beginning of a packet's payload; the bytes follow.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Payload {
    /// Common part.
    pub header: Header,
    /// Cookie.
    pub socket: u64,
    /// Address of the peer of this packet.
    pub remote: [u8; 16],
    /// Bytes of payload in the packet (of a super-packet of segmentation offload: in all of it).
    pub wire_len: u32,
    /// Bytes that follow.
    pub data_len: u32,
    /// Own port.
    pub local_port: u16,
    /// Port of the peer.
    pub remote_port: u16,
    /// [`family`] of the packet.
    pub family: u8,
    /// [`transport`].
    pub transport: u8,
    /// 1: received; 0: sent.
    pub received: u8,
    /// 1: bytes of this stream before these were not reported.
    pub gap_before: u8,
}

const _: () = {
    assert!(size_of::<Header>() == 24);
    assert!(size_of::<Cgroup>() == 32);
    assert!(size_of::<Exec>() == 96);
    assert!(size_of::<Fork>() == 40);
    assert!(size_of::<Exit>() == 40);
    assert!(size_of::<Socket>() == 88);
    assert!(size_of::<SocketTotals>() == 72);
    assert!(size_of::<Payload>() == 64);
};
