//! Recordings of the agent itself (`run --record`), read back.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

pub use beaconwatch_codec::recording::RecordingError;
use beaconwatch_codec::recording::RecordingReader;
use beaconwatch_engine::input::Input;
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::run::Step;
use beaconwatch_engine::time::Timestamp;
use beaconwatch_importers::{OrderedSource, Reason, RejectedRows, Unit};

/// A recording as a source.
#[derive(Debug)]
pub struct RecordingSource {
    reader: RecordingReader<File>,
    name: Arc<str>,
    bytes: u64,
    rows: u64,
    ended: bool,
    /// The recorded policies are left out: others judge.
    without_policies: bool,
}

impl RecordingSource {
    /// Opens a recording and reads its head.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is no recording, or is of another version.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let file = File::open(path).map_err(RecordingError::Read)?;
        let bytes = file.metadata().map_or(0, |metadata| metadata.len());
        let reader = RecordingReader::open(file)?;
        let name = Arc::from(path.to_string_lossy());
        Ok(Self { reader, name, bytes, rows: 0, ended: false, without_policies: false })
    }

    /// Leaves out the recorded policies.
    pub fn leave_out_policies(&mut self) {
        self.without_policies = true;
    }

    /// The bounds of the recorded engine: a replay with the same finds the same.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.reader.limits()
    }

    /// Size of the file.
    #[must_use]
    pub fn bytes_total(&self) -> u64 {
        self.bytes
    }

    /// The next step for the loop of [`beaconwatch_engine::run`]; what is damaged goes to `problem` and is passed over.
    pub fn step(&mut self, problem: &mut impl FnMut(RecordingError)) -> Step {
        loop {
            match Iterator::next(self) {
                Some(Ok((time, input))) => return Step::Input(time, input),
                Some(Err(error)) => problem(error),
                None => return Step::End(self.reader.end()),
            }
        }
    }
}

impl Iterator for RecordingSource {
    type Item = Result<(Timestamp, Input), RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let next = self.reader.next();
            match &next {
                None => self.ended = true,
                Some(Err(_)) => {}
                Some(Ok((_, input))) => {
                    self.rows += 1;
                    if self.without_policies && matches!(input, Input::Policies(_)) {
                        continue;
                    }
                }
            }
            return next;
        }
    }
}

impl OrderedSource for RecordingSource {
    fn next(&mut self, rejected: &mut RejectedRows) -> Option<(Timestamp, Input)> {
        loop {
            let ended = self.ended;
            match Iterator::next(self) {
                None if !ended => {
                    rejected.not_kept.add(self.reader.dropped().clone());
                    return None;
                }
                None => return None,
                Some(Ok(step)) => return Some(step),
                Some(Err(error)) => {
                    let reason = match error {
                        RecordingError::Read(_)
                        | RecordingError::NotARecording
                        | RecordingError::Version { .. }
                        | RecordingError::Head
                        | RecordingError::Unfinished => Reason::Unreadable,
                        RecordingError::Damaged { .. }
                        | RecordingError::Missing { .. }
                        | RecordingError::Record { .. } => Reason::Damaged,
                    };
                    rejected.add(reason, &self.name, self.rows);
                }
            }
        }
    }

    fn bytes_read(&self) -> u64 {
        self.reader.bytes_read()
    }

    fn unit(&self) -> Unit {
        Unit::Row
    }

    fn rows_read(&self) -> u64 {
        self.rows
    }

    fn end(&self) -> Option<Timestamp> {
        self.ended.then(|| self.reader.end())
    }
}
