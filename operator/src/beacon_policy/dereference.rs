//! The dereference step: what the rest of the cluster says about a policy. It was computed before; here it is
//! looked up, and must speak of this very object.

use beaconwatch_engine::assess::policy::PolicyId;
use kube::core::DeserializeGuard;
use kube::{Resource, ResourceExt};

use crate::cluster::standing::{Standing, Standings};
use crate::policy::PolicyKind;

/// Why nothing can be said yet.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The policy is newer than what was computed.
    #[error("its standing is not computed yet")]
    NotComputed,
}

/// How the policy fares.
pub(super) fn dereference<K: PolicyKind>(
    id: &PolicyId,
    object: &DeserializeGuard<K>,
    standings: &Standings,
) -> Result<Standing, Error> {
    let standing = standings.get(id).ok_or(Error::NotComputed)?;
    if standing.generation < object.meta().generation.unwrap_or(0) {
        tracing::debug!(policy = object.name_any(), "standing of an earlier generation");
        return Err(Error::NotComputed);
    }
    Ok(standing.clone())
}
