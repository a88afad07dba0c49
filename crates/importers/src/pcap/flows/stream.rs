//! One direction of a TCP stream: which bytes are new, which wait for others, which are given up.

use super::SegmentContext;
use crate::pcap::decode::Segment;

/// Segments of one direction that wait for those before them.
const HELD_SEGMENTS_MAX: usize = 256;
/// Bytes that wait in all flows together.
const HELD_BYTES_MAX: usize = 64 << 20;
/// A sequence number this far ahead belongs to another stream.
const WINDOW_BYTES_MAX: u32 = 1 << 30;

/// Bytes that wait in all flows together.
#[derive(Debug, Default)]
pub(super) struct HeldBudget {
    bytes: usize,
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Half {
    synchronised: bool,
    pub(super) finished: bool,
    /// Sequence number of the SYN, or of the first segment that was seen.
    first: u32,
    /// Sequence number that comes next.
    next: u32,
    /// Pieces given out.
    pub(super) delivered: u32,
    pub(super) bytes: u64,
    pub(super) packets: u64,
    pub(super) lost: u64,
    /// In order of their sequence numbers.
    held: Vec<Held>,
}

/// A segment that waits.
#[derive(Debug)]
pub(super) struct Held {
    sequence: u32,
    bytes: Vec<u8>,
    wire_len: usize,
    packet: u64,
    gap_before: u64,
}

/// Payload that is next in its stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) wire_len: usize,
    pub(super) gap_before: u64,
    /// Number of the packet; 0: the one at hand.
    pub(super) packet: u64,
}

/// Where a segment belongs.
#[derive(Debug)]
pub(super) enum Verdict<'a> {
    /// It is next.
    Next(Delivery<'a>),
    /// It waits for others.
    Held,
    /// It waits, and with it too many do.
    Overfull,
    /// Its bytes were there before.
    Seen,
}

impl<'a> Delivery<'a> {
    pub(super) fn of(bytes: &'a [u8], wire_len: usize) -> Self {
        Self { bytes, wire_len, gap_before: 0, packet: 0 }
    }
}

impl Held {
    pub(super) fn delivery(&self) -> Delivery<'_> {
        Delivery {
            bytes: &self.bytes,
            wire_len: self.wire_len,
            gap_before: self.gap_before,
            packet: self.packet,
        }
    }
}

impl Half {
    /// Sequence number of the first byte of a segment's payload.
    pub(super) fn begin_at(&mut self, sequence: u32, syn: bool) -> u32 {
        let begin = if syn { sequence.wrapping_add(1) } else { sequence };
        if !self.synchronised {
            self.synchronised = true;
            self.first = sequence;
            self.next = begin;
        }
        begin
    }

    /// Whether this direction began with a SYN of this number, or has no begin yet.
    pub(super) fn began_with(&self, sequence: u32) -> bool {
        !self.synchronised || self.first == sequence
    }

    /// Puts a segment with payload in its place.
    #[inline]
    pub(super) fn place<'a>(
        &mut self,
        begin: u32,
        segment: &Segment<'a>,
        context: &SegmentContext,
        wants: bool,
        budget: &mut HeldBudget,
    ) -> Verdict<'a> {
        let len = u32::try_from(segment.payload_len).unwrap_or(u32::MAX);
        let ahead = begin.wrapping_sub(self.next);
        if ahead == 0 {
            self.next = begin.wrapping_add(len);
            return Verdict::Next(Delivery::of(segment.payload, segment.payload_len));
        }
        if ahead > WINDOW_BYTES_MAX {
            let overlap = self.next.wrapping_sub(begin);
            if overlap >= len {
                return Verdict::Seen;
            }
            self.next = begin.wrapping_add(len);
            let overlap = usize::try_from(overlap).unwrap_or(usize::MAX);
            let bytes = segment.payload.get(overlap..).unwrap_or_default();
            return Verdict::Next(Delivery::of(bytes, segment.payload_len - overlap));
        }
        if !wants {
            // Nothing is given out any more: count it where it is, and go on behind it.
            self.next = begin.wrapping_add(len);
            return Verdict::Next(Delivery::of(&[], segment.payload_len));
        }
        self.hold(begin, segment, context.packet, budget);
        if self.held.len() >= HELD_SEGMENTS_MAX || budget.bytes >= HELD_BYTES_MAX {
            return Verdict::Overfull;
        }
        Verdict::Held
    }

    #[inline(never)]
    fn hold(&mut self, sequence: u32, segment: &Segment<'_>, packet: u64, budget: &mut HeldBudget) {
        let ahead = sequence.wrapping_sub(self.next);
        let at = self.held.partition_point(|held| held.sequence.wrapping_sub(self.next) < ahead);
        let held = Held {
            sequence,
            bytes: segment.payload.to_vec(),
            wire_len: segment.payload_len,
            packet,
            gap_before: 0,
        };
        // Of two that begin at the same place the longer one is kept.
        match self.held.get_mut(at).filter(|other| other.sequence == sequence) {
            Some(other) if other.wire_len >= held.wire_len => {}
            Some(other) => {
                budget.bytes = (budget.bytes + held.bytes.len()).saturating_sub(other.bytes.len());
                *other = held;
            }
            None => {
                budget.bytes += held.bytes.len();
                self.held.insert(at, held);
            }
        }
    }

    /// Whether any segment waits.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// The next segment that waits, if it is its turn, or in any case when `with_gaps`.
    pub(super) fn next_held(&mut self, with_gaps: bool, budget: &mut HeldBudget) -> Option<Held> {
        loop {
            let first = self.held.first()?;
            let ahead = first.sequence.wrapping_sub(self.next);
            let behind = ahead > WINDOW_BYTES_MAX;
            if !behind && ahead > 0 && !with_gaps {
                return None;
            }
            let mut held = self.held.remove(0);
            budget.bytes = budget.bytes.saturating_sub(held.bytes.len());
            let len = u32::try_from(held.wire_len).unwrap_or(u32::MAX);
            if behind {
                let overlap = self.next.wrapping_sub(held.sequence);
                if overlap >= len {
                    continue;
                }
                let overlap = usize::try_from(overlap).unwrap_or(usize::MAX);
                held.bytes = held.bytes.get(overlap..).unwrap_or_default().to_vec();
                held.wire_len -= overlap;
            } else {
                held.gap_before = u64::from(ahead);
                self.lost += held.gap_before;
            }
            self.next = held.sequence.wrapping_add(len);
            return Some(held);
        }
    }

    /// Whether the peer confirms bytes that wait here: what is missing before them was received, but not captured.
    pub(super) fn is_acknowledged_behind_gap(&self, acknowledged: u32) -> bool {
        self.held.first().is_some_and(|held| {
            let ahead = acknowledged.wrapping_sub(held.sequence);
            ahead > 0 && ahead <= WINDOW_BYTES_MAX
        })
    }
}
