//! The dereference step: what the rest of the cluster says about a policy. It was computed before; here it is
//! looked up, and must speak of this very object.

use beaconwatch_engine::assess::policy::PolicyId;
use kube::core::DeserializeGuard;
use kube::{Resource, ResourceExt};

use crate::cluster::rollout::{Rollout, Rollouts};
use crate::policy::PolicyKind;

/// Why nothing can be said yet.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The policy is newer than what was computed.
    #[error("its rollout is not computed yet")]
    NotComputed,
}

/// The rollout of the policy.
pub(super) fn dereference<K: PolicyKind>(
    id: &PolicyId,
    object: &DeserializeGuard<K>,
    rollouts: &Rollouts,
) -> Result<Rollout, Error> {
    let rollout = rollouts.get(id).ok_or(Error::NotComputed)?;
    if rollout.generation < object.meta().generation.unwrap_or(0) {
        tracing::debug!(policy = object.name_any(), "rollout of an earlier generation");
        return Err(Error::NotComputed);
    }
    Ok(rollout.clone())
}
