//! Compiled policies: what to watch, what to tolerate, when to alert. Made by `beaconwatch-crds` from the API
//! types; a recording holds them as they are here.
//!
//! One policy governs a workload: a `BeaconPolicy` of its namespace before a `ClusterBeaconPolicy`; among
//! several of one kind the oldest, then the first by name (as Gateway API decides). Exceptions of every
//! `ClusterBeaconPolicy` that selects the workload apply as well: what the platform approved stays approved.

mod decide;

use core::time::Duration;
use std::sync::Arc;

pub(crate) use decide::Subject;

use crate::codec::{Coded, Reader, choices, fields};
use crate::inside::Network;
pub use crate::keys::PolicyId;
use crate::observe::protocol::AppProtocol;
use crate::time::Timestamp;

/// All policies in force, in no particular order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicySet {
    /// The policies.
    pub policies: Vec<Policy>,
}

/// Where a policy comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicySource {
    /// A file, or this program. It also holds for actors whose pod is not known.
    File,
    /// The API server.
    Cluster {
        /// `metadata.generation`.
        generation: i64,
    },
}

/// One compiled policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Its name.
    pub id: PolicyId,
    /// Where it comes from.
    pub source: PolicySource,
    /// `metadata.creationTimestamp`; zero if it has none.
    pub created: Timestamp,
    /// Which workloads it selects.
    pub workloads: WorkloadSelector,
    /// What is done with findings.
    pub mode: Mode,
    /// From which score on a finding is recorded, alerts, and of which severity.
    pub thresholds: Thresholds,
    /// Detectors and their settings.
    pub detectors: Detectors,
    /// Approved automation.
    pub exceptions: Vec<Exception>,
}

/// What is done with findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Findings and metrics only.
    Observe,
    /// Kubernetes Events too.
    #[default]
    Alert,
}

/// Which workloads a policy selects; every part that is given must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkloadSelector {
    /// Requirements on the pod's labels. Not empty: matches only actors with a known pod.
    pub pod: Vec<Requirement>,
    /// Requirements on the namespace's labels.
    pub namespace: Vec<Requirement>,
    /// Owner kinds and names (name `None`: any); empty: any owner.
    pub owners: Vec<(Arc<str>, Option<Arc<str>>)>,
    /// Container names; empty: any.
    pub containers: Vec<Arc<str>>,
}

/// One requirement on labels, as Kubernetes' label selectors have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// The label exists and has one of these values.
    In(Box<str>, Vec<Box<str>>),
    /// The label does not exist, or has none of these values.
    NotIn(Box<str>, Vec<Box<str>>),
    /// The label exists.
    Exists(Box<str>),
    /// The label does not exist.
    DoesNotExist(Box<str>),
}

/// Scores, in bits of evidence, at which something happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// A finding is recorded.
    pub record: f32,
    /// A finding is also written as an Event, severity medium.
    pub alert: f32,
    /// Severity high.
    pub high: f32,
    /// Severity critical.
    pub critical: f32,
    /// Alarms per 1000 pods and day that are acceptable; raises `alert` where this cluster's own unlabelled
    /// scores demand it. `None`: fixed thresholds.
    pub budget: Option<f32>,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { record: 4.0, alert: 6.0, high: 10.0, critical: 16.0, budget: None }
    }
}

/// Detectors; `None`: switched off.
#[derive(Clone, Debug, PartialEq)]
pub struct Detectors {
    /// Beacon-like intervals or repetitive sizes over connections, also inside one connection.
    pub beacon: Option<BeaconSettings>,
    /// Persistent upload-heavy or download-heavy exchange.
    pub balance: Option<BalanceSettings>,
    /// DNS: beacon by query train, tunnel by information rate.
    pub dns: Option<DnsSettings>,
    /// IRC-style sessions.
    pub irc: Option<IrcSettings>,
    /// Connections that stay open for long.
    pub long_connection: Option<LongConnectionSettings>,
    /// Protocols on unexpected ports (DET0444 KnownPortsToMonitor).
    pub ports: Option<PortSettings>,
    /// A peer that never answers and is asked again and again.
    pub retries: Option<RetrySettings>,
}

impl Default for Detectors {
    fn default() -> Self {
        Self {
            beacon: Some(BeaconSettings::default()),
            balance: Some(BalanceSettings::default()),
            dns: Some(DnsSettings::default()),
            irc: Some(IrcSettings::default()),
            long_connection: Some(LongConnectionSettings::default()),
            ports: Some(PortSettings::default()),
            retries: Some(RetrySettings::default()),
        }
    }
}

/// Settings of the beacon detector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BeaconSettings {
    /// Bits of rhythm (or of size repetition) that open the gate (DET0444 BeaconTimingThreshold).
    pub timing_threshold: f32,
    /// ... for periods under ten seconds.
    pub short_period_threshold: f32,
    /// A conversation must have lasted this long.
    pub minimum_span: Duration,
    /// ... when its process descends from an exec session.
    pub minimum_span_exec: Duration,
}

impl Default for BeaconSettings {
    fn default() -> Self {
        Self {
            timing_threshold: 10.0,
            short_period_threshold: 16.0,
            minimum_span: Duration::from_secs(900),
            minimum_span_exec: Duration::from_secs(3600),
        }
    }
}

/// Settings of the balance detector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BalanceSettings {
    /// Least volume.
    pub minimum_bytes: u64,
    /// Least time.
    pub minimum_span: Duration,
}

impl Default for BalanceSettings {
    fn default() -> Self {
        Self { minimum_bytes: 10 << 20, minimum_span: Duration::from_secs(900) }
    }
}

/// Settings of the DNS detector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DnsSettings {
    /// Information rate to one registered domain that opens the gate, bytes an hour.
    pub information_rate: f32,
}

impl Default for DnsSettings {
    fn default() -> Self {
        Self { information_rate: 2000.0 }
    }
}

/// Settings of the IRC detector.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct IrcSettings {}

/// Settings of the long-connection detector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LongConnectionSettings {
    /// Least time.
    pub minimum_duration: Duration,
}

impl Default for LongConnectionSettings {
    fn default() -> Self {
        Self { minimum_duration: Duration::from_secs(4 * 3600) }
    }
}

/// Settings of the port detector.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PortSettings {
    /// Port and the protocols that are expected on it; added to the built-in list, and wins over it.
    pub known: Vec<(u16, Vec<AppProtocol>)>,
}

/// Settings of the retry detector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetrySettings {
    /// Least number of failed tries.
    pub minimum_tries: u32,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self { minimum_tries: 20 }
    }
}

/// Approved automation: every part that is given must match (any one of a part's entries).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exception {
    /// Its name.
    pub name: Arc<str>,
    /// Why it is tolerated.
    pub reason: Arc<str>,
    /// It holds until then.
    pub expires: Option<Timestamp>,
    /// Paths of executables, `*` matches any run of characters but `/`, `**` any.
    pub executables: Vec<Box<str>>,
    /// SHA-256 of executables.
    pub digests: Vec<[u8; 32]>,
    /// Destination names: exact, or `*.` and a domain for everything below it.
    pub names: Vec<Box<str>>,
    /// Destination networks; an IPv4-mapped address counts as IPv4.
    pub networks: Vec<Network>,
    /// Destination ports.
    pub ports: Vec<u16>,
    /// Application protocols.
    pub protocols: Vec<AppProtocol>,
}

fields!(PolicySet { policies });
fields!(Policy { id, source, created, workloads, mode, thresholds, detectors, exceptions });

/// The generation; 0 stands for a file, since the API server counts from 1.
impl Coded for PolicySource {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::File => 0_i64.put(out),
            Self::Cluster { generation } => generation.put(out),
        }
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        Some(match i64::take(from)? {
            0 => Self::File,
            generation => Self::Cluster { generation },
        })
    }
}

choices!(Mode { 0 => Observe, 1 => Alert });
fields!(WorkloadSelector { pod, namespace, owners, containers });
choices!(Requirement {
    0 => In(key, values), 1 => NotIn(key, values), 2 => Exists(key), 3 => DoesNotExist(key),
});
fields!(Thresholds { record, alert, high, critical, budget });
fields!(Detectors { beacon, balance, dns, irc, long_connection, ports, retries });
fields!(BeaconSettings { timing_threshold, short_period_threshold, minimum_span, minimum_span_exec });
fields!(BalanceSettings { minimum_bytes, minimum_span });
fields!(DnsSettings { information_rate });
fields!(IrcSettings {});
fields!(LongConnectionSettings { minimum_duration });
fields!(PortSettings { known });
fields!(RetrySettings { minimum_tries });
fields!(Exception { name, reason, expires, executables, digests, names, networks, ports, protocols });
