//! Recordings: every input with the time the engine gave it, so that a replay finds the same.
//!
//! ```text
//! head:   bounds of the engine
//! block:  time of the first record u64 | record*
//! record: length | nanoseconds since the record before | 0 (the end), or 1 and an input
//! ```
//! [`RecordingWriter`] makes blocks, of which [`Block::seal`] makes bytes, in another thread if need be;
//! [`RecordingReader`] reads them back.

mod reader;
mod writer;

use beaconwatch_engine::codec::{Coded, Dropped, Reader};
use beaconwatch_engine::input::Input;

pub use reader::{RecordingError, RecordingReader};
pub use writer::{Block, RecordingWriter};

use crate::frame::Magic;

/// First bytes of a recording.
const MAGIC: Magic = *b"BWREC\r\n\x1a";

/// An input as a record holds it.
#[must_use]
pub fn encode(input: &Input) -> Vec<u8> {
    let mut bytes = Vec::new();
    input.put(&mut bytes);
    bytes
}

/// The input that a record of a version holds, and what of it is not kept; `None` if it holds none.
#[must_use]
pub fn decode(version: u16, bytes: &[u8]) -> Option<(Input, Dropped)> {
    let mut reader = Reader::of_version(version, bytes);
    let input = Input::take(&mut reader)?;
    Some((input, reader.end()?))
}

#[cfg(test)]
pub(crate) mod tests;
