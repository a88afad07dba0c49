//! pcapng: blocks, of which sections, interfaces and packets are read.

use std::io;

use beaconwatch_engine::time::Timestamp;

use super::CaptureCounters;
use super::read_buffer::ReadBuffer;
use super::stored_record::{PACKET_BYTES_MAX, StoredRecord, u16_at, u32_at};

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const PACKET: u32 = 6;
const SECRETS: u32 = 10;
/// Kind, length, and what a section says of its byte order; the least that a block has.
const HEAD_BYTES: usize = 12;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
/// Option of an interface: units of its time stamps, and an offset in seconds.
const OPTION_RESOLUTION: u16 = 9;
const OPTION_OFFSET: u16 = 14;
/// Interfaces of one section that are remembered.
const INTERFACES_MAX: usize = 4096;
/// Largest block with a packet that is believed, and largest of the others (names, secrets).
const BLOCK_BYTES_MAX: usize = PACKET_BYTES_MAX + 64 * 1024;
const OTHER_BYTES_MAX: usize = 16 << 20;

/// The state of the section that is read.
#[derive(Debug, Default)]
pub(super) struct Pcapng {
    big_endian: bool,
    interfaces: Vec<Interface>,
    /// Time of the packet before, for packets that have none.
    last: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: u16,
    snap_len: usize,
    units_per_second: u64,
    offset_s: i64,
}

/// How a block begins.
#[derive(Clone, Copy, Debug)]
struct Head {
    kind: u32,
    /// Bytes of the whole block.
    len: usize,
    big_endian: bool,
}

impl Head {
    /// `None`: no block begins so. A section says itself in which order its bytes are.
    fn read(bytes: &[u8], big_endian: bool) -> Option<Self> {
        let big_endian = match (u32_at(bytes, 0, true)?, u32_at(bytes, 8, true)) {
            (SECTION, Some(BYTE_ORDER_MAGIC)) => true,
            (SECTION, Some(magic)) if magic.swap_bytes() == BYTE_ORDER_MAGIC => false,
            (SECTION, _) => return None,
            _ => big_endian,
        };
        let len = usize::try_from(u32_at(bytes, 4, big_endian)?).ok()?;
        let kind = u32_at(bytes, 0, big_endian)?;
        let len_max = match kind {
            PACKET | OLD_PACKET | SIMPLE_PACKET => BLOCK_BYTES_MAX,
            _ => OTHER_BYTES_MAX,
        };
        let makes_sense = (HEAD_BYTES..=len_max).contains(&len) && len.is_multiple_of(4);
        makes_sense.then_some(Self { kind, len, big_endian })
    }

    /// Whether it is of a kind and length that captures commonly have: from interfaces to secrets.
    fn is_common(&self) -> bool {
        self.len <= BLOCK_BYTES_MAX && (self.kind == SECTION || (INTERFACE..=SECRETS).contains(&self.kind))
    }

    /// Whether the block is there to its end, which repeats its length.
    fn is_whole(&self, input: &mut ReadBuffer) -> io::Result<bool> {
        let block = input.peek(self.len)?;
        Ok(block.len() == self.len
            && u32_at(block, self.len - 4, self.big_endian).map(u64::from) == Some(self.len as u64))
    }
}

impl Pcapng {
    pub(super) fn next_record(
        &mut self,
        input: &mut ReadBuffer,
        counters: &mut CaptureCounters,
    ) -> io::Result<Option<StoredRecord>> {
        loop {
            let head = input.peek(HEAD_BYTES)?;
            if head.is_empty() {
                return Ok(None);
            }
            let Some(head) = Head::read(head, self.big_endian) else {
                if !self.resume(input, counters)? {
                    return Ok(None);
                }
                continue;
            };
            if !head.is_whole(input)? {
                if !self.resume(input, counters)? {
                    return Ok(None);
                }
                continue;
            }
            let block = input.peek(head.len)?;
            match head.kind {
                SECTION => {
                    self.interfaces.clear();
                    self.big_endian = head.big_endian;
                }
                INTERFACE => self.read_interface(block),
                PACKET | OLD_PACKET | SIMPLE_PACKET => {
                    if let Some(record) = self.read_packet(head.kind, block) {
                        return Ok(Some(record));
                    }
                    counters.damaged += 1;
                }
                _ => {}
            }
            input.consume(head.len);
        }
    }

    /// Looks behind damage for the next whole block of a kind that is known; false: there is none.
    #[cold]
    fn resume(&self, input: &mut ReadBuffer, counters: &mut CaptureCounters) -> io::Result<bool> {
        loop {
            input.consume(1);
            let bytes = input.peek(HEAD_BYTES)?;
            if bytes.len() < HEAD_BYTES {
                counters.file_cut = true;
                return Ok(false);
            }
            let found = Head::read(bytes, self.big_endian).filter(Head::is_common);
            if let Some(head) = found
                && head.is_whole(input)?
            {
                counters.damaged += 1;
                return Ok(true);
            }
        }
    }

    fn read_interface(&mut self, block: &[u8]) {
        let big_endian = self.big_endian;
        let mut interface = Interface {
            link: u16_at(block, 8, big_endian).unwrap_or_default(),
            snap_len: u32_at(block, 12, big_endian)
                .and_then(|len| usize::try_from(len).ok())
                .unwrap_or_default(),
            units_per_second: 1_000_000,
            offset_s: 0,
        };
        let mut at = 16;
        while let (Some(code @ 1..), Some(len)) =
            (u16_at(block, at, big_endian), u16_at(block, at + 2, big_endian))
        {
            let value = block.get(at + 4..at + 4 + usize::from(len)).unwrap_or_default();
            match (code, value) {
                (OPTION_RESOLUTION, [resolution, ..]) => interface.units_per_second = units(*resolution),
                (OPTION_OFFSET, value) => {
                    let parts = (u32_at(value, 0, big_endian), u32_at(value, 4, big_endian));
                    if let (Some(first), Some(second)) = parts {
                        let (high, low) = if big_endian { (first, second) } else { (second, first) };
                        interface.offset_s = (u64::from(high) << 32 | u64::from(low)).cast_signed();
                    }
                }
                _ => {}
            }
            at += 4 + usize::from(len).next_multiple_of(4);
        }
        if self.interfaces.len() < INTERFACES_MAX {
            self.interfaces.push(interface);
        }
    }

    fn read_packet(&mut self, kind: u32, block: &[u8]) -> Option<StoredRecord> {
        let field = |at| u32_at(block, at, self.big_endian);
        let size = |at| field(at).and_then(|len| usize::try_from(len).ok());
        let (interface, data_at, data_len, wire_len) = match kind {
            SIMPLE_PACKET => {
                let wire_len = size(8)?;
                let snap_len = self.interfaces.first()?.snap_len;
                let kept = if snap_len == 0 { wire_len } else { wire_len.min(snap_len) };
                (0, 12, kept.min(block.len().checked_sub(16)?), wire_len)
            }
            OLD_PACKET => (usize::from(u16_at(block, 8, self.big_endian)?), 28, size(20)?, size(24)?),
            _ => (size(8)?, 28, size(20)?, size(24)?),
        };
        let interface = self.interfaces.get(interface)?;
        if data_len > PACKET_BYTES_MAX || block.len() < data_at + data_len + 4 {
            return None;
        }
        if kind != SIMPLE_PACKET {
            self.last = interface.time(u64::from(field(12)?) << 32 | u64::from(field(16)?));
        }
        Some(StoredRecord {
            time: self.last,
            link: interface.link,
            wire_len: wire_len.max(data_len),
            data_at,
            data_len,
            record_len: block.len(),
        })
    }
}

impl Interface {
    fn time(&self, units: u64) -> Timestamp {
        let seconds = units / self.units_per_second;
        let fraction =
            u128::from(units % self.units_per_second) * 1_000_000_000 / u128::from(self.units_per_second);
        let seconds = seconds.saturating_add_signed(self.offset_s);
        let nanos =
            seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(fraction).unwrap_or(0));
        Timestamp::from_nanos(nanos)
    }
}

/// Units of a second: a negative power of ten, or of two when the top bit is set.
fn units(resolution: u8) -> u64 {
    let exponent = u32::from(resolution & 0x7f);
    if resolution & 0x80 != 0 { 1_u64 << exponent.min(63) } else { 10_u64.saturating_pow(exponent.min(19)) }
}
