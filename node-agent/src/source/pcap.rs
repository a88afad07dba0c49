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

mod capture;
mod decode;
mod flows;
mod fragments;
mod inputs;
mod pcapng;
mod read_buffer;

pub use capture::{Capture, CaptureError, Packet};
pub use flows::{
    FlowClosed, FlowEvent, FlowOpened, FlowPayload, FlowProtocol, FlowSide, FlowTable, FlowTotals,
    PayloadLimit,
};
pub use inputs::{NextCapture, PcapInputs};

/// What was read, and what could not be used. Nothing is dropped without being counted here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaptureCounters {
    /// Packets in the file.
    pub packets: u64,
    /// Bytes of packets that the file holds.
    pub captured_bytes: u64,
    /// Bytes that the packets had on the wire.
    pub wire_bytes: u64,
    /// Packets of which the file holds only the begin.
    pub snapped: u64,
    /// Packets without IP, or of a link type that is not known.
    pub not_ip: u64,
    /// IP packets with a transport that has no ports.
    pub other_transports: u64,
    /// Packets whose headers are cut or make no sense, or whose time cannot be theirs.
    pub malformed: u64,
    /// Fragments that could not be put together within the bounds.
    pub fragments_lost: u64,
    /// Bytes of TCP streams that never came, or came too late for the reassembly's bounds.
    pub stream_bytes_lost: u64,
    /// Flows that were forgotten to make room for others.
    pub flows_evicted: u64,
    /// The file ends in the middle of a record.
    pub file_cut: bool,
}

impl CaptureCounters {
    /// What the reader counted, with what the flow table did.
    pub(crate) fn with_flows(self, flows: Self) -> Self {
        Self {
            not_ip: flows.not_ip,
            other_transports: flows.other_transports,
            malformed: self.malformed + flows.malformed,
            fragments_lost: flows.fragments_lost,
            stream_bytes_lost: flows.stream_bytes_lost,
            flows_evicted: flows.flows_evicted,
            ..self
        }
    }
}
