//! Packets to flows: who opened them, their payload in order, when they woke up, how they ended.
//!
//! Bounded in flows, in bytes that wait for their turn, and in time: a flow that is silent for long is closed.
//! Packets must come in about the order of their times.

mod event;
mod expiry;
mod flow;
mod key;
mod stream;

use beaconwatch_engine::collections::{Table, hash_of};
use beaconwatch_engine::time::Timestamp;

use super::CaptureCounters;
use super::capture::Packet;
use super::decode::{
    self, ACK, Decoded, FIN, FragmentKey, FragmentPlace, RST, SYN, Segment, SegmentTransport,
};
use super::fragments::Fragments;
use super::rejected::RejectedPackets;
use crate::PacketReason;
pub use event::{
    FlowClosed, FlowEvent, FlowOpened, FlowPayload, FlowProtocol, FlowSide, FlowTotals, PayloadLimit,
};
use expiry::Expiry;
use flow::{Flow, SegmentContext};
use key::FlowKey;
use stream::{Half, HeldBudget};

/// Flows that are followed at once.
const FLOWS_MAX: usize = 1 << 18;
/// A pause of the responder after which sending again is a burst of its own: a slow answer is none, an order that comes
/// out of the blue is.
const RESPONDER_PAUSE_NS: u64 = 2_000_000_000;

/// All flows that are followed.
pub struct FlowTable {
    /// Slots by the keys of their flows, which are there and not here: a packet needs its flow anyway.
    index: Table<u32>,
    flows: Vec<Flow>,
    free: Vec<u32>,
    expiry: Expiry,
    fragments: Fragments,
    budget: HeldBudget,
    limit: PayloadLimit,
    opened: u64,
    now: Timestamp,
    counters: CaptureCounters,
    /// Packets that are part of no flow.
    pub(super) refused: RejectedPackets,
}

impl FlowTable {
    /// An empty table that gives this much payload of each flow.
    pub fn with_payload(limit: PayloadLimit) -> Self {
        Self {
            index: Table::new(),
            flows: Vec::new(),
            free: Vec::new(),
            expiry: Expiry::default(),
            fragments: Fragments::default(),
            budget: HeldBudget::default(),
            limit,
            opened: 0,
            now: Timestamp::ZERO,
            counters: CaptureCounters::default(),
            refused: RejectedPackets::default(),
        }
    }

    /// Takes a packet; what it means is given to `sink`.
    pub fn push(&mut self, packet: &Packet<'_>, sink: &mut impl FnMut(FlowEvent<'_>)) {
        self.now = self.now.max(packet.time);
        if self.expiry.is_due(self.now) {
            self.expire(sink);
        }
        match decode::plain(packet.link, packet.data, packet.wire_len) {
            Some(segment) => {
                self.counters.used += 1;
                self.push_segment(&segment, packet, sink);
            }
            None => self.push_layers(packet, sink),
        }
    }

    /// Takes a packet that must be taken apart layer by layer.
    #[inline(never)]
    fn push_layers(&mut self, packet: &Packet<'_>, sink: &mut impl FnMut(FlowEvent<'_>)) {
        let decoded = decode::packet(packet.link, packet.data, packet.wire_len);
        self.push_decoded(decoded, packet, 1, sink);
    }

    /// What so many packets, of which this is the last, have become.
    fn push_decoded(
        &mut self,
        decoded: Option<Decoded<'_>>,
        packet: &Packet<'_>,
        packets: u64,
        sink: &mut impl FnMut(FlowEvent<'_>),
    ) {
        let reason = match decoded {
            Some(Decoded::Segment(segment)) => {
                self.counters.used += packets;
                return self.push_segment(&segment, packet, sink);
            }
            Some(Decoded::Fragment(key, place, data)) => {
                return self.push_fragment((key, place, data), packet, packets, sink);
            }
            Some(Decoded::Refused(reason)) => reason,
            None if packet.data.len() < packet.wire_len => PacketReason::HeadersCut,
            None => PacketReason::HeadersMalformed,
        };
        self.refused.add(reason, packets, packet.number);
    }

    fn push_fragment(
        &mut self,
        (key, place, data): (FragmentKey, FragmentPlace, &[u8]),
        packet: &Packet<'_>,
        packets: u64,
        sink: &mut impl FnMut(FlowEvent<'_>),
    ) {
        let taken = self.fragments.push(key, place, data, packets);
        self.lose_fragments(taken.lost, packet.number);
        if let Some((whole, packets)) = taken.whole {
            self.push_decoded(decode::reassembled(&key, &whole), packet, packets, sink);
        }
    }

    fn lose_fragments(&mut self, packets: u64, number: u64) {
        self.counters.fragments_lost += packets;
        self.refused.add(PacketReason::FragmentIncomplete, packets, number);
    }

    /// Inlined where it is called, so that a plain segment stays in registers.
    #[inline(always)]
    fn push_segment(
        &mut self,
        segment: &Segment<'_>,
        packet: &Packet<'_>,
        sink: &mut impl FnMut(FlowEvent<'_>),
    ) {
        let (key, source_low) = FlowKey::of(segment);
        let flags = match segment.transport {
            SegmentTransport::Tcp { flags, .. } => flags,
            SegmentTransport::Udp | SegmentTransport::Sctp => 0,
        };
        let hash = hash_of(&key);
        let is_of = |slot: &u32| self.flows.get(slot_index(*slot)).is_some_and(|flow| flow.key == key);
        let mut slot = self.index.find(hash, is_of).copied();
        if let Some(old) = slot
            && flags & (SYN | ACK) == SYN
            && self.flows.get(slot_index(old)).is_some_and(|flow| flow.is_opened_anew(segment, source_low))
        {
            self.close(old, sink);
            slot = None;
        }
        let slot = slot.unwrap_or_else(|| self.open((key, hash), source_low, segment, sink));
        let Some(flow) = self.flows.get_mut(slot_index(slot)) else { return };
        flow.last = flow.last.max(packet.time);
        let side = if source_low == flow.originator_low { FlowSide::Originator } else { FlowSide::Responder };
        let limit = PayloadLimit { packets: flow.pieces_max, ..self.limit };
        let context = SegmentContext { slot, side, packet: packet.number, time: packet.time, limit };
        flow.push(segment, &context, &mut self.budget, sink);
        if flow.ending && flags & (FIN | RST) != 0 {
            self.expiry.note_ending(slot, flow.id, self.now);
        }
    }

    #[inline(never)]
    fn open(
        &mut self,
        (key, hash): (FlowKey, u64),
        source_low: bool,
        segment: &Segment<'_>,
        sink: &mut impl FnMut(FlowEvent<'_>),
    ) -> u32 {
        if self.index.len() >= FLOWS_MAX {
            self.evict(sink);
        }
        let originator_low = source_low == key::source_is_originator(segment);
        let begun = match segment.transport {
            SegmentTransport::Tcp { flags, .. } => flags & SYN != 0,
            SegmentTransport::Udp | SegmentTransport::Sctp => true,
        };
        let id = self.opened;
        self.opened += 1;
        let now = self.now;
        let flow = Flow {
            id,
            key,
            originator_low,
            begun,
            answered: false,
            ending: false,
            live: true,
            pieces_max: self.limit.of(&key).packets,
            first: now,
            last: now,
            last_payload: Timestamp::ZERO,
            originator: Half::default(),
            responder: Half::default(),
        };
        let (originator, responder) = key.ends(originator_low);
        let slot = match self.free.pop() {
            Some(slot) => {
                if let Some(place) = self.flows.get_mut(slot_index(slot)) {
                    *place = flow;
                }
                slot
            }
            None => {
                self.flows.push(flow);
                u32::try_from(self.flows.len() - 1).unwrap_or(u32::MAX)
            }
        };
        let flows = &self.flows;
        let hash_at = |slot: &u32| flows.get(slot_index(*slot)).map_or(0, |flow| hash_of(&flow.key));
        self.index.insert_unique(hash, slot, hash_at);
        self.expiry.note_open(slot, id, key.protocol(), now);
        let protocol = key.protocol();
        let slot_number = slot_index(slot);
        let opened =
            FlowOpened { flow: id, slot: slot_number, time: now, protocol, originator, responder, begun };
        sink(FlowEvent::Opened(opened));
        slot
    }

    #[inline(never)]
    fn expire(&mut self, sink: &mut impl FnMut(FlowEvent<'_>)) {
        while let Some((slot, id)) = self.expiry.next_due(self.now) {
            let Some(flow) = self.flows.get(slot_index(slot)).filter(|f| f.live && f.id == id) else {
                continue;
            };
            if !self.expiry.keep(slot, id, flow.key.protocol(), flow.ending, flow.last, self.now) {
                self.close(slot, sink);
            }
        }
    }

    fn evict(&mut self, sink: &mut impl FnMut(FlowEvent<'_>)) {
        while let Some((slot, id)) = self.expiry.oldest() {
            if self.flows.get(slot_index(slot)).is_some_and(|f| f.live && f.id == id) {
                self.counters.flows_evicted += 1;
                self.close(slot, sink);
                return;
            }
        }
    }

    #[inline(never)]
    fn close(&mut self, slot: u32, sink: &mut impl FnMut(FlowEvent<'_>)) {
        let Some(flow) = self.flows.get_mut(slot_index(slot)) else { return };
        flow.live = false;
        for side in [FlowSide::Originator, FlowSide::Responder] {
            let limit = PayloadLimit { packets: flow.pieces_max, ..self.limit };
            let context = SegmentContext { slot, side, packet: 0, time: flow.last, limit };
            flow.flush(&context, &mut self.budget, sink);
        }
        self.counters.stream_bytes_lost += flow.originator.lost + flow.responder.lost;
        if let Ok(entry) = self.index.find_entry(hash_of(&flow.key), |other| *other == slot) {
            entry.remove();
        }
        self.free.push(slot);
        sink(FlowEvent::Closed(flow.closed(slot)));
    }

    /// The capture ends: closes every flow.
    pub fn finish(&mut self, sink: &mut impl FnMut(FlowEvent<'_>)) {
        let waiting = self.fragments.give_up();
        self.lose_fragments(waiting, 0);
        for slot in 0..self.flows.len() {
            if self.flows.get(slot).is_some_and(|flow| flow.live) {
                self.close(u32::try_from(slot).unwrap_or(u32::MAX), sink);
            }
        }
    }

    /// What became of the packets so far.
    pub fn counters(&self) -> CaptureCounters {
        self.counters
    }

    /// Packets that are part of no flow, since the last time they were handed over.
    pub fn refused(&mut self) -> &mut RejectedPackets {
        &mut self.refused
    }
}

fn slot_index(slot: u32) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
