//! Asking for the memory of conversations before contacts need it (docs/decisions/33-looking-ahead.md).

use std::net::IpAddr;
use std::sync::Arc;

use super::Detection;
use super::identity::key_of;
use crate::engine::LOOK_AHEAD;
use crate::identity::Id;
use crate::keys::ConversationKey;
use crate::observe::contact::{Contact, ContactKind, Transport};

/// Keys of the contacts that were looked at, so that none is made twice.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    keys: Vec<(Peer, ConversationKey)>,
    /// Contacts before this one have come.
    next: usize,
}

/// All that a key is made of, for connections.
#[derive(Debug, PartialEq, Eq)]
struct Peer {
    scope: Id,
    address: Option<IpAddr>,
    name: Option<Arc<str>>,
    port: u16,
    transport: Transport,
}

impl Ahead {
    /// The key of a contact, from what was looked at if it is there.
    #[inline]
    pub(super) fn key_of(&mut self, contact: &Contact, scope: Id) -> ConversationKey {
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

impl Detection {
    /// Reads a word of each line of memory that these contacts, at most [`LOOK_AHEAD`], will need. One thing is looked
    /// up for all of them before the next, so that the processor waits for all at once.
    pub fn look_ahead<'c>(&mut self, contacts: impl Iterator<Item = &'c Contact>) {
        self.ahead.next = 0;
        self.ahead.keys.clear();
        let mut wanted = [None; LOOK_AHEAD];
        for (wanted, contact) in wanted.iter_mut().zip(contacts) {
            let Some(participant) = self.participants.known(contact.actor_key) else { continue };
            let key = key_of(contact, participant.scope);
            self.ahead.keys.extend(Peer::of(contact, participant.scope).map(|peer| (peer, key)));
            *wanted = Some((key, contact.start));
        }
        let slots =
            wanted.map(|wanted| wanted.and_then(|(key, start)| Some((self.table.slot_of(key)?, start))));
        let found =
            || slots.iter().flatten().filter_map(|(slot, start)| Some((self.table.get(*slot)?, *start)));
        core::hint::black_box(found().fold(0, |all, (conversation, _)| all ^ conversation.fetch()));
        core::hint::black_box(found().fold(0, |all, (c, start)| all ^ c.fetch_rest(start)));
    }
}
