//! Blocks: the unit that is compressed, checked and, when damaged, lost.
//!
//! ```text
//! file:   MAGIC 8 | version u16 | length u16 | limits of the engine | crc of these u32 | block*
//! block:  MARKER 8 | sequence u32 | stored u32 | raw u32 | crc of these three u32 | crc of the bytes u32 | bytes
//! bytes:  LZ4 of: time of the first record u64 | record*
//! record: length | nanoseconds since the record before | 0 (the end), or 1 and an input
//! ```
//! All fixed numbers are little-endian, all others LEB128. A reader that meets something else looks for the next
//! marker: damage costs the blocks it touches and no more.

/// First bytes of a recording.
pub(super) const MAGIC: [u8; 8] = *b"BWREC\r\n\x1a";
/// First bytes of a block.
pub(super) const MARKER: [u8; 8] = [0xb1, b'B', b'W', b'B', b'L', b'K', 0xd5, 0x1a];
/// Size of a block's header, marker included.
pub(super) const HEADER_LEN: usize = 28;
/// A block is at most this large, compressed or not; one list of destinations may fill it.
pub(super) const BLOCK_BYTES_MAX: usize = 128 << 20;

/// The head of a file.
pub(super) fn head(version: u16, body: &[u8]) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&version.to_le_bytes());
    head.extend_from_slice(&u16::try_from(body.len()).unwrap_or(u16::MAX).to_le_bytes());
    head.extend_from_slice(body);
    head.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
    head
}

/// The header of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) sequence: u32,
    pub(super) stored_len: usize,
    pub(super) raw_len: usize,
    crc: u32,
}

/// Compresses the records of a block and puts its header before them.
pub(super) fn seal(sequence: u32, raw: &[u8]) -> Vec<u8> {
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
pub(super) fn header(bytes: &[u8]) -> Option<Header> {
    let bytes = bytes.get(..HEADER_LEN)?.strip_prefix(&MARKER)?;
    let (words, _) = bytes.as_chunks::<4>();
    let &[sequence, stored, raw, header_crc, crc] = words else { return None };
    if crc32fast::hash(bytes.get(..12)?) != u32::from_le_bytes(header_crc) {
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

/// The records of a block; `None` if its bytes are not what was written.
pub(super) fn open(header: &Header, stored: &[u8]) -> Option<Vec<u8>> {
    if crc32fast::hash(stored) != header.crc {
        return None;
    }
    // LZ4 makes at most 255 bytes of one: a header that promises more is not believed.
    if header.raw_len > stored.len().saturating_mul(255) {
        return None;
    }
    lz4_flex::block::decompress(stored, header.raw_len).ok().filter(|raw| raw.len() == header.raw_len)
}
