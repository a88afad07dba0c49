//! How inputs are written in a recording: every variant and field of the engine's own types, by number and in order.
//!
//! A change here is a new version of the format ([`super::VERSION`]).

use std::sync::Arc;

use beaconwatch_engine::actor::{Actor, ActorKey, ExecutableOrigin, FileId, Owner, Pod, Process};
use beaconwatch_engine::contact::{
    Bytes, Contact, ContactEnd, ContactKind, Destination, DnsQuestion, NameSource, Naming, Transport,
};
use beaconwatch_engine::identity::{Id, Secret};
use beaconwatch_engine::input::{
    BaselineEntry, Direction, Event, Input, LossPlace, Payload, ProcessStarted, SocketId, SocketOpened,
    WorkloadChange,
};
use beaconwatch_engine::inside::Network;
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::protocol::AppProtocol;
use beaconwatch_engine::reputation::{Entry, ReputationList};

use super::wire::{Cursor, Wire, choices, fields};

choices!(Input {
    0 => Event(event),
    1 => Contact(contact),
    2 => ContactEnd(end),
    3 => Workload(change),
    4 => Digest { file, sha256 },
    5 => Policies(policies),
    6 => Baseline(entry),
    7 => Reputation(list),
    8 => Lost { place, count },
    9 => Networks(networks),
    10 => Secret(secret),
});

choices!(Event {
    0 => CgroupCreated { cgroup, path },
    1 => CgroupRemoved { cgroup },
    2 => ProcessStarted(started),
    3 => ProcessForked { pid, start_ns, parent_pid, cgroup },
    4 => ProcessExited { pid },
    5 => SocketOpened(opened),
    6 => Payload(payload),
    7 => SocketBurst { socket, bytes },
    8 => SocketClosed { socket, bytes, packets, provisional, established },
    9 => SocketListening { cgroup, pid, local, transport },
});

fields!(ProcessStarted {
    pid,
    start_ns,
    parent_pid,
    cgroup,
    executable,
    filename,
    file,
    links,
    changed,
    args,
    uid,
    login_uid,
    snapshot,
});

fields!(SocketOpened { socket, cgroup, pid, uid, netns, transport, local, remote, outbound, snapshot });

fields!(Payload { socket, cgroup, direction, transport, ports, remote, bytes, wire_len, gap_before });

choices!(Direction { 0 => Sent, 1 => Received });
choices!(Transport { 0 => Tcp, 1 => Udp, 2 => Other });
fields!(FileId { device, inode });
fields!(Bytes { sent, received });

choices!(LossPlace {
    0 => IdentityRing, 1 => FlowRing, 2 => PayloadRing, 3 => Decode, 4 => InputQueue, 5 => Capture,
});

choices!(WorkloadChange { 0 => Applied(pod), 1 => Deleted { uid } });

fields!(Pod {
    uid,
    name,
    namespace,
    labels,
    namespace_labels,
    node,
    owner,
    replicas,
    started,
    addresses,
    host_network,
    containers,
});

fields!(Owner { kind, name });
fields!(BaselineEntry { namespace, owner, executable, names, address, port, transport });

fields!(Contact {
    id,
    start,
    actor,
    actor_key,
    destination,
    kind,
    protocol,
    naming,
    sni,
    ja4,
    ja4_odd,
    user_agent,
    bytes,
    duration,
});

fields!(ContactEnd { id, bytes, duration, established, provisional });
fields!(Actor { container, pod_uid, address, process, cgroup });

fields!(Process {
    pid,
    start_ns,
    parent_pid,
    executable,
    file,
    digest,
    origin,
    args,
    uid,
    login_uid,
    lineage,
    exec_session,
});

choices!(ExecutableOrigin {
    0 => Unknown, 1 => Image, 2 => Drift, 3 => Writable, 4 => Deleted, 5 => Memfd,
});

fields!(Destination { address, port, transport, name, name_source });
choices!(NameSource { 0 => Dns, 1 => Sni, 2 => HttpHost, 3 => Proxy });
choices!(Naming { 0 => Unknown, 1 => Consistent, 2 => NoLookup, 3 => SniMismatch, 4 => SniMissing });
choices!(ContactKind { 0 => Connect { established }, 1 => Burst, 2 => DnsQuery(question) });
fields!(DnsQuestion { name, rr_type, rcode });

choices!(AppProtocol {
    0 => Unknown, 1 => Tls, 2 => Dtls, 3 => Http, 4 => Http2, 5 => Dns, 6 => Dot, 7 => Doh, 8 => Irc, 9 => Ssh,
    10 => Smtp, 11 => Quic, 12 => Ntp, 13 => Grpc, 14 => Socks, 15 => Text,
});

impl Wire for SocketId {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        u64::take(from).map(Self)
    }
}

/// Not written, but its place is kept: it follows from the actor ([`with_actor_key`]).
impl Wire for ActorKey {
    fn put(&self, out: &mut Vec<u8>) {
        0_u64.put(out);
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        u64::take(from).map(|_| Self(Id::default()))
    }
}

/// An input that was read, with the key of its actor.
pub(super) fn with_actor_key(mut input: Input) -> Input {
    if let Input::Contact(contact) = &mut input {
        contact.actor_key = contact.actor.key();
    }
    input
}

impl Wire for Secret {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        Some(Self(from.slice(16)?.try_into().ok()?))
    }
}

impl Wire for Network {
    fn put(&self, out: &mut Vec<u8>) {
        self.parts().put(out);
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        let (address, length) = Wire::take(from)?;
        Self::of(address, length)
    }
}

/// Entry by entry, each with its list: the tables of the engine are built anew.
impl Wire for ReputationList {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        for (list, entry) in self.entries() {
            list.put(out);
            match entry {
                Entry::Domain(domain) => {
                    out.push(0);
                    Box::<str>::from(domain).put(out);
                }
                Entry::Network(network, length) => {
                    out.push(1);
                    (network, length).put(out);
                }
            }
        }
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        let mut lists = Self::default();
        for _ in 0..usize::take(from)? {
            let list = Arc::<str>::take(from)?;
            match from.byte()? {
                0 => lists.add_domain(&list, &Box::<str>::take(from)?),
                1 => {
                    let (network, length) = Wire::take(from)?;
                    lists.add_network(&list, network, length);
                }
                _ => return None,
            }
        }
        Some(lists)
    }
}

fields!(Limits {
    conversations_max,
    conversations_per_workload_max,
    conversation_idle,
    conversation_idle_max,
    sockets_max,
    loopback_contacts,
    processes_max,
    process_linger,
    cgroups_max,
    cgroup_linger,
    pods_max,
    names_per_workload_max,
    names_max,
    signatures_max,
    signatures_per_workload_max,
    findings_open_max,
    finding_check_ins_max,
    finding_idle,
    input_has_end,
    outputs_max,
});
