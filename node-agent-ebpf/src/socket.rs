//! What is known of a socket: filled in process context, carried in the socket, reported in records.

use core::ptr;

use aya_ebpf::bindings::bpf_sock_addr;
use aya_ebpf::helpers::generated::{
    bpf_get_current_cgroup_id, bpf_get_current_pid_tgid, bpf_get_current_uid_gid,
};
use node_agent_common::event::{Kind, Socket, SocketTotals, family, transport};
use node_agent_common::map::{SocketState, socket_flags};

use crate::emit::{fill_header, reserve, submit};
use crate::kernel::{
    INET_SPORT, NET_COOKIE, SKC_DADDR, SKC_DPORT, SKC_FAMILY, SKC_NET, SKC_RCV_SADDR, SKC_V6_DADDR,
    SKC_V6_RCV_SADDR, read,
};
use crate::maps::FLOWS;

/// Reads one field of a program context or of `bpf_sock`: the verifier wants each access as it is written.
macro_rules! field {
    ($place:expr) => {
        core::ptr::read_volatile(&raw const $place)
    };
}
pub(crate) use field;

/// The address that a process named, in network order; an IPv4 address is the first word.
#[inline(always)]
pub(crate) unsafe fn user_address(named: *const bpf_sock_addr, v6: bool) -> [u32; 4] {
    // SAFETY: fields of the context of a program for socket addresses.
    unsafe {
        if v6 {
            [
                field!((*named).user_ip6[0]),
                field!((*named).user_ip6[1]),
                field!((*named).user_ip6[2]),
                field!((*named).user_ip6[3]),
            ]
        } else {
            [field!((*named).user_ip4), 0, 0, 0]
        }
    }
}

/// Number of the transport as it is kept; 0 if it does not fit (MPTCP).
#[inline(always)]
pub(crate) fn transport_number(protocol: u32) -> u8 {
    if protocol > 255 { 0 } else { protocol as u8 }
}

/// The current process owns this socket.
#[inline(always)]
pub(crate) unsafe fn own(state: *mut SocketState, cookie: u64, netns: u64, protocol: u32) {
    // SAFETY: `state` is the value of a socket's storage.
    unsafe {
        (*state).cookie = cookie;
        if netns != 0 {
            (*state).netns = netns;
        }
        (*state).cgroup = bpf_get_current_cgroup_id();
        (*state).pid = (bpf_get_current_pid_tgid() >> 32) as u32;
        (*state).uid = bpf_get_current_uid_gid() as u32;
        (*state).transport = transport_number(protocol);
        (*state).flags |= socket_flags::OWNED;
    }
}

/// Emits what the state knows; `more` fills addresses and whatever else the hook knows.
#[inline(always)]
pub(crate) unsafe fn emit_socket(kind: Kind, state: *const SocketState, more: impl FnOnce(*mut Socket)) {
    let record: *mut Socket = reserve(&FLOWS, kind);
    if record.is_null() {
        return;
    }
    // SAFETY: the record is ours until it is submitted.
    unsafe {
        fill_header(&raw mut (*record).header, kind, (*state).cgroup, size_of::<Socket>() as u32);
        (*record).socket = (*state).cookie;
        (*record).netns = (*state).netns;
        clear(&raw mut (*record).local);
        clear(&raw mut (*record).remote);
        (*record).pid = (*state).pid;
        (*record).uid = if (*state).flags & socket_flags::OWNED == 0 { u32::MAX } else { (*state).uid };
        (*record).local_port = 0;
        (*record).remote_port = 0;
        (*record).family = 0;
        (*record).transport = (*state).transport;
        (*record).accepted = u8::from((*state).flags & socket_flags::ACCEPTED != 0);
        (*record).state = 0;
        more(record);
        submit(&FLOWS, record);
    }
}

/// Emits totals.
#[inline(always)]
pub(crate) unsafe fn emit_totals(
    kind: Kind,
    state: *const SocketState,
    bytes: (u64, u64),
    packets: (u64, u64),
    provisional: bool,
    established: u8,
) {
    let record: *mut SocketTotals = reserve(&FLOWS, kind);
    if record.is_null() {
        return;
    }
    // SAFETY: the record is ours until it is submitted.
    unsafe {
        fill_header(&raw mut (*record).header, kind, (*state).cgroup, size_of::<SocketTotals>() as u32);
        (*record).socket = (*state).cookie;
        (*record).sent = bytes.0;
        (*record).received = bytes.1;
        (*record).sent_packets = packets.0;
        (*record).received_packets = packets.1;
        (*record).provisional = u8::from(provisional);
        (*record).established = established;
        (*record).padding = [0; 6];
        submit(&FLOWS, record);
    }
}

/// Ends a connect that was reported and that the kernel never began with: there is no route, another program denied
/// it, or no source address fits. Nothing else reports it.
#[inline(always)]
pub(crate) unsafe fn end_announced(state: *mut SocketState, answered: u8) {
    // SAFETY: `state` is the value of a socket's storage.
    unsafe {
        if (*state).flags & socket_flags::ANNOUNCED != 0 {
            (*state).flags &= !socket_flags::ANNOUNCED;
            emit_totals(Kind::SocketClosed, state, (0, 0), (0, 0), false, answered);
        }
    }
}

#[inline(always)]
unsafe fn clear(address: *mut [u8; 16]) {
    // SAFETY: sixteen bytes of a record, eight-byte aligned.
    unsafe {
        let words = address.cast::<u64>();
        *words = 0;
        *words.add(1) = 0;
    }
}

/// Writes words of an address in network order, as contexts give them.
#[inline(always)]
pub(crate) unsafe fn put_words(address: *mut [u8; 16], words: [u32; 4]) {
    // SAFETY: sixteen bytes of a record, eight-byte aligned.
    unsafe {
        let to = address.cast::<u32>();
        *to = words[0];
        *to.add(1) = words[1];
        *to.add(2) = words[2];
        *to.add(3) = words[3];
    }
}

/// Both ends of a socket, read from the socket itself.
#[inline(always)]
pub(crate) unsafe fn fill_ends(record: *mut Socket, sk: u64) {
    // SAFETY: probe reads into the record.
    unsafe {
        let family_number = read::<u16>(sk, SKC_FAMILY.load()) as u8;
        (*record).family = family_number;
        // In the last states `skc_num` is already gone; `inet_sport` stays.
        (*record).local_port = u16::from_be(read(sk, INET_SPORT.load()));
        (*record).remote_port = u16::from_be(read(sk, SKC_DPORT.load()));
        if family_number == family::INET {
            put_words(&raw mut (*record).local, [read(sk, SKC_RCV_SADDR.load()), 0, 0, 0]);
            put_words(&raw mut (*record).remote, [read(sk, SKC_DADDR.load()), 0, 0, 0]);
        } else {
            ptr::write(&raw mut (*record).local, read(sk, SKC_V6_RCV_SADDR.load()));
            ptr::write(&raw mut (*record).remote, read(sk, SKC_V6_DADDR.load()));
        }
    }
}

/// Cookie of the socket's network namespace.
#[inline(always)]
pub(crate) unsafe fn netns_of(sk: u64) -> u64 {
    // SAFETY: probe reads.
    unsafe {
        let net: u64 = read(sk, SKC_NET.load());
        read(net, NET_COOKIE.load())
    }
}

/// True for the transports that have ports.
#[inline(always)]
pub(crate) fn has_ports(number: u8) -> bool {
    number == transport::TCP || number == transport::UDP
}
