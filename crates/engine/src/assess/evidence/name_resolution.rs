//! How the destination was named: looked up before it was contacted, or not.

use super::term_level::{Group, Row, TermLevel};
use crate::assess::circumstances::Circumstances;
use crate::assess::scope::Scope;
use crate::inside::is_private;
use crate::observe::contact::{NameSource, Naming};
use crate::observe::protocol::AppProtocol;

/// What look-up and server name say together; only of destinations outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameResolution {
    /// Contacted without a look-up.
    NoLookup,
    /// The TLS server name is not the name that was looked up.
    SniMismatch,
    /// TLS without a server name, or HTTP without a Host.
    SniMissing,
    /// Looked up, and contacted under that name.
    Consistent,
}

impl TermLevel for NameResolution {
    const ALL: &'static [Self] = &[Self::NoLookup, Self::SniMismatch, Self::SniMissing, Self::Consistent];
    const GROUP: Option<Group> = Some(Group::Address);

    fn decide(about: &Circumstances<'_>) -> Option<Self> {
        if !about.scope.is_outside() {
            return None;
        }
        // On a network nobody looks up the neighbours' private addresses.
        let neighbour =
            about.scope == Scope::Network && about.conversation.destination.address.is_some_and(is_private);
        match about.conversation.naming {
            Naming::NoLookup if neighbour => None,
            Naming::Unknown => None,
            Naming::NoLookup => Some(Self::NoLookup),
            Naming::SniMismatch => Some(Self::SniMismatch),
            Naming::SniMissing => Some(Self::SniMissing),
            Naming::Consistent => Some(Self::Consistent),
        }
    }

    fn row(self) -> Row {
        match self {
            Self::NoLookup => Row::new("no-lookup", 0.30, 0.06).on_network(0.20),
            Self::SniMismatch => Row::new("sni-mismatch", 0.06, 0.01).on_network(0.01),
            Self::SniMissing => Row::new("sni-missing", 0.12, 0.05).on_network(0.02),
            Self::Consistent => Row::new("consistent", 0.52, 0.88).on_network(0.77),
        }
    }

    fn sentence(self, about: &Circumstances<'_>) -> String {
        let (c, to) = (about.conversation, &about.conversation.destination);
        match (self, to.name_source) {
            (Self::NoLookup, Some(NameSource::Sni | NameSource::HttpHost)) => {
                "connects to an address that it did not look up".to_owned()
            }
            (Self::NoLookup, _) => "connects to an IP address without a DNS look-up".to_owned(),
            (Self::SniMismatch, _) => {
                "the TLS server name differs from the name that was looked up".to_owned()
            }
            (Self::SniMissing, _) if c.protocol == AppProtocol::Http => {
                "HTTP without a Host header".to_owned()
            }
            (Self::SniMissing, _) => "TLS without a server name (SNI)".to_owned(),
            (Self::Consistent, _) => match &to.name {
                Some(name) => format!("looked up as {name}"),
                None => "contacted under the name that was looked up".to_owned(),
            },
        }
    }
}
