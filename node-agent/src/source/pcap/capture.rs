//! Capture files: which format, and one packet after the other.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use beaconwatch_engine::time::Timestamp;
use flate2::read::MultiGzDecoder;

use super::CaptureCounters;
use super::pcapng::Pcapng;
use super::read_buffer::ReadBuffer;

/// Largest packet that is believed; a longer record is damage.
pub(super) const PACKET_BYTES_MAX: usize = 256 << 10;
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
    #[error("not a capture: it begins with {begin:02x?}, which is neither pcap nor pcapng")]
    Format {
        /// First bytes of the file.
        begin: Vec<u8>,
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

/// Counts what is read of a file, before it is decompressed.
struct Counted {
    reader: Box<dyn Read + Send>,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

/// What the file header of a pcap says.
#[derive(Clone, Copy, Debug)]
struct Pcap {
    big_endian: bool,
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

/// A record, before it is borrowed: where its data are and what else is known of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) time: Timestamp,
    pub(super) link: u16,
    pub(super) wire_len: usize,
    /// Bytes from the begin of the record to its data, length of the data, and of the whole record.
    pub(super) data_at: usize,
    pub(super) data_len: usize,
    pub(super) record_len: usize,
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
        let file_bytes = Arc::new(AtomicU64::new(0));
        let mut counted = Counted { reader, bytes: Arc::clone(&file_bytes) };
        let mut magic = Vec::with_capacity(2);
        counted.by_ref().take(2).read_to_end(&mut magic)?;
        let zipped = magic == [0x1f, 0x8b];
        let whole = io::Cursor::new(magic).chain(counted);
        let mut input =
            ReadBuffer::over(if zipped { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) });
        let header = input.peek(FILE_HEADER_BYTES)?;
        let format = if header.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
            Format::Pcapng(Pcapng::default())
        } else {
            let pcap = Pcap::read(header)
                .ok_or_else(|| CaptureError::Format { begin: header.get(..4).unwrap_or(header).to_vec() })?;
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
        let record = match &mut self.format {
            Format::Pcap(pcap) => pcap.next_record(&mut self.input, &mut self.counters)?,
            Format::Pcapng(pcapng) => pcapng.next_record(&mut self.input, &mut self.counters)?,
        };
        let Some(mut record) = record else { return Ok(None) };
        self.counters.packets += 1;
        if self.leaps(record.time.as_nanos()) {
            self.counters.malformed += 1;
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

    /// Records that made no sense so far.
    pub(super) fn malformed(&self) -> u64 {
        self.counters.malformed
    }

    /// What was read so far.
    pub fn counters(&self) -> CaptureCounters {
        self.counters
    }
}

impl Pcap {
    fn read(header: &[u8]) -> Option<Self> {
        let (big_endian, fraction_ns) = match header.first_chunk::<4>()? {
            [0xd4, 0xc3, 0xb2, 0xa1] => (false, 1000),
            [0xa1, 0xb2, 0xc3, 0xd4] => (true, 1000),
            [0x4d, 0x3c, 0xb2, 0xa1] => (false, 1),
            [0xa1, 0xb2, 0x3c, 0x4d] => (true, 1),
            _ => return None,
        };
        // The upper bits say whether a checksum follows each packet.
        let link = u32_at(header, 20, big_endian)? & 0xffff;
        Some(Self { big_endian, fraction_ns, link: u16::try_from(link).ok()?, last_s: None })
    }

    #[inline(always)]
    fn next_record(
        &mut self,
        input: &mut ReadBuffer,
        counters: &mut CaptureCounters,
    ) -> io::Result<Option<Record>> {
        loop {
            let held = input.held(RECORD_HEADER_BYTES)?;
            let (held_len, header) = (held.len(), self.header(held));
            let Some(RecordHeader { seconds, fraction, data_len, wire_len }) = header else {
                counters.file_cut |= held_len > 0;
                return Ok(None);
            };
            let record_len = RECORD_HEADER_BYTES + data_len;
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
            return Ok(Some(Record {
                time: Timestamp::from_nanos(nanos),
                link: self.link,
                wire_len: wire_len.max(data_len),
                data_at: RECORD_HEADER_BYTES,
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
            let held = input.held(RECORD_HEADER_BYTES)?;
            if held.len() < RECORD_HEADER_BYTES {
                counters.file_cut = true;
                return Ok(false);
            }
            let Some(len) = self.sensible(held) else { continue };
            let behind = input.held(len + RECORD_HEADER_BYTES)?.get(len..);
            if behind.is_some_and(|behind| behind.is_empty() || self.sensible(behind).is_some()) {
                counters.malformed += 1;
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
        makes_sense.then_some(RECORD_HEADER_BYTES + data_len)
    }
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

#[cfg(test)]
mod tests;
