//! Keys: of conversations, of signatures for the baseline, of destinations, of findings.

use std::net::IpAddr;
use std::sync::Arc;

use crate::collections::hash_of;
use crate::contact::{Contact, ContactKind, Destination, NameSource, Transport};
use crate::conversation::{Conversation, ConversationKey, Originator};
use crate::detector::dns::{DnsPayload, registered_domain};
use crate::evidence::scope_of;
use crate::finding::{FindingId, FindingKind};
use crate::input::BaselineEntry;
use crate::inside::Inside;
use crate::participant::{Participant, WorkloadKey, path_hash, workload_key};
use crate::population::{Sighting, SignatureKey};

/// Port under which questions to a resolver are kept, whatever the resolver's own.
const DNS_PORT: u16 = 53;

/// The conversation that a contact belongs to.
pub(super) fn key_of(contact: &Contact, scope: u64) -> ConversationKey {
    let to = &contact.destination;
    ConversationKey(match &contact.kind {
        ContactKind::DnsQuery(question) => hash_of(&(scope, 1_u8, registered_domain(&question.name))),
        ContactKind::Connect { .. } | ContactKind::Burst => match (&to.name, to.address) {
            (Some(name), _) => hash_of(&(scope, 2_u8, &**name, to.port, to.transport)),
            (None, address) => hash_of(&(scope, 3_u8, address, to.port, to.transport)),
        },
    })
}

/// The conversation that counts an actor's questions for domains under no public suffix.
pub(super) fn key_of_resolver(contact: &Contact, scope: u64) -> ConversationKey {
    ConversationKey(hash_of(&(scope, 4_u8, contact.destination.address)))
}

/// ... when it is new: whole names count, since no part of them is the registered domain.
pub(super) fn begin_unlisted(
    key: ConversationKey,
    originator: Originator,
    contact: &Contact,
    lost: u64,
) -> Conversation {
    let mut conversation = Conversation::begin(key, originator, contact, lost);
    conversation.destination.name = None;
    conversation.destination.name_source = None;
    conversation.dns = Some(Box::new(DnsPayload::of_whole_names()));
    conversation
}

/// The aggregate of an executable.
pub(super) fn key_of_aggregate(scope: u64) -> ConversationKey {
    ConversationKey(hash_of(&(scope, 5_u8)))
}

/// A new conversation; questions are kept under their registered domain.
pub(super) fn begin(
    key: ConversationKey,
    originator: Originator,
    contact: &Contact,
    lost: u64,
) -> Conversation {
    let mut conversation = Conversation::begin(key, originator, contact, lost);
    if let ContactKind::DnsQuery(question) = &contact.kind {
        conversation.destination.name = Some(Arc::from(registered_domain(&question.name)));
        conversation.destination.name_source = Some(NameSource::Dns);
    }
    conversation
}

/// What a conversation is to the population.
pub(super) fn sighting(c: &Conversation, participant: &Participant) -> Sighting {
    Sighting {
        at: c.last,
        workload: participant.workload,
        replica: participant.replica,
        signature: signature(c, participant),
        destination: match c.spread {
            Some(_) => hash_of(&(participant.workload, c.key)),
            None => destination_hash(&c.destination, c.dns.is_some()),
        },
        certain: participant.in_cluster || participant.executable != 0,
    }
}

fn signature(c: &Conversation, participant: &Participant) -> SignatureKey {
    if c.spread.is_some() {
        return SignatureKey(hash_of(&(participant.workload, participant.executable, "aggregate")));
    }
    let dns = c.dns.is_some();
    let to = &c.destination;
    let port = if dns { DNS_PORT } else { to.port };
    let inside = participant.in_cluster.then_some(&*participant.inside);
    let place = Place { port, transport: to.transport, inside };
    let class = destination_class(to.name.as_deref(), to.address, place);
    SignatureKey(hash_of(&(participant.workload, participant.executable, class)))
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
fn destination_class(name: Option<&str>, address: Option<IpAddr>, place: Place<'_>) -> u64 {
    let Place { port, transport, inside } = place;
    let transport = if port == DNS_PORT { Transport::Udp } else { transport };
    match (name, address) {
        (Some(name), _) => hash_of(&(1_u8, name, port, transport)),
        (None, Some(address)) if inside.is_some_and(|inside| inside.holds(address)) => {
            hash_of(&(2_u8, port, transport))
        }
        (None, address) => hash_of(&(3_u8, address, port, transport)),
    }
}

/// The signatures of a baseline entry: under each of its names, and under its address.
pub(super) fn baseline_signatures(
    entry: &BaselineEntry,
    inside: &Inside,
) -> Vec<(WorkloadKey, SignatureKey)> {
    let workload = workload_key(&entry.namespace, &entry.owner);
    let executable = path_hash(&entry.executable);
    let place = Place { port: entry.port, transport: entry.transport, inside: Some(inside) };
    let by_name = entry.names.iter().map(|name| destination_class(Some(name), None, place));
    let by_address = entry.address.map(|_| destination_class(None, entry.address, place));
    by_name
        .chain(by_address)
        .map(|class| (workload, SignatureKey(hash_of(&(workload, executable, class)))))
        .collect()
}

fn destination_hash(to: &Destination, dns: bool) -> u64 {
    match (&to.name, to.address) {
        (Some(name), _) => hash_of(&(dns, &**name)),
        (None, address) => hash_of(&(dns, address)),
    }
}

/// Identity of a finding: the same for every replica and after a restart.
pub(super) fn finding_id(c: &Conversation, participant: &Participant, kind: FindingKind) -> FindingId {
    let scope = scope_of(c, participant);
    let exact = destination_hash(&c.destination, c.dns.is_some());
    let class = if scope == crate::evidence::Scope::Internal { 0 } else { exact };
    let signature = signature(c, participant);
    FindingId(hash_of(&(signature, class, kind)))
}
