//! What every reader of a file gives: rows of logs ([`Reader`]), or inputs that are in order by themselves
//! ([`OrderedSource`]).

use beaconwatch_engine::input::Input;
use beaconwatch_engine::time::Timestamp;

use crate::record::Record;
use crate::rejected::{RejectedRows, Unit};

/// A reader of one file.
///
/// Rows come in the order of the file, which need not be the order of time.
pub trait Reader {
    /// The next row that says something, with the time it is about; `None` at the end of the file. Rows that
    /// cannot be read are counted in `rejected`.
    fn next(&mut self, rejected: &mut RejectedRows) -> Option<(Timestamp, Record)>;

    /// Bytes of the file read so far, as stored (compressed).
    fn bytes_read(&self) -> u64;

    /// Rows read so far, refused ones included.
    fn rows_read(&self) -> u64;
}

/// Rows of a source that is in order of time by itself, and needs no joining: captures, recordings.
pub trait OrderedSource {
    /// The next input with its time; `None` at the end.
    fn next(&mut self, rejected: &mut RejectedRows) -> Option<(Timestamp, Input)>;

    /// Bytes read so far, as stored.
    fn bytes_read(&self) -> u64;

    /// Packets or records read so far.
    fn rows_read(&self) -> u64;

    /// What those are.
    fn unit(&self) -> Unit;

    /// When the source itself ended, once all was read, if it knows better than the time of its last input.
    fn end(&self) -> Option<Timestamp> {
        None
    }
}
