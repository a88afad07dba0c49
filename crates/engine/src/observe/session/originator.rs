//! The originator of a flow, and what a record says about it.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::actor::{Actor, ActorKey};
use crate::observe::naming::Client;

/// The originator of a flow.
#[derive(Clone, Debug)]
pub(super) struct Originator {
    pub(super) actor: Arc<Actor>,
    pub(super) key: ActorKey,
    /// Whose look-ups name its destinations.
    pub(super) client: Client,
    /// Process and cgroup are known; otherwise it is worth asking again later.
    pub(super) complete: bool,
}

/// What a record says about where a flow comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct FlowSource {
    pub(super) pid: u32,
    pub(super) cgroup: u64,
    pub(super) uid: Option<u32>,
    pub(super) local: Option<SocketAddr>,
}
