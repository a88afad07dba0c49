//! What was learned, on disk: written by a thread of its own, whole or not at all.
//!
//! The engine's thread hands a checkpoint over and goes on. The file is written beside the last one, brought to the disk
//! and renamed over it; a disk that does not keep up gets the latest checkpoint once it is free. The format is
//! [`beaconwatch_codec::checkpoint`]'s.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use beaconwatch_codec::checkpoint::{self, CheckpointFileError};
use beaconwatch_engine::checkpoint::Checkpoint;

use crate::replace_file::replace_file;

/// Why there is nothing to take up.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("reading {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is not one that this program can use.
    #[error("using {path}")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: CheckpointFileError,
    },
}

/// What was counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckpointCounters {
    /// Checkpoints on disk.
    pub written: u64,
    /// Checkpoints that could not be written.
    pub failed: u64,
    /// Checkpoints that gave way to a later one before the disk was free.
    pub replaced: u64,
}

/// The thread that writes checkpoints.
#[derive(Debug)]
pub struct CheckpointWriter {
    mailbox: Arc<Mailbox>,
}

/// Where a checkpoint waits for the thread.
#[derive(Debug, Default)]
struct Mailbox {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Option<Checkpoint>,
    writing: bool,
    closed: bool,
    counters: CheckpointCounters,
}

/// Reads a checkpoint; `None` if there is none yet.
///
/// # Errors
///
/// When the file cannot be read, or is of no use.
pub fn read(path: &Path) -> Result<Option<Checkpoint>, ReadError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ReadError::Read { path: path.to_owned(), source }),
    };
    let unusable = |source| ReadError::Unusable { path: path.to_owned(), source };
    checkpoint::read(&bytes).map(Some).map_err(unusable)
}

impl CheckpointWriter {
    /// Starts the thread that writes to `path`.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub fn start(path: PathBuf) -> io::Result<Self> {
        Self::start_with(move |checkpoint| {
            let written = write(&path, checkpoint);
            if let Err(error) = &written {
                tracing::warn!("cannot save the checkpoint {}: {error}", path.display());
            }
            written
        })
    }

    fn start_with(write: impl FnMut(&Checkpoint) -> io::Result<()> + Send + 'static) -> io::Result<Self> {
        let mailbox = Arc::<Mailbox>::default();
        let theirs = Arc::clone(&mailbox);
        std::thread::Builder::new().name("checkpoint".to_owned()).spawn(move || theirs.run(write))?;
        Ok(Self { mailbox })
    }

    /// Hands a checkpoint over; one that still waits gives way to it. Never waits.
    pub fn put(&self, checkpoint: Checkpoint) {
        let mut state = self.mailbox.lock();
        if state.waiting.replace(checkpoint).is_some() {
            state.counters.replaced += 1;
        }
        drop(state);
        self.mailbox.changed.notify_all();
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> CheckpointCounters {
        self.mailbox.lock().counters
    }

    /// Waits until what was handed over is written, for at most `limit`. False: the disk did not keep up, and the
    /// checkpoint before stays in its place.
    pub fn finish(self, limit: Duration) -> bool {
        let mut state = self.mailbox.lock();
        state.closed = true;
        self.mailbox.changed.notify_all();
        let busy = |state: &mut State| state.waiting.is_some() || state.writing;
        let waited = self.mailbox.changed.wait_timeout_while(state, limit, busy);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting.is_none() && !state.writing
    }
}

impl Drop for CheckpointWriter {
    /// The thread ends once nothing waits.
    fn drop(&mut self) {
        self.mailbox.lock().closed = true;
        self.mailbox.changed.notify_all();
    }
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut write: impl FnMut(&Checkpoint) -> io::Result<()>) {
        let mut state = self.lock();
        loop {
            if let Some(checkpoint) = state.waiting.take() {
                state.writing = true;
                drop(state);
                let written = write(&checkpoint);
                drop(checkpoint);
                state = self.lock();
                state.writing = false;
                match written {
                    Ok(()) => state.counters.written += 1,
                    Err(_) => state.counters.failed += 1,
                }
                self.changed.notify_all();
            } else if state.closed {
                return;
            } else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

/// Writes a checkpoint in place of the one before.
fn write(path: &Path, checkpoint: &Checkpoint) -> io::Result<()> {
    replace_file(path, |file| checkpoint::write(checkpoint, file).map(drop))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use beaconwatch_engine::checkpoint::Section;

    use super::*;

    /// Longer than anything takes; nothing waits for it to pass.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn numbered(number: u8) -> Checkpoint {
        let sections = vec![Section { name: "number".into(), bytes: vec![number] }];
        Checkpoint { version: beaconwatch_codec::VERSION, sections }
    }

    fn number(checkpoint: &Checkpoint) -> u8 {
        checkpoint.sections[0].bytes[0]
    }

    fn directory(test: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("beaconwatch-checkpoint-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn the_file_is_the_last_one_and_nothing_lies_beside_it() {
        let directory = directory("file");
        let path = directory.join("learned.bwck");
        assert!(read(&path).unwrap().is_none());
        let writer = CheckpointWriter::start(path.clone()).unwrap();
        for number in 1..=3 {
            writer.put(numbered(number));
        }
        assert!(writer.finish(PATIENCE));
        assert_eq!(read(&path).unwrap(), Some(numbered(3)));
        let names: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["learned.bwck"]);
        std::fs::remove_dir_all(&directory).unwrap();
    }

    /// A disk that takes a checkpoint only when it is told to.
    fn slow_disk() -> (CheckpointWriter, Receiver<u8>, Sender<io::Result<()>>) {
        let (begun, begins) = channel();
        let (answer, answers) = channel();
        let writer = CheckpointWriter::start_with(move |checkpoint| {
            begun.send(number(checkpoint)).unwrap();
            answers.recv().unwrap()
        });
        (writer.unwrap(), begins, answer)
    }

    #[test]
    fn a_slow_disk_stalls_nobody_and_gets_the_latest() {
        let (writer, begins, answer) = slow_disk();
        writer.put(numbered(1));
        assert_eq!(begins.recv_timeout(PATIENCE), Ok(1));
        for number in 2..=9 {
            writer.put(numbered(number));
        }
        answer.send(Ok(())).unwrap();
        assert_eq!(begins.recv_timeout(PATIENCE), Ok(9));
        answer.send(Ok(())).unwrap();
        let mailbox = Arc::clone(&writer.mailbox);
        assert!(writer.finish(PATIENCE));
        assert_eq!(mailbox.lock().counters, CheckpointCounters { written: 2, failed: 0, replaced: 7 });
    }

    #[test]
    fn a_disk_that_never_answers_does_not_keep_the_agent() {
        let (writer, begins, _answer) = slow_disk();
        writer.put(numbered(1));
        assert_eq!(begins.recv_timeout(PATIENCE), Ok(1));
        assert!(!writer.finish(Duration::from_millis(1)));
    }

    #[test]
    fn a_checkpoint_that_cannot_be_written_is_counted_and_the_one_before_stays() {
        let directory = directory("fails");
        let path = directory.join("learned.bwck");
        write(&path, &numbered(1)).unwrap();
        // A directory in the way of the file beside it.
        std::fs::create_dir(crate::replace_file::beside(&path)).unwrap();
        let writer = CheckpointWriter::start(path.clone()).unwrap();
        let mailbox = Arc::clone(&writer.mailbox);
        writer.put(numbered(2));
        assert!(writer.finish(PATIENCE));
        assert_eq!(mailbox.lock().counters, CheckpointCounters { written: 0, failed: 1, replaced: 0 });
        assert_eq!(read(&path).unwrap(), Some(numbered(1)));
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn one_of_before_the_format_is_named() {
        let directory = directory("before");
        let path = directory.join("learned.bwck");
        std::fs::write(&path, b"BWCP\x05\0\0\0").unwrap();
        let said = crate::chain::chain(&read(&path).unwrap_err());
        assert!(said.contains("learned.bwck") && said.contains("baselines start again"), "{said}");
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
