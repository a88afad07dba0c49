//! Capture files: which format, and one packet after the other.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use beaconwatch_engine::time::Timestamp;

use super::CaptureCounters;
use super::pcapng::Pcapng;
use super::read_buffer::ReadBuffer;
use super::stored_record::{PACKET_BYTES_MAX, StoredRecord, u32_at};
use crate::PacketReason;
use crate::sniff::{self, Looks};
use crate::stored::Stored;

/// The time of a packet this much later than all before is damaged, unless the next one is of that time too. Time never
/// goes back, so it would be the time of all that follow.
const LEAP_NS: u64 = 366 * 86_400 * 1_000_000_000;
const FILE_HEADER_BYTES: usize = 24;
const RECORD_HEADER_BYTES: usize = 16;

/// Why a capture cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be opened.
    #[error("cannot open the capture {path}")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Reading failed.
    #[error("cannot read on in the capture")]
    Read(#[from] io::Error),
    /// Neither pcap nor pcapng.
    #[error("not a capture: it {looks}")]
    Format {
        /// What it looks like instead.
        looks: Looks,
    },
}

/// One packet of a capture, borrowed from the read buffer.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Number in the file, from 1.
    pub number: u64,
    /// When it was captured.
    pub time: Timestamp,
    /// Link type (a `LINKTYPE_` number).
    pub link: u16,
    /// Bytes that the packet had on the wire.
    pub wire_len: usize,
    /// What the file holds of it.
    pub data: &'a [u8],
}

/// A capture that is read packet by packet.
pub struct Capture {
    input: ReadBuffer,
    format: Format,
    counters: CaptureCounters,
    file_bytes: Arc<AtomicU64>,
    /// Time of the latest packet, and of the last that was too far from it to be believed, in nanoseconds.
    latest_ns: u64,
    leap_ns: u64,
}

enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

/// What the file header of a pcap says.
#[derive(Clone, Copy, Debug)]
struct Pcap {
    big_endian: bool,
    /// Bytes before each packet.
    record_header_len: usize,
    /// Nanoseconds of one unit of the second time field.
    fraction_ns: u64,
    link: u16,
    /// Time of the packet before.
    last_s: Option<u32>,
}

/// The fields before each packet of a pcap.
#[derive(Clone, Copy, Debug)]
struct RecordHeader {
    seconds: u32,
    fraction: u32,
    data_len: usize,
    wire_len: usize,
}

impl Capture {
    /// Opens a file; gzip is recognised by its content.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or read, or is no capture.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let file = File::open(path).map_err(|source| CaptureError::Open { path: path.to_owned(), source })?;
        Self::read(Box::new(file))
    }

    /// Reads a capture from anywhere.
    ///
    /// # Errors
    ///
    /// When reading fails, or it is no capture.
    pub fn read(reader: Box<dyn Read + Send>) -> Result<Self, CaptureError> {
        let Stored { reader, bytes: file_bytes } = Stored::over(reader)?;
        let mut input = ReadBuffer::over(reader);
        let begin = input.peek(sniff::LOOKED_AT_BYTES)?;
        let looks = Looks::of(begin);
        if looks != Looks::Capture {
            return Err(CaptureError::Format { looks });
        }
        let format = if begin.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
            Format::Pcapng(Pcapng::default())
        } else {
            let pcap = Pcap::read(begin).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
            input.consume(FILE_HEADER_BYTES);
            Format::Pcap(pcap)
        };
        let counters = CaptureCounters::default();
        Ok(Self { input, format, counters, file_bytes, latest_ns: 0, leap_ns: 0 })
    }

    /// Bytes of the file that were read, as they are stored.
    pub fn bytes_read(&self) -> u64 {
        self.file_bytes.load(Ordering::Relaxed)
    }

    /// The next packet; `None` at the end of the file, also when that is in the middle of a record.
    ///
    /// # Errors
    ///
    /// When reading fails.
    #[inline]
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        let damaged = self.counters.damaged;
        let record = match &mut self.format {
            Format::Pcap(pcap) => pcap.next_record(&mut self.input, &mut self.counters)?,
            Format::Pcapng(pcapng) => pcapng.next_record(&mut self.input, &mut self.counters)?,
        };
        // Where the file is damaged there was a packet at least.
        self.counters.packets += self.counters.damaged - damaged;
        let Some(mut record) = record else { return Ok(None) };
        self.counters.packets += 1;
        if self.leaps(record.time.as_nanos()) {
            self.counters.times_raised += 1;
            record.time = Timestamp::from_nanos(self.latest_ns);
        }
        let number = self.counters.packets;
        self.counters.captured_bytes += record.data_len as u64;
        self.counters.wire_bytes += record.wire_len as u64;
        self.counters.snapped += u64::from(record.wire_len > record.data_len);
        let data = self.input.take(record.record_len, record.data_at, record.data_len);
        Ok(Some(Packet { number, time: record.time, link: record.link, wire_len: record.wire_len, data }))
    }

    /// Whether a time cannot be believed after those before it.
    #[inline]
    fn leaps(&mut self, time_ns: u64) -> bool {
        let far = self.latest_ns > 0 && time_ns.saturating_sub(self.latest_ns) > LEAP_NS;
        if far && time_ns.abs_diff(self.leap_ns) > LEAP_NS {
            self.leap_ns = time_ns;
            return true;
        }
        self.latest_ns = self.latest_ns.max(time_ns);
        false
    }

    /// Packets read so far.
    pub fn packets(&self) -> u64 {
        self.counters.packets
    }

    /// Places where the file is damaged, and times that were raised, so far.
    pub(super) fn damage(&self) -> [(PacketReason, u64); 2] {
        self.counters.of_the_file()
    }

    /// What was read so far.
    pub fn counters(&self) -> CaptureCounters {
        self.counters
    }
}

impl Pcap {
    fn read(header: &[u8]) -> Option<Self> {
        let (big_endian, fraction_ns, record_header_len) = match header.first_chunk::<4>()? {
            [0xd4, 0xc3, 0xb2, 0xa1] => (false, 1000, RECORD_HEADER_BYTES),
            [0xa1, 0xb2, 0xc3, 0xd4] => (true, 1000, RECORD_HEADER_BYTES),
            [0x4d, 0x3c, 0xb2, 0xa1] => (false, 1, RECORD_HEADER_BYTES),
            [0xa1, 0xb2, 0x3c, 0x4d] => (true, 1, RECORD_HEADER_BYTES),
            // "Modified": interface, protocol and direction stand behind the lengths.
            [0x34, 0xcd, 0xb2, 0xa1] => (false, 1000, RECORD_HEADER_BYTES + 8),
            [0xa1, 0xb2, 0xcd, 0x34] => (true, 1000, RECORD_HEADER_BYTES + 8),
            _ => return None,
        };
        // The upper bits say whether a checksum follows each packet.
        let link = u32_at(header, 20, big_endian)? & 0xffff;
        let link = u16::try_from(link).ok()?;
        Some(Self { big_endian, record_header_len, fraction_ns, link, last_s: None })
    }

    #[inline(always)]
    fn next_record(
        &mut self,
        input: &mut ReadBuffer,
        counters: &mut CaptureCounters,
    ) -> io::Result<Option<StoredRecord>> {
        loop {
            let held = input.held(self.record_header_len)?;
            let (held_len, header) = (held.len(), self.header(held));
            let Some(RecordHeader { seconds, fraction, data_len, wire_len }) = header else {
                counters.file_cut |= held_len > 0;
                return Ok(None);
            };
            let record_len = self.record_header_len + data_len;
            let is_damaged = data_len > PACKET_BYTES_MAX
                || held_len < record_len && input.held(record_len)?.len() < record_len;
            if is_damaged {
                if !self.resume(input, counters)? {
                    return Ok(None);
                }
                continue;
            }
            self.last_s = Some(seconds);
            let nanos = u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * self.fraction_ns;
            return Ok(Some(StoredRecord {
                time: Timestamp::from_nanos(nanos),
                link: self.link,
                wire_len: wire_len.max(data_len),
                data_at: self.record_header_len,
                data_len,
                record_len,
            }));
        }
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "four fields are cut out of a header")]
    fn header(&self, bytes: &[u8]) -> Option<RecordHeader> {
        let fields = u128::from_le_bytes(*bytes.first_chunk::<RECORD_HEADER_BYTES>()?);
        let [seconds, fraction, data_len, wire_len] = [0, 32, 64, 96].map(|shift| {
            let field = (fields >> shift) as u32;
            if self.big_endian { field.swap_bytes() } else { field }
        });
        Some(RecordHeader { seconds, fraction, data_len: data_len as usize, wire_len: wire_len as usize })
    }

    /// Looks behind damage for a record that makes sense and has another (or the end of the file) behind it; false:
    /// there is none.
    #[cold]
    fn resume(&self, input: &mut ReadBuffer, counters: &mut CaptureCounters) -> io::Result<bool> {
        loop {
            input.consume(1);
            let held = input.held(self.record_header_len)?;
            if held.len() < self.record_header_len {
                counters.file_cut = true;
                return Ok(false);
            }
            let Some(len) = self.sensible(held) else { continue };
            let behind = input.held(len + self.record_header_len)?.get(len..);
            if behind.is_some_and(|behind| behind.is_empty() || self.sensible(behind).is_some()) {
                counters.damaged += 1;
                return Ok(true);
            }
        }
    }

    /// Length of the record that begins here, if it is one: within a day of the one before, and not empty.
    fn sensible(&self, bytes: &[u8]) -> Option<usize> {
        let RecordHeader { seconds, fraction, data_len, wire_len } = self.header(bytes)?;
        let near = self.last_s.is_none_or(|last| last.abs_diff(seconds) < 86_400);
        let makes_sense = near
            && u64::from(fraction) * self.fraction_ns < 1_000_000_000
            && (1..=PACKET_BYTES_MAX).contains(&data_len)
            && wire_len >= data_len;
        makes_sense.then_some(self.record_header_len + data_len)
    }
}

#[cfg(test)]
mod tests;
