//! Where a conversation goes: inside the cluster, or outside.

use crate::assess::participant::Participant;
use crate::observe::contact::{Destination, NameSource};
use crate::track::conversation::Conversation;

/// Where a conversation goes; what is usual differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Out of the cluster.
    External,
    /// Inside the cluster.
    Internal,
    /// Questions to a resolver.
    Dns,
    /// From a host that is only an address, in traffic recorded on a network: no cluster, no process.
    Network,
}

impl Scope {
    /// The number by which it is counted.
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::External => 0,
            Self::Internal => 1,
            Self::Dns => 2,
            Self::Network => 3,
        }
    }

    /// To the destination of a connection outside the cluster, or the host.
    pub(crate) const fn is_outside(self) -> bool {
        match self {
            Self::External | Self::Network => true,
            Self::Internal | Self::Dns => false,
        }
    }
}

/// Out of the cluster, or inside? Where no cluster is known, private addresses may be anybody's.
pub(crate) fn scope_of(c: &Conversation, participant: &Participant) -> Scope {
    if c.dns.is_some() {
        Scope::Dns
    } else if participant.in_cluster && is_inside(&c.destination, participant) {
        Scope::Internal
    } else if participant.in_cluster || c.actor.process.is_some() {
        Scope::External
    } else {
        Scope::Network
    }
}

/// The destination lies outside the cluster, or the host.
pub(crate) fn is_external(destination: &Destination, participant: &Participant) -> bool {
    !(participant.in_cluster && is_inside(destination, participant))
}

fn is_inside(destination: &Destination, participant: &Participant) -> bool {
    if destination.name_source == Some(NameSource::Proxy) {
        return false;
    }
    match (&destination.name, destination.address) {
        (_, Some(address)) => participant.inside.holds(address),
        (Some(name), None) => name.ends_with(".local") || !name.contains('.'),
        (None, None) => false,
    }
}
