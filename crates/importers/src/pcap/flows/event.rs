//! What the flow table says.

use std::net::SocketAddr;

use beaconwatch_engine::time::Timestamp;

use super::key::FlowKey;

/// One thing that happened to a flow.
#[derive(Clone, Copy, Debug)]
pub enum FlowEvent<'a> {
    /// First packet.
    Opened(FlowOpened),
    /// Payload in order.
    Payload(FlowPayload<'a>),
    /// Somebody sent again after a pause (the responder after a longer one), in a flow that had payload before.
    Burst {
        /// Which flow.
        flow: u64,
        /// Its slot.
        slot: usize,
        /// When.
        time: Timestamp,
        /// Totals until now.
        totals: FlowTotals,
    },
    /// Ended, silent for long, or the capture ends.
    Closed(FlowClosed),
}

/// A new flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowOpened {
    /// Number of the flow, never used again.
    pub flow: u64,
    /// Small number of the flow, used again after it is closed: an index for what is kept per flow.
    pub slot: usize,
    /// When.
    pub time: Timestamp,
    /// Transport.
    pub protocol: FlowProtocol,
    /// The side that opened it, as far as known.
    pub originator: SocketAddr,
    /// The other side.
    pub responder: SocketAddr,
    /// The begin was seen (always for UDP).
    pub begun: bool,
}

/// A piece of payload.
#[derive(Clone, Copy, Debug)]
pub struct FlowPayload<'a> {
    /// Which flow.
    pub flow: u64,
    /// Its slot.
    pub slot: usize,
    /// Time of the packet that completed it.
    pub time: Timestamp,
    /// Number of the packet that held it.
    pub packet: u64,
    /// Who sent it.
    pub side: FlowSide,
    /// What the capture holds of it.
    pub bytes: &'a [u8],
    /// Bytes on the wire; more than `bytes.len()`: cut.
    pub wire_len: usize,
    /// Bytes of the stream that are missing before it.
    pub gap_before: u64,
}

/// The end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowClosed {
    /// Which flow.
    pub flow: u64,
    /// Its slot.
    pub slot: usize,
    /// First packet.
    pub first: Timestamp,
    /// Last packet.
    pub last: Timestamp,
    /// Totals.
    pub totals: FlowTotals,
    /// Whether the responder answered (TCP: to the SYN); `None` when the start was not seen.
    pub answered: Option<bool>,
}

/// Payload bytes and packets of both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowTotals {
    /// Payload bytes of the originator, retransmissions not counted.
    pub originator_bytes: u64,
    /// Payload bytes of the responder.
    pub responder_bytes: u64,
    /// Packets of the originator.
    pub originator_packets: u64,
    /// Packets of the responder.
    pub responder_packets: u64,
}

/// Transport of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FlowProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// Side of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FlowSide {
    /// Opened it.
    Originator,
    /// Was called.
    Responder,
}

impl FlowSide {
    /// The other side.
    pub fn other(self) -> Self {
        match self {
            Self::Originator => Self::Responder,
            Self::Responder => Self::Originator,
        }
    }
}

/// How much payload of each direction of a flow is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadLimit {
    /// Segments or datagrams.
    pub packets: u32,
    /// Bytes of each that the originator sent.
    pub originator_bytes: usize,
    /// Bytes of each that the responder sent.
    pub responder_bytes: usize,
}

impl PayloadLimit {
    /// All there is.
    pub const ALL: Self =
        Self { packets: u32::MAX, originator_bytes: usize::MAX, responder_bytes: usize::MAX };
    /// None: headers only.
    pub const NONE: Self = Self { packets: 0, originator_bytes: 0, responder_bytes: 0 };
    /// What the live agent gets of a flow, so that a policy that is tried on a capture behaves as it will live. The
    /// agent does not compile when its kernel side reports more or less.
    pub const LIVE: Self = Self { packets: 3, originator_bytes: 4096, responder_bytes: 2048 };

    pub(super) fn bytes_of(self, side: FlowSide) -> usize {
        match side {
            FlowSide::Originator => self.originator_bytes,
            FlowSide::Responder => self.responder_bytes,
        }
    }

    /// The limit for a flow: of DNS every message is looked at, as the live agent does, unless none is.
    pub(super) fn of(self, key: &FlowKey) -> Self {
        if key.is_dns() && self.packets > 0 { Self { packets: u32::MAX, ..self } } else { self }
    }
}
