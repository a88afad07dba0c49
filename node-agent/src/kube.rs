//! The agent in the cluster: what it hears of pods and policies goes to the engine's queue, what the engine finds
//! goes to the API server, and the node's state is reported.
//!
//! ```text
//! pods of this node, namespaces, policies -> watches -> QUEUE of the engine
//! Finding -> QUEUE -> findings (spool, ledger, budget) -> BeaconFinding, Events
//! state of the agent, policies in force -> node_status -> BeaconNode
//! ```
//! It has a thread of its own, so that a slow API server or disk stalls nothing else.
//!
//! RBAC, all cluster-wide: `pods`, `namespaces`: list, watch; `apps` `replicasets`, `statefulsets`, `daemonsets`
//! and `batch` `jobs`: get; `beaconpolicies`, `clusterbeaconpolicies`: list, watch; `beaconnodes`,
//! `beaconfindings`: get, create, patch; `beaconnodes/status`: patch; `events.k8s.io` `events`: create.

pub mod answer;
pub mod budget;
pub mod counters;
pub mod delay;
pub mod events;
pub mod findings;
pub mod ledger;
pub mod listing;
pub mod node_status;
pub mod owners;
pub mod parts;
pub mod pods;
pub mod policies;
pub mod spool;
pub mod watches;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use beaconwatch_crds::beacon_node::PolicyOnNode;
use beaconwatch_crds::units::TimeText;
use beaconwatch_engine::assess::finding::Finding;
use beaconwatch_engine::assess::policy::PolicyId;
use beaconwatch_engine::time::Timestamp;
use beaconwatch_report::object::Reporter;
use kube::Client;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use self::counters::KubeCounters;
use self::delay::Delay;
use self::findings::FindingWriter;
use self::node_status::NodeReporter;
pub use self::parts::{Clock, KubeParts, Shared};
use self::spool::{Spool, SpoolLimits};

/// Finding states that may wait for the writer.
const FINDINGS_MAX: usize = 4096;
/// A change of the policies is reported this soon.
const REPORT_SOON: Duration = Duration::from_millis(200);

/// What is to be known before the start.
#[derive(Clone, Debug)]
pub struct KubeOptions {
    /// Name of this node.
    pub node: String,
    /// Namespace of findings of processes that belong to no known pod; `None`: the one of the service account.
    pub namespace: Option<String>,
    /// Directory of the spool; `None`: findings wait in memory only.
    pub spool: Option<PathBuf>,
    /// Time between two reports of the node.
    pub report_interval: Duration,
}

/// Why the cluster's side cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No thread or runtime.
    #[error("cannot start the thread for the API server")]
    Thread(#[source] std::io::Error),
    /// No service account and no kubeconfig.
    #[error("cannot find the cluster")]
    Client(#[source] Box<kube::Error>),
    /// It ended before it began.
    #[error("the thread for the API server ended")]
    Ended,
}

/// What the rest of the agent holds of the cluster's side.
pub struct KubeHandle {
    findings: mpsc::Sender<Finding>,
    shared: Shared,
    stop: watch::Sender<Option<Instant>>,
    /// Disconnected once the thread has ended.
    ended: std::sync::mpsc::Receiver<()>,
}

/// Starts the cluster's side on a thread of its own.
///
/// # Errors
///
/// The cluster's address is not known. An API server that does not answer is no error: it is waited for.
pub fn start(options: KubeOptions, parts: KubeParts) -> Result<KubeHandle, StartError> {
    let (findings, incoming) = mpsc::channel(FINDINGS_MAX);
    let (stop, stopped) = watch::channel(None);
    let shared = Shared::default();
    let (started, start) = std::sync::mpsc::channel();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
    let theirs = shared.clone();
    let (ending, ended) = std::sync::mpsc::channel();
    std::thread::Builder::new()
        .name("kube".into())
        .spawn(move || {
            let _ending: std::sync::mpsc::Sender<()> = ending;
            runtime.block_on(async {
                match Client::try_default().await {
                    Ok(client) => {
                        let _ = started.send(Ok(()));
                        run(client, options, parts, theirs, incoming, stopped).await;
                    }
                    Err(error) => drop(started.send(Err(error))),
                }
            });
            // A look-up of the API server's name may hang in a thread of its own.
            runtime.shutdown_background();
        })
        .map_err(StartError::Thread)?;
    match start.recv() {
        Ok(Ok(())) => Ok(KubeHandle { findings, shared, stop, ended }),
        Ok(Err(error)) => Err(StartError::Client(Box::new(error))),
        Err(_) => Err(StartError::Ended),
    }
}

/// The cluster's side itself: runs until `stop` holds a deadline, and then until findings are written or the
/// deadline has passed.
pub async fn run(
    client: Client,
    options: KubeOptions,
    parts: KubeParts,
    shared: Shared,
    findings: mpsc::Receiver<Finding>,
    stop: watch::Receiver<Option<Instant>>,
) {
    let namespace = options.namespace.unwrap_or_else(|| client.default_namespace().to_owned());
    let reporter = Reporter { node: options.node.clone(), namespace };
    let spool = open_spool(options.spool.as_deref(), &shared.counters);
    let writer = FindingWriter::with_spool(
        client.clone(),
        reporter,
        parts.clock.clone(),
        shared.counters.clone(),
        spool,
    );
    let writing = writer.run(findings, stop.clone());
    let watching = watches::run(client.clone(), options.node.clone(), parts.clone(), shared.clone());
    let reporting = report(client, options.node, options.report_interval, parts, shared);
    let mut stopping = stop;
    let until_stopped = async {
        tokio::select! {
            () = watching => {}
            () = reporting => {}
            () = async { drop(stopping.wait_for(Option::is_some).await) } => {}
        }
    };
    tokio::join!(writing, until_stopped);
}

impl KubeHandle {
    /// Hands a finding to the writer; never waits. A full queue is counted.
    pub fn send_finding(&self, finding: Finding) {
        if self.findings.try_send(finding).is_err() {
            self.shared.counters.findings_dropped.inc();
        }
    }

    /// Notes that an exception was used, for the node's report.
    pub fn exception_used(&self, policy: &PolicyId, exception: &str, at: Timestamp) {
        if let Ok(mut policies) = self.shared.policies.lock() {
            policies.exception_used(policy, exception, at);
        }
    }

    /// Alert thresholds in force of the policies with a budget, bits; reported with the policies.
    pub fn alert_thresholds(&self, thresholds: impl IntoIterator<Item = (PolicyId, f32)>) {
        if let Ok(mut policies) = self.shared.policies.lock() {
            policies.alert_thresholds(thresholds);
        }
    }

    /// Policies and pods were listed at least once.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.shared.synced.load(Ordering::Relaxed)
    }

    /// What is counted.
    #[must_use]
    pub fn counters(&self) -> Arc<KubeCounters> {
        Arc::clone(&self.shared.counters)
    }

    /// Policies as this node has them.
    #[must_use]
    pub fn policies(&self) -> Vec<PolicyOnNode> {
        self.shared.policies.lock().map(|policies| policies.report()).unwrap_or_default()
    }

    /// Begins to stop: findings that are not written within `limit` stay in the spool.
    pub fn stop(&self, limit: Duration) {
        self.stop.send_replace(Some(Instant::now() + limit));
    }

    /// Waits for the end after [`Self::stop`], for at most `limit`; false if it has not come by then.
    pub fn finish(self, limit: Duration) -> bool {
        // Without its sender, the queue of findings is known to be at its end.
        let Self { findings, shared: _, stop: _stop, ended } = self;
        drop(findings);
        ended.recv_timeout(limit) != Err(std::sync::mpsc::RecvTimeoutError::Timeout)
    }
}

fn open_spool(directory: Option<&std::path::Path>, counters: &KubeCounters) -> Spool<findings::Outgoing> {
    let limits = SpoolLimits::default();
    let Some(directory) = directory else { return Spool::in_memory(limits) };
    match Spool::open(directory, limits) {
        Ok(spool) => {
            counters.spool_entries.set(spool.len() as u64);
            counters.spool_failures.add(spool.unreadable());
            spool
        }
        Err(error) => {
            counters.spool_failures.inc();
            tracing::error!(%error, "findings wait in memory only: a restart loses those not written yet");
            Spool::in_memory(limits)
        }
    }
}

/// Reports the node for ever: now and then, and soon after the policies changed.
async fn report(client: Client, node: String, interval: Duration, parts: KubeParts, shared: Shared) {
    let mut delay = Delay::default();
    let mut reporter = NodeReporter::for_node(client, node);
    loop {
        let mut status = (parts.status)();
        if let Ok(policies) = shared.policies.lock() {
            status.policies = policies.report();
        }
        status.policy_count =
            i64::try_from(status.policies.iter().filter(|policy| policy.generation > 0).count()).unwrap_or(0);
        status.reported = Some(TimeText::from_nanos((parts.clock)().as_nanos()));
        let wait = match answer::answered(reporter.report(&status)).await {
            Ok(()) => {
                shared.counters.reports_written.inc();
                delay.reset();
                interval
            }
            Err(error) => {
                shared.counters.write_failures.inc();
                tracing::warn!(%error, "cannot report the node yet");
                delay.grow()
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shared.changed.notified(), if wait == interval => tokio::time::sleep(REPORT_SOON).await,
        }
    }
}
