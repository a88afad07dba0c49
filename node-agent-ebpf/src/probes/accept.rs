//! Accepted TCP sockets: there is no hook of its own; the state change to ESTABLISHED tells it.

use node_agent_common::event::Kind;
use node_agent_common::map::SocketState;

use crate::socket::{emit_socket, fill_ends};

/// Emits an accepted socket, with the process that listens as its owner.
#[inline(always)]
pub(crate) unsafe fn emit_accepted(state: *const SocketState, sk: u64) {
    // SAFETY: the state is the socket's storage; the ends are probe reads.
    unsafe { emit_socket(Kind::SocketOpened, state, |record| fill_ends(record, sk)) };
}
