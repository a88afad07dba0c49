//! Makes a recording of inputs: blocks of records.

use beaconwatch_engine::codec::Coded;
use beaconwatch_engine::input::Input;
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::time::Timestamp;

use super::MAGIC;
use crate::frame;

/// A block is closed at this size ...
const BLOCK_BYTES: usize = 256 << 10;
/// ... or when its first record is this old, so that little is lost when the agent is killed.
const BLOCK_NANOS: u64 = 5_000_000_000;

/// Gathers records to blocks. Compressing and writing them is left to others.
#[derive(Debug)]
pub struct RecordingWriter {
    /// Records of the open block.
    raw: Vec<u8>,
    record: Vec<u8>,
    block_begin: Timestamp,
    last: Timestamp,
    sequence: u32,
    too_large: u64,
}

/// A block that is closed, not yet compressed.
#[derive(Debug)]
pub struct Block {
    sequence: u32,
    raw: Vec<u8>,
}

impl Block {
    /// Bytes of its records.
    #[must_use]
    pub fn raw_len(&self) -> usize {
        self.raw.len()
    }

    /// The block as it stands in the file.
    #[must_use]
    pub fn seal(&self) -> Vec<u8> {
        frame::seal(self.sequence, &self.raw)
    }
}

impl Default for RecordingWriter {
    fn default() -> Self {
        Self {
            raw: Vec::with_capacity(BLOCK_BYTES + 4096),
            record: Vec::new(),
            block_begin: Timestamp::ZERO,
            last: Timestamp::ZERO,
            sequence: 0,
            too_large: 0,
        }
    }
}

impl RecordingWriter {
    /// The head of the file. `limits` are the engine's: a replay has to keep the same.
    #[must_use]
    pub fn head(limits: &Limits) -> Vec<u8> {
        let mut body = Vec::new();
        limits.put(&mut body);
        frame::head(MAGIC, &body)
    }

    /// Records an input with the time that the engine gave it. Returns the block before it, if that is full.
    pub fn input(&mut self, now: Timestamp, input: &Input) -> Option<Block> {
        let mut record = core::mem::take(&mut self.record);
        record.clear();
        record.push(1);
        input.put(&mut record);
        let full = self.put(now, &record);
        self.record = record;
        full
    }

    /// Records the end, the time at which the engine finished. Returns the block before it, if that is full.
    pub fn end(&mut self, now: Timestamp) -> Option<Block> {
        self.put(now, &[0])
    }

    /// The open block, if it holds anything.
    pub fn close(&mut self) -> Option<Block> {
        if self.raw.is_empty() {
            return None;
        }
        // The room stays here for the next block.
        let raw = self.raw.clone();
        self.raw.clear();
        let sequence = self.sequence;
        self.sequence += 1;
        Some(Block { sequence, raw })
    }

    /// Inputs that no block can hold. Each leaves out the number of a block, so that a reader misses it.
    #[must_use]
    pub const fn too_large(&self) -> u64 {
        self.too_large
    }

    fn put(&mut self, now: Timestamp, record: &[u8]) -> Option<Block> {
        let age = now.as_nanos().saturating_sub(self.block_begin.as_nanos());
        let full = self.raw.len() + record.len() > BLOCK_BYTES || age > BLOCK_NANOS;
        let closed = if full { self.close() } else { None };
        if record.len() + 64 > frame::BLOCK_BYTES_MAX {
            self.too_large += 1;
            self.sequence += 1;
            return closed;
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
        closed
    }
}
