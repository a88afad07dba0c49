//! What the tasks of the cluster's side work with.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use beaconwatch_crds::beacon_node::BeaconNodeStatus;
use beaconwatch_engine::time::Timestamp;
use tokio::sync::Notify;

use super::counters::KubeCounters;
use super::policies::PolicyIndex;
use crate::queue::InputSender;

/// The clock of the inputs.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the cluster's side works with.
#[derive(Clone)]
pub struct KubeParts {
    /// Queue of the engine.
    pub inputs: InputSender,
    /// Clock of the inputs.
    pub clock: Clock,
    /// State of the agent; policies and the time of the report are filled in here.
    pub status: Arc<dyn Fn() -> BeaconNodeStatus + Send + Sync>,
}

/// What the tasks share.
#[derive(Clone, Default)]
pub struct Shared {
    /// What is counted.
    pub counters: Arc<KubeCounters>,
    /// Policies as this node has them.
    pub policies: Arc<Mutex<PolicyIndex>>,
    /// Rung when the policies changed.
    pub changed: Arc<Notify>,
    /// Policies and pods were listed at least once.
    pub synced: Arc<AtomicBool>,
}
