//! Rows that could not be used, counted by reason, with the place of the first of each.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a row was refused. Also the label in the summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The file could not be opened or read on (damaged compression, for example); the rest of it is lost.
    Unreadable,
    /// The format of the file is not known.
    UnknownFormat,
    /// A row came before the header that names its columns.
    NoHeader,
    /// The line is longer than any row can be.
    LineTooLong,
    /// Fewer columns than needed.
    ColumnsMissing,
    /// Not JSON, or not an object.
    NotJson,
    /// No time, or not a time.
    BadTime,
    /// No address, or not an address.
    BadAddress,
    /// No port, or not a port.
    BadPort,
    /// A kind of row that is not known.
    UnknownKind,
    /// A packet or record that is damaged.
    Damaged,
}

impl Reason {
    /// In words, for the summary.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "file cannot be read on",
            Self::UnknownFormat => "format of the file is not known",
            Self::NoHeader => "row before the header",
            Self::LineTooLong => "line too long",
            Self::ColumnsMissing => "columns missing",
            Self::NotJson => "not a JSON object",
            Self::BadTime => "no valid time",
            Self::BadAddress => "no valid address",
            Self::BadPort => "no valid port",
            Self::UnknownKind => "kind of row not known",
            Self::Damaged => "damaged record",
        }
    }
}

/// Where a row stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// File, as it was named.
    pub file: Arc<str>,
    /// Line (or record), counted from 1.
    pub line: u64,
}

/// Counts of refused rows.
#[derive(Clone, Debug, Default)]
pub struct Refusals {
    by_reason: BTreeMap<Reason, (u64, Place)>,
}

impl Refusals {
    /// Counts one.
    pub fn add(&mut self, reason: Reason, file: &Arc<str>, line: u64) {
        self.by_reason
            .entry(reason)
            .and_modify(|(count, _)| *count += 1)
            .or_insert_with(|| (1, Place { file: Arc::clone(file), line }));
    }

    /// Takes over what another has counted; what it has first comes after what is here already.
    pub fn append(&mut self, other: &mut Self) {
        for (reason, (count, place)) in core::mem::take(&mut other.by_reason) {
            self.by_reason.entry(reason).and_modify(|(all, _)| *all += count).or_insert((count, place));
        }
    }

    /// How many for this reason.
    #[must_use]
    pub fn of(&self, reason: Reason) -> u64 {
        self.by_reason.get(&reason).map_or(0, |(count, _)| *count)
    }

    /// Reason, count and place of the first, in the order of the reasons.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64, &Place)> {
        self.by_reason.iter().map(|(reason, (count, place))| (*reason, *count, place))
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_reason.values().map(|(count, _)| count).sum()
    }
}
