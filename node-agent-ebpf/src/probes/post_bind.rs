//! `post_bind4` and `post_bind6`: a socket got its own port. UDP is reported here; TCP when it listens.

use aya_ebpf::helpers::generated::{bpf_get_netns_cookie, bpf_get_socket_cookie};
use aya_ebpf::macros::cgroup_sock;
use aya_ebpf::programs::SockContext;
use node_agent_common::event::{Kind, family, transport};

use crate::maps::socket_state_or_new;
use crate::socket::{emit_socket, field, own, put_words};

#[inline(always)]
unsafe fn post_bind(ctx: &SockContext, v6: bool) {
    let sk = ctx.sock;
    // SAFETY: fields of `bpf_sock`; the state is the socket's storage.
    unsafe {
        let protocol = field!((*sk).protocol);
        if protocol != u32::from(transport::TCP) && protocol != u32::from(transport::UDP) {
            return;
        }
        let state = socket_state_or_new(sk.cast());
        if state.is_null() {
            return;
        }
        own(state, bpf_get_socket_cookie(sk.cast()), bpf_get_netns_cookie(sk.cast()), protocol);
        if protocol != u32::from(transport::UDP) {
            return;
        }
        emit_socket(Kind::SocketListening, state, |record| {
            (*record).local_port = field!((*sk).src_port) as u16;
            if v6 {
                (*record).family = family::INET6;
                let words = [
                    field!((*sk).src_ip6[0]),
                    field!((*sk).src_ip6[1]),
                    field!((*sk).src_ip6[2]),
                    field!((*sk).src_ip6[3]),
                ];
                put_words(&raw mut (*record).local, words);
            } else {
                (*record).family = family::INET;
                put_words(&raw mut (*record).local, [field!((*sk).src_ip4), 0, 0, 0]);
            }
        });
    }
}

#[cgroup_sock(post_bind4)]
pub fn post_bind4(ctx: SockContext) -> i32 {
    // SAFETY: see `post_bind`.
    unsafe { post_bind(&ctx, false) };
    1
}

#[cgroup_sock(post_bind6)]
pub fn post_bind6(ctx: SockContext) -> i32 {
    // SAFETY: see `post_bind`.
    unsafe { post_bind(&ctx, true) };
    1
}
