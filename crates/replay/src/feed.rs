//! All inputs of a replay as one stream in order of time.

use std::net::IpAddr;
use std::path::PathBuf;

use beaconwatch_engine::input::Input;
use beaconwatch_engine::time::Timestamp;
use beaconwatch_importers::record::Connection;
use beaconwatch_importers::{OrderedSource, Record, RejectedRows, Unit};

use crate::formats::FileKind;
use crate::joined::{Joined, Turn};
use crate::limits;
use crate::merge::Merge;
use crate::reorder::{Fetch, Reorder};

/// The stream.
pub struct Feed {
    logs: Logs,
    ordered: Vec<Ordered>,
    log_head: Option<(Timestamp, Input)>,
    records_added: u64,
    /// Rows that were refused.
    pub rejected: RejectedRows,
}

/// What the stream brings.
#[derive(Debug)]
pub enum FeedItem {
    /// The next input, with its time.
    Input(Timestamp, Input),
    /// A connection of this host, at this time, that is not judged. Those are more than half of many logs (look-ups,
    /// broadcast, ICMP) and are not put in order.
    Unjudged(Timestamp, Option<IpAddr>),
}

struct Logs {
    merge: Merge,
    reorder: Reorder<Record>,
    joined: Joined,
    at_end: bool,
}

struct Ordered {
    source: Box<dyn OrderedSource>,
    head: Option<(Timestamp, Input)>,
    bytes: u64,
}

impl core::fmt::Debug for Feed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Feed").field("ordered", &self.ordered.len()).finish_non_exhaustive()
    }
}

impl Feed {
    /// Files of rows, within a look-ahead of so many rows.
    #[must_use]
    pub fn of(files: Vec<(PathBuf, FileKind)>, look_ahead: usize) -> Self {
        let logs = Logs {
            merge: Merge::of(files),
            reorder: Reorder::with_look_ahead(look_ahead),
            joined: Joined::with_bounds(look_ahead, &limits::limits()),
            at_end: false,
        };
        Self {
            logs,
            ordered: Vec::new(),
            log_head: None,
            records_added: 0,
            rejected: RejectedRows::default(),
        }
    }

    /// Adds a source that is in order by itself; `bytes` long.
    pub fn add(&mut self, mut source: Box<dyn OrderedSource>, bytes: u64) {
        let head = source.next(&mut self.rejected);
        self.ordered.push(Ordered { source, head, bytes });
    }

    /// Adds rows that come from no file, such as pods.
    pub fn add_records(&mut self, records: impl IntoIterator<Item = (Timestamp, Record)>) {
        for (time, record) in records {
            // Before every row of equal time.
            let order = self.records_added;
            self.records_added += 1;
            self.logs.reorder.push(time, order, record);
        }
    }

    /// What comes next; `None` at the end of all.
    pub fn take(&mut self) -> Option<FeedItem> {
        if self.ordered.is_empty() {
            return self.logs.next(&mut self.rejected);
        }
        if self.log_head.is_none() {
            match self.logs.next(&mut self.rejected) {
                Some(FeedItem::Input(time, input)) => self.log_head = Some((time, input)),
                unjudged @ Some(FeedItem::Unjudged(..)) => return unjudged,
                None => {}
            }
        }
        let earliest = self
            .ordered
            .iter()
            .enumerate()
            .filter_map(|(index, ordered)| Some((ordered.head.as_ref()?.0, index)))
            .min();
        let next = match (earliest, &self.log_head) {
            (Some((time, index)), log) if log.as_ref().is_none_or(|(log_time, _)| time < *log_time) => {
                let ordered = self.ordered.get_mut(index)?;
                let next = ordered.source.next(&mut self.rejected);
                core::mem::replace(&mut ordered.head, next)
            }
            _ => self.log_head.take(),
        };
        next.map(|(time, input)| FeedItem::Input(time, input))
    }

    /// Bytes of all inputs, as stored.
    #[must_use]
    pub fn bytes_total(&self) -> u64 {
        self.logs.merge.bytes_total() + self.ordered.iter().map(|ordered| ordered.bytes).sum::<u64>()
    }

    /// Bytes read so far, as stored.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.logs.merge.bytes_read()
            + self.ordered.iter().map(|ordered| ordered.source.bytes_read()).sum::<u64>()
    }

    /// Rows, packets and records read so far.
    #[must_use]
    pub fn rows_read(&self) -> u64 {
        self.logs.merge.rows_read()
            + self.ordered.iter().map(|ordered| ordered.source.rows_read()).sum::<u64>()
    }

    /// Packets among them.
    #[must_use]
    pub fn packets_read(&self) -> u64 {
        let captures = self.ordered.iter().filter(|ordered| ordered.source.unit() == Unit::Packet);
        captures.map(|ordered| ordered.source.rows_read()).sum()
    }

    /// Rows read that wait for their turn.
    #[must_use]
    pub fn rows_held(&self) -> u64 {
        self.logs.reorder.held() as u64
    }

    /// The latest end that a source knows of itself.
    #[must_use]
    pub fn end(&self) -> Option<Timestamp> {
        self.ordered.iter().filter_map(|ordered| ordered.source.end()).max()
    }

    /// Addresses of which it was forgotten, for others, what they were looked up by.
    #[must_use]
    pub fn names_evicted(&self) -> u64 {
        self.logs.joined.names_evicted()
    }

    /// Rows that came later than the look-ahead reaches.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.logs.reorder.late()
    }
}

impl Fetch for Record {
    fn fetch(&self) {
        // Other rows are small, or boxes.
        if let Self::Connection { uid, connection, open } = self {
            let Connection { start, port, bytes, duration, protocol, .. } = connection;
            core::hint::black_box((*uid, *open, *start, *port, *bytes, *duration, *protocol));
        }
    }
}

impl Logs {
    fn next(&mut self, rejected: &mut RejectedRows) -> Option<FeedItem> {
        loop {
            while !self.at_end && !self.reorder.is_full() {
                let Some((time, order, mut record)) = self.merge.next(rejected) else {
                    self.at_end = true;
                    break;
                };
                match self.joined.read(time, &mut record) {
                    Turn::At(turn) => self.reorder.push(turn, order, record),
                    Turn::Never => {}
                    Turn::Unjudged(host) => return Some(FeedItem::Unjudged(time, host)),
                }
            }
            let (time, record) = self.reorder.pop()?;
            if let Some(input) = self.joined.turn(time, record) {
                return Some(FeedItem::Input(time, input));
            }
        }
    }
}
