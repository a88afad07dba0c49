//! Where a destination lies: inside the cluster, or outside.

use core::net::IpAddr;

use super::table::Scope;
use crate::contact::{Destination, NameSource};
use crate::conversation::Conversation;
use crate::participant::Participant;

/// Out of the cluster, or inside? Where no cluster is known, private addresses may be anybody's.
pub(crate) fn scope_of(c: &Conversation, participant: &Participant) -> Scope {
    if c.dns.is_some() {
        Scope::Dns
    } else if participant.in_cluster && is_inside(&c.destination) {
        Scope::Internal
    } else if participant.in_cluster || c.actor.process.is_some() {
        Scope::External
    } else {
        Scope::Network
    }
}

/// The destination lies outside the cluster, or the host.
pub(crate) fn is_external(destination: &Destination, participant: &Participant) -> bool {
    !(participant.in_cluster && is_inside(destination))
}

fn is_inside(destination: &Destination) -> bool {
    if destination.name_source == Some(NameSource::Proxy) {
        return false;
    }
    match (&destination.name, destination.address) {
        (_, Some(address)) => is_private(address),
        (Some(name), None) => name.ends_with(".local") || !name.contains('.'),
        (None, None) => false,
    }
}

/// An address that nobody on the Internet answers for.
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => {
            v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local()
        }
    }
}
