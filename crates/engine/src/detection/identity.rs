//! Which identities a contact and a conversation have: conversation, signature, destination, finding.

use std::net::IpAddr;
use std::sync::Arc;

use crate::assess::detector::dns::DnsPayload;
use crate::assess::finding::FindingKind;
use crate::assess::scope::{Scope, scope_of};
use crate::identity::{self, Class, Id, Peer};
use crate::input::BaselineEntry;
use crate::inside::Inside;
use crate::keys::{
    ConversationKey, DestinationKey, FindingId, SignatureKey, Tenant, WorkloadKey, executable_key,
    workload_key,
};
use crate::know::Seen;
use crate::observe::contact::{Contact, ContactKind, Destination, NameSource, Transport};
use crate::observe::naming::domain::registered;
use crate::participant::Participant;
use crate::track::conversation::Conversation;

/// Port under which questions to a resolver are kept, whatever the resolver's own.
const DNS_PORT: u16 = 53;

/// The conversation that a contact belongs to.
pub(super) fn key_of(contact: &Contact, scope: Id) -> ConversationKey {
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
pub(super) fn key_of_resolver(contact: &Contact, scope: Id) -> ConversationKey {
    ConversationKey(identity::conversation(scope, Peer::Resolver(contact.destination.address)))
}

/// ... when it is new: whole names count, since no part of them is the registered domain.
pub(super) fn begin_unlisted(
    key: ConversationKey,
    tenant: Tenant,
    contact: &Contact,
    lost: u64,
) -> Conversation {
    let mut conversation = Conversation::begin(key, tenant, contact, lost);
    conversation.destination.name = None;
    conversation.destination.name_source = None;
    conversation.dns = Some(Box::new(DnsPayload::of_whole_names()));
    conversation
}

/// A new conversation; questions are kept under their registered domain.
pub(super) fn begin(key: ConversationKey, tenant: Tenant, contact: &Contact, lost: u64) -> Conversation {
    let mut conversation = Conversation::begin(key, tenant, contact, lost);
    if let ContactKind::DnsQuery(question) = &contact.kind {
        conversation.destination.name = Some(Arc::from(registered(&question.name)));
        conversation.destination.name_source = Some(NameSource::Dns);
    }
    conversation
}

/// What a conversation is to those who only know what is known beyond it.
pub(super) fn sighting(c: &Conversation, participant: &Participant) -> Seen {
    let signature = signature(c, participant);
    Seen {
        at: c.last,
        workload: participant.workload,
        replica: participant.replica,
        signature,
        destination: match c.spread {
            // Nobody else's.
            Some(_) => DestinationKey(signature.0),
            None => destination(c),
        },
        certain: participant.in_cluster || participant.executable.is_some(),
    }
}

fn signature(c: &Conversation, participant: &Participant) -> SignatureKey {
    let to = &c.destination;
    let port = if c.dns.is_some() { DNS_PORT } else { to.port };
    let inside = participant.in_cluster.then_some(&*participant.inside);
    let place = Place { port, transport: to.transport, inside };
    let class = match c.spread {
        Some(_) => Class::Aggregate,
        None => destination_class(to.name.as_deref(), to.address, place),
    };
    let executable = participant.executable.map(|executable| executable.0);
    SignatureKey(identity::signature(participant.workload.0, executable, class))
}

#[derive(Clone, Copy)]
struct Place<'a> {
    port: u16,
    transport: Transport,
    /// What lies inside the actor's cluster; `None`: it is in none.
    inside: Option<&'a Inside>,
}

/// A destination as a baseline knows it: by name; addresses inside the cluster by port, since pods come and
/// go; other addresses by themselves.
fn destination_class<'a>(name: Option<&'a str>, address: Option<IpAddr>, place: Place<'_>) -> Class<'a> {
    let Place { port, transport, inside } = place;
    let transport = if port == DNS_PORT { Transport::Udp } else { transport };
    match (name, address) {
        (Some(name), _) => Class::Name(name, port, transport),
        (None, Some(address)) if inside.is_some_and(|inside| inside.holds(address)) => {
            Class::Inside(port, transport)
        }
        (None, address) => Class::Address(address, port, transport),
    }
}

/// The signatures of a baseline entry: under each of its names, and under its address.
pub(super) fn baseline_signatures(
    entry: &BaselineEntry,
    inside: &Inside,
) -> Vec<(WorkloadKey, SignatureKey)> {
    let workload = workload_key(&entry.namespace, &entry.owner);
    let executable =
        Some(&*entry.executable).filter(|path| !path.is_empty()).map(|path| executable_key(path).0);
    let place = Place { port: entry.port, transport: entry.transport, inside: Some(inside) };
    let by_name = entry.names.iter().map(|name| destination_class(Some(name), None, place));
    let by_address = entry.address.map(|_| destination_class(None, entry.address, place));
    by_name
        .chain(by_address)
        .map(|class| (workload, SignatureKey(identity::signature(workload.0, executable, class))))
        .collect()
}

fn destination(c: &Conversation) -> DestinationKey {
    let Destination { name, address, .. } = &c.destination;
    DestinationKey(identity::destination(c.dns.is_some(), name.as_deref(), *address))
}

/// Identity of a finding: the same for every replica, after a restart, and in every version.
pub(super) fn finding_id(c: &Conversation, participant: &Participant, kind: FindingKind) -> FindingId {
    let internal = scope_of(c, participant) == Scope::Internal;
    let exact = (!internal).then(|| destination(c).0);
    FindingId(identity::finding(signature(c, participant).0, exact, kind))
}
