//! What the protocol parsers see in a capture, as JSON: `replay --pcap FILE --output observations`.
//!
//! To be called by the command line: [`write_observations`]. The lists `dns`, `http`, `irc`,
//! `tls_client_hello` and `tls_server_hello` have the field names of tshark, so that both can be compared field
//! by field; the other lists are our own. No engine and no policy is involved.

mod record;

use std::io::Write;
use std::path::Path;

use beaconwatch_engine::observe::protocol::{Carrier, Detail, FlowParser, Observation, Sender};
use serde_json::{Map, Value};

use beaconwatch_importers::pcap::{
    Capture, CaptureCounters, CaptureError, FlowEvent, FlowOpened, FlowPayload, FlowProtocol, FlowSide,
    FlowTable, PayloadLimit,
};
use beaconwatch_importers::{Reason, RejectedRows};
use record::Ends;

/// Lists that are always there, empty or not.
const LISTS: [&str; 5] = ["dns", "http", "irc", "tls_client_hello", "tls_server_hello"];

/// Why observations could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ObservationsError {
    /// The capture cannot be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The output cannot be written.
    #[error("cannot write the observations")]
    Write(#[from] std::io::Error),
}

/// What was seen in a capture.
#[derive(Debug)]
pub struct Observed {
    /// As one JSON object.
    pub json: Value,
    /// What became of the packets.
    pub counters: CaptureCounters,
    /// Packets that are part of no flow, by reason.
    pub rejected: RejectedRows,
}

/// Reads a capture and writes what was seen as one JSON object.
///
/// # Errors
///
/// When the capture cannot be read, or the output cannot be written.
pub fn write_observations(capture: &Path, output: &mut impl Write) -> Result<Observed, ObservationsError> {
    let observed = read_observations(capture)?;
    serde_json::to_writer_pretty(&mut *output, &observed.json).map_err(std::io::Error::from)?;
    output.write_all(b"\n")?;
    Ok(observed)
}

/// Reads a capture: what was seen.
///
/// # Errors
///
/// When the capture cannot be read.
pub fn read_observations(path: &Path) -> Result<Observed, CaptureError> {
    let mut capture = Capture::open(path)?;
    let file = path.to_string_lossy().into();
    let mut rejected = RejectedRows::default();
    let mut table = FlowTable::with_payload(PayloadLimit::ALL);
    let mut report = Report::default();
    while let Some(packet) = capture.next_packet()? {
        table.push(&packet, &mut |event| report.take(event));
    }
    table.finish(&mut |event| report.take(event));
    table.refused().drain_into(&mut rejected, &file);
    let counters = capture.counters().with_flows(table.counters());
    for (reason, count) in counters.of_the_file() {
        rejected.add_all(Reason::Packet(reason), count, &file, 0);
    }
    if counters.file_cut {
        rejected.add(Reason::Unreadable, &file, counters.packets + 1);
    }
    Ok(Observed { json: report.into_json(&counters, &rejected), counters, rejected })
}

/// The flows that are open, and what was seen so far.
#[derive(Default)]
struct Report {
    flows: Vec<Option<OpenFlow>>,
    seen: Vec<Observation>,
    lists: Map<String, Value>,
}

struct OpenFlow {
    opened: FlowOpened,
    parser: FlowParser,
    last_packet: u64,
}

impl Report {
    fn take(&mut self, event: FlowEvent<'_>) {
        match event {
            FlowEvent::Opened(opened) => self.open(opened),
            FlowEvent::Payload(payload) => self.push(&payload),
            FlowEvent::Burst { .. } => {}
            FlowEvent::Closed(closed) => {
                if let Some(mut flow) = self.flows.get_mut(closed.slot).and_then(Option::take) {
                    flow.parser.finish(&mut self.seen);
                    self.record(&flow.opened, None, flow.last_packet, closed.last.as_nanos());
                }
            }
        }
    }

    fn open(&mut self, opened: FlowOpened) {
        if self.flows.len() <= opened.slot {
            self.flows.resize_with(opened.slot + 1, || None);
        }
        let carrier = match opened.protocol {
            FlowProtocol::Tcp | FlowProtocol::Sctp => Carrier::Stream,
            FlowProtocol::Udp => Carrier::Datagram,
        };
        let parser = FlowParser::open(carrier, opened.responder.port(), Detail::Full);
        if let Some(slot) = self.flows.get_mut(opened.slot) {
            *slot = Some(OpenFlow { opened, parser, last_packet: 0 });
        }
    }

    fn push(&mut self, payload: &FlowPayload<'_>) {
        let Some(flow) = self.flows.get_mut(payload.slot).and_then(Option::as_mut) else { return };
        let sender = match payload.side {
            FlowSide::Originator => Sender::Originator,
            FlowSide::Responder => Sender::Responder,
        };
        flow.last_packet = payload.packet;
        if payload.gap_before > 0 {
            flow.parser.skip(sender, payload.gap_before, &mut self.seen);
        }
        let cut = payload.wire_len.saturating_sub(payload.bytes.len());
        let datagram = flow.opened.protocol == FlowProtocol::Udp;
        flow.parser.push(sender, payload.bytes, datagram && cut > 0, &mut self.seen);
        if !datagram && cut > 0 {
            flow.parser.skip(sender, cut as u64, &mut self.seen);
        }
        let opened = flow.opened;
        self.record(&opened, Some(payload.side), payload.packet, payload.time.as_nanos());
    }

    /// Puts what was seen into the lists.
    fn record(&mut self, flow: &FlowOpened, side: Option<FlowSide>, packet: u64, time_ns: u64) {
        for observation in self.seen.drain(..) {
            let ends = Ends { flow: *flow, side, packet, time_ns };
            let (list, record) = record::of(&observation, &ends);
            let list = self.lists.entry(list).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(records) = list {
                records.push(record);
            }
        }
    }

    fn into_json(mut self, counters: &CaptureCounters, rejected: &RejectedRows) -> Value {
        for list in LISTS {
            self.lists.entry(list).or_insert_with(|| Value::Array(Vec::new()));
        }
        self.lists.insert("capture".to_owned(), record::of_counters(counters, rejected));
        Value::Object(self.lists)
    }
}
