//! How much of its input a replay understood: said first where that is too little for its silence to mean anything.

use core::fmt;

use beaconwatch_importers::{Effect, Reason, RejectedRows, Unit};
use beaconwatch_report::figure;

/// Reasons that are named in one sentence.
const REASONS_NAMED: usize = 3;

/// What was read, and what became of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coverage<'a> {
    /// Packets of captures.
    pub(super) packets: u64,
    /// Rows and records of everything else.
    pub(super) rows: u64,
    /// Contacts that were judged.
    pub(super) contacts: u64,
    /// Connections that are not judged.
    pub(super) unjudged: u64,
    /// What was not used.
    pub(super) rejected: &'a RejectedRows,
}

/// Why the answer of a replay says less than it seems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shortfall {
    /// Nothing was judged.
    Nothing,
    /// More than half of what was read of this kind was not understood.
    Mostly(Unit),
}

impl Coverage<'_> {
    /// Whether the answer says less than it seems.
    pub(super) fn shortfall(&self) -> Option<Shortfall> {
        if self.contacts == 0 {
            return Some(Shortfall::Nothing);
        }
        let mostly = |unit: &Unit| self.rejected.count(*unit, Effect::NotUnderstood) * 2 > self.read(*unit);
        [Unit::Packet, Unit::Row].into_iter().find(mostly).map(Shortfall::Mostly)
    }

    /// How many were read, with those between which the file is damaged.
    fn read(&self, unit: Unit) -> u64 {
        match unit {
            Unit::Packet => self.packets,
            Unit::Row => self.rows,
            // One file that is of another format costs the others nothing.
            Unit::File => u64::MAX,
        }
    }

    /// The sentence that comes first.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shortfall() {
            None => Ok(()),
            Some(Shortfall::Mostly(unit)) => {
                let refused = self.rejected.count(unit, Effect::NotUnderstood);
                let of = count_of(self.read(unit), noun(unit));
                let because =
                    self.reasons(|reason| reason.unit() == unit && reason.effect() == Effect::NotUnderstood);
                writeln!(f, "most of the input was not understood: {} of {of}: {because}", grouped(refused))
            }
            Some(Shortfall::Nothing) => {
                let read: Vec<String> = [(self.packets, Unit::Packet), (self.rows, Unit::Row)]
                    .into_iter()
                    .filter(|(count, _)| *count > 0)
                    .map(|(count, unit)| count_of(count, noun(unit)))
                    .collect();
                let because = self.reasons(|reason| reason.effect() != Effect::Changed);
                if self.unjudged > 0 {
                    let because = if because.is_empty() { because } else { format!("; {because}") };
                    return writeln!(
                        f,
                        "no connections to judge in {}: {} with multicast or broadcast addresses, with DNS \
                         resolvers, or by ICMP{because}",
                        read.join(" and "),
                        count_of(self.unjudged, "connection")
                    );
                }
                match (read.is_empty(), because.is_empty()) {
                    (true, true) => writeln!(f, "no connections found: the input is empty"),
                    (true, false) => writeln!(f, "no connections found: {because}"),
                    (false, true) => {
                        writeln!(f, "no connections to judge in {}", read.join(" and "))
                    }
                    (false, false) => {
                        writeln!(f, "no connections found in {}: {because}", read.join(" and "))
                    }
                }
            }
        }
    }

    /// The commonest reasons, with their counts where there are several.
    fn reasons(&self, of: impl Fn(Reason) -> bool) -> String {
        let mut found: Vec<_> = self.rejected.iter().filter(|(reason, ..)| of(*reason)).collect();
        // A file as a whole says more than its rows.
        found.sort_by_key(|(reason, count, _)| (reason.unit() != Unit::File, core::cmp::Reverse(*count)));
        let further = found.len().saturating_sub(REASONS_NAMED);
        let words =
            |(reason, count, place): &(Reason, u64, &beaconwatch_importers::Location)| match reason.unit() {
                Unit::File => format!("{} {reason}", place.file),
                Unit::Row | Unit::Packet if found.len() == 1 => reason.to_string(),
                Unit::Row | Unit::Packet => format!("{reason} ({})", grouped(*count)),
            };
        let mut said: Vec<String> = found.iter().take(REASONS_NAMED).map(words).collect();
        if further > 0 {
            said.push(format!("and {}", count_of(further as u64, "further reason")));
        }
        said.join("; ")
    }

    /// Every reason on a line of its own, with the place of the first.
    pub(super) fn write_reasons(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (reason, count, place) in self.rejected.iter() {
            let what = match reason.effect() {
                Effect::NotUnderstood => "refused",
                Effect::NoConnection => "not about connections",
                Effect::Changed => "changed",
            };
            writeln!(f, "  {what} {count}: {reason}, first in {}:{}", place.file, place.line)?;
        }
        Ok(())
    }
}

impl fmt::Display for Coverage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)?;
        self.write_reasons(f)
    }
}

const fn noun(unit: Unit) -> &'static str {
    match unit {
        Unit::File => "file",
        Unit::Row => "row",
        Unit::Packet => "packet",
    }
}

/// `1 packet`, `1,600 packets`.
fn count_of(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count))
}

fn grouped(count: u64) -> String {
    figure::grouped(count)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use beaconwatch_importers::PacketReason;
    use beaconwatch_importers::sniff::Looks;

    /// First line and shortfall of a capture of 1,600 packets, of which so many were refused for each reason.
    fn check(contacts: u64, refused: &[(Reason, u64)], shortfall: Option<Shortfall>, line: &str) {
        check_with(contacts, 0, refused, shortfall, line);
    }

    fn check_with(
        contacts: u64,
        unjudged: u64,
        refused: &[(Reason, u64)],
        shortfall: Option<Shortfall>,
        line: &str,
    ) {
        let mut rejected = RejectedRows::default();
        for (reason, count) in refused {
            rejected.add_all(*reason, *count, &Arc::from("a.pcap"), 1);
        }
        let packets = if refused.iter().any(|(reason, _)| reason.unit() == Unit::File) { 0 } else { 1600 };
        let coverage = Coverage { packets, rows: 0, contacts, unjudged, rejected: &rejected };
        assert_eq!(coverage.shortfall(), shortfall);
        let said = coverage.to_string();
        let first = said.lines().next().filter(|line| !line.starts_with(' ')).unwrap_or_default();
        assert_eq!(first, line);
    }

    #[test]
    fn what_was_not_understood_is_said_first() {
        let packets = |reason| Reason::Packet(reason);
        let nothing = Some(Shortfall::Nothing);
        check(
            0,
            &[(packets(PacketReason::LinkType(197)), 1600)],
            nothing,
            "no connections found in 1,600 packets: link type ERF is not supported",
        );
        check(
            0,
            &[(packets(PacketReason::Arp), 1500), (packets(PacketReason::HeadersCut), 100)],
            nothing,
            "no connections found in 1,600 packets: ARP (1,500); headers cut: the capture kept too few bytes of \
             the packet (100)",
        );
        check(0, &[], nothing, "no connections to judge in 1,600 packets");
        let unjudged = "no connections to judge in 1,600 packets: 7 connections with multicast or broadcast \
                        addresses, with DNS resolvers, or by ICMP";
        check_with(0, 7, &[], nothing, unjudged);
        check_with(0, 7, &[(packets(PacketReason::Arp), 1500)], nothing, &format!("{unjudged}; ARP"));
        check_with(1, 7, &[], None, "");
        check(
            0,
            &[(Reason::WrongFormat(Looks::Zeek), 1)],
            nothing,
            "no connections found: a.pcap looks like a Zeek log, which --zeek reads",
        );
    }

    #[test]
    fn a_few_connections_are_no_answer_where_most_was_not_understood() {
        let encrypted = Reason::Packet(PacketReason::Encrypted);
        let line = "most of the input was not understood: 900 of 1,600 packets: encrypted below IP (WPA, MACsec, MPPE)";
        check(7, &[(encrypted, 900)], Some(Shortfall::Mostly(Unit::Packet)), line);
        check(7, &[(encrypted, 800)], None, "");
        // What is understood and no connection is nothing that was missed.
        check(7, &[(Reason::Packet(PacketReason::Arp), 1500)], None, "");
    }
}
