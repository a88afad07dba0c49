//! Metrics for Prometheus, and health, over HTTP.
//!
//! [`METRICS`] is the one list of metrics: names, kinds, what they mean, and how each is read. The page and
//! `docs/metrics.md` are made from it. Labels come from enums and names of hooks, never from names that users
//! choose.

mod list;
pub mod page;
mod process;
mod serve;

use core::fmt::Write;

use super::SinksView;
use crate::status::AgentStatus;

pub use list::METRICS;
pub use process::ProcessUsage;
pub use serve::{MetricsError, MetricsServer};

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// Name.
    pub name: &'static str,
    /// Kind.
    pub kind: Kind,
    /// Labels.
    pub labels: &'static [&'static str],
    /// What it means, with its unit.
    pub help: &'static str,
    /// Reads its samples.
    pub read: fn(&Source<'_>, &mut Samples<'_>),
}

/// Kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

impl Kind {
    /// `counter` or `gauge`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// What metrics are read from.
#[derive(Debug)]
pub struct Source<'a> {
    /// The agent's latest snapshot.
    pub status: &'a AgentStatus,
    /// The sinks.
    pub sinks: &'a SinksView,
    /// The agent as a process.
    pub process: ProcessUsage,
}

/// Takes the samples of one metric.
#[derive(Debug)]
pub struct Samples<'a> {
    metric: &'a Metric,
    page: &'a mut String,
}

impl Samples<'_> {
    /// Adds a sample; `labels` are the values of the metric's labels, in their order.
    #[expect(clippy::cast_precision_loss, reason = "Prometheus counts in doubles")]
    pub fn count(&mut self, labels: &[&str], value: u64) {
        self.add(labels, value as f64);
    }

    /// Adds a sample.
    pub fn add(&mut self, labels: &[&str], value: f64) {
        self.page.push_str(self.metric.name);
        for (index, (name, text)) in self.metric.labels.iter().zip(labels).enumerate() {
            self.page.push(if index == 0 { '{' } else { ',' });
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            // Writing to memory cannot fail.
            let _ = write!(self.page, "{name}=\"{text}\"");
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.page, "{close} {value}");
    }
}

/// The page, in Prometheus' text format.
#[must_use]
pub fn text(source: &Source<'_>) -> String {
    let mut page = String::with_capacity(8192);
    for metric in METRICS {
        let _ = writeln!(page, "# HELP {} {}", metric.name, metric.help);
        let _ = writeln!(page, "# TYPE {} {}", metric.name, metric.kind.as_str());
        (metric.read)(source, &mut Samples { metric, page: &mut page });
    }
    page
}
