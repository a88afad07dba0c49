//! SHA-256 of executables, on request, by one thread that nobody waits for.
//!
//! A file is reached through the process that runs it (`/proc/PID/exe`), which works also for unlinked and in-memory
//! files; where that process is gone, through its parent's root directory and the path. What is hashed has to be
//! the file that was asked for: same inode, a regular file, and the process still the one that was meant.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use beaconwatch_engine::actor::{Actor, FileId};
use beaconwatch_engine::engine::Engine;
use beaconwatch_engine::input::Input;
use beaconwatch_engine::time::Timestamp;
use sha2::{Digest, Sha256};

use crate::queue::{Arrival, InputSender};

/// Requests that wait.
const WAITING_MAX: usize = 256;
/// Files whose state is remembered, so that none is hashed again and again.
const FILES_MAX: usize = 4096;
/// Tries per file: its processes may be gone before the thread gets to them.
const TRIES_MAX: u32 = 8;
/// Larger files are not hashed.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// `/proc/PID/stat` counts in hundredths of a second.
const TICK_NS: u64 = 10_000_000;

/// Said where executables of other processes cannot be opened.
pub(crate) const NOT_KNOWN: &str = "digests of executables are not known, and exceptions by match.digests never match \
                                    (needs CAP_SYS_PTRACE, in the chart agent.capabilities)";

/// Asks for digests.
#[derive(Debug)]
pub struct Digests {
    requests: SyncSender<Request>,
    asked: Mutex<Asked>,
    counts: Arc<Counts>,
}

/// Files that were asked for, so that none is hashed again and again.
#[derive(Debug, Default)]
struct Asked {
    tries: BTreeMap<FileId, u32>,
    order: VecDeque<FileId>,
}

/// What was counted; shared with the thread.
#[derive(Debug, Default)]
struct Counts {
    computed: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DigestCounters {
    /// Digests computed.
    pub computed: u64,
    /// Requests dropped because too many waited.
    pub dropped: u64,
    /// Files that could not be reached, or were not what was asked for.
    pub failed: u64,
}

/// One file, and the processes through which it may be reached.
#[derive(Clone, Debug)]
struct Request {
    file: FileId,
    path: Arc<str>,
    pid: u32,
    start_ns: u64,
    parent_pid: u32,
}

/// Why a file was not hashed.
#[derive(Debug, thiserror::Error)]
pub enum DigestError {
    /// Neither through its process nor through the parent's root.
    #[error("reaching the file")]
    Unreachable(#[source] io::Error),
    /// Another process has the process id by now.
    #[error("the process is gone")]
    ProcessGone,
    /// The path leads to another file by now.
    #[error("the file is another one by now")]
    OtherFile,
    /// Too large to be hashed.
    #[error("the file has {bytes} bytes")]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
}

impl Digests {
    /// Starts the thread; each digest goes to `deliver`.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub fn start(
        proc: PathBuf,
        mut deliver: impl FnMut(FileId, [u8; 32]) + Send + 'static,
    ) -> io::Result<Self> {
        let (requests, queue) = sync_channel::<Request>(WAITING_MAX);
        let counts = Arc::<Counts>::default();
        let counted = Arc::clone(&counts);
        std::thread::Builder::new().name("digests".into()).spawn(move || {
            for request in queue {
                match digest(&proc, &request) {
                    Ok(sha256) => {
                        counted.computed.fetch_add(1, Ordering::Relaxed);
                        deliver(request.file, sha256);
                    }
                    Err(error) => {
                        counted.failed.fetch_add(1, Ordering::Relaxed);
                        tracing::debug!(path = %request.path.escape_debug(), %error, "no digest");
                    }
                }
            }
        })?;
        Ok(Self { requests, asked: Mutex::default(), counts })
    }

    /// Starts the thread for the live engine: digests go to its queue, if that has room.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub fn live(inputs: InputSender, now: impl Fn() -> Timestamp + Send + 'static) -> io::Result<Self> {
        Self::start(PathBuf::from("/proc"), move |file, sha256| {
            let _ = inputs.try_send(Arrival::Learned(now(), Input::Digest { file, sha256 }));
        })
    }

    /// Asks for every digest that the engine's policies may need. To be called after each of its steps.
    pub fn answer(&self, engine: &mut Engine) {
        while let Some(actor) = engine.poll_digest_wanted() {
            self.request(&actor);
        }
    }

    /// Asks for the digest of an actor's executable, unless it was asked for often enough. Never waits.
    pub fn request(&self, actor: &Actor) {
        let Some(process) = &actor.process else { return };
        let Some(file) = process.file.filter(|_| process.digest.is_none()) else { return };
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let tries = asked.tries.get(&file).copied().unwrap_or(0);
        if tries >= TRIES_MAX {
            return;
        }
        let request = Request {
            file,
            path: Arc::clone(&process.executable),
            pid: process.pid,
            start_ns: process.start_ns,
            parent_pid: process.parent_pid,
        };
        match self.requests.try_send(request) {
            Ok(()) => asked.remember(file, tries + 1),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.counts.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> DigestCounters {
        DigestCounters {
            computed: self.counts.computed.load(Ordering::Relaxed),
            dropped: self.counts.dropped.load(Ordering::Relaxed),
            failed: self.counts.failed.load(Ordering::Relaxed),
        }
    }
}

impl Asked {
    fn remember(&mut self, file: FileId, tries: u32) {
        if self.tries.insert(file, tries).is_none() {
            self.order.push_back(file);
        }
        if self.order.len() > FILES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.tries.remove(&oldest);
        }
    }
}

/// The digest of the file that was asked for.
fn digest(proc: &Path, request: &Request) -> Result<[u8; 32], DigestError> {
    match through_process(proc, request) {
        Err(DigestError::ProcessGone | DigestError::Unreachable(_)) => through_parent(proc, request),
        other => other,
    }
}

fn through_process(proc: &Path, request: &Request) -> Result<[u8; 32], DigestError> {
    let directory = proc.join(request.pid.to_string());
    let file = File::open(directory.join("exe")).map_err(DigestError::Unreachable)?;
    // Opened first, then asked: the process that has this id now is the one whose file is open, unless the id was
    // given again in between, which the inode shows.
    if !started_at(&directory, request.start_ns) {
        return Err(DigestError::ProcessGone);
    }
    hash(file, request.file)
}

fn through_parent(proc: &Path, request: &Request) -> Result<[u8; 32], DigestError> {
    let relative = request.path.trim_start_matches('/');
    let inside = relative.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if request.parent_pid == 0 || !inside {
        return Err(DigestError::ProcessGone);
    }
    let path = proc.join(request.parent_pid.to_string()).join("root").join(relative);
    // A pipe would wait for its other end, and a link may lead out of the root: the inode tells.
    let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_NOCTTY;
    let file = File::options().read(true).custom_flags(flags).open(path).map_err(DigestError::Unreachable)?;
    hash(file, request.file)
}

fn hash(mut file: File, wanted: FileId) -> Result<[u8; 32], DigestError> {
    let metadata = file.metadata().map_err(DigestError::Unreachable)?;
    if !metadata.is_file() || metadata.ino() != wanted.inode {
        return Err(DigestError::OtherFile);
    }
    if metadata.len() > FILE_BYTES_MAX {
        return Err(DigestError::TooLarge { bytes: metadata.len() });
    }
    let mut sha256 = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut left = FILE_BYTES_MAX;
    loop {
        let read = match file.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(DigestError::Unreachable(error)),
        };
        if read == 0 {
            return Ok(sha256.finalize().into());
        }
        // It may grow while it is read.
        left = left.checked_sub(read as u64).ok_or(DigestError::TooLarge { bytes: FILE_BYTES_MAX })?;
        sha256.update(buffer.get(..read).unwrap_or_default());
    }
}

/// Whether the process of this directory started at this time; true if the time is not known.
fn started_at(directory: &Path, start_ns: u64) -> bool {
    if start_ns == 0 {
        return true;
    }
    let Ok(stat) = std::fs::read_to_string(directory.join("stat")) else { return false };
    // The name in brackets may hold anything, also brackets: the fields begin after the last one.
    let ticks =
        stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(19)?.parse::<u64>().ok());
    ticks.is_some_and(|ticks| ticks.abs_diff(start_ns / TICK_NS) <= 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use beaconwatch_engine::actor::Process;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    /// A `/proc` of its own, with one running process.
    struct Scene {
        proc: PathBuf,
    }

    impl Scene {
        fn new(name: &str) -> Self {
            let proc = std::env::temp_dir().join(format!("beaconwatch-digest-{}-{name}", std::process::id()));
            std::fs::create_dir_all(proc.join("7/root/bin")).unwrap();
            std::fs::create_dir_all(proc.join("8")).unwrap();
            std::fs::write(proc.join("7/root/bin/tool"), b"abc").unwrap();
            std::fs::write(proc.join("8/exe"), b"abc").unwrap();
            let stat = format!("8 (a) b) S {} 123 0 0", vec!["0"; 18].join(" "));
            std::fs::write(proc.join("8/stat"), stat).unwrap();
            Self { proc }
        }

        fn inode(&self, path: &str) -> u64 {
            std::fs::metadata(self.proc.join(path)).unwrap().ino()
        }

        fn request(&self, pid: u32, start_ns: u64, inode: u64) -> Request {
            Request {
                file: FileId { device: 0, inode },
                path: "/bin/tool".into(),
                pid,
                start_ns,
                parent_pid: 7,
            }
        }
    }

    impl Drop for Scene {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.proc).unwrap();
        }
    }

    const ABC: [u8; 4] = [0xba, 0x78, 0x16, 0xbf];

    #[test]
    fn a_file_is_reached_through_its_process_or_its_parents_root() {
        let scene = Scene::new("reached");
        let running = scene.request(8, 123 * TICK_NS, scene.inode("8/exe"));
        assert_eq!(digest(&scene.proc, &running).unwrap()[..4], ABC);
        let gone = scene.request(9, 5, scene.inode("7/root/bin/tool"));
        assert_eq!(digest(&scene.proc, &gone).unwrap()[..4], ABC);
        let reused = scene.request(8, 999 * TICK_NS, scene.inode("7/root/bin/tool"));
        assert_eq!(digest(&scene.proc, &reused).unwrap()[..4], ABC);
    }

    #[test]
    fn another_file_is_not_hashed() {
        let scene = Scene::new("other");
        let other = scene.request(8, 0, 1);
        assert!(matches!(digest(&scene.proc, &other), Err(DigestError::OtherFile)));
        let mut outside = scene.request(9, 0, scene.inode("8/exe"));
        outside.path = "/../../8/exe".into();
        assert!(matches!(digest(&scene.proc, &outside), Err(DigestError::ProcessGone)));
        std::os::unix::fs::symlink("tool", scene.proc.join("7/root/bin/link")).unwrap();
        let mut link = scene.request(9, 0, scene.inode("7/root/bin/tool"));
        link.path = "/bin/link".into();
        assert!(matches!(digest(&scene.proc, &link), Err(DigestError::Unreachable(_))));
    }

    fn started() -> (Digests, Receiver<(FileId, [u8; 32])>) {
        let (sender, receiver) = channel();
        let deliver = move |file, sha256| sender.send((file, sha256)).unwrap();
        (Digests::start(PathBuf::from("/proc"), deliver).unwrap(), receiver)
    }

    #[test]
    fn the_executable_of_a_running_process_is_hashed() {
        let (digests, receiver) = started();
        let path = std::env::current_exe().unwrap();
        let inode = std::fs::metadata("/proc/self/exe").unwrap().ino();
        let process = Process {
            pid: std::process::id(),
            executable: path.to_str().unwrap().into(),
            file: Some(FileId { device: 1, inode }),
            ..Process::default()
        };
        digests.request(&Actor { process: Some(process), ..Actor::default() });
        let (file, sha256) = receiver.recv_timeout(Duration::from_secs(60)).unwrap();
        let expect: [u8; 32] = Sha256::digest(std::fs::read(path).unwrap()).into();
        assert_eq!((file.inode, sha256), (inode, expect));
        assert_eq!(digests.counters().computed, 1);
    }

    #[test]
    fn a_file_that_cannot_be_reached_is_given_up() {
        let (digests, _receiver) = started();
        let process =
            Process { pid: u32::MAX, file: Some(FileId { device: 1, inode: 1 }), ..Process::default() };
        let actor = Actor { process: Some(process), ..Actor::default() };
        for _ in 0..100 {
            digests.request(&actor);
        }
        assert_eq!(digests.asked.lock().unwrap().tries.values().copied().collect::<Vec<_>>(), [TRIES_MAX]);
        assert_eq!(digests.counters().dropped, 0);
    }
}
