//! What flows and sockets need besides their own state.

use std::net::SocketAddr;

use super::attribution::Attribution;
use super::originator::FlowSource;
use super::output::SessionOutput;
use super::relay::{self, Relays};
use crate::observe::naming::LookUps;
use crate::observe::protocol::Observation;
use crate::time::Timestamp;

/// What a flow needs to deliver contacts.
pub(super) struct FlowContext<'a> {
    pub(super) look_ups: &'a mut LookUps,
    pub(super) contacts: &'a mut u64,
    pub(super) scratch: &'a mut Vec<Observation>,
    pub(super) out: &'a mut Vec<SessionOutput>,
}

/// What sockets need besides their own table.
pub(super) struct SocketContext<'a> {
    pub(super) attribution: &'a mut Attribution,
    pub(super) relays: &'a mut Relays,
    pub(super) flow: FlowContext<'a>,
}

impl FlowContext<'_> {
    pub(super) fn next_id(&mut self) -> u64 {
        *self.contacts += 1;
        *self.contacts
    }
}

impl SocketContext<'_> {
    /// Who connects or is connected to, in which network namespace; and its share of tables.
    pub(super) fn client(&self, source: &FlowSource, netns: u64) -> (relay::Client, u64) {
        let scope = self.attribution.scope(source);
        let is_proxy = self.attribution.runs(source.pid, |executable| self.relays.is_named(executable));
        let place = if netns == 0 { scope } else { netns };
        let client = relay::Client { place, pid: source.pid, cgroup: source.cgroup, is_proxy };
        // What a node's proxy does in the network of a pod takes no room from others.
        let owner = self.relays.owner(place).filter(|_| is_proxy);
        (client, owner.unwrap_or(scope))
    }

    /// Whether a connection is one that a proxy passes on for another; what is asked for, and of whom connections are
    /// taken, is remembered.
    pub(super) fn relays(
        &mut self,
        now: Timestamp,
        (source, netns): (&FlowSource, u64),
        outbound: bool,
        remote: SocketAddr,
    ) -> bool {
        let (client, scope) = self.client(source, netns);
        if outbound {
            return self.relays.passes_on(now, client, scope, remote);
        }
        if let Some(local) = source.local {
            self.relays.accepted(now, client, scope, (canonical(local), remote));
        }
        false
    }
}

/// An address of IPv4 that was mapped into IPv6 is the address of IPv4.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
