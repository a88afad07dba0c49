//! Where findings go. Each sink has its own bounded queue and its own thread or task: a slow or dead one loses its
//! own findings, counted, and never keeps the line or another sink waiting.

pub mod jsonl;
pub mod metrics;
pub mod otlp;
pub mod queue;
pub mod stdout;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use beaconwatch_engine::assess::finding::{Finding, FindingKind, FindingState, Severity};
use tokio::runtime::Handle;

use crate::clock::Stopwatch;
pub use queue::{Queue, SinkCounters, SinkName};
pub use stdout::Format;

/// Findings that wait for one sink.
pub const FINDINGS_MAX: usize = 4096;

/// Which sinks are wanted.
#[derive(Clone, Debug, Default)]
pub struct SinkOptions {
    /// How findings are written to standard output, if at all.
    pub stdout: Option<Format>,
    /// File for JSON lines; it is appended to, and created again when it was moved away.
    pub file: Option<PathBuf>,
    /// Where OpenTelemetry logs go, if anywhere.
    pub otlp: Option<otlp::Settings>,
}

/// Why the sinks could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The file for JSON lines cannot be written.
    #[error("cannot write findings to {file}")]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The settings of OpenTelemetry make no sense.
    #[error("cannot send findings as OpenTelemetry logs")]
    Otlp(#[source] otlp::SettingsError),
    /// A thread could not be started.
    #[error("cannot start a thread for a sink")]
    Thread(#[source] std::io::Error),
}

/// The running sinks.
#[derive(Debug, Default)]
pub struct Sinks {
    queues: Vec<Arc<Queue>>,
    counts: Arc<FindingCounts>,
}

impl Sinks {
    /// Starts what is wanted. `handle` runs the sinks that talk to the network.
    ///
    /// # Errors
    /// What is wrong with a sink that is wanted.
    pub fn start(options: &SinkOptions, handle: &Handle) -> Result<Self, SinkError> {
        let mut sinks = Self::default();
        if let Some(format) = options.stdout {
            let queue = sinks.attach(SinkName::Stdout, FINDINGS_MAX);
            thread("sink-stdout", move || stdout::run(&queue, format, std::io::stdout()))?;
        }
        if let Some(file) = &options.file {
            let writer =
                jsonl::Lines::open(file).map_err(|source| SinkError::File { file: file.clone(), source })?;
            let queue = sinks.attach(SinkName::File, FINDINGS_MAX);
            thread("sink-file", move || jsonl::run(&queue, writer))?;
        }
        if let Some(settings) = &options.otlp {
            let exporter = otlp::Exporter::connect(settings).map_err(SinkError::Otlp)?;
            let queue = sinks.attach(SinkName::Otlp, FINDINGS_MAX);
            handle.spawn(otlp::run(queue, exporter));
        }
        Ok(sinks)
    }

    /// The queue of a sink that somebody else empties. Attach it before the first finding is sent.
    pub fn attach(&mut self, name: SinkName, findings_max: usize) -> Arc<Queue> {
        let queue = Arc::new(Queue::bounded(name, findings_max));
        self.queues.push(Arc::clone(&queue));
        queue
    }

    /// Hands a finding to every sink. Never waits.
    pub fn send(&self, finding: Finding) {
        self.counts.add(&finding);
        let finding = Arc::new(finding);
        for queue in &self.queues {
            queue.put(Arc::clone(&finding));
        }
    }

    /// What can be read of the sinks while they run.
    #[must_use]
    pub fn view(&self) -> SinksView {
        SinksView { queues: self.queues.clone(), counts: Arc::clone(&self.counts) }
    }

    /// Lets every sink hand over what it holds, for at most `deadline`; what is left then is counted as lost.
    /// Returns what each sink counted.
    pub fn shutdown(self, deadline: Duration) -> Vec<SinkCounters> {
        let started = Stopwatch::start();
        for queue in &self.queues {
            queue.close();
        }
        for queue in &self.queues {
            queue.wait_until_empty(deadline.saturating_sub(started.elapsed()));
        }
        self.queues.iter().map(|queue| queue.abandon()).collect()
    }
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), SinkError> {
    std::thread::Builder::new().name(name.into()).spawn(run).map(drop).map_err(SinkError::Thread)
}

/// What can be read of the sinks while they run.
#[derive(Clone, Debug, Default)]
pub struct SinksView {
    queues: Vec<Arc<Queue>>,
    counts: Arc<FindingCounts>,
}

impl SinksView {
    /// What each sink counted.
    #[must_use]
    pub fn counters(&self) -> Vec<SinkCounters> {
        self.queues.iter().map(|queue| queue.counters()).collect()
    }

    /// Finding states sent, by kind, severity and state; only those that occurred.
    pub fn findings(&self) -> impl Iterator<Item = (FindingKind, Severity, FindingState, u64)> + '_ {
        self.counts.read()
    }
}

/// Kinds in the order of their labels.
const KINDS: [FindingKind; 8] = [
    FindingKind::Beacon,
    FindingKind::Unbalanced,
    FindingKind::DnsBeacon,
    FindingKind::DnsTunnel,
    FindingKind::Irc,
    FindingKind::LongConnection,
    FindingKind::UnexpectedPort,
    FindingKind::FailedRetries,
];
const SEVERITIES: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
const STATES: [FindingState; 3] = [FindingState::Opened, FindingState::Updated, FindingState::Closed];

/// Finding states sent, by kind, severity and state.
#[derive(Debug, Default)]
struct FindingCounts([[[AtomicU64; 3]; 4]; 8]);

impl FindingCounts {
    fn add(&self, finding: &Finding) {
        for (kind, severity, state, count) in self.cells() {
            if (kind, severity, state) == (finding.kind, finding.severity, finding.state) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn read(&self) -> impl Iterator<Item = (FindingKind, Severity, FindingState, u64)> + '_ {
        self.cells()
            .map(|(kind, severity, state, count)| (kind, severity, state, count.load(Ordering::Relaxed)))
            .filter(|(.., count)| *count > 0)
    }

    fn cells(&self) -> impl Iterator<Item = (FindingKind, Severity, FindingState, &AtomicU64)> + '_ {
        KINDS.into_iter().zip(&self.0).flat_map(|(kind, of_kind)| {
            SEVERITIES.into_iter().zip(of_kind).flat_map(move |(severity, of_severity)| {
                STATES.into_iter().zip(of_severity).map(move |(state, count)| (kind, severity, state, count))
            })
        })
    }
}
