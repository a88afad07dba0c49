//! Reads a recording back. Damage costs the blocks it touches, and is told.

use std::io::{self, Read};

use beaconwatch_engine::codec::{Coded, Dropped, OLDEST, Reader, VERSION};
use beaconwatch_engine::input::Input;
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::time::Timestamp;

use super::MAGIC;
use crate::frame::{self, HEAD_CRC_LEN, HEAD_LEN, HEADER_LEN, MARKER};

/// Bytes read from the file at a time.
const READ_BYTES: usize = 256 << 10;

/// What can be wrong with a recording. After what is about blocks and records, reading goes on.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file cannot be read.
    #[error("reading the recording")]
    Read(#[source] io::Error),
    /// The file is something else.
    #[error("this is no recording: it does not begin as one")]
    NotARecording,
    /// Another version of the format.
    #[error(
        "this recording has format version {found}, and this program reads {OLDEST} to {VERSION}: it was written by a \
         newer one"
    )]
    Version {
        /// The version found.
        found: u16,
    },
    /// The head, which says how the engine was bounded, is damaged.
    #[error("the head of the recording is damaged")]
    Head,
    /// Bytes that are no block, or not what was written.
    #[error("{bytes} bytes at offset {offset} are damaged and were passed over")]
    Damaged {
        /// Where.
        offset: u64,
        /// How many.
        bytes: u64,
    },
    /// Blocks that are not there: damaged, or never written since the disk did not keep up.
    #[error("{blocks} blocks are missing before offset {offset}")]
    Missing {
        /// Where the next one is.
        offset: u64,
        /// How many.
        blocks: u32,
    },
    /// A record of a sound block that says nothing this version knows.
    #[error("a record of the block at offset {offset} cannot be read and was passed over")]
    Record {
        /// Where its block is.
        offset: u64,
    },
    /// The recording was not finished: the agent was killed, or the file was cut.
    #[error("the recording ends early: it has no end mark")]
    Unfinished,
}

/// Reads a recording, input by input.
#[derive(Debug)]
pub struct RecordingReader<R> {
    file: R,
    /// Bytes read and not used; the first stands at `offset` of the file.
    window: Vec<u8>,
    used: usize,
    offset: u64,
    at_end: bool,
    version: u16,
    limits: Limits,
    dropped: Dropped,
    sequence: u32,
    block: Block,
    end: Option<Timestamp>,
    last: Timestamp,
    over: bool,
}

/// The block that is being read.
#[derive(Debug, Default)]
struct Block {
    raw: Vec<u8>,
    used: usize,
    time: u64,
    offset: u64,
}

/// One record.
enum Record {
    Input(Timestamp, Box<Input>),
    End(Timestamp),
    Unreadable,
}

impl<R: Read> RecordingReader<R> {
    /// Reads the head.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is no recording, or is of another version.
    pub fn open(file: R) -> Result<Self, RecordingError> {
        let mut reader = Self {
            file,
            window: Vec::new(),
            used: 0,
            offset: 0,
            at_end: false,
            version: VERSION,
            limits: Limits::default(),
            dropped: Dropped::default(),
            sequence: 0,
            block: Block::default(),
            end: None,
            last: Timestamp::ZERO,
            over: false,
        };
        let begin = reader.peek(HEAD_LEN).map_err(RecordingError::Read)?;
        let Some((version, length)) = frame::head_begin(MAGIC, begin) else {
            return Err(RecordingError::NotARecording);
        };
        if !(OLDEST..=VERSION).contains(&version) {
            return Err(RecordingError::Version { found: version });
        }
        let head = reader.peek(HEAD_LEN + length + HEAD_CRC_LEN).map_err(RecordingError::Read)?;
        let body = frame::head_body(version, length, head).ok_or(RecordingError::Head)?;
        let mut values = Reader::of_version(version, body);
        let limits = Limits::take(&mut values).ok_or(RecordingError::Head)?;
        let dropped = values.end().ok_or(RecordingError::Head)?;
        (reader.version, reader.limits, reader.dropped) = (version, limits, dropped);
        reader.advance(HEAD_LEN + length + HEAD_CRC_LEN);
        Ok(reader)
    }

    /// The bounds of the recorded engine.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The version of the format it was written in.
    #[must_use]
    pub fn version(&self) -> u16 {
        self.version
    }

    /// What was recorded and is not kept by this version, as far as it was read.
    #[must_use]
    pub fn dropped(&self) -> &Dropped {
        &self.dropped
    }

    /// When the recorded engine finished, once all was read: the end mark, else the time of the last input.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.end.unwrap_or(self.last)
    }

    /// Bytes of the file used so far.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.offset
    }

    /// At least this many bytes, without using them; fewer at the end of the file.
    fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        while self.window.len() - self.used < count && !self.at_end {
            if self.used > READ_BYTES {
                self.window.drain(..self.used);
                self.used = 0;
            }
            let filled = self.window.len();
            self.window.resize(filled + READ_BYTES, 0);
            let room = self.window.get_mut(filled..).unwrap_or_default();
            let read = self.file.read(room);
            self.window.truncate(filled + read.as_ref().map_or(0, |read| *read));
            match read {
                Ok(read) => self.at_end = read == 0,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let rest = self.window.get(self.used..).unwrap_or_default();
        Ok(rest.get(..count).unwrap_or(rest))
    }

    fn advance(&mut self, count: usize) {
        self.used += count;
        self.offset += count as u64;
    }

    /// Reads the next block. `Ok(false)`: there is none. An error leaves the reader behind what was wrong.
    fn next_block(&mut self) -> Result<bool, RecordingError> {
        let begin = self.offset;
        loop {
            if let Some(found) = self.block_here().map_err(RecordingError::Read)? {
                let damaged = self.offset - begin;
                if damaged > 0 {
                    return Err(RecordingError::Damaged { offset: begin, bytes: damaged });
                }
                let (sequence, length, raw) = found;
                let missing = sequence.saturating_sub(self.sequence);
                self.sequence = sequence.saturating_add(1);
                let offset = self.offset;
                self.advance(length);
                let (time, used) =
                    raw.first_chunk::<8>().map_or((0, 0), |time| (u64::from_le_bytes(*time), 8));
                self.block = Block { raw, used, time, offset };
                if missing > 0 {
                    return Err(RecordingError::Missing { offset, blocks: missing });
                }
                return Ok(true);
            }
            if self.peek(1).map_err(RecordingError::Read)?.is_empty() {
                let damaged = self.offset - begin;
                return if damaged > 0 {
                    Err(RecordingError::Damaged { offset: begin, bytes: damaged })
                } else {
                    Ok(false)
                };
            }
            self.skip_to_marker().map_err(RecordingError::Read)?;
        }
    }

    /// The block that begins here, if one does: its number, its size, its records.
    fn block_here(&mut self) -> io::Result<Option<(u32, usize, Vec<u8>)>> {
        let Some(header) = frame::header(self.peek(HEADER_LEN)?) else { return Ok(None) };
        let length = HEADER_LEN + header.stored_len;
        let bytes = self.peek(length)?;
        let stored = bytes.get(HEADER_LEN..length);
        Ok(stored.and_then(|stored| frame::open(&header, stored)).map(|raw| (header.sequence, length, raw)))
    }

    /// Passes over at least one byte, up to where a block may begin.
    fn skip_to_marker(&mut self) -> io::Result<()> {
        let bytes = self.peek(READ_BYTES)?;
        let rest = bytes.get(1..).unwrap_or_default();
        let skip = match memchr::memmem::find(rest, &MARKER) {
            Some(at) => 1 + at,
            None if bytes.len() < READ_BYTES => bytes.len(),
            None => bytes.len() - (MARKER.len() - 1),
        };
        self.advance(skip);
        Ok(())
    }

    fn next_record(&mut self) -> Option<Record> {
        let mut cursor = Reader::of_version(self.version, self.block.raw.get(self.block.used..)?);
        if cursor.rest().is_empty() {
            return None;
        }
        let record = (|| {
            let length = usize::take(&mut cursor)?;
            let since = u64::take(&mut cursor)?;
            Some((since, cursor.slice(length)?))
        })();
        let Some((since, body)) = record else {
            self.block.used = self.block.raw.len();
            return Some(Record::Unreadable);
        };
        self.block.used = self.block.raw.len() - cursor.rest().len();
        self.block.time = self.block.time.saturating_add(since);
        let time = Timestamp::from_nanos(self.block.time);
        Some(match body.split_first() {
            Some((0, [])) => Record::End(time),
            Some((1, input)) => match super::decode(self.version, input) {
                Some((input, dropped)) => {
                    self.dropped.add(dropped);
                    Record::Input(time, Box::new(input))
                }
                None => Record::Unreadable,
            },
            Some(_) | None => Record::Unreadable,
        })
    }

    fn step(&mut self) -> Result<Option<(Timestamp, Input)>, RecordingError> {
        loop {
            match self.next_record() {
                Some(Record::Input(time, input)) => {
                    self.last = self.last.max(time);
                    return Ok(Some((time, *input)));
                }
                Some(Record::End(time)) => self.end = Some(time),
                Some(Record::Unreadable) => {
                    return Err(RecordingError::Record { offset: self.block.offset });
                }
                None if self.next_block()? => {}
                None => {
                    self.over = true;
                    return if self.end.is_some() { Ok(None) } else { Err(RecordingError::Unfinished) };
                }
            }
        }
    }
}

impl<R: Read> Iterator for RecordingReader<R> {
    type Item = Result<(Timestamp, Input), RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let step = self.step();
        if matches!(step, Err(RecordingError::Read(_))) {
            self.over = true;
        }
        step.transpose()
    }
}
