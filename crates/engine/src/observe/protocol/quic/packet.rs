//! Long headers of QUIC.

use super::version::{Version, version_parameters};
use crate::observe::protocol::reader::Reader;

/// Longest connection id of the versions we read.
const CONNECTION_ID_BYTES_MAX: u8 = 20;

/// An Initial packet, still protected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Initial<'a> {
    pub(super) version: u32,
    pub(super) destination_id: &'a [u8],
    /// The whole packet from its first byte to its end.
    pub(super) packet: &'a [u8],
    /// Where the packet number begins.
    pub(super) number_at: usize,
}

/// Whether the type bits of a long header say Initial; version 2 moved them.
pub(super) fn is_initial(first: u8, parameters: Version) -> bool {
    first >> 4 & 0x3 == parameters.initial_type
}

/// Google's QUIC before it became IETF QUIC: a public header, or a long header, with a version `Q0nn`.
pub(super) fn is_google_quic(datagram: &[u8]) -> bool {
    let version = |at: usize| {
        datagram
            .get(at..at + 4)
            .is_some_and(|v| v.starts_with(b"Q0") && v.iter().skip(2).all(u8::is_ascii_digit) && v != b"Q050")
    };
    match datagram.first() {
        // Q046: long header. Up to Q043: version flag and 8-byte connection id flag of the public header.
        Some(first) if first & 0x80 != 0 => version(1),
        Some(first) => first & 0x09 == 0x09 && version(9),
        None => false,
    }
}

/// Destination and source connection id.
pub(super) fn connection_ids<'a>(reader: &mut Reader<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let mut id = || {
        let len = reader.u8().filter(|len| *len <= CONNECTION_ID_BYTES_MAX)?;
        reader.take(usize::from(len))
    };
    Some((id()?, id()?))
}

/// The next Initial packet of a datagram; others before it are passed over. `None` at the end, and before
/// anything that cannot be read.
pub(super) fn next_initial<'a>(reader: &mut Reader<'a>) -> Option<Initial<'a>> {
    loop {
        let begin = reader.rest();
        let first = reader.u8()?;
        let version = reader.u32()?;
        let parameters = version_parameters(version)?;
        // The second bit may be cleared once both ends agreed to that (RFC 9287).
        if first & 0x80 == 0 {
            return None;
        }
        let (destination_id, _) = connection_ids(reader)?;
        let initial = is_initial(first, parameters);
        if initial {
            let token_len = usize::try_from(varint(reader)?).ok()?;
            reader.take(token_len)?;
        } else if first >> 4 & 0x3 == parameters.initial_type.wrapping_sub(1) & 0x3 {
            // Retry has no length and stands alone.
            return None;
        }
        let len = usize::try_from(varint(reader)?).ok()?;
        let number_at = begin.len() - reader.rest().len();
        reader.take(len)?;
        if initial {
            let packet = begin.get(..number_at + len)?;
            return Some(Initial { version, destination_id, packet, number_at });
        }
    }
}

/// A variable-length integer (RFC 9000, 16).
pub(super) fn varint(reader: &mut Reader<'_>) -> Option<u64> {
    let first = reader.u8()?;
    let mut value = u64::from(first & 0x3f);
    for _ in 1..1_usize << (first >> 6) {
        value = value << 8 | u64::from(reader.u8()?);
    }
    Some(value)
}
