//! How far a replay has come: one line on a terminal, nothing anywhere else.

use core::time::Duration;
use std::io::{IsTerminal, Write};
use std::time::Instant;

use beaconwatch_engine::time::Timestamp;
use beaconwatch_report::{calendar, figure};

use crate::feed::Feed;

/// The clock is looked at once in so many inputs.
const INPUTS_PER_LOOK: u64 = 4096;
/// Time between two lines.
const INTERVAL: Duration = Duration::from_millis(200);

/// The line.
#[derive(Debug)]
pub(super) struct Progress {
    shown: bool,
    bytes_total: u64,
    inputs: u64,
    started: Instant,
    next: Duration,
}

impl Progress {
    /// For inputs of so many bytes.
    pub(super) fn of(bytes_total: u64) -> Self {
        let shown = std::io::stderr().is_terminal();
        Self { shown, bytes_total, inputs: 0, started: Instant::now(), next: INTERVAL }
    }

    /// An input went by.
    pub(super) fn step(&mut self, time: Timestamp, feed: &Feed) {
        self.inputs += 1;
        if !self.shown || !self.inputs.is_multiple_of(INPUTS_PER_LOOK) {
            return;
        }
        let elapsed = self.started.elapsed();
        if elapsed >= self.next {
            self.next = elapsed + INTERVAL;
            let rows = (feed.rows_read(), feed.rows_held());
            let line = line(elapsed, feed.bytes_read(), self.bytes_total, rows, time);
            let _ = write!(std::io::stderr(), "\r\x1b[K{line}");
        }
    }

    /// The end: the line goes away.
    pub(super) fn finish(&mut self) {
        if self.shown && self.next > INTERVAL {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
        self.shown = false;
    }
}

/// `rows`: read, and of those still waiting for their turn. What waits is read but not judged, and judging is most
/// of the work.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn line(elapsed: Duration, bytes: u64, bytes_total: u64, rows: (u64, u64), time: Timestamp) -> String {
    let secs = elapsed.as_secs_f64().max(1e-3);
    let (read, waiting) = rows;
    let judged = read.saturating_sub(waiting);
    let part = bytes as f64 / bytes_total.max(1) as f64 * (judged as f64 / read.max(1) as f64);
    let part = part.clamp(0.0, 1.0);
    let left = if part > 0.0 { figure::seconds(secs / part - secs) } else { "?".to_owned() };
    format!(
        "{:3.0} %  {} of {}  {judged} rows  {:.0}/s  at {}  {left} left",
        part * 100.0,
        figure::bytes(bytes),
        figure::bytes(bytes_total),
        judged as f64 / secs,
        calendar::date_time(time),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_bytes_rows_rate_time_and_what_is_left() {
        let text = line(Duration::from_secs(2), 500, 1000, (4000, 0), Timestamp::from_nanos(0));
        assert_eq!(text, " 50 %  500 B of 1.0 kB  4000 rows  2000/s  at 1970-01-01 00:00:00  2.0 s left");
    }

    #[test]
    fn what_was_read_and_waits_is_not_done() {
        let text = line(Duration::from_secs(2), 1000, 1000, (4000, 3000), Timestamp::from_nanos(0));
        assert_eq!(text, " 25 %  1.0 kB of 1.0 kB  1000 rows  500/s  at 1970-01-01 00:00:00  6.0 s left");
    }
}
