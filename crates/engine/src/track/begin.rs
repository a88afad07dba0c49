//! The key of a contact's conversation, and new conversations.

use std::sync::Arc;

use crate::identity::{self, Id, Peer};
use crate::keys::{ConversationKey, Tenant};
use crate::observe::contact::{Contact, ContactKind, NameSource};
use crate::observe::naming::domain::registered;
use crate::track::conversation::Conversation;
use crate::track::dns_volume::DnsVolume;

/// The conversation that a contact belongs to.
pub(crate) fn key_of(contact: &Contact, scope: Id) -> ConversationKey {
    let to = &contact.destination;
    let peer = match &contact.kind {
        ContactKind::DnsQuery(question) => Peer::Domain(registered(&question.name)),
        ContactKind::Connect { .. } | ContactKind::Burst => match &to.name {
            Some(name) => Peer::Name(name, to.port, to.transport),
            None => Peer::Address(to.address, to.port, to.transport),
        },
    };
    ConversationKey(identity::conversation(scope, peer))
}

/// The conversation that counts an actor's questions for domains under no public suffix.
pub(crate) fn key_of_resolver(contact: &Contact, scope: Id) -> ConversationKey {
    ConversationKey(identity::conversation(scope, Peer::Resolver(contact.destination.address)))
}

/// A new conversation of that kind: whole names count, since no part of them is a registered domain.
pub(crate) fn begin_unlisted(
    key: ConversationKey,
    tenant: Tenant,
    contact: &Contact,
    lost: u64,
) -> Conversation {
    let mut conversation = Conversation::begin(key, tenant, contact, lost);
    conversation.destination.name = None;
    conversation.destination.name_source = None;
    conversation.dns = Some(Box::new(DnsVolume::of_whole_names()));
    conversation
}

/// A new conversation; questions are kept under their registered domain.
pub(crate) fn begin(key: ConversationKey, tenant: Tenant, contact: &Contact, lost: u64) -> Conversation {
    let mut conversation = Conversation::begin(key, tenant, contact, lost);
    if let ContactKind::DnsQuery(question) = &contact.kind {
        conversation.destination.name = Some(Arc::from(registered(&question.name)));
        conversation.destination.name_source = Some(NameSource::Dns);
    }
    conversation
}
