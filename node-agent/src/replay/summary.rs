//! The closing words of a replay.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use beaconwatch_engine::detection::AlertThreshold;
use beaconwatch_engine::engine::{Counters, Engine};
use beaconwatch_engine::finding::Severity;
use beaconwatch_engine::policy::{Detectors, Mode, Policy, PolicyId, Thresholds, WorkloadSelector};
use beaconwatch_engine::time::Timestamp;

use super::{Feed, FindingTally, Tally};
use crate::source::Refusals;

/// What a replay read and found.
#[derive(Debug)]
pub struct Summary {
    /// Bytes read, as stored.
    pub bytes: u64,
    /// Rows, packets and records read.
    pub rows: u64,
    /// Refused ones.
    pub refusals: Refusals,
    /// Rows further behind than the look-ahead.
    pub late: u64,
    /// Inputs handed to the engine.
    pub inputs: u64,
    /// First and last time, if there was anything.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Originators.
    pub hosts: usize,
    /// The engine's own figures at the end.
    pub counters: Counters,
    /// Findings by their highest severity.
    pub findings: Vec<(Severity, usize)>,
    /// Where policies with a budget of alarms came to tell from.
    pub alert_thresholds: Vec<AlertThreshold>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Summary {
    pub(super) fn of(
        feed: &Feed,
        tally: &Tally,
        findings: &FindingTally,
        engine: &Engine,
        elapsed: Duration,
    ) -> Self {
        let severities = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low];
        Self {
            bytes: feed.bytes_read(),
            rows: feed.rows_read(),
            refusals: feed.refusals.clone(),
            late: feed.late(),
            inputs: tally.inputs,
            span: tally.first.map(|first| (first, tally.last)),
            hosts: tally.hosts(),
            counters: engine.counters(),
            findings: severities.into_iter().map(|severity| (severity, findings.of(severity))).collect(),
            alert_thresholds: engine.alert_thresholds().collect(),
            elapsed,
        }
    }
}

impl fmt::Display for Summary {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.elapsed.as_secs_f64().max(1e-6);
        writeln!(
            f,
            "read {} rows ({:.1} MB) in {secs:.1} s: {:.0} rows/s; {} refused",
            self.rows,
            self.bytes as f64 / 1e6,
            self.rows as f64 / secs,
            self.refusals.total()
        )?;
        for (reason, count, place) in self.refusals.iter() {
            writeln!(f, "  refused {count}: {}, first in {}:{}", reason.as_str(), place.file, place.line)?;
        }
        if self.late > 0 {
            writeln!(
                f,
                "  {} rows were further behind than the look-ahead; their time was raised",
                self.late
            )?;
        }
        if let Some((first, last)) = self.span {
            let hours = last.secs_since(first) / 3600.0;
            let held = self.counters.conversations;
            writeln!(f, "spanning {hours:.1} h, {} hosts, {held} conversations held at the end", self.hosts)?;
        }
        for threshold in &self.alert_thresholds {
            let AlertThreshold { policy, budget, alert, raised, identities, pods, days } = threshold;
            writeln!(
                f,
                "policy {}: told from {raised:.1} bits on (its own: {alert:.1}), for a budget of {budget} alarms per \
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

/// The policy that judges when none is given: everything on, default thresholds, no exceptions.
#[must_use]
pub fn default_policy() -> Policy {
    Policy {
        id: PolicyId { namespace: None, name: Arc::from("default") },
        generation: 0,
        created: Timestamp::ZERO,
        workloads: WorkloadSelector::default(),
        mode: Mode::default(),
        thresholds: Thresholds::default(),
        detectors: Detectors::default(),
        exceptions: Vec::new(),
    }
}
