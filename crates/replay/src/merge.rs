//! Many files in one stream, roughly in order of time, few of them open at once.
//!
//! Each file is read in its own order. Which file is read next is decided by its clock: the latest time its rows
//! have shown so far. A file is opened only when the others have come as far as its first row, so a year of
//! hourly logs needs no more open files than a day.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::PathBuf;

use beaconwatch_engine::time::Timestamp;
use beaconwatch_importers::sniff::Looks;
use beaconwatch_importers::{Reader, Reason, Record, RejectedRows};

use crate::formats::{FileKind, open};

/// The files, merged.
pub struct Merge {
    files: Vec<MergeFile>,
    /// (clock, index of the file): the file that is read next is on top.
    next: BinaryHeap<Reverse<(Timestamp, usize)>>,
    bytes_done: u64,
    rows_done: u64,
}

struct MergeFile {
    path: PathBuf,
    kind: FileKind,
    bytes: u64,
    reader: Option<Box<dyn Reader>>,
    records: u64,
    /// Rows that were refused before the first that was not.
    refused: u64,
}

impl core::fmt::Debug for Merge {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Merge").field("files", &self.files.len()).finish_non_exhaustive()
    }
}

impl Merge {
    /// Looks at the start of each file. The order of `files` makes no difference.
    #[must_use]
    pub fn of(mut files: Vec<(PathBuf, FileKind)>) -> Self {
        // What is still open must be known before its last row comes; both are about the same begin.
        files.sort_by_cached_key(|(path, kind)| (!names_open_connections(path), path.clone(), *kind));
        files.dedup();
        let mut next = BinaryHeap::new();
        let mut merged = Vec::new();
        for (index, (path, kind)) in files.into_iter().enumerate() {
            next.push(Reverse((first_time(&path, kind), index)));
            let bytes = std::fs::metadata(&path).map_or(0, |meta| meta.len());
            merged.push(MergeFile { path, kind, bytes, reader: None, records: 0, refused: 0 });
        }
        Self { files: merged, next, bytes_done: 0, rows_done: 0 }
    }

    /// The next row: its time, a number that orders rows of equal time, and what it says.
    #[inline]
    pub fn next(&mut self, rejected: &mut RejectedRows) -> Option<(Timestamp, u64, Record)> {
        loop {
            let Reverse((clock, index)) = self.next.peek().copied()?;
            let file = self.files.get_mut(index)?;
            if file.reader.is_none() {
                file.open(rejected);
            }
            let Some((time, record)) = file.next(rejected) else {
                self.close(index, rejected);
                continue;
            };
            // From 1, so that rows from no file come first.
            let order = (index as u64 + 1) << 40 | file.records;
            file.records += 1;
            if time > clock
                && let Some(mut top) = self.next.peek_mut()
            {
                *top = Reverse((time, index));
            }
            return Some((time, order, record));
        }
    }

    fn close(&mut self, index: usize, rejected: &mut RejectedRows) {
        self.next.pop();
        if let Some(file) = self.files.get_mut(index) {
            file.explain(rejected);
            self.rows_done += file.reader.take().map_or(0, |reader| reader.rows_read());
            self.bytes_done += file.bytes;
        }
    }

    /// Bytes of all files, as stored.
    #[must_use]
    pub fn bytes_total(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Bytes read so far, as stored.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.bytes_done + self.open_readers().map(|reader| reader.bytes_read()).sum::<u64>()
    }

    /// Rows read so far.
    #[must_use]
    pub fn rows_read(&self) -> u64 {
        self.rows_done + self.open_readers().map(|reader| reader.rows_read()).sum::<u64>()
    }

    fn open_readers(&self) -> impl Iterator<Item = &dyn Reader> {
        self.files.iter().filter_map(|file| file.reader.as_deref())
    }
}

impl MergeFile {
    /// Opens the file, unless there can be no row in it.
    fn open(&mut self, rejected: &mut RejectedRows) {
        let name = self.path.to_string_lossy().into();
        match self.looks() {
            Some(looks) if looks.holds_no_rows() => rejected.add(Reason::WrongFormat(looks), &name, 0),
            _ => match open(&self.path, self.kind) {
                Ok(reader) => self.reader = Some(reader),
                Err(_) => rejected.add(Reason::Unreadable, &name, 0),
            },
        }
    }

    #[inline]
    fn next(&mut self, rejected: &mut RejectedRows) -> Option<(Timestamp, Record)> {
        let reader = self.reader.as_mut()?;
        if self.records > 0 {
            return reader.next(rejected);
        }
        let before = rejected.total();
        let next = reader.next(rejected);
        self.refused += rejected.total() - before;
        next
    }

    /// A file of which no row was used may be of another format: says which.
    fn explain(&self, rejected: &mut RejectedRows) {
        let Some(reader) = self.reader.as_ref().filter(|_| self.records == 0) else { return };
        let all_refused = self.refused > 0 && self.refused >= reader.rows_read();
        let Some(looks) = self.looks().filter(|looks| looks.option() != Some(self.kind.option())) else {
            return;
        };
        // What no option reads may hold nothing of use and be what it should: logs of which nothing is used.
        if looks.option().is_some() || all_refused {
            rejected.add(Reason::WrongFormat(looks), &self.path.to_string_lossy().into(), 0);
        }
    }

    /// What the file looks like; `None`: it can be read only once, as a pipe can.
    fn looks(&self) -> Option<Looks> {
        let is_file = std::fs::metadata(&self.path).is_ok_and(|meta| meta.is_file());
        if is_file { Looks::of_file(&self.path).ok() } else { None }
    }
}

/// Time of the first row, as far as it can be told. What can be read only once, such as a pipe, is read from the
/// begin on. RejectedRows are counted when the file is read, not when it is looked at.
fn first_time(path: &std::path::Path, kind: FileKind) -> Timestamp {
    if !std::fs::metadata(path).is_ok_and(|meta| meta.is_file()) {
        return Timestamp::ZERO;
    }
    let first = open(path, kind).ok().and_then(|mut reader| reader.next(&mut RejectedRows::default()));
    first.map_or(Timestamp::ZERO, |(time, _)| time)
}

/// A Zeek log of connections that are still open.
fn names_open_connections(path: &std::path::Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains("open_conn"))
}
