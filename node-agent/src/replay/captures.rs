//! Several captures at once: their flows must not share numbers.

use beaconwatch_engine::input::{Event, Input, SocketId};
use beaconwatch_engine::time::Timestamp;

use crate::source::pcap::{PayloadLimit, PcapInputs};
use crate::source::{OrderedSource, Refusals};

/// Payload of each flow and direction that is looked at: what the live agent gets of a flow, so that a policy
/// that is tried on a capture behaves as it will live.
pub const CAPTURE_PAYLOAD: PayloadLimit = PayloadLimit { packets: 3, bytes: 2048 };

/// Flows of one capture before the numbers of the next begin.
const FLOWS_SHIFT: u32 = 48;

/// A capture among others.
pub struct NumberedCapture {
    inputs: PcapInputs,
    base: u64,
}

impl NumberedCapture {
    /// The capture with this number.
    #[must_use]
    pub fn of(inputs: PcapInputs, number: u64) -> Self {
        Self { inputs, base: number << FLOWS_SHIFT }
    }
}

impl OrderedSource for NumberedCapture {
    fn next(&mut self, refusals: &mut Refusals) -> Option<(Timestamp, Input)> {
        let (time, mut input) = self.inputs.next(refusals)?;
        if let Input::Event(event) = &mut input
            && let Some(socket) = socket_of(event)
        {
            socket.0 += self.base;
        }
        Some((time, input))
    }

    fn bytes_read(&self) -> u64 {
        self.inputs.bytes_read()
    }

    fn rows_read(&self) -> u64 {
        self.inputs.rows_read()
    }
}

fn socket_of(event: &mut Event) -> Option<&mut SocketId> {
    match event {
        Event::SocketOpened(opened) => Some(&mut opened.socket),
        Event::Payload(payload) => Some(&mut payload.socket),
        Event::SocketBurst { socket, .. } | Event::SocketClosed { socket, .. } => Some(socket),
        Event::CgroupCreated { .. }
        | Event::CgroupRemoved { .. }
        | Event::ProcessStarted(_)
        | Event::ProcessForked { .. }
        | Event::ProcessExited { .. }
        | Event::SocketListening { .. } => None,
    }
}
