//! Keys of conversations, made before contacts need them (docs/decisions/33-looking-ahead.md).

use std::net::IpAddr;
use std::sync::Arc;

use crate::identity::Id;
use crate::keys::ConversationKey;
use crate::observe::contact::{Contact, ContactKind, Transport};
use crate::track::begin::key_of;

/// Keys of the contacts that were looked at, so that none is made twice.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    keys: Vec<(Peer, ConversationKey)>,
    /// Number of contacts that have come since.
    next: usize,
}

/// Everything that the key of a connection is made of.
#[derive(Debug, PartialEq, Eq)]
struct Peer {
    scope: Id,
    address: Option<IpAddr>,
    name: Option<Arc<str>>,
    port: u16,
    transport: Transport,
}

impl Ahead {
    /// Forgets the keys, before other contacts are looked at.
    pub(crate) fn start_over(&mut self) {
        self.next = 0;
        self.keys.clear();
    }

    /// Makes and keeps the key of a contact.
    pub(crate) fn look_at(&mut self, contact: &Contact, scope: Id) -> ConversationKey {
        let key = key_of(contact, scope);
        self.keys.extend(Peer::of(contact, scope).map(|peer| (peer, key)));
        key
    }

    /// The key of a contact: a kept one if there is one.
    #[inline]
    pub(crate) fn key_of(&mut self, contact: &Contact, scope: Id) -> ConversationKey {
        let rest = self.keys.get(self.next..).unwrap_or_default();
        let found = rest.iter().enumerate().find(|(_, (peer, _))| peer.is(contact, scope));
        let Some((place, (_, key))) = found else { return key_of(contact, scope) };
        self.next += place + 1;
        *key
    }
}

impl Peer {
    fn of(contact: &Contact, scope: Id) -> Option<Self> {
        if matches!(contact.kind, ContactKind::DnsQuery(_)) {
            return None;
        }
        let to = &contact.destination;
        Some(Self {
            scope,
            address: to.address,
            name: to.name.clone(),
            port: to.port,
            transport: to.transport,
        })
    }

    #[inline]
    fn is(&self, contact: &Contact, scope: Id) -> bool {
        let to = &contact.destination;
        !matches!(contact.kind, ContactKind::DnsQuery(_))
            && (self.scope, self.port, self.transport, self.address)
                == (scope, to.port, to.transport, to.address)
            && self.name == to.name
    }
}
