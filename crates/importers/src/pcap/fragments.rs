//! IP fragments back to whole packets, within bounds.

use std::collections::VecDeque;

use super::decode::{FragmentKey, FragmentPlace};

/// Packets under way at once; the oldest gives way.
const PACKETS_MAX: usize = 64;
/// Fragments of one packet.
const FRAGMENTS_MAX: usize = 64;
/// Largest payload of an IP packet.
const PAYLOAD_BYTES_MAX: usize = 65535;

/// Packets of which not all fragments came yet.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    open: VecDeque<Partial>,
}

/// What became of a fragment, and of others for its sake.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reassembly {
    /// Payload of the packet that it completes, and the captured packets that made it.
    pub(super) whole: Option<(Vec<u8>, u64)>,
    /// Captured packets whose content was given up.
    pub(super) lost: u64,
}

#[derive(Debug)]
struct Partial {
    key: FragmentKey,
    /// Captured packets that the pieces are from: a fragment may itself have come in fragments.
    packets: u64,
    pieces: Vec<(usize, Vec<u8>)>,
    len: Option<usize>,
}

impl Fragments {
    /// Takes a fragment, of so many captured packets.
    pub(super) fn push(
        &mut self,
        key: FragmentKey,
        place: FragmentPlace,
        data: &[u8],
        packets: u64,
    ) -> Reassembly {
        let end = place.offset + data.len();
        if end > PAYLOAD_BYTES_MAX {
            return Reassembly { whole: None, lost: packets };
        }
        let mut lost = 0;
        let at = self.open.iter().position(|p| p.key == key).unwrap_or_else(|| {
            if self.open.len() >= PACKETS_MAX {
                lost = self.open.pop_front().map_or(0, |p| p.packets);
            }
            self.open.push_back(Partial { key, packets: 0, pieces: Vec::new(), len: None });
            self.open.len() - 1
        });
        let Some(partial) = self.open.get_mut(at) else {
            return Reassembly { whole: None, lost: lost + packets };
        };
        if partial.pieces.len() >= FRAGMENTS_MAX {
            return Reassembly { whole: None, lost: lost + packets };
        }
        if !place.more {
            partial.len = Some(end);
        }
        partial.packets += packets;
        let order = partial.pieces.partition_point(|(offset, _)| *offset <= place.offset);
        partial.pieces.insert(order, (place.offset, data.to_vec()));
        let whole = partial.assemble().map(|whole| (whole, partial.packets));
        if whole.is_some() {
            self.open.remove(at);
        }
        Reassembly { whole, lost }
    }

    /// The capture ends: captured packets whose content waited for the rest of a packet.
    pub(super) fn give_up(&mut self) -> u64 {
        self.open.drain(..).map(|partial| partial.packets).sum()
    }
}

impl Partial {
    fn assemble(&self) -> Option<Vec<u8>> {
        let len = self.len?;
        let mut reached = 0;
        for (offset, data) in &self.pieces {
            if *offset > reached {
                return None;
            }
            reached = reached.max(offset + data.len());
        }
        if reached < len {
            return None;
        }
        let mut whole = Vec::with_capacity(len);
        for (offset, data) in &self.pieces {
            // The first to claim a byte keeps it.
            whole.extend_from_slice(data.get(whole.len().saturating_sub(*offset)..).unwrap_or_default());
        }
        whole.truncate(len);
        Some(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode::Addresses;
    use super::*;

    fn key(id: u32) -> FragmentKey {
        FragmentKey { addresses: Addresses::V4 { source: 1, destination: 2 }, id, protocol: 17 }
    }

    #[test]
    fn fragments_in_any_order_make_the_packet() {
        let mut fragments = Fragments::default();
        let place = |offset, more| FragmentPlace { id: 1, offset, more };
        assert_eq!(fragments.push(key(1), place(8, true), b"89abcdef", 1), Reassembly::default());
        assert_eq!(fragments.push(key(1), place(16, false), b"gh", 1), Reassembly::default());
        let taken = fragments.push(key(1), place(0, true), b"01234567", 1);
        assert_eq!(taken, Reassembly { whole: Some((b"0123456789abcdefgh".to_vec(), 3)), lost: 0 });
        assert_eq!(fragments.give_up(), 0);
    }

    #[test]
    fn packets_that_stay_open_give_way_and_are_counted() {
        let mut fragments = Fragments::default();
        let place = |id| FragmentPlace { id, offset: 0, more: true };
        let lost: u64 = (0..100).map(|id| fragments.push(key(id), place(id), b"01234567", 1).lost).sum();
        assert_eq!((lost, fragments.give_up()), (100 - PACKETS_MAX as u64, PACKETS_MAX as u64));
    }
}
