//! One flow: its two halves, when it woke up, how it ended.

use beaconwatch_engine::observe::contact::BURST_PAUSE_NS;
use beaconwatch_engine::time::Timestamp;

use super::super::decode::{ACK, FIN, RST, SYN, Segment, SegmentTransport, sctp_data};
use super::event::{FlowClosed, FlowEvent, FlowPayload, FlowSide, FlowTotals, PayloadLimit};
use super::key::FlowKey;
use super::stream::{Delivery, Half, HeldBudget, Verdict};
use super::{RESPONDER_PAUSE_NS, slot_index};

/// One flow.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) id: u64,
    pub(super) key: FlowKey,
    /// The originator is the lower end of the key.
    pub(super) originator_low: bool,
    pub(super) begun: bool,
    pub(super) answered: bool,
    pub(super) ending: bool,
    pub(super) live: bool,
    /// Pieces of payload of each direction that are given out.
    pub(super) pieces_max: u32,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) last_payload: Timestamp,
    pub(super) originator: Half,
    pub(super) responder: Half,
}

/// Where and when something of a flow was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct SegmentContext {
    pub(super) slot: u32,
    pub(super) side: FlowSide,
    pub(super) packet: u64,
    pub(super) time: Timestamp,
    pub(super) limit: PayloadLimit,
}

impl Flow {
    /// Whether this SYN is another connection with the ports of this one.
    pub(super) fn is_opened_anew(&self, segment: &Segment<'_>, source_low: bool) -> bool {
        let SegmentTransport::Tcp { sequence, .. } = segment.transport else { return false };
        self.ending || source_low != self.originator_low || !self.originator.began_with(sequence)
    }

    #[inline(always)]
    pub(super) fn push(
        &mut self,
        segment: &Segment<'_>,
        context: &SegmentContext,
        budget: &mut HeldBudget,
        sink: &mut impl FnMut(FlowEvent<'_>),
    ) {
        self.half(context.side).packets += 1;
        self.answered |=
            context.side == FlowSide::Responder && !matches!(segment.transport, SegmentTransport::Tcp { .. });
        match segment.transport {
            SegmentTransport::Tcp { sequence, acknowledged, flags } => {
                self.push_tcp(segment, sequence, acknowledged, flags, context, budget, sink);
            }
            SegmentTransport::Udp => {
                self.note_burst(segment.payload_len, context, sink);
                let delivery = Delivery::of(segment.payload, segment.payload_len);
                self.deliver(&delivery, context, sink);
            }
            SegmentTransport::Sctp => {
                for data in sctp_data(segment.payload) {
                    self.note_burst(data.len(), context, sink);
                    self.deliver(&Delivery::of(data, data.len()), context, sink);
                }
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "fields of one header, on the hottest path")]
    #[inline]
    pub(super) fn push_tcp(
        &mut self,
        segment: &Segment<'_>,
        sequence: u32,
        acknowledged: u32,
        flags: u8,
        context: &SegmentContext,
        budget: &mut HeldBudget,
        sink: &mut impl FnMut(FlowEvent<'_>),
    ) {
        self.answered |= flags & SYN != 0 && context.side == FlowSide::Responder;
        let peer = context.side.other();
        if flags & ACK != 0 && self.half(peer).is_acknowledged_behind_gap(acknowledged) {
            self.flush(&SegmentContext { side: peer, ..*context }, budget, sink);
        }
        let half = self.half(context.side);
        let wants = half.delivered < context.limit.packets;
        let begin = half.begin_at(sequence, flags & SYN != 0);
        if segment.payload_len > 0 {
            let place_in_stream = half.place(begin, segment, context, wants, budget);
            match place_in_stream {
                Verdict::Next(delivery) => {
                    self.note_burst(delivery.wire_len, context, sink);
                    self.deliver(&delivery, context, sink);
                    self.deliver_held(context, budget, sink);
                }
                Verdict::Held => {}
                Verdict::Overfull => self.flush(context, budget, sink),
                Verdict::Seen => {}
            }
        }
        self.half(context.side).finished |= flags & FIN != 0;
        self.ending |= flags & RST != 0 || self.originator.finished && self.responder.finished;
    }

    /// The first sending after a pause is told apart from the flow's begin.
    #[inline]
    pub(super) fn note_burst(
        &mut self,
        payload_len: usize,
        context: &SegmentContext,
        sink: &mut impl FnMut(FlowEvent<'_>),
    ) {
        if payload_len == 0 {
            return;
        }
        let pause = match context.side {
            FlowSide::Originator => BURST_PAUSE_NS,
            FlowSide::Responder => RESPONDER_PAUSE_NS,
        };
        let paused = context.time.as_nanos().saturating_sub(self.last_payload.as_nanos()) >= pause;
        if paused && self.originator.bytes + self.responder.bytes > 0 {
            self.report_burst(context, sink);
        }
        self.last_payload = self.last_payload.max(context.time);
    }

    /// Apart from the path of every packet, as all is that gives something out.
    #[inline(never)]
    fn report_burst(&self, context: &SegmentContext, sink: &mut impl FnMut(FlowEvent<'_>)) {
        let totals = self.totals();
        sink(FlowEvent::Burst { flow: self.id, slot: slot_index(context.slot), time: context.time, totals });
    }

    #[inline]
    pub(super) fn deliver(
        &mut self,
        delivery: &Delivery<'_>,
        context: &SegmentContext,
        sink: &mut impl FnMut(FlowEvent<'_>),
    ) {
        let half = self.half(context.side);
        half.bytes += delivery.wire_len as u64;
        if half.delivered < context.limit.packets && delivery.wire_len > 0 {
            half.delivered += 1;
            self.give(delivery, context, sink);
        }
    }

    #[inline(never)]
    fn give(&self, delivery: &Delivery<'_>, context: &SegmentContext, sink: &mut impl FnMut(FlowEvent<'_>)) {
        let bytes = delivery.bytes.get(..context.limit.bytes_of(context.side)).unwrap_or(delivery.bytes);
        sink(FlowEvent::Payload(FlowPayload {
            flow: self.id,
            slot: slot_index(context.slot),
            time: context.time,
            packet: if delivery.packet == 0 { context.packet } else { delivery.packet },
            side: context.side,
            bytes,
            wire_len: delivery.wire_len,
            gap_before: delivery.gap_before,
        }));
    }

    /// Delivers what waited for the bytes that just came.
    #[inline]
    pub(super) fn deliver_held(
        &mut self,
        context: &SegmentContext,
        budget: &mut HeldBudget,
        sink: &mut impl FnMut(FlowEvent<'_>),
    ) {
        if self.half(context.side).holds() {
            self.deliver_next_held(context, budget, sink);
        }
    }

    #[inline(never)]
    fn deliver_next_held(
        &mut self,
        context: &SegmentContext,
        budget: &mut HeldBudget,
        sink: &mut impl FnMut(FlowEvent<'_>),
    ) {
        while let Some(held) = self.half(context.side).next_held(false, budget) {
            self.deliver(&held.delivery(), context, sink);
        }
    }

    /// Gives up on what is missing: delivers all that waits.
    #[inline(never)]
    pub(super) fn flush(
        &mut self,
        context: &SegmentContext,
        budget: &mut HeldBudget,
        sink: &mut impl FnMut(FlowEvent<'_>),
    ) {
        while let Some(held) = self.half(context.side).next_held(true, budget) {
            self.deliver(&held.delivery(), context, sink);
        }
    }

    #[inline]
    pub(super) fn half(&mut self, side: FlowSide) -> &mut Half {
        match side {
            FlowSide::Originator => &mut self.originator,
            FlowSide::Responder => &mut self.responder,
        }
    }

    pub(super) fn totals(&self) -> FlowTotals {
        FlowTotals {
            originator_bytes: self.originator.bytes,
            responder_bytes: self.responder.bytes,
            originator_packets: self.originator.packets,
            responder_packets: self.responder.packets,
        }
    }

    pub(super) fn closed(&self, slot: u32) -> FlowClosed {
        FlowClosed {
            flow: self.id,
            slot: slot_index(slot),
            first: self.first,
            last: self.last,
            totals: self.totals(),
            answered: self.begun.then_some(self.answered),
        }
    }
}
