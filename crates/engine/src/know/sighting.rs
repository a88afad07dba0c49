//! What can be observed: one closed enum, as the inputs of the engine are.

use super::budget::{Budget, Extent};
use super::rates::Profile;
use crate::keys::{DestinationKey, FindingId, PolicyId, ReplicaKey, SignatureKey, WorkloadKey};
use crate::time::Timestamp;

/// One observation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sighting<'a> {
    /// A workload did something.
    Contact(Seen),
    /// What a conversation looks like by now.
    Profile(Profiled),
    /// A signature that was known before the start.
    Baseline { workload: WorkloadKey, signature: SignatureKey },
    /// A gate is open, under a policy with a budget of alarms.
    Score { policy: &'a PolicyId, finding: FindingId, score: f32 },
    /// How much a policy with a budget watches by now.
    Extent { policy: &'a PolicyId, budget: Budget, extent: Extent, at: Timestamp },
}

/// What a workload did: one of its replicas had to do with a destination.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Timestamp,
    pub(crate) workload: WorkloadKey,
    pub(crate) replica: ReplicaKey,
    pub(crate) signature: SignatureKey,
    pub(crate) destination: DestinationKey,
    /// The workload's own traffic is watched for certain: it is a pod or a process, not just an address.
    pub(crate) certain: bool,
}

/// What a conversation of a signature looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Profiled {
    pub(crate) at: Timestamp,
    pub(crate) workload: WorkloadKey,
    pub(crate) signature: SignatureKey,
    /// The levels it is counted with; `None`: it is not, since others have counted what it is made of.
    pub(crate) profile: Option<Profile>,
    /// Its score, bits, without what is said of it for being new.
    pub(crate) score_without_novelty: f32,
}
