//! Everything that can change a verdict: one closed enum. Live, pcap, logs and recordings are ways to make it.

use std::sync::Arc;

use crate::actor::FileId;
use crate::assess::policy::PolicySet;
use crate::assess::reputation::ReputationList;
use crate::codec::choices;
use crate::identity::Secret;
use crate::inside::Network;
pub use crate::know::BaselineEntry;
use crate::observe::contact::{Contact, ContactEnd};
pub use crate::observe::event::{Direction, Event, Payload, ProcessStarted, SocketId, SocketOpened};
pub use crate::observe::workload::WorkloadChange;

/// One input. It is handed to the engine with its time; see [`crate::engine::Engine::handle`].
#[derive(Clone, Debug)]
pub enum Input {
    /// A fact from the kernel or from a packet.
    Event(Event),
    /// An imported row: a contact that somebody else has already understood.
    Contact(Box<Contact>),
    /// Totals of an imported contact.
    ContactEnd(ContactEnd),
    /// A pod was announced, changed or removed.
    Workload(WorkloadChange),
    /// SHA-256 of an executable that a policy may name.
    Digest {
        /// Which file.
        file: FileId,
        /// Its digest.
        sha256: [u8; 32],
    },
    /// The policies in force from now on.
    Policies(Arc<PolicySet>),
    /// Signatures known before the start (warm start).
    Baseline(Box<BaselineEntry>),
    /// Destinations that user-supplied lists name.
    Reputation(Arc<ReputationList>),
    /// Networks of the cluster, besides private ones and those that its own pods show.
    Networks(Arc<[Network]>),
    /// Executables that pass on what programs of their pod ask for (a mesh's proxies), besides the well-known ones, by
    /// base name.
    MeshProxies(Arc<[Box<str>]>),
    /// Whether another program may have rewritten the addresses that sockets are reported with (a socket load
    /// balancer): they may then be backends of services.
    Rewritten(bool),
    /// Something was lost before it reached the engine.
    Lost {
        /// Where.
        place: LossPlace,
        /// How many records.
        count: u64,
    },
    /// What keeps others from steering the identities of conversations. Before the first contact; later it changes
    /// nothing.
    Secret(Secret),
}

impl Input {
    /// The contact that it is, if it is one.
    #[must_use]
    pub fn contact(&self) -> Option<&Contact> {
        match self {
            Self::Contact(contact) => Some(contact),
            Self::Event(_)
            | Self::ContactEnd(_)
            | Self::Workload(_)
            | Self::Digest { .. }
            | Self::Policies(_)
            | Self::Baseline(_)
            | Self::Reputation(_)
            | Self::Networks(_)
            | Self::MeshProxies(_)
            | Self::Rewritten(_)
            | Self::Lost { .. }
            | Self::Secret(_) => None,
        }
    }
}

/// Where records can be lost. Also the label of the loss metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LossPlace {
    /// Identity ring of the kernel (processes and cgroups).
    IdentityRing,
    /// Flow ring of the kernel.
    FlowRing,
    /// Payload ring of the kernel.
    PayloadRing,
    /// Records that user space could not decode.
    Decode,
    /// Queue between decoding and the engine.
    InputQueue,
    /// Packets that a capture did not hold (snapped, dropped, out of a reassembly bound).
    Capture,
}

impl LossPlace {
    /// `identity_ring`, `flow_ring`, ...: the label of metrics and of reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IdentityRing => "identity_ring",
            Self::FlowRing => "flow_ring",
            Self::PayloadRing => "payload_ring",
            Self::Decode => "decode",
            Self::InputQueue => "input_queue",
            Self::Capture => "capture",
        }
    }
}

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
    11 => MeshProxies(named),
    12 => Rewritten(rewritten),
});
choices!(LossPlace {
    0 => IdentityRing, 1 => FlowRing, 2 => PayloadRing, 3 => Decode, 4 => InputQueue, 5 => Capture,
});
