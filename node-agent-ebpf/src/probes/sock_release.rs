//! `sock_release`: the end of a UDP socket, with its totals; and of a TCP connect that failed before its state changed.

use aya_ebpf::macros::cgroup_sock;
use aya_ebpf::programs::SockContext;
use node_agent_common::event::{Kind, established, transport};

use crate::kernel::PAYLOAD_ON;
use crate::maps::socket_state;
use crate::socket::{emit_totals, end_announced, field};

const TCP_CLOSE: u32 = 7;

#[cgroup_sock(sock_release)]
pub fn sock_release(ctx: SockContext) -> i32 {
    // SAFETY: the state is the socket's storage.
    unsafe {
        let state = socket_state(ctx.sock.cast());
        if state.is_null() {
            return 1;
        }
        if (*state).transport != transport::UDP {
            // Where state changes are not seen, an open connection comes here too.
            let failed = field!((*ctx.sock).state) == TCP_CLOSE;
            end_announced(state, if failed { established::NO } else { established::UNKNOWN });
            return 1;
        }
        if (*state).peer_port == 0 {
            return 1;
        }
        let counted = PAYLOAD_ON.load() != 0;
        if counted && (*state).sent_packets | (*state).received_packets == 0 {
            return 1; // Connected, and never used: it was not reported.
        }
        let answered = if !counted {
            established::UNKNOWN
        } else if (*state).received_packets == 0 {
            established::NO
        } else {
            established::YES
        };
        emit_totals(
            Kind::SocketClosed,
            state,
            ((*state).sent, (*state).received),
            ((*state).sent_packets, (*state).received_packets),
            false,
            answered,
        );
    }
    1
}
