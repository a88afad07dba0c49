//! IP fragments back to whole packets, within bounds.

use std::collections::VecDeque;

use super::decode::Addresses;

/// Packets under way at once; the oldest gives way.
const PACKETS_MAX: usize = 64;
/// Fragments of one packet.
const FRAGMENTS_MAX: usize = 64;
/// Largest payload of an IP packet.
const PAYLOAD_BYTES_MAX: usize = 65535;

/// Which packet a fragment is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FragmentKey {
    pub(super) addresses: Addresses,
    pub(super) id: u32,
    pub(super) protocol: u8,
}

/// Where a fragment lies in its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FragmentPlace {
    pub(super) id: u32,
    pub(super) offset: usize,
    pub(super) more: bool,
}

/// Packets of which not all fragments came yet.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    open: VecDeque<Partial>,
    lost: u64,
}

#[derive(Debug)]
struct Partial {
    key: FragmentKey,
    pieces: Vec<(usize, Vec<u8>)>,
    len: Option<usize>,
}

impl Fragments {
    /// Takes a fragment; the payload of the packet when that is complete.
    pub(super) fn push(&mut self, key: FragmentKey, place: FragmentPlace, data: &[u8]) -> Option<Vec<u8>> {
        let end = place.offset + data.len();
        if end > PAYLOAD_BYTES_MAX {
            self.lost += 1;
            return None;
        }
        let at = self.open.iter().position(|p| p.key == key).unwrap_or_else(|| {
            if self.open.len() >= PACKETS_MAX {
                self.lost += self.open.pop_front().map_or(0, |p| p.pieces.len() as u64);
            }
            self.open.push_back(Partial { key, pieces: Vec::new(), len: None });
            self.open.len() - 1
        });
        let partial = self.open.get_mut(at)?;
        if partial.pieces.len() >= FRAGMENTS_MAX {
            self.lost += 1;
            return None;
        }
        if !place.more {
            partial.len = Some(end);
        }
        let order = partial.pieces.partition_point(|(offset, _)| *offset <= place.offset);
        partial.pieces.insert(order, (place.offset, data.to_vec()));
        let whole = partial.assemble()?;
        self.open.remove(at);
        Some(whole)
    }

    /// Fragments that were given up.
    pub(super) fn lost(&self) -> u64 {
        self.lost
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
    use super::*;

    fn key(id: u32) -> FragmentKey {
        FragmentKey { addresses: Addresses::V4 { source: 1, destination: 2 }, id, protocol: 17 }
    }

    #[test]
    fn fragments_in_any_order_make_the_packet() {
        let mut fragments = Fragments::default();
        let place = |offset, more| FragmentPlace { id: 1, offset, more };
        assert_eq!(fragments.push(key(1), place(8, true), b"89abcdef"), None);
        assert_eq!(fragments.push(key(1), place(16, false), b"gh"), None);
        assert_eq!(fragments.push(key(1), place(0, true), b"01234567"), Some(b"0123456789abcdefgh".to_vec()));
    }

    #[test]
    fn packets_that_stay_open_give_way_and_are_counted() {
        let mut fragments = Fragments::default();
        for id in 0..100 {
            fragments.push(key(id), FragmentPlace { id, offset: 0, more: true }, b"01234567");
        }
        assert_eq!(fragments.lost(), 100 - PACKETS_MAX as u64);
    }
}
