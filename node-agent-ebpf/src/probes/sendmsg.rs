//! `sendmsg4` and `sendmsg6`: a datagram to a named peer. Reported when the peer or the sender changes.

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::generated::{bpf_get_current_pid_tgid, bpf_get_netns_cookie, bpf_get_socket_cookie};
use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use node_agent_common::event::{Kind, family};

use crate::maps::socket_state_or_new;
use crate::socket::{emit_socket, field, own, put_words, user_address};

#[inline(always)]
unsafe fn sendmsg(ctx: &SockAddrContext, v6: bool) {
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
        let port = field!((*c).user_port);
        let words = user_address(c, v6);
        if (*state).peer_port == port
            && (*state).peer[0] == words[0]
            && (*state).peer[1] == words[1]
            && (*state).peer[2] == words[2]
            && (*state).peer[3] == words[3]
            && (*state).pid == (bpf_get_current_pid_tgid() >> 32) as u32
        {
            return;
        }
        own(
            state,
            bpf_get_socket_cookie(ctx.as_ptr()),
            bpf_get_netns_cookie(ctx.as_ptr()),
            field!((*c).protocol),
        );
        (*state).peer = words;
        (*state).peer_port = port;
        (*state).peer_family = if v6 { family::INET6 } else { family::INET };
        (*state).pending = 0;
        // Another conversation: its first datagrams are of interest again.
        (*state).sent_peeked = 0;
        (*state).received_peeked = 0;
        emit_socket(Kind::SocketOpened, state, |record| {
            (*record).family = (*state).peer_family;
            (*record).remote_port = u16::from_be(port as u16);
            (*record).accepted = (*state).server;
            put_words(&raw mut (*record).remote, words);
        });
    }
}

#[cgroup_sock_addr(sendmsg4)]
pub fn sendmsg4(ctx: SockAddrContext) -> i32 {
    // SAFETY: see `sendmsg`.
    unsafe { sendmsg(&ctx, false) };
    1
}

#[cgroup_sock_addr(sendmsg6)]
pub fn sendmsg6(ctx: SockAddrContext) -> i32 {
    // SAFETY: see `sendmsg`.
    unsafe { sendmsg(&ctx, true) };
    1
}
