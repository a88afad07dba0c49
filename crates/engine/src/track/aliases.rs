//! Names and addresses of conversations; kept only if conversations will be looked up by them.
//!
//! A conversation itself holds one name and one address. A user who asks why it is no finding may know it by another: a
//! load balancer's second address, the server name of one hello, a name below a registered domain.

use core::net::IpAddr;
use std::sync::Arc;

use crate::bounded::BoundedMap;
use crate::counters::Usage;
use crate::keys::ConversationKey;
use crate::observe::contact::{Contact, ContactKind};

/// Names and addresses of one conversation.
const ALIASES_PER_CONVERSATION_MAX: usize = 256;

/// A name or an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alias {
    /// A name that was asked for, or that stood in a hello.
    Name(Arc<str>),
    /// An address.
    Address(IpAddr),
}

/// Aliases of all conversations.
#[derive(Debug)]
pub(crate) struct Aliases {
    by_key: BoundedMap<ConversationKey, Vec<Alias>>,
    /// Those of all conversations together, and how many there may be.
    held: usize,
    max: usize,
    refused: u64,
}

impl Aliases {
    /// At most this many in all.
    pub(crate) fn with_max(aliases_max: usize) -> Self {
        Self { by_key: BoundedMap::with_max(aliases_max), held: 0, max: aliases_max, refused: 0 }
    }

    /// A contact of a conversation.
    pub(crate) fn see(&mut self, key: ConversationKey, contact: &Contact) {
        let question = match &contact.kind {
            ContactKind::DnsQuery(question) => Some(&question.name),
            ContactKind::Connect { .. } | ContactKind::Burst => None,
        };
        // The address of a question is the resolver's, not that of the name.
        let address = contact.destination.address.filter(|_| question.is_none()).map(Alias::Address);
        let names = [contact.destination.name.as_ref(), contact.sni.as_ref(), question];
        let names = names.into_iter().flatten().map(|name| Alias::Name(Arc::clone(name)));
        let Some(known) = self.by_key.get_or_insert_with(key, Vec::new) else { return };
        for alias in names.chain(address) {
            if known.contains(&alias) {
                continue;
            }
            if self.held < self.max && known.len() < ALIASES_PER_CONVERSATION_MAX {
                known.push(alias);
                self.held += 1;
            } else {
                self.refused += 1;
            }
        }
    }

    /// Names and addresses, not conversations: of one without a place each contact counts once.
    pub(crate) fn usage(&self) -> Usage {
        let Usage { held: _, evicted, refused } = self.by_key.usage();
        Usage { held: self.held as u64, evicted, refused: refused + self.refused }
    }

    /// Those of one conversation, in the order in which they were seen.
    pub(crate) fn of(&self, key: ConversationKey) -> &[Alias] {
        self.by_key.get(&key).map_or(&[], Vec::as_slice)
    }
}
