//! CRYPTO frames, in any order and over several packets, back to the bytes of the handshake.

use super::packet::varint;
use crate::observe::protocol::reader::Reader;

/// Bytes of the handshake that are put together; a ClientHello with post-quantum key shares has 2 KiB.
const STREAM_BYTES_MAX: usize = 32 << 10;
/// Separate pieces that wait for what lies between them. Clients shuffle a ClientHello into dozens.
const PIECES_MAX: usize = 128;

/// The start of one sender's handshake bytes.
#[derive(Debug, Default)]
pub(crate) struct CryptoStream {
    bytes: Vec<u8>,
    /// Bytes of messages that were taken; what is sent of them again is passed over.
    taken: usize,
    /// Filled ranges, apart from each other and in order.
    filled: Vec<(usize, usize)>,
}

impl CryptoStream {
    /// Takes the frames of a packet, as far as they can be read.
    pub(crate) fn push_frames(&mut self, payload: &[u8]) {
        let mut reader = Reader::over(payload);
        while let Some(kind) = reader.u8() {
            let read = match kind {
                // PADDING, PING
                0x00 | 0x01 => Some(()),
                0x02 | 0x03 => skip_ack(&mut reader, kind == 0x03),
                // CRYPTO; 0x08 in Google's versions
                0x06 | 0x08 => self.push_crypto(&mut reader),
                // CONNECTION_CLOSE, and what must not be in an Initial packet
                _ => None,
            };
            if read.is_none() {
                return;
            }
        }
    }

    fn push_crypto(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let offset = usize::try_from(varint(reader)?).ok()?;
        let len = usize::try_from(varint(reader)?).ok()?;
        let data = reader.take(len)?;
        let end = offset.checked_add(len)?.checked_sub(self.taken);
        let (Some(end), seen) = (end, self.taken.saturating_sub(offset)) else { return Some(()) };
        let data = data.get(seen..).unwrap_or_default();
        let (offset, len) = ((offset + seen) - self.taken, data.len());
        if end > STREAM_BYTES_MAX || len == 0 {
            return Some(());
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes.get_mut(offset..end)?.copy_from_slice(data);
        self.fill(offset, end);
        Some(())
    }

    fn fill(&mut self, mut begin: usize, mut end: usize) {
        self.filled.retain(|&(b, e)| {
            let apart = e < begin || b > end;
            if !apart {
                begin = begin.min(b);
                end = end.max(e);
            }
            apart
        });
        let at = self.filled.partition_point(|&(b, _)| b < begin);
        if self.filled.len() < PIECES_MAX {
            self.filled.insert(at, (begin, end));
        }
    }

    fn ready(&self) -> &[u8] {
        match self.filled.first() {
            Some(&(0, end)) => self.bytes.get(..end).unwrap_or_default(),
            Some(_) | None => &[],
        }
    }

    /// The first handshake message, when it is complete.
    pub(crate) fn take_message(&mut self) -> Option<Vec<u8>> {
        let ready = self.ready();
        let mut reader = Reader::over(ready);
        reader.u8()?;
        let len = usize::try_from(reader.u24()?).ok()?;
        let message = ready.get(..4 + len)?.to_vec();
        *self = Self { taken: self.taken + message.len(), ..Self::default() };
        Some(message)
    }

    /// What there is of the start of the first message.
    pub(crate) fn take_begin(&mut self) -> Option<Vec<u8>> {
        let begin = self.ready().to_vec();
        *self = Self::default();
        (!begin.is_empty()).then_some(begin)
    }
}

fn skip_ack(reader: &mut Reader<'_>, with_ecn: bool) -> Option<()> {
    let (_largest, _delay) = (varint(reader)?, varint(reader)?);
    let ranges = varint(reader)?;
    let _first = varint(reader)?;
    for _ in 0..ranges {
        let (_gap, _len) = (varint(reader)?, varint(reader)?);
    }
    if with_ecn {
        let _counts = (varint(reader)?, varint(reader)?, varint(reader)?);
    }
    Some(())
}
