//! Where a destination lies: inside the cluster, or outside.

use super::table::Scope;
use crate::observe::contact::{Destination, NameSource};
use crate::participant::Participant;
use crate::track::conversation::Conversation;

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
