//! `inet_sock_set_state`: the life of every TCP socket of the host, in any network namespace and context.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{bpf_get_socket_cookie, bpf_skc_to_tcp_sock};
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use node_agent_common::event::{Kind, established, transport};
use node_agent_common::map::{SocketState, socket_flags};

use crate::kernel::{
    SK_PROTOCOL, SKC_FLAGS, TCP_BYTES_RECEIVED, TCP_BYTES_RETRANS, TCP_BYTES_SENT, TCP_DATA_SEGS_IN,
    TCP_DATA_SEGS_OUT, TCP_RCV_NXT, TCP_SND_NXT, in_scope, load,
};
use crate::maps::{socket_state, socket_state_or_new};
use crate::socket::{emit_socket, emit_totals, end_announced, fill_ends, netns_of, own};

const TCP_ESTABLISHED: i32 = 1;
const TCP_SYN_SENT: i32 = 2;
const TCP_FIN_WAIT1: i32 = 4;
const TCP_CLOSE: i32 = 7;
const TCP_LAST_ACK: i32 = 9;
const TCP_LISTEN: i32 = 10;

/// Bit of `skc_flags` that `tcp_fin` sets: the peer's FIN was taken, and counted as one byte received.
const SOCK_DONE: u64 = 1 << 1;

#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn inet_sock_set_state(ctx: BtfTracePointContext) -> i32 {
    let sk: u64 = ctx.arg(0);
    let old: i32 = ctx.arg(1);
    let new: i32 = ctx.arg(2);
    // SAFETY: typed loads through the argument; the state is the socket's storage.
    unsafe {
        if load::<u16>(sk, SK_PROTOCOL.load()) != u16::from(transport::TCP) {
            return 0;
        }
        match new {
            TCP_SYN_SENT => opening(sk),
            TCP_LISTEN => listening(sk),
            TCP_ESTABLISHED => open(sk),
            TCP_FIN_WAIT1 | TCP_LAST_ACK | TCP_CLOSE => {
                if old != TCP_LISTEN && old != TCP_CLOSE && old != new {
                    closing(sk, old, new);
                }
            }
            _ => {}
        }
    }
    0
}

/// In the context of the process that connects; the connect hook has normally been here before.
#[inline(always)]
unsafe fn opening(sk: u64) {
    // SAFETY: the verifier knows `sk` as a socket.
    unsafe {
        let state = socket_state(sk as *mut c_void);
        if !state.is_null() {
            // From here on its state changes report its end.
            (*state).flags &= !socket_flags::ANNOUNCED;
            return;
        }
        if !in_scope() {
            return;
        }
        let state = socket_state_or_new(sk as *mut c_void);
        if state.is_null() {
            return;
        }
        own(state, bpf_get_socket_cookie(sk as *mut c_void), netns_of(sk), u32::from(transport::TCP));
        emit_socket(Kind::SocketOpened, state, |record| fill_ends(record, sk));
    }
}

/// In the context of the process that listens.
#[inline(always)]
unsafe fn listening(sk: u64) {
    // SAFETY: the verifier knows `sk` as a socket.
    unsafe {
        let mut state = socket_state(sk as *mut c_void);
        if state.is_null() {
            if !in_scope() {
                return;
            }
            state = socket_state_or_new(sk as *mut c_void);
            if state.is_null() {
                return;
            }
        }
        end_announced(state, established::NO);
        own(state, bpf_get_socket_cookie(sk as *mut c_void), netns_of(sk), u32::from(transport::TCP));
        (*state).flags |= socket_flags::LISTENER;
        emit_socket(Kind::SocketListening, state, |record| fill_ends(record, sk));
    }
}

/// The handshake is complete.
#[inline(always)]
unsafe fn open(sk: u64) {
    // SAFETY: the verifier knows `sk` as a socket; typed loads.
    unsafe {
        let state = socket_state(sk as *mut c_void);
        if state.is_null() {
            return;
        }
        let tcp = bpf_skc_to_tcp_sock(sk as *mut c_void) as u64;
        if tcp == 0 {
            return;
        }
        let sent: u32 = load(tcp, TCP_SND_NXT.load());
        let received: u32 = load(tcp, TCP_RCV_NXT.load());
        (*state).sent_seen = sent;
        (*state).sent_reported = sent;
        (*state).received_seen = received;
        (*state).received_reported = received;
        (*state).flags |= socket_flags::SEQUENCED;
        if (*state).flags & socket_flags::LISTENER == 0 {
            return;
        }
        // The copy of a listener's state carries the listener's cookie.
        (*state).flags = ((*state).flags & !socket_flags::LISTENER) | socket_flags::ACCEPTED;
        (*state).cookie = bpf_get_socket_cookie(sk as *mut c_void);
        // Accepting has no hook of its own.
        emit_socket(Kind::SocketOpened, state, |record| fill_ends(record, sk));
    }
}

#[inline(always)]
unsafe fn closing(sk: u64, old: i32, new: i32) {
    // SAFETY: the verifier knows `sk` as a socket; typed loads.
    unsafe {
        let state: *mut SocketState = socket_state(sk as *mut c_void);
        if state.is_null() {
            return;
        }
        let tcp = bpf_skc_to_tcp_sock(sk as *mut c_void) as u64;
        if tcp == 0 {
            return;
        }
        let repeated: u64 = load(tcp, TCP_BYTES_RETRANS.load());
        let sent = load::<u64>(tcp, TCP_BYTES_SENT.load()).saturating_sub(repeated);
        let fin = u64::from(load::<u64>(sk, SKC_FLAGS.load()) & SOCK_DONE != 0);
        let received = load::<u64>(tcp, TCP_BYTES_RECEIVED.load()).saturating_sub(fin);
        let segments = (
            u64::from(load::<u32>(tcp, TCP_DATA_SEGS_OUT.load())),
            u64::from(load::<u32>(tcp, TCP_DATA_SEGS_IN.load())),
        );
        let answered = if old == TCP_SYN_SENT { established::NO } else { established::YES };
        emit_totals(Kind::SocketClosed, state, (sent, received), segments, new != TCP_CLOSE, answered);
    }
}
