//! `connect4` and `connect6`: a process connects a socket to a peer.
//!
//! A connected UDP socket has sent nothing yet (resolvers connect just to learn their own address), so it is
//! reported with its first datagram, where packets are seen.

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::generated::{bpf_get_netns_cookie, bpf_get_socket_cookie};
use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use node_agent_common::event::{Kind, established, family, transport};
use node_agent_common::map::socket_flags;

use crate::kernel::PAYLOAD_ON;
use crate::maps::socket_state_or_new;
use crate::socket::{emit_socket, end_announced, field, own, put_words, user_address};

#[inline(always)]
unsafe fn connect(ctx: &SockAddrContext, v6: bool) {
    let c = ctx.sock_addr;
    // SAFETY: fields of the context; the state is the socket's storage.
    unsafe {
        let sk = (*c).__bindgen_anon_1.sk;
        if sk.is_null() {
            return;
        }
        let state = socket_state_or_new(sk.cast());
        if state.is_null() {
            return;
        }
        // A connect before this one failed at once, on the same socket.
        end_announced(state, established::NO);
        own(
            state,
            bpf_get_socket_cookie(ctx.as_ptr()),
            bpf_get_netns_cookie(ctx.as_ptr()),
            field!((*c).protocol),
        );
        (*state).flags &= !(socket_flags::LISTENER | socket_flags::ACCEPTED);
        (*state).sent_peeked = 0;
        (*state).received_peeked = 0;
        let words = user_address(c, v6);
        let port = field!((*c).user_port);
        (*state).peer = words;
        (*state).peer_port = port;
        (*state).peer_family = if v6 { family::INET6 } else { family::INET };
        if (*state).transport == transport::UDP && PAYLOAD_ON.load() != 0 {
            (*state).pending = 1;
            return;
        }
        if (*state).transport == transport::TCP {
            (*state).flags |= socket_flags::ANNOUNCED;
        }
        emit_socket(Kind::SocketOpened, state, |record| {
            (*record).family = (*state).peer_family;
            (*record).remote_port = u16::from_be(port as u16);
            put_words(&raw mut (*record).remote, words);
        });
    }
}

#[cgroup_sock_addr(connect4)]
pub fn connect4(ctx: SockAddrContext) -> i32 {
    // SAFETY: see `connect`.
    unsafe { connect(&ctx, false) };
    1
}

#[cgroup_sock_addr(connect6)]
pub fn connect6(ctx: SockAddrContext) -> i32 {
    // SAFETY: see `connect`.
    unsafe { connect(&ctx, true) };
    1
}
