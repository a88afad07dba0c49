//! Which identities a conversation has: signature, destination, finding.

use std::net::IpAddr;

use crate::assess::finding::FindingKind;
use crate::assess::participant::Participant;
use crate::assess::scope::{Scope, scope_of};
use crate::identity::{self, Class};
use crate::inside::Inside;
use crate::keys::{DestinationKey, FindingId, SignatureKey, WorkloadKey, executable_key, workload_key};
use crate::know::{BaselineEntry, Seen};
use crate::observe::contact::{Destination, Transport};
use crate::track::conversation::Conversation;

/// Port under which questions to a resolver are kept, whatever the resolver's own.
const DNS_PORT: u16 = 53;

/// What a conversation is to those who only know what is known beyond it.
pub(crate) fn sighting(c: &Conversation, participant: &Participant) -> Seen {
    let signature = signature(c, participant);
    Seen {
        at: c.last,
        workload: participant.workload,
        replica: participant.replica,
        signature,
        destination: match c.aggregate {
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
    let endpoint = Endpoint { port, transport: to.transport, inside };
    let class = match c.aggregate {
        Some(_) => Class::Aggregate,
        None => destination_class(to.name.as_deref(), to.address, endpoint),
    };
    let executable = participant.executable.map(|executable| executable.0);
    SignatureKey(identity::signature(participant.workload.0, executable, class))
}

#[derive(Clone, Copy)]
struct Endpoint<'a> {
    port: u16,
    transport: Transport,
    /// What lies inside the actor's cluster; `None`: it is in none.
    inside: Option<&'a Inside>,
}

/// A destination as a baseline knows it: by name; addresses inside the cluster by port, since pods come and
/// go; other addresses by themselves.
fn destination_class<'a>(
    name: Option<&'a str>,
    address: Option<IpAddr>,
    endpoint: Endpoint<'_>,
) -> Class<'a> {
    let Endpoint { port, transport, inside } = endpoint;
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
pub(crate) fn baseline_signatures(
    entry: &BaselineEntry,
    inside: &Inside,
) -> Vec<(WorkloadKey, SignatureKey)> {
    let workload = workload_key(&entry.namespace, &entry.owner);
    let executable =
        Some(&*entry.executable).filter(|path| !path.is_empty()).map(|path| executable_key(path).0);
    let endpoint = Endpoint { port: entry.port, transport: entry.transport, inside: Some(inside) };
    let by_name = entry.names.iter().map(|name| destination_class(Some(name), None, endpoint));
    let by_address = entry.address.map(|_| destination_class(None, entry.address, endpoint));
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
pub(crate) fn finding_id(c: &Conversation, participant: &Participant, kind: FindingKind) -> FindingId {
    let internal = scope_of(c, participant) == Scope::Internal;
    let exact = (!internal).then(|| destination(c).0);
    FindingId(identity::finding(signature(c, participant).0, exact, kind_code(kind)))
}

/// What stands for a kind in the identity of a finding; never used again for another one.
pub(crate) const fn kind_code(kind: FindingKind) -> u8 {
    match kind {
        FindingKind::Beacon => 1,
        FindingKind::Unbalanced => 2,
        FindingKind::DnsBeacon => 3,
        FindingKind::DnsTunnel => 4,
        FindingKind::Irc => 5,
        FindingKind::LongConnection => 6,
        FindingKind::UnexpectedPort => 7,
        FindingKind::FailedRetries => 8,
    }
}
