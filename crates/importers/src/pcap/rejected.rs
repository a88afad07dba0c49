//! Packets that are part of no flow, counted by reason until somebody asks.

use std::sync::Arc;

use crate::{PacketReason, Reason, RejectedRows};

/// Packets that are part of no flow.
#[derive(Debug, Default)]
pub struct RejectedPackets {
    /// Reason, count, and number of the first packet.
    counts: Vec<(PacketReason, u64, u64)>,
}

impl RejectedPackets {
    /// Counts so many packets, the first of which has this number.
    pub(super) fn add(&mut self, reason: PacketReason, count: u64, packet: u64) {
        match self.counts.iter_mut().find(|(known, ..)| *known == reason) {
            Some((_, all, _)) => *all += count,
            None if count > 0 => self.counts.push((reason, count, packet)),
            None => {}
        }
    }

    /// Nothing was counted since the last time.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Hands over what was counted, as of this file.
    pub fn drain_into(&mut self, rejected: &mut RejectedRows, file: &Arc<str>) {
        for (reason, count, packet) in self.counts.drain(..) {
            rejected.add_all(Reason::Packet(reason), count, file, packet);
        }
    }
}
