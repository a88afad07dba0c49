//! Findings on standard output: text for people, or JSON lines.

use std::io::{self, Write};
use std::time::Duration;

use beaconwatch_engine::assess::finding::{Finding, FindingState};
use beaconwatch_report::fields;
use beaconwatch_report::text::{self, Style};

use super::queue::{Batch, Queue};

/// How findings are written.
#[derive(Clone, Copy, Debug)]
pub enum Format {
    /// For people.
    Text(Style),
    /// One JSON object a line.
    Jsonl,
}

/// Findings written before the output is flushed.
const BATCH_MAX: usize = 64;
/// How long a wait for findings lasts before it is begun again.
const WAIT: Duration = Duration::from_secs(3600);

/// Writes until the queue is closed and empty. When nobody reads any more, the rest is lost.
pub(super) fn run(queue: &Queue, format: Format, mut out: impl Write) {
    let mut broken = false;
    loop {
        match queue.take(BATCH_MAX, WAIT) {
            Batch::Closed => return,
            Batch::Nothing => {}
            Batch::Findings(findings) if broken => queue.lost(findings.len()),
            Batch::Findings(findings) => match write(&findings, format, &mut out) {
                Ok(()) => queue.delivered(findings.len()),
                Err(error) => {
                    broken = true;
                    queue.failed();
                    queue.lost(findings.len());
                    tracing::warn!(
                        "standard output was closed, and findings are no longer written to it: {error}"
                    );
                }
            },
        }
    }
}

fn write(findings: &[std::sync::Arc<Finding>], format: Format, out: &mut impl Write) -> io::Result<()> {
    for finding in findings {
        match format {
            // The whole picture at the start and at the end; in between a line is enough.
            Format::Text(style) if finding.state == FindingState::Updated => {
                writeln!(out, "{}", text::update(finding, &style))?;
            }
            Format::Text(style) => writeln!(out, "{}", text::finding(finding, &style))?,
            Format::Jsonl => writeln!(out, "{}", fields::json_line(finding))?,
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted_finding::finding;
    use crate::sink::SinkName;
    use beaconwatch_engine::assess::finding::{FindingState, Severity};

    /// Takes so many writes, then is closed.
    struct Pipe(usize);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_loses_the_rest_and_ends_in_peace() {
        let queue = Queue::bounded(SinkName::Stdout, 10);
        for id in 0..3 {
            queue.put(std::sync::Arc::new(finding(id, FindingState::Opened, Severity::High)));
        }
        queue.close();
        run(&queue, Format::Jsonl, Pipe(1));
        let counters = queue.counters();
        assert_eq!((counters.delivered, counters.lost, counters.waiting), (0, 3, 0));
    }
}
