//! Recorded packets: pcap and pcapng, also gzipped, as a bounded stream of flow events.
//!
//! `Capture` reads records, `decode` takes packets apart down to the transport, `FlowTable` joins them into
//! flows with their payload in order, and `PcapInputs` turns those into inputs of the engine. Nothing is read
//! ahead, and memory does not grow with the file.
//!
//! Our own reading and not pcap-file or etherparse: packets are borrowed from the read buffer at several
//! million a second, and a snapped, cut or mangled packet must still give what it has.
//!
//! It must not know any application protocol.

use super::PacketReason;

mod capture;
mod decode;
mod flows;
mod fragments;
mod inputs;
mod pcapng;
mod read_buffer;
mod rejected;
mod stored_record;

pub use capture::{Capture, CaptureError, Packet};
pub use flows::{
    FlowClosed, FlowEvent, FlowOpened, FlowPayload, FlowProtocol, FlowSide, FlowTable, FlowTotals,
    PayloadLimit,
};
pub use inputs::{NextCapture, PcapInputs};
pub use rejected::RejectedPackets;

/// What was read, and what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaptureCounters {
    /// Packets in the file, and places where it is damaged.
    pub packets: u64,
    /// Bytes of packets that the file holds.
    pub captured_bytes: u64,
    /// Bytes that the packets had on the wire.
    pub wire_bytes: u64,
    /// Packets of which the file holds only the start.
    pub snapped: u64,
    /// Packets that are part of a flow. Each of the others is refused for a reason ([`RejectedPackets`]).
    pub used: u64,
    /// Places where the file is damaged, and blocks of packets that name no interface.
    pub damaged: u64,
    /// Packets whose time cannot be theirs.
    pub times_raised: u64,
    /// Fragments that did not become a whole packet.
    pub fragments_lost: u64,
    /// Bytes of TCP streams that never came, or came too late for the reassembly's bounds.
    pub stream_bytes_lost: u64,
    /// Flows that were forgotten to make room for others.
    pub flows_evicted: u64,
    /// The file ends in the middle of a record.
    pub file_cut: bool,
}

impl CaptureCounters {
    /// What the reader of the file counts of packets, and not the flow table, by reason.
    #[must_use]
    pub fn of_the_file(&self) -> [(PacketReason, u64); 2] {
        [(PacketReason::DamagedRecord, self.damaged), (PacketReason::TimeRaised, self.times_raised)]
    }

    /// What the reader counted, with what the flow table did.
    #[must_use]
    pub fn with_flows(self, flows: Self) -> Self {
        Self {
            used: flows.used,
            fragments_lost: flows.fragments_lost,
            stream_bytes_lost: flows.stream_bytes_lost,
            flows_evicted: flows.flows_evicted,
            ..self
        }
    }
}
