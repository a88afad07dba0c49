//! Rows, packets and files that could not be used, counted by reason, with the place of the first of each.
//!
//! Nothing that is read may go uncounted: what was used and what is counted here is all there was. Each reason says
//! what it means for the answer of a replay ([`Effect`]): silence about what was not understood is no good news.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

use beaconwatch_engine::codec::Dropped;

use super::sniff::Looks;

mod packet;
mod unused_event;

pub use packet::PacketReason;
pub use unused_event::UnusedEvent;

/// Reasons that are told apart; packets of further link types and protocols are counted under one reason. Numbers in
/// packets are the attacker's, and there are 65,536 of some.
const REASONS_MAX: usize = 64;

/// Why something was refused. Also the label in the summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The file could not be opened or read on (damaged compression, for example); the rest of it is lost.
    Unreadable,
    /// The compressed file ends before what it holds does: it was cut, and what is behind is lost.
    Cut,
    /// The file is of another format than the option that named it reads.
    WrongFormat(Looks),
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
    /// JSON that is no row of the log, nor holds one in a way that is known.
    UnknownWrapping,
    /// An event of a type of which nothing is used.
    Unused(UnusedEvent),
    /// A record of a recording that is damaged.
    Damaged,
    /// A packet of a capture.
    Packet(PacketReason),
}

/// What a reason says about the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// It could not be read: whether it held a connection is not known.
    NotUnderstood,
    /// It was read, and is about no connection.
    NoConnection,
    /// It was used, but not as it stood there.
    Changed,
}

/// What was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// Whole files, or the rest of them.
    File,
    /// Rows of a log, records of a recording.
    Row,
    /// Packets of a capture.
    Packet,
}

impl Reason {
    /// What it says about the input.
    #[must_use]
    pub const fn effect(self) -> Effect {
        match self {
            Self::Unreadable
            | Self::Cut
            | Self::WrongFormat(_)
            | Self::NoHeader
            | Self::LineTooLong
            | Self::ColumnsMissing
            | Self::NotJson
            | Self::BadTime
            | Self::BadAddress
            | Self::BadPort
            | Self::UnknownKind
            | Self::UnknownWrapping
            | Self::Damaged => Effect::NotUnderstood,
            Self::Unused(_) => Effect::NoConnection,
            Self::Packet(reason) => reason.effect(),
        }
    }

    /// What is counted under it.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::Unreadable | Self::Cut | Self::WrongFormat(_) => Unit::File,
            Self::NoHeader
            | Self::LineTooLong
            | Self::ColumnsMissing
            | Self::NotJson
            | Self::BadTime
            | Self::BadAddress
            | Self::BadPort
            | Self::UnknownKind
            | Self::UnknownWrapping
            | Self::Unused(_)
            | Self::Damaged => Unit::Row,
            Self::Packet(_) => Unit::Packet,
        }
    }
}

impl fmt::Display for Reason {
    /// In words, for the summary.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "file cannot be read on",
            Self::WrongFormat(looks) => return looks.fmt(f),
            Self::Cut => "ends too early: the file was cut, and what is before the cut is used",
            Self::NoHeader => {
                "row without a header before it, which would name its columns (put it in front: of Zeek's logs the \
                 #fields line and those around it, of VPC flow logs the format as it was given to AWS)"
            }
            Self::LineTooLong => "line too long",
            Self::ColumnsMissing => "columns missing",
            Self::NotJson => "not a JSON object",
            Self::BadTime => "no valid time",
            Self::BadAddress => "no valid address",
            Self::BadPort => "no valid port",
            Self::UnknownKind => "kind of row not known",
            Self::UnknownWrapping => {
                "JSON that is no row of this log, nor holds one where shippers put it (message, log, event.original, \
                 zeek, suricata.eve)"
            }
            Self::Unused(event) => return event.fmt(f),
            Self::Damaged => "damaged record",
            Self::Packet(reason) => return reason.fmt(f),
        })
    }
}

/// Where a row stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// File, as it was named.
    pub file: Arc<str>,
    /// Line (or record, or packet), counted from 1; 0 for the file as a whole.
    pub line: u64,
}

/// Counts of what was refused.
#[derive(Clone, Debug, Default)]
pub struct RejectedRows {
    by_reason: BTreeMap<Reason, (u64, Location)>,
    /// What a recording of an older version holds and this one does not keep.
    pub not_kept: Dropped,
}

impl RejectedRows {
    /// Counts one.
    pub fn add(&mut self, reason: Reason, file: &Arc<str>, line: u64) {
        self.add_all(reason, 1, file, line);
    }

    /// Counts so many, of which the first stood at `line`.
    pub fn add_all(&mut self, reason: Reason, count: u64, file: &Arc<str>, line: u64) {
        if count == 0 {
            return;
        }
        let reason = self.bounded(reason);
        self.by_reason
            .entry(reason)
            .and_modify(|(all, _)| *all += count)
            .or_insert_with(|| (count, Location { file: Arc::clone(file), line }));
    }

    /// Takes over what another has counted; what it has first comes after what is here already.
    pub fn append(&mut self, other: &mut Self) {
        for (reason, (count, place)) in core::mem::take(&mut other.by_reason) {
            let reason = self.bounded(reason);
            self.by_reason.entry(reason).and_modify(|(all, _)| *all += count).or_insert((count, place));
        }
        self.not_kept.add(core::mem::take(&mut other.not_kept));
    }

    /// The reason itself, or the one for all that find no place.
    fn bounded(&self, reason: Reason) -> Reason {
        let is_full = self.by_reason.len() >= REASONS_MAX && !self.by_reason.contains_key(&reason);
        if let Reason::Packet(packet) = reason
            && is_full
        {
            return Reason::Packet(packet.without_number());
        }
        reason
    }

    /// How many for this reason.
    #[must_use]
    pub fn of(&self, reason: Reason) -> u64 {
        self.by_reason.get(&reason).map_or(0, |(count, _)| *count)
    }

    /// How many of these units with this effect.
    #[must_use]
    pub fn count(&self, unit: Unit, effect: Effect) -> u64 {
        let those = self.by_reason.iter().filter(|(reason, _)| reason.unit() == unit);
        those.filter(|(reason, _)| reason.effect() == effect).map(|(_, (count, _))| count).sum()
    }

    /// Reason, count and place of the first, in the order of the reasons.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64, &Location)> {
        self.by_reason.iter().map(|(reason, (count, place))| (*reason, *count, place))
    }

    /// All that could not be read, of whatever unit.
    #[must_use]
    pub fn total(&self) -> u64 {
        [Unit::File, Unit::Row, Unit::Packet].map(|unit| self.count(unit, Effect::NotUnderstood)).iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_beyond_the_bound_are_one_and_nothing_is_lost() {
        let (mut rejected, file) = (RejectedRows::default(), Arc::from("made"));
        for number in 0..1000 {
            rejected.add(Reason::Packet(PacketReason::LinkType(number)), &file, 1);
            rejected.add(Reason::Packet(PacketReason::EtherType(number)), &file, 1);
        }
        assert!(rejected.iter().count() <= REASONS_MAX + 2);
        let counted: u64 = rejected.iter().map(|(_, count, _)| count).sum();
        assert_eq!(counted, 2000);
        let further = Reason::Packet(PacketReason::FurtherLinkTypes);
        assert_eq!(rejected.of(further), 1000 - REASONS_MAX as u64 / 2);
        let mut other = RejectedRows::default();
        other.append(&mut rejected);
        assert_eq!((rejected.total(), other.iter().map(|(_, count, _)| count).sum::<u64>()), (0, 2000));
    }
}
