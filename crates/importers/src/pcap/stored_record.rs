//! A record of a capture file, whichever its format.

use beaconwatch_engine::time::Timestamp;

/// Largest packet that is believed; a longer record is damage.
pub(super) const PACKET_BYTES_MAX: usize = 256 << 10;

/// A record, before it is borrowed: where its data are and what else is known of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoredRecord {
    pub(super) time: Timestamp,
    pub(super) link: u16,
    pub(super) wire_len: usize,
    /// Bytes from the start of the record to its data, length of the data, and of the whole record.
    pub(super) data_at: usize,
    pub(super) data_len: usize,
    pub(super) record_len: usize,
}

/// A 32-bit field of the file's byte order.
#[inline]
pub(super) fn u32_at(bytes: &[u8], at: usize, big_endian: bool) -> Option<u32> {
    let field = *bytes.get(at..)?.first_chunk::<4>()?;
    Some(if big_endian { u32::from_be_bytes(field) } else { u32::from_le_bytes(field) })
}

/// A 16-bit field of the file's byte order.
#[inline]
pub(super) fn u16_at(bytes: &[u8], at: usize, big_endian: bool) -> Option<u16> {
    let field = *bytes.get(at..)?.first_chunk::<2>()?;
    Some(if big_endian { u16::from_be_bytes(field) } else { u16::from_le_bytes(field) })
}
