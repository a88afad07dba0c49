//! Writes a recording: every input with the time the engine gave it, so that a replay finds the same.
//!
//! The engine's thread only encodes; compressing and writing are another thread's. A disk that cannot keep up never
//! stalls the line: what does not fit in between is left out and counted, and a replay says what is missing.
//! The format is [`beaconwatch_codec::recording`]'s, which reads it back.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use beaconwatch_codec::recording::{Block, RecordingWriter};
use beaconwatch_engine::input::Input;
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::time::Timestamp;

/// Bytes that wait for the disk, and blocks: in quiet times blocks are small.
const BYTES_WAITING: usize = 8 << 20;
const BLOCKS_WAITING: usize = 4096;

/// Writes a recording.
#[derive(Debug)]
pub struct Recorder {
    blocks: RecordingWriter,
    totals: Totals,
    /// `None`: finished.
    disk: Option<Disk>,
}

/// The thread that compresses and writes.
#[derive(Debug)]
struct Disk {
    blocks: SyncSender<Block>,
    /// Bytes of those that are not written yet.
    waiting: Arc<AtomicUsize>,
    thread: JoinHandle<io::Result<u64>>,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Inputs.
    pub inputs: u64,
    /// Blocks that were left out, since the disk did not keep up or failed.
    pub blocks_lost: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

impl Recorder {
    /// Creates the file, readable by its owner only: it holds payload. `limits` are the engine's: a replay has to
    /// keep the same.
    ///
    /// # Errors
    ///
    /// When the file cannot be created or its head cannot be written.
    pub fn create(path: &Path, limits: &Limits) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        Self::to_writer(file, limits)
    }

    /// Writes to anything that takes bytes.
    ///
    /// # Errors
    ///
    /// When the head cannot be written, or no thread can be started.
    pub fn to_writer(mut out: impl Write + Send + 'static, limits: &Limits) -> io::Result<Self> {
        let head = RecordingWriter::head(limits);
        out.write_all(&head)?;
        let head_bytes = head.len() as u64;
        let (sender, blocks) = sync_channel::<Block>(BLOCKS_WAITING);
        let waiting = Arc::new(AtomicUsize::new(0));
        let held = Arc::clone(&waiting);
        let thread = std::thread::Builder::new().name("recording".into()).spawn(move || {
            let mut bytes = head_bytes;
            for block in blocks {
                let sealed = block.seal();
                out.write_all(&sealed)?;
                bytes += sealed.len() as u64;
                held.fetch_sub(block.raw_len(), Ordering::Relaxed);
            }
            out.flush()?;
            Ok(bytes)
        })?;
        let disk = Some(Disk { blocks: sender, waiting, thread });
        Ok(Self { blocks: RecordingWriter::default(), totals: Totals::default(), disk })
    }

    /// Records an input with the time that the engine gave it.
    pub fn write(&mut self, now: Timestamp, input: &Input) {
        let full = self.blocks.input(now, input);
        self.hand_over(full, false);
        self.totals.inputs += 1;
    }

    /// Records the end (the time at which the engine finished), and waits until all is written.
    ///
    /// # Errors
    ///
    /// The first error of the disk.
    pub fn finish(&mut self, end: Timestamp) -> io::Result<Totals> {
        let full = self.blocks.end(end);
        self.hand_over(full, true);
        let last = self.blocks.close();
        self.hand_over(last, true);
        let Some(Disk { blocks, thread, .. }) = self.disk.take() else { return Ok(self.totals()) };
        drop(blocks);
        self.totals.bytes =
            thread.join().map_err(|_| io::Error::other("the writer of the recording died"))??;
        Ok(self.totals())
    }

    /// What was written so far; [`Totals::bytes`] is known only at the end.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals { blocks_lost: self.totals.blocks_lost + self.blocks.too_large(), ..self.totals }
    }

    /// Hands a block to the disk. `wait`: there is time to wait for it.
    fn hand_over(&mut self, block: Option<Block>, wait: bool) {
        let Some(block) = block else { return };
        let Some(Disk { blocks, waiting, thread: _ }) = &self.disk else { return };
        let bytes = block.raw_len();
        let room = waiting.fetch_add(bytes, Ordering::Relaxed) + bytes <= BYTES_WAITING;
        let sent = if wait { blocks.send(block).is_ok() } else { room && blocks.try_send(block).is_ok() };
        if !sent {
            waiting.fetch_sub(bytes, Ordering::Relaxed);
        }
        self.totals.blocks_lost += u64::from(!sent);
    }
}

impl Drop for Recorder {
    /// What is not written yet is, without an end: a replay will say that it ended early.
    fn drop(&mut self) {
        let last = self.blocks.close();
        self.hand_over(last, true);
        if let Some(Disk { blocks, thread, .. }) = self.disk.take() {
            drop(blocks);
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use beaconwatch_codec::recording::RecordingReader;
    use beaconwatch_engine::input::{Event, LossPlace};

    use super::*;

    /// A file in memory.
    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lost(count: u64) -> (Timestamp, Input) {
        (Timestamp::from_nanos(count), Input::Lost { place: LossPlace::FlowRing, count })
    }

    #[test]
    fn what_was_recorded_is_counted_and_read_back() {
        let memory = Memory::default();
        let mut recorder = Recorder::to_writer(memory.clone(), &Limits::default()).unwrap();
        for (now, input) in (1..=5000).map(lost) {
            recorder.write(now, &input);
        }
        let totals = recorder.finish(Timestamp::from_nanos(9000)).unwrap();
        let bytes = memory.0.lock().unwrap().clone();
        let expect = Totals { inputs: 5000, blocks_lost: 0, bytes: bytes.len() as u64 };
        assert_eq!((totals, recorder.totals()), (expect, expect));
        let mut reader = RecordingReader::open(&*bytes).unwrap();
        let read: Vec<String> = reader.by_ref().map(|step| format!("{:?}", step.unwrap())).collect();
        assert_eq!(read, (1..=5000).map(|count| format!("{:?}", lost(count))).collect::<Vec<_>>());
        assert_eq!(reader.end(), Timestamp::from_nanos(9000));
    }

    #[test]
    fn one_that_is_dropped_is_written_to_its_last_record_and_has_no_end() {
        let memory = Memory::default();
        let mut recorder = Recorder::to_writer(memory.clone(), &Limits::default()).unwrap();
        let (now, input) = lost(1);
        recorder.write(now, &input);
        drop(recorder);
        let bytes = memory.0.lock().unwrap().clone();
        let read: Vec<_> = RecordingReader::open(&*bytes).unwrap().collect();
        assert!(
            matches!(&*read, [Ok(_), Err(error)] if error.to_string().contains("ends early")),
            "{read:?}"
        );
    }

    #[test]
    fn a_disk_that_fails_is_told_and_stalls_nothing() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if bytes.len() < 200 { Ok(bytes.len()) } else { Err(io::Error::other("disk full")) }
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut recorder = Recorder::to_writer(Full, &Limits::default()).unwrap();
        let path = "/kubepods".repeat(100);
        for cgroup in 1..100_000 {
            let input = Input::Event(Event::CgroupCreated { cgroup, path: path.as_str().into() });
            recorder.write(Timestamp::from_nanos(cgroup), &input);
        }
        assert!(recorder.finish(Timestamp::MAX).unwrap_err().to_string().contains("disk full"));
        assert!(recorder.totals().blocks_lost > 0);
    }
}
