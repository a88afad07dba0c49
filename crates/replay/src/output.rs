//! What is done with the findings of a replay, by the output that was asked for.

use std::collections::BTreeMap;
use std::io::{BufWriter, Result, Write};

use beaconwatch_engine::assess::finding::{Finding, FindingId};
use beaconwatch_report::fields;
use beaconwatch_report::html;
use beaconwatch_report::text::{self, Style};

use crate::args::{ReplayArgs, ReplayOutput};
use crate::score;
use crate::summary::Summary;

/// Where findings go.
pub(super) struct Output<'a> {
    format: ReplayOutput,
    style: Style,
    out: BufWriter<&'a mut dyn Write>,
    /// The last state of its highest severity of each finding, for outputs that show them at the end.
    last: BTreeMap<FindingId, Finding>,
    written: Result<()>,
}

impl<'a> Output<'a> {
    pub(super) fn of(args: &ReplayArgs, out: &'a mut dyn Write) -> Self {
        let style = args.terminal.style();
        let out = BufWriter::new(out);
        Self { format: args.output, style, out, last: BTreeMap::new(), written: Ok(()) }
    }

    /// A finding reached a state.
    pub(super) fn finding(&mut self, finding: Finding) {
        match self.format {
            ReplayOutput::Score if self.written.is_ok() => {
                self.written = score::write(&mut self.out, &finding)
            }
            ReplayOutput::Jsonl if self.written.is_ok() => {
                self.written = writeln!(self.out, "{}", fields::json_line(&finding));
            }
            ReplayOutput::Score | ReplayOutput::Jsonl | ReplayOutput::Observations => {}
            ReplayOutput::Text | ReplayOutput::Html => {
                // A finding is shown at its highest severity, as the summary counts it.
                let higher = self.last.get(&finding.id).is_some_and(|kept| kept.severity > finding.severity);
                if !higher {
                    self.last.insert(finding.id, finding);
                }
            }
        }
    }

    /// The end: what is shown at the end is written.
    pub(super) fn finish(mut self, summary: &Summary) -> Result<()> {
        self.written?;
        match self.format {
            ReplayOutput::Score | ReplayOutput::Jsonl | ReplayOutput::Observations => {}
            ReplayOutput::Text => {
                for finding in strongest_first(&self.last) {
                    writeln!(self.out, "{}", text::finding(finding, &self.style))?;
                }
            }
            ReplayOutput::Html => {
                let page =
                    html::page(&strongest_first(&self.last), &summary.to_string(), summary.span.is_some());
                self.out.write_all(page.as_bytes())?;
            }
        }
        self.out.flush()
    }
}

fn strongest_first(findings: &BTreeMap<FindingId, Finding>) -> Vec<&Finding> {
    let mut sorted: Vec<&Finding> = findings.values().collect();
    sorted.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
    sorted
}
