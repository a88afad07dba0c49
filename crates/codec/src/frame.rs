//! The head of a file, and blocks: the unit that is compressed, checked and, when damaged, lost.
//!
//! ```text
//! file:   MAGIC 8 | version u16 | length u16 | body | crc u32 of all of these (version 1: of the body) | block*
//! block:  MARKER 8 | sequence u32 | stored u32 | raw u32 | crc of these three u32 | crc of the bytes u32 | bytes
//! bytes:  LZ4 of what the kind of file has in its blocks
//! ```
//! Fixed numbers are little-endian. A reader that meets something else looks for the next marker: damage costs the
//! blocks it touches and no more.

use beaconwatch_engine::codec::VERSION;

/// What a file is: its first bytes.
pub(crate) type Magic = [u8; 8];
/// First bytes of a block.
pub(crate) const MARKER: [u8; 8] = [0xb1, b'B', b'W', b'B', b'L', b'K', 0xd5, 0x1a];
/// Size of a block's header, marker included.
pub(crate) const HEADER_LEN: usize = 28;
/// A block is at most this large, compressed or not; one list of destinations may fill it.
pub(crate) const BLOCK_BYTES_MAX: usize = 128 << 20;
/// Bytes of a head before its body.
pub(crate) const HEAD_LEN: usize = 12;
/// ... and after it.
pub(crate) const HEAD_CRC_LEN: usize = 4;

/// The head of a file, in the version of today.
pub(crate) fn head(magic: Magic, body: &[u8]) -> Vec<u8> {
    let mut head = magic.to_vec();
    head.extend_from_slice(&VERSION.to_le_bytes());
    head.extend_from_slice(&u16::try_from(body.len()).unwrap_or(u16::MAX).to_le_bytes());
    head.extend_from_slice(body);
    head.extend_from_slice(&crc32fast::hash(&head).to_le_bytes());
    head
}

/// Version of a file and length of the body of its head; `None` if it begins as something else.
pub(crate) fn head_begin(magic: Magic, bytes: &[u8]) -> Option<(u16, usize)> {
    let rest = bytes.strip_prefix(&magic)?.first_chunk::<4>()?;
    let [v0, v1, l0, l1] = *rest;
    Some((u16::from_le_bytes([v0, v1]), usize::from(u16::from_le_bytes([l0, l1]))))
}

/// The body of a head that begins so; `None` if it is not what was written.
pub(crate) fn head_body(version: u16, length: usize, bytes: &[u8]) -> Option<&[u8]> {
    let end = HEAD_LEN + length;
    let body = bytes.get(HEAD_LEN..end)?;
    let crc = bytes.get(end..end + HEAD_CRC_LEN)?.try_into().ok()?;
    let checked = if version == 1 { body } else { bytes.get(..end)? };
    fits(checked, u32::from_le_bytes(crc)).then_some(body)
}

/// Whether bytes are what was written. A fuzzer cannot guess a checksum: for it, all of them fit.
fn fits(bytes: &[u8], crc: u32) -> bool {
    cfg!(fuzzing) || crc32fast::hash(bytes) == crc
}

/// The header of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) sequence: u32,
    pub(crate) stored_len: usize,
    pub(crate) raw_len: usize,
    crc: u32,
}

/// Compresses what a block holds and puts its header before it.
pub(crate) fn seal(sequence: u32, raw: &[u8]) -> Vec<u8> {
    let stored = lz4_flex::block::compress(raw);
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut block = Vec::with_capacity(HEADER_LEN + stored.len());
    block.extend_from_slice(&MARKER);
    block.extend_from_slice(&sequence.to_le_bytes());
    block.extend_from_slice(&length(&stored));
    block.extend_from_slice(&length(raw));
    let crc = crc32fast::hash(block.get(MARKER.len()..).unwrap_or_default());
    block.extend_from_slice(&crc.to_le_bytes());
    block.extend_from_slice(&crc32fast::hash(&stored).to_le_bytes());
    block.extend_from_slice(&stored);
    block
}

/// Reads a header; `None` if these bytes are none.
pub(crate) fn header(bytes: &[u8]) -> Option<Header> {
    let bytes = bytes.get(..HEADER_LEN)?.strip_prefix(&MARKER)?;
    let (words, _) = bytes.as_chunks::<4>();
    let &[sequence, stored, raw, header_crc, crc] = words else { return None };
    if !fits(bytes.get(..12)?, u32::from_le_bytes(header_crc)) {
        return None;
    }
    let length = |word: [u8; 4]| {
        usize::try_from(u32::from_le_bytes(word)).ok().filter(|length| *length <= BLOCK_BYTES_MAX)
    };
    Some(Header {
        sequence: u32::from_le_bytes(sequence),
        stored_len: length(stored)?,
        raw_len: length(raw)?,
        crc: u32::from_le_bytes(crc),
    })
}

/// What a block holds; `None` if its bytes are not what was written.
pub(crate) fn open(header: &Header, stored: &[u8]) -> Option<Vec<u8>> {
    if !fits(stored, header.crc) {
        return None;
    }
    // LZ4 makes at most 255 bytes of one: a header that promises more is not believed.
    if header.raw_len > stored.len().saturating_mul(255) {
        return None;
    }
    lz4_flex::block::decompress(stored, header.raw_len).ok().filter(|raw| raw.len() == header.raw_len)
}
