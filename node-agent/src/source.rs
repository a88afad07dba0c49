//! Where recorded traffic comes from: one reader per format, all of them making [`Record`]s.
//!
//! A reader says what a row says and no more. Joining rows (which name belongs to which connection), putting them
//! in order of time and judging them is not its business. What it cannot read it counts by reason and skips: a
//! damaged file costs its damaged rows only.

use beaconwatch_engine::input::Input;
use beaconwatch_engine::time::Timestamp;

pub mod actors;
pub mod conn_csv;
pub mod envelope;
pub mod envoy;
pub mod events;
pub mod flat_json;
pub mod hubble;
pub mod lines;
pub mod pcap;
pub mod record;
pub mod recording;
pub mod refusals;
pub mod ringbuf;
pub mod snapshot;
pub mod sniff;
pub mod squid;
pub mod stored;
pub mod suricata;
pub mod value;
pub mod vpc_flow;
pub mod zeek;

pub use record::{About, Record, Uid};
pub use refusals::{Effect, PacketReason, Place, Reason, Refusals, Unit};

/// A reader of one file.
///
/// Rows come in the order of the file, which need not be the order of time.
pub trait Reader {
    /// The next row that says something, with the time it is about; `None` at the end of the file. Rows that
    /// cannot be read are counted in `refusals`.
    fn next(&mut self, refusals: &mut Refusals) -> Option<(Timestamp, Record)>;

    /// Bytes of the file read so far, as stored (compressed).
    fn bytes_read(&self) -> u64;

    /// Rows read so far, refused ones included.
    fn rows_read(&self) -> u64;
}

/// Rows of a source that is in order of time by itself, and needs no joining: captures, recordings.
pub trait OrderedSource {
    /// The next input with its time; `None` at the end.
    fn next(&mut self, refusals: &mut Refusals) -> Option<(Timestamp, Input)>;

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
