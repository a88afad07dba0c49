//! Findings as JSON lines in a file: appended to, created again when it was moved away (as log rotation does), and
//! never left with half a line.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use beaconwatch_report::fields;

use super::queue::{Batch, Queue};
use crate::pauses::Pauses;

/// Findings written at once.
const BATCH_MAX: usize = 64;
/// How long a wait for findings lasts before it is begun again.
const WAIT: Duration = Duration::from_secs(3600);
/// Bounds of the pauses after failures (a full disk).
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// The file.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    file: File,
}

impl Lines {
    /// Opens the file for appending; makes it if it is not there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Writes whole lines, or nothing.
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.moved_away() {
            *self = Self::open(&self.path)?;
        }
        let regular = self.file.metadata()?;
        self.file.write_all(lines).inspect_err(|_| {
            if regular.is_file() {
                // What was written of it would make the next line unreadable. If this fails too, the next try
                // meets the same trouble and says so.
                let _ = self.file.set_len(regular.len());
            }
        })
    }

    fn moved_away(&self) -> bool {
        match (self.file.metadata(), self.path.metadata()) {
            (Ok(open), Ok(named)) => (open.dev(), open.ino()) != (named.dev(), named.ino()),
            (_, Err(error)) => error.kind() == io::ErrorKind::NotFound,
            (Err(_), Ok(_)) => false,
        }
    }
}

/// Writes until the queue is closed and empty; tries again after a failure.
pub(super) fn run(queue: &Queue, mut lines: Lines) {
    loop {
        let findings = match queue.take(BATCH_MAX, WAIT) {
            Batch::Closed => return,
            Batch::Nothing => continue,
            Batch::Findings(findings) => findings,
        };
        let mut text = Vec::with_capacity(2048 * findings.len());
        for finding in &findings {
            text.extend_from_slice(fields::json_line(finding).as_bytes());
            text.push(b'\n');
        }
        let (mut pauses, mut warned) = (Pauses::between(PAUSE_MIN, PAUSE_MAX), false);
        while let Err(error) = lines.append(&text) {
            if !warned {
                tracing::warn!("cannot write findings to {}, trying again: {error}", lines.path.display());
            }
            warned = true;
            queue.failed();
            queue.wait_until_closed(pauses.pause());
        }
        queue.delivered(findings.len());
    }
}
