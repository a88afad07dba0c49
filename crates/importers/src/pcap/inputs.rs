//! Flow events to inputs of the engine: what the live agent would have seen of the same traffic, without the
//! processes. The originators are addresses only.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use beaconwatch_engine::input::{Direction, Event, Input, LossPlace, Payload, SocketId, SocketOpened};
use beaconwatch_engine::observe::contact::{Bytes, Packets, Transport};
use beaconwatch_engine::time::Timestamp;

use crate::{OrderedSource, PacketReason, Reason, RejectedRows, Unit};

use super::flows::{FlowEvent, FlowOpened, FlowProtocol, FlowSide, FlowTable, FlowTotals, PayloadLimit};
use super::{Capture, CaptureCounters, CaptureError};

/// Asked at the end of a capture, with the time of its last packet: the capture that goes on from there, and its name.
/// One that cannot be opened is counted.
pub type NextCapture = Box<dyn FnMut(Timestamp, &mut RejectedRows) -> Option<(Capture, Arc<str>)>>;

/// The inputs of a capture, in order.
///
/// [`PcapInputs::open`] with [`PayloadLimit::LIVE`] gives what the payload ring of the live agent gives. Times never go
/// back: a packet or an end that comes late has the time of what came before it.
pub struct PcapInputs {
    file: Arc<str>,
    capture: Capture,
    table: FlowTable,
    ready: VecDeque<(Timestamp, Input)>,
    /// What is known of each open flow, by slot.
    opened: Vec<Option<FlowOpened>>,
    ended: bool,
    last: Timestamp,
    /// Damage of the file that was told.
    damage: [(PacketReason, u64); 2],
    rejected: RejectedRows,
    last_packet: Timestamp,
    next: Option<NextCapture>,
    /// Bytes and packets of the captures before this one.
    before: (u64, u64),
}

impl PcapInputs {
    /// Inputs of a capture file, with this much payload of each flow.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened, or is no capture.
    pub fn open(path: &Path, limit: PayloadLimit) -> Result<Self, CaptureError> {
        Ok(Self::over(Capture::open(path)?, &path.to_string_lossy(), limit))
    }

    /// Inputs of an opened capture; `name` stands for it where it is refused.
    pub fn over(capture: Capture, name: &str, limit: PayloadLimit) -> Self {
        Self {
            file: Arc::from(name),
            capture,
            table: FlowTable::with_payload(limit),
            ready: VecDeque::new(),
            opened: Vec::new(),
            ended: false,
            last: Timestamp::ZERO,
            damage: CaptureCounters::default().of_the_file(),
            rejected: RejectedRows::default(),
            last_packet: Timestamp::ZERO,
            next: None,
            before: (0, 0),
        }
    }

    /// Goes on with other captures at the end of this one: their flows are the same flows.
    #[must_use]
    pub fn followed_by(self, next: NextCapture) -> Self {
        Self { next: Some(next), ..self }
    }

    /// The next input; `None` at the end of the capture.
    ///
    /// # Errors
    ///
    /// When the capture cannot be read on.
    pub fn next_input(&mut self) -> Result<Option<(Timestamp, Input)>, CaptureError> {
        while self.ready.is_empty() && !self.ended {
            self.read_packet()?;
        }
        Ok(self.ready.pop_front())
    }

    /// Time of the last input so far.
    pub fn last(&self) -> Timestamp {
        self.last
    }

    /// What was read so far, and what could not be used.
    pub fn counters(&self) -> CaptureCounters {
        self.capture.counters().with_flows(self.table.counters())
    }

    fn read_packet(&mut self) -> Result<(), CaptureError> {
        let Self { capture, table, ready, opened, last, last_packet, .. } = self;
        let mut sink = |event: FlowEvent<'_>| {
            let Some((time, input)) = input_of(opened, event) else { return };
            *last = time.max(*last);
            ready.push_back((*last, input));
        };
        if let Some(packet) = capture.next_packet()? {
            *last_packet = packet.time;
            table.push(&packet, &mut sink);
            self.tell_refused();
            return Ok(());
        }
        self.tell_refused();
        if self.capture.counters().file_cut {
            self.rejected.add(Reason::Unreadable, &self.file, self.capture.packets() + 1);
        }
        if !self.go_on() {
            self.finish();
        }
        Ok(())
    }

    /// Counts what was refused since the last time.
    #[inline]
    fn tell_refused(&mut self) {
        if self.capture.damage() != self.damage || !self.table.refused.is_empty() {
            self.tell_refused_now();
        }
    }

    #[cold]
    fn tell_refused_now(&mut self) {
        let before = core::mem::replace(&mut self.damage, self.capture.damage());
        for ((reason, count), (_, told)) in self.damage.into_iter().zip(before) {
            self.table.refused.add(reason, count - told, self.capture.packets());
        }
        self.table.refused.drain_into(&mut self.rejected, &self.file);
    }

    /// Goes on with the next capture, if there is one.
    fn go_on(&mut self) -> bool {
        let Self { next, last_packet, rejected, .. } = self;
        let Some((capture, file)) = next.as_mut().and_then(|next| next(*last_packet, rejected)) else {
            return false;
        };
        self.before = (self.bytes_read(), self.rows_read());
        self.damage = CaptureCounters::default().of_the_file();
        self.capture = capture;
        self.file = file;
        true
    }

    fn finish(&mut self) {
        let Self { capture, table, ready, opened, last, ended, rejected, file, .. } = self;
        table.finish(&mut |event: FlowEvent<'_>| {
            let Some((time, input)) = input_of(opened, event) else { return };
            *last = time.max(*last);
            ready.push_back((*last, input));
        });
        *ended = true;
        table.refused.drain_into(rejected, file);
        let counters = capture.counters().with_flows(table.counters());
        let count = counters.fragments_lost + counters.flows_evicted;
        if count > 0 {
            ready.push_back((*last, Input::Lost { place: LossPlace::Capture, count }));
        }
    }
}

impl OrderedSource for PcapInputs {
    fn next(&mut self, rejected: &mut RejectedRows) -> Option<(Timestamp, Input)> {
        let input = self.next_input().unwrap_or_else(|_| {
            self.ended = true;
            self.rejected.add(Reason::Unreadable, &self.file, self.capture.packets() + 1);
            None
        });
        rejected.append(&mut self.rejected);
        input
    }

    fn bytes_read(&self) -> u64 {
        self.before.0 + self.capture.bytes_read()
    }

    fn unit(&self) -> Unit {
        Unit::Packet
    }

    fn rows_read(&self) -> u64 {
        self.before.1 + self.capture.packets()
    }
}

/// What an event means to the engine. `opened` holds what is known of each open flow, by slot.
fn input_of(opened: &mut Vec<Option<FlowOpened>>, event: FlowEvent<'_>) -> Option<(Timestamp, Input)> {
    let (time, event) = match event {
        FlowEvent::Opened(flow) => {
            if opened.len() <= flow.slot {
                opened.resize(flow.slot + 1, None);
            }
            if let Some(slot) = opened.get_mut(flow.slot) {
                *slot = Some(flow);
            }
            (flow.time, Event::SocketOpened(Box::new(socket_opened(&flow))))
        }
        FlowEvent::Payload(payload) => {
            let flow = opened.get(payload.slot).copied().flatten()?;
            let payload_event = Payload {
                socket: SocketId(payload.flow),
                cgroup: 0,
                direction: match payload.side {
                    FlowSide::Originator => Direction::Sent,
                    FlowSide::Responder => Direction::Received,
                },
                transport: transport(flow.protocol),
                ports: (flow.originator.port(), flow.responder.port()),
                remote: Some(flow.responder),
                bytes: Arc::from(payload.bytes),
                wire_len: u32::try_from(payload.wire_len).unwrap_or(u32::MAX),
                gap_before: payload.gap_before > 0,
            };
            (payload.time, Event::Payload(payload_event))
        }
        FlowEvent::Burst { flow, slot: _, time, totals } => {
            (time, Event::SocketBurst { socket: SocketId(flow), bytes: bytes(&totals) })
        }
        FlowEvent::Closed(closed) => {
            if let Some(slot) = opened.get_mut(closed.slot) {
                *slot = None;
            }
            let event = Event::SocketClosed {
                socket: SocketId(closed.flow),
                bytes: bytes(&closed.totals),
                packets: Packets {
                    sent: closed.totals.originator_packets,
                    received: closed.totals.responder_packets,
                },
                provisional: false,
                established: closed.answered,
            };
            (closed.last, event)
        }
    };
    Some((time, Input::Event(event)))
}

fn socket_opened(flow: &FlowOpened) -> SocketOpened {
    SocketOpened {
        socket: SocketId(flow.flow),
        cgroup: 0,
        pid: 0,
        uid: None,
        netns: 0,
        transport: transport(flow.protocol),
        local: Some(flow.originator),
        remote: flow.responder,
        outbound: true,
        snapshot: !flow.begun,
    }
}

fn transport(protocol: FlowProtocol) -> Transport {
    match protocol {
        FlowProtocol::Tcp => Transport::Tcp,
        FlowProtocol::Udp => Transport::Udp,
        FlowProtocol::Sctp => Transport::Other,
    }
}

fn bytes(totals: &FlowTotals) -> Bytes {
    Bytes { sent: totals.originator_bytes, received: totals.responder_bytes }
}
