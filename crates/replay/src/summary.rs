//! The closing words of a replay.

use core::fmt;
use core::time::Duration;

use beaconwatch_engine::assess::finding::Severity;
use beaconwatch_engine::counters::{BoundedTable, Counters};
use beaconwatch_engine::detection::AlertThreshold;
use beaconwatch_engine::engine::Engine;
use beaconwatch_engine::time::Timestamp;
use beaconwatch_importers::{Reason, RejectedRows};
use beaconwatch_report::calendar;

use crate::coverage::Coverage;
use crate::feed::Feed;
use crate::span::LeftOut;
use crate::tally::{FindingTally, Tally};

/// What a replay read and found.
#[derive(Debug)]
pub struct Summary {
    /// Bytes read, as stored.
    pub bytes: u64,
    /// Rows, packets and records read.
    pub rows: u64,
    /// Packets among them.
    pub packets: u64,
    /// What of them was not used.
    pub rejected: RejectedRows,
    /// Rows further behind than the look-ahead.
    pub late: u64,
    /// Addresses of which it was forgotten, for others, what they were looked up by in the logs.
    pub names_evicted: u64,
    /// Inputs handed to the engine.
    pub inputs: u64,
    /// Connections that are not judged.
    pub unjudged: u64,
    /// First and last time, if there was anything.
    pub span: Option<(Timestamp, Timestamp)>,
    /// What lay outside `--from` and `--to`.
    pub left_out: Option<LeftOut>,
    /// Contacts of originators outside `--home`.
    pub strangers: u64,
    /// Originators.
    pub hosts: usize,
    /// The engine's own figures at the end.
    pub counters: Counters,
    /// Findings by their highest severity.
    pub findings: Vec<(Severity, usize)>,
    /// Alert thresholds in force of policies with a budget of alarms.
    pub alert_thresholds: Vec<AlertThreshold>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Summary {
    pub(super) fn of(
        feed: &Feed,
        tally: &Tally,
        (left_out, strangers): (Option<LeftOut>, u64),
        findings: &FindingTally,
        engine: &Engine,
        elapsed: Duration,
    ) -> Self {
        let severities = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low];
        Self {
            bytes: feed.bytes_read(),
            // Lines beyond the bound are no rows to the readers.
            rows: feed.rows_read() + feed.rejected.of(Reason::LineTooLong),
            packets: feed.packets_read(),
            rejected: feed.rejected.clone(),
            late: feed.late(),
            names_evicted: feed.names_evicted(),
            inputs: tally.inputs,
            unjudged: tally.unjudged + engine.counters().contacts_unjudged,
            span: tally.first.map(|first| (first, tally.last)),
            left_out,
            strangers,
            hosts: tally.hosts(),
            counters: engine.counters(),
            findings: severities.into_iter().map(|severity| (severity, findings.of(severity))).collect(),
            alert_thresholds: engine.alert_thresholds().collect(),
            elapsed,
        }
    }

    /// Something was judged, and most of what was read was understood: to have found nothing then means something.
    #[must_use]
    pub fn is_an_answer(&self) -> bool {
        self.coverage().shortfall().is_none()
    }

    fn coverage(&self) -> Coverage<'_> {
        let Self { packets, rows, unjudged, ref rejected, ref counters, .. } = *self;
        let contacts = counters.contacts.saturating_sub(counters.contacts_unjudged);
        Coverage { packets, rows: rows.saturating_sub(packets), contacts, unjudged, rejected }
    }

    /// From when to when, and what of it was looked at.
    fn write_span(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((first, last)) = self.span {
            let (from, to) = (calendar::date_time(first), calendar::date_time(last));
            writeln!(
                f,
                "spanning {} ({from} .. {to} UTC), {}, {} held at the end",
                span_text(last.secs_since(first)),
                count_of(self.hosts as u64, "host"),
                count_of(self.counters.table(BoundedTable::Conversations).held, "conversation"),
            )?;
        }
        self.write_coverage(f)?;
        match (self.span, self.left_out) {
            (Some(_), Some(left_out)) => {
                writeln!(f, "left out {} inputs outside --from and --to", left_out.inputs)
            }
            (None, Some(LeftOut { inputs: _, first, last })) => writeln!(
                f,
                "nothing to judge: all of it lies outside --from and --to, from {} to {} UTC",
                calendar::date_time(first),
                calendar::date_time(last)
            ),
            (None | Some(_), None) => Ok(()),
        }
    }
}

impl Summary {
    /// What was not judged in full, line by line; nothing if all was.
    fn write_coverage(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use BoundedTable::{
            Aliases, Conversations, Destinations, Findings, Names, OpenContacts, Pods, Signatures, Sockets,
        };
        let lost = &self.counters;
        let of = |table| lost.table(table);
        let conversations = of(Conversations);
        for (count, noun, what) in [
            (self.strangers, "connection", "left out: from hosts outside --home"),
            (lost.lost, "record", "lost where the traffic was recorded"),
            (
                conversations.evicted,
                "conversation",
                "evicted: the table was full, and those with the least evidence go first",
            ),
            (
                conversations.refused,
                "connection",
                "to new destinations that were not tracked: their host's share of the table was full",
            ),
            (of(Sockets).evicted, "connection", "forgotten before they ended: too many were open"),
            (of(OpenContacts).evicted, "connection", "without their totals: too many were open"),
            (
                of(Names).evicted + self.names_evicted,
                "looked-up address",
                "evicted: the table was full; for an hour after, no destination is reported as not looked up",
            ),
            (of(Pods).refused, "pod", "not kept: the table was full"),
            (of(Signatures).refused, "connection", "not learned from: too many behaviours are known"),
            (of(Destinations).evicted, "destination", "evicted for newer ones of the same workload"),
            (of(Findings).refused, "finding", "not reported: too many were open"),
            (of(Aliases).refused, "further name", "or address by which no conversation can be asked for"),
        ] {
            if count > 0 {
                writeln!(f, "  {} {what}", count_of(count, noun))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Summary {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.elapsed.as_secs_f64().max(1e-6);
        // What lies outside --from and --to is said with its times.
        if self.left_out.is_none() || self.span.is_some() {
            self.coverage().write(f)?;
        }
        writeln!(
            f,
            "read {} rows ({:.1} MB) in {secs:.1} s: {:.0} rows/s; {} refused",
            self.rows,
            self.bytes as f64 / 1e6,
            self.rows as f64 / secs,
            self.rejected.total()
        )?;
        self.coverage().write_reasons(f)?;
        let not_kept = &self.rejected.not_kept;
        if !not_kept.is_empty() {
            writeln!(f, "  recorded by an older version, and no longer kept: {not_kept}")?;
        }
        if self.late > 0 {
            writeln!(
                f,
                "  {} rows were further behind than the look-ahead; their time was raised",
                self.late
            )?;
        }
        self.write_span(f)?;
        for threshold in &self.alert_thresholds {
            let AlertThreshold { policy, budget, alert, raised, identities, pods, days } = threshold;
            writeln!(
                f,
                "policy {}: alert threshold in force {raised:.1} bits (configured: {alert:.1}), for a budget of {budget} alarms per \
                 1000 pods and day: {identities} behaviours with an open gate, {pods} pods or hosts, {days:.1} days",
                policy.name
            )?;
        }
        let total: usize = self.findings.iter().map(|(_, count)| count).sum();
        write!(f, "findings: {total}")?;
        for (severity, count) in &self.findings {
            write!(f, ", {count} {}", severity.as_str())?;
        }
        writeln!(f)
    }
}

/// `90 s`, `27 min`, `27.5 h`, `721.1 days`.
fn span_text(secs: f64) -> String {
    match secs {
        ..120.0 => format!("{secs:.0} s"),
        ..7200.0 => format!("{:.0} min", secs / 60.0),
        ..172_800.0 => format!("{:.1} h", secs / 3600.0),
        _ => format!("{:.1} days", secs / 86_400.0),
    }
}

fn count_of(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
