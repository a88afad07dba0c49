//! How the domain types are saved.

use core::net::IpAddr;
use std::sync::Arc;

use super::{Reader, Saved, Writer, saved, saved_enum};
use crate::actor::{Actor, ActorKey, ExecutableOrigin, FileId, Process};
use crate::contact::{Bytes, Destination, NameSource, Naming, Transport};
use crate::conversation::{ConversationKey, Originator};
use crate::finding::FindingId;
use crate::identity::{Id, Secret};
use crate::participant::{ReplicaKey, WorkloadKey};
use crate::population::{DestinationKey, SignatureKey};
use crate::protocol::AppProtocol;
use crate::time::Timestamp;

saved!(Bytes { sent, received });
saved!(FileId { device, inode });
saved!(Actor { container, pod_uid, address, process, cgroup });
saved!(Process {
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
saved!(Destination { address, port, transport, name, name_source });

saved_enum!(Transport { Tcp = 0, Udp = 1, Other = 2 });
saved_enum!(NameSource { Dns = 0, Sni = 1, HttpHost = 2, Proxy = 3 });
saved_enum!(Naming { Unknown = 0, Consistent = 1, NoLookup = 2, SniMismatch = 3, SniMissing = 4 });
saved_enum!(ExecutableOrigin { Unknown = 0, Image = 1, Drift = 2, Writable = 3, Deleted = 4, Memfd = 5 });
saved_enum!(AppProtocol {
    Unknown = 0, Tls = 1, Dtls = 2, Http = 3, Http2 = 4, Dns = 5, Dot = 6, Doh = 7, Irc = 8, Ssh = 9, Smtp = 10,
    Quic = 11, Ntp = 12, Grpc = 13, Socks = 14, Text = 15,
});

impl Saved for Id {
    fn save(&self, out: &mut Writer) {
        self.to_bytes().save(out);
    }

    fn load(from: &mut Reader<'_>) -> Option<Self> {
        <[u8; 16]>::load(from).map(Self::from_bytes)
    }
}

impl Saved for Secret {
    fn save(&self, out: &mut Writer) {
        self.0.save(out);
    }

    fn load(from: &mut Reader<'_>) -> Option<Self> {
        Saved::load(from).map(Self)
    }
}

/// Saves an identity that is wrapped in a type.
macro_rules! saved_key {
    ($($name:ident),+) => {
        $(impl Saved for $name {
            fn save(&self, out: &mut Writer) {
                self.0.save(out);
            }

            fn load(from: &mut Reader<'_>) -> Option<Self> {
                Id::load(from).map(Self)
            }
        })+
    };
}
saved_key!(
    FindingId,
    ActorKey,
    ConversationKey,
    Originator,
    WorkloadKey,
    ReplicaKey,
    SignatureKey,
    DestinationKey
);

impl Saved for Timestamp {
    fn save(&self, out: &mut Writer) {
        self.as_nanos().save(out);
    }

    fn load(from: &mut Reader<'_>) -> Option<Self> {
        u64::load(from).map(Self::from_nanos)
    }
}

impl Saved for IpAddr {
    fn save(&self, out: &mut Writer) {
        match self {
            Self::V4(v4) => (4_u8, v4.octets()).save(out),
            Self::V6(v6) => (6_u8, v6.octets()).save(out),
        }
    }

    fn load(from: &mut Reader<'_>) -> Option<Self> {
        match u8::load(from)? {
            4 => <[u8; 4]>::load(from).map(Self::from),
            6 => <[u8; 16]>::load(from).map(Self::from),
            _ => None,
        }
    }
}

impl Saved for Arc<Actor> {
    fn save(&self, out: &mut Writer) {
        (**self).save(out);
    }

    fn load(from: &mut Reader<'_>) -> Option<Self> {
        Actor::load(from).map(Self::new)
    }
}

impl Saved for Arc<[Box<str>]> {
    fn save(&self, out: &mut Writer) {
        super::save_all(self.len(), self.iter(), out);
    }

    fn load(from: &mut Reader<'_>) -> Option<Self> {
        Vec::load(from).map(Self::from)
    }
}
