//! `cgroup_skb` both ways: first payload of every socket, datagram counts, and the end of a silence.
//!
//! A TCP connection whose first packets are through costs a storage look-up and, when it sends, one header
//! byte and a time stamp.

use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::helpers::generated::{bpf_ktime_get_boot_ns, bpf_skc_to_tcp_sock};
use aya_ebpf::macros::cgroup_skb;
use aya_ebpf::programs::SkBuffContext;
use node_agent_common::event::{BURST_SILENCE_NS, Kind, PAYLOAD_PACKETS, established, transport};
use node_agent_common::map::{SocketState, socket_flags};

use crate::kernel::{
    TCP_BYTES_RECEIVED, TCP_BYTES_RETRANS, TCP_BYTES_SENT, TCP_DATA_SEGS_IN, TCP_DATA_SEGS_OUT, load,
};
use crate::maps::socket_state;
use crate::payload::{Packet, emit, parse};
use crate::socket::{emit_socket, emit_totals, field, put_words};

const DNS_PORT: u16 = 53;

#[cgroup_skb]
pub fn packet_sent(ctx: SkBuffContext) -> i32 {
    // SAFETY: see `packet`.
    unsafe { packet(ctx.skb.skb, false) };
    1
}

#[cgroup_skb]
pub fn packet_received(ctx: SkBuffContext) -> i32 {
    // SAFETY: see `packet`.
    unsafe { packet(ctx.skb.skb, true) };
    1
}

#[inline(always)]
unsafe fn packet(skb: *mut __sk_buff, received: bool) {
    // SAFETY: the state is the socket's storage; packets are read by helpers that check bounds.
    unsafe {
        let sk = (*skb).__bindgen_anon_2.sk;
        if sk.is_null() {
            return;
        }
        let state = socket_state(sk.cast());
        if state.is_null() {
            return;
        }
        match (*state).transport {
            transport::TCP => tcp(skb, state, received),
            transport::UDP => udp(skb, state, received),
            _ => {}
        }
    }
}

#[inline(always)]
unsafe fn tcp(skb: *mut __sk_buff, state: *mut SocketState, received: bool) {
    // SAFETY: see `packet`.
    unsafe {
        let peeked = if received { (*state).received_peeked } else { (*state).sent_peeked };
        if peeked >= PAYLOAD_PACKETS {
            if !received && !is_bare_ack(skb) {
                // The exact length does not matter for the time; a burst looks closer.
                sent(skb, state);
            }
            return;
        }
        if (*state).flags & socket_flags::LISTENER != 0 {
            return; // Data in the last packet of a handshake: it belongs to the socket that is being made.
        }
        let Some(packet) = parse(skb, transport::TCP, received) else { return };
        if packet.payload_len == 0 {
            return;
        }
        if !received {
            sent(skb, state);
        }
        first_segments(skb, state, &packet, received, peeked);
    }
}

/// Reports a segment unless it is a repetition, and keeps track of what was seen and reported.
#[inline(always)]
unsafe fn first_segments(
    skb: *mut __sk_buff,
    state: *mut SocketState,
    packet: &Packet,
    received: bool,
    peeked: u8,
) {
    // SAFETY: see `packet`.
    unsafe {
        let known = (*state).flags & socket_flags::SEQUENCED != 0 || peeked != 0;
        let (seen, reported) = if received {
            ((*state).received_seen, (*state).received_reported)
        } else {
            ((*state).sent_seen, (*state).sent_reported)
        };
        let end = packet.sequence.wrapping_add(packet.payload_len);
        if known && end.wrapping_sub(seen) as i32 <= 0 {
            return;
        }
        let copied = emit(skb, state, packet, received, !known || packet.sequence != reported);
        let reported = if copied == 0 { reported } else { packet.sequence.wrapping_add(copied) };
        if received {
            (*state).received_seen = end;
            (*state).received_reported = reported;
            (*state).received_peeked = peeked + 1;
        } else {
            (*state).sent_seen = end;
            (*state).sent_reported = reported;
            (*state).sent_peeked = peeked + 1;
        }
    }
}

/// A segment without payload, as far as the usual headers show it: no IP options or extension headers.
#[inline(always)]
unsafe fn is_bare_ack(skb: *mut __sk_buff) -> bool {
    // SAFETY: direct packet access, within the bounds that are tested.
    unsafe {
        let data = field!((*skb).data) as usize;
        let end = field!((*skb).data_end) as usize;
        let len = field!((*skb).len);
        if data + 33 > end {
            return false;
        }
        let first = *(data as *const u8);
        if first == 0x45 {
            return len == 20 + u32::from(*((data + 32) as *const u8) >> 4) * 4;
        }
        if first >> 4 == 6 && data + 53 <= end {
            return len == 40 + u32::from(*((data + 52) as *const u8) >> 4) * 4;
        }
        false
    }
}

/// Payload is sent: after a silence, tell what had been moved until now.
#[inline(always)]
unsafe fn sent(skb: *mut __sk_buff, state: *mut SocketState) {
    // SAFETY: see `packet`.
    unsafe {
        let now = bpf_ktime_get_boot_ns();
        let last = (*state).sent_ns;
        (*state).sent_ns = now;
        if last == 0 || now.wrapping_sub(last) < BURST_SILENCE_NS {
            return;
        }
        if (*state).transport == transport::TCP {
            tcp_burst(skb, state);
        } else {
            emit_totals(
                Kind::SocketBurst,
                state,
                ((*state).sent, (*state).received),
                ((*state).sent_packets, (*state).received_packets),
                false,
                established::UNKNOWN,
            );
        }
    }
}

#[inline(never)]
unsafe fn tcp_burst(skb: *mut __sk_buff, state: *const SocketState) -> u64 {
    // SAFETY: see `packet`; the counters are typed loads.
    unsafe {
        let Some(packet) = parse(skb, transport::TCP, false) else { return 0 };
        let sk = (*skb).__bindgen_anon_2.sk;
        if sk.is_null() {
            return 0;
        }
        let tcp = bpf_skc_to_tcp_sock(sk.cast()) as u64;
        if tcp == 0 {
            return 0;
        }
        // This packet is already counted as sent.
        let not_yet = load::<u64>(tcp, TCP_BYTES_RETRANS.load()) + u64::from(packet.payload_len);
        let sent = load::<u64>(tcp, TCP_BYTES_SENT.load()).saturating_sub(not_yet);
        let received: u64 = load(tcp, TCP_BYTES_RECEIVED.load());
        let segments = (
            u64::from(load::<u32>(tcp, TCP_DATA_SEGS_OUT.load())).saturating_sub(1),
            u64::from(load::<u32>(tcp, TCP_DATA_SEGS_IN.load())),
        );
        emit_totals(Kind::SocketBurst, state, (sent, received), segments, false, established::YES);
        0
    }
}

#[inline(always)]
unsafe fn udp(skb: *mut __sk_buff, state: *mut SocketState, received: bool) {
    // SAFETY: see `packet`.
    unsafe {
        let Some(packet) = parse(skb, transport::UDP, received) else { return };
        let (peeked, remote_port) = if received {
            ((*state).received_peeked, packet.source_port)
        } else {
            ((*state).sent_peeked, packet.destination_port)
        };
        if received {
            if (*state).sent_packets | (*state).received_packets == 0 {
                (*state).server = 1;
            }
        } else {
            if (*state).pending != 0 {
                first_datagram(state, packet.source_port);
            }
            sent(skb, state);
        }
        count(state, &packet, u64::from(field!((*skb).gso_segs)).max(1), received);
        // Every question to a resolver counts by itself; of other datagrams, the first few.
        if packet.payload_len == 0 || (peeked >= PAYLOAD_PACKETS && remote_port != DNS_PORT) {
            return;
        }
        emit(skb, state, &packet, received, false);
        if peeked < PAYLOAD_PACKETS {
            if received {
                (*state).received_peeked = peeked + 1;
            } else {
                (*state).sent_peeked = peeked + 1;
            }
        }
    }
}

/// A connected UDP socket turns out to be used.
#[inline(always)]
unsafe fn first_datagram(state: *mut SocketState, local_port: u16) {
    // SAFETY: see `packet`.
    unsafe {
        (*state).pending = 0;
        emit_socket(Kind::SocketOpened, state, |record| {
            (*record).family = (*state).peer_family;
            (*record).local_port = local_port;
            (*record).remote_port = u16::from_be((*state).peer_port as u16);
            put_words(&raw mut (*record).remote, (*state).peer);
        });
    }
}

/// The kernel keeps no counts of UDP. Several CPUs may receive for one socket at once.
#[inline(always)]
unsafe fn count(state: *mut SocketState, packet: &Packet, datagrams: u64, received: bool) {
    // SAFETY: aligned fields of the state, which outlives the call.
    unsafe {
        let (bytes, packets) = if received {
            (&raw mut (*state).received, &raw mut (*state).received_packets)
        } else {
            (&raw mut (*state).sent, &raw mut (*state).sent_packets)
        };
        add(bytes, u64::from(packet.payload_len));
        add(packets, datagrams);
    }
}

/// Atomic addition: the target has the instruction, `core` offers no `fetch_add` for it.
#[inline(always)]
unsafe fn add(to: *mut u64, amount: u64) {
    // SAFETY: `to` is a live, aligned counter.
    unsafe {
        core::arch::asm!("lock *(u64 *)({to} + 0) += {amount}", to = in(reg) to, amount = in(reg) amount)
    };
}
