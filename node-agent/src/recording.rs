//! Writes a recording: every input with the time the engine gave it, so that a replay finds the same.
//!
//! The engine's thread only encodes; compressing and writing are another thread's. A disk that cannot keep up never
//! stalls the line: what does not fit in between is left out and counted, and a replay says what is missing.
//! [`RecordingReader`] reads it back.

mod block;
mod input;
mod policy;
mod reader;
mod wire;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use beaconwatch_engine::input::Input;
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::time::Timestamp;

pub use reader::{RecordingError, RecordingReader};

use wire::Wire;

/// Version of the format; a reader refuses others.
pub const VERSION: u16 = 1;
/// A block is closed at this size ...
const BLOCK_BYTES: usize = 256 << 10;
/// ... or when its first record is this old, so that little is lost when the agent is killed.
const BLOCK_NANOS: u64 = 5_000_000_000;
/// Bytes that wait for the disk, and blocks: in quiet times blocks are small.
const BYTES_WAITING: usize = 8 << 20;
const BLOCKS_WAITING: usize = 4096;

/// Writes a recording.
#[derive(Debug)]
pub struct Recorder {
    /// Records of the open block.
    raw: Vec<u8>,
    record: Vec<u8>,
    block_begin: Timestamp,
    last: Timestamp,
    sequence: u32,
    totals: Totals,
    /// `None`: finished.
    writer: Option<Writer>,
}

/// The thread that compresses and writes.
#[derive(Debug)]
struct Writer {
    /// Number and records of each block.
    blocks: SyncSender<(u32, Vec<u8>)>,
    /// Bytes of those that are not written yet.
    waiting: Arc<AtomicUsize>,
    thread: JoinHandle<io::Result<u64>>,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Inputs.
    pub inputs: u64,
    /// Blocks that were left out, since the disk did not keep up or failed.
    pub blocks_lost: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// An input as a record holds it.
#[must_use]
pub fn encode(input: &Input) -> Vec<u8> {
    let mut bytes = Vec::new();
    input.put(&mut bytes);
    bytes
}

/// The input that a record holds; `None` if it holds none.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Input> {
    let mut cursor = wire::Cursor(bytes);
    Input::take(&mut cursor).filter(|_| cursor.0.is_empty())
}

impl Recorder {
    /// Creates the file, readable by its owner only: it holds payload. `limits` are the engine's: a replay has to
    /// keep the same.
    ///
    /// # Errors
    ///
    /// When the file cannot be created or its head cannot be written.
    pub fn create(path: &Path, limits: &Limits) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        Self::to_writer(file, limits)
    }

    /// Writes to anything that takes bytes.
    ///
    /// # Errors
    ///
    /// When the head cannot be written, or no thread can be started.
    pub fn to_writer(mut out: impl Write + Send + 'static, limits: &Limits) -> io::Result<Self> {
        let mut body = Vec::new();
        limits.put(&mut body);
        let head = block::head(VERSION, &body);
        out.write_all(&head)?;
        let head_bytes = head.len() as u64;
        let (sender, blocks) = sync_channel::<(u32, Vec<u8>)>(BLOCKS_WAITING);
        let waiting = Arc::new(AtomicUsize::new(0));
        let held = Arc::clone(&waiting);
        let thread = std::thread::Builder::new().name("recording".into()).spawn(move || {
            let mut bytes = head_bytes;
            for (sequence, raw) in blocks {
                let block = block::seal(sequence, &raw);
                out.write_all(&block)?;
                bytes += block.len() as u64;
                held.fetch_sub(raw.len(), Ordering::Relaxed);
            }
            out.flush()?;
            Ok(bytes)
        })?;
        Ok(Self {
            raw: Vec::with_capacity(BLOCK_BYTES + 4096),
            record: Vec::new(),
            block_begin: Timestamp::ZERO,
            last: Timestamp::ZERO,
            sequence: 0,
            totals: Totals::default(),
            writer: Some(Writer { blocks: sender, waiting, thread }),
        })
    }

    /// Records an input with the time that the engine gave it.
    pub fn write(&mut self, now: Timestamp, input: &Input) {
        self.record.clear();
        let mut record = core::mem::take(&mut self.record);
        record.push(1);
        input.put(&mut record);
        self.put(now, &record, false);
        self.record = record;
        self.totals.inputs += 1;
    }

    /// Records the end (the time at which the engine finished), and waits until all is written.
    ///
    /// # Errors
    ///
    /// The first error of the disk.
    pub fn finish(&mut self, end: Timestamp) -> io::Result<Totals> {
        self.put(end, &[0], true);
        self.close_block(true);
        let Some(Writer { blocks, thread, .. }) = self.writer.take() else { return Ok(self.totals) };
        drop(blocks);
        self.totals.bytes =
            thread.join().map_err(|_| io::Error::other("the writer of the recording died"))??;
        Ok(self.totals)
    }

    /// What was written so far; [`Totals::bytes`] is known only at the end.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    fn put(&mut self, now: Timestamp, record: &[u8], last: bool) {
        let age = now.as_nanos().saturating_sub(self.block_begin.as_nanos());
        let full = self.raw.len() + record.len() > BLOCK_BYTES || age > BLOCK_NANOS;
        if full && !self.raw.is_empty() {
            self.close_block(last);
        }
        if record.len() + 64 > block::BLOCK_BYTES_MAX {
            self.totals.blocks_lost += 1;
            self.sequence += 1;
            return;
        }
        if self.raw.is_empty() {
            self.block_begin = now;
            self.last = now;
            self.raw.extend_from_slice(&now.as_nanos().to_le_bytes());
        }
        let since = now.as_nanos().saturating_sub(self.last.as_nanos());
        self.last = self.last.max(now);
        record.len().put(&mut self.raw);
        since.put(&mut self.raw);
        self.raw.extend_from_slice(record);
    }

    /// Hands the block to the writer. `wait`: there is time to wait for the disk.
    fn close_block(&mut self, wait: bool) {
        if self.raw.is_empty() {
            return;
        }
        let raw = self.raw.clone();
        self.raw.clear();
        let sequence = self.sequence;
        self.sequence += 1;
        let Some(Writer { blocks, waiting, thread: _ }) = &self.writer else { return };
        let bytes = raw.len();
        let room = waiting.fetch_add(bytes, Ordering::Relaxed) + bytes <= BYTES_WAITING;
        let sent = if wait {
            blocks.send((sequence, raw)).is_ok()
        } else {
            room && blocks.try_send((sequence, raw)).is_ok()
        };
        if !sent {
            waiting.fetch_sub(bytes, Ordering::Relaxed);
        }
        self.totals.blocks_lost += u64::from(!sent);
    }
}

impl Drop for Recorder {
    /// What is not written yet is, without an end: a replay will say that it ended early.
    fn drop(&mut self) {
        self.close_block(true);
        if let Some(Writer { blocks, thread, .. }) = self.writer.take() {
            drop(blocks);
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
