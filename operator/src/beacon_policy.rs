//! Reconciles one policy of either kind: what is known of it -> is it valid -> what its status should say -> say
//! it. What agents run is the object itself; the operator writes nothing but status and Events.
//!
//! RBAC: `beaconpolicies`, `clusterbeaconpolicies`: list, watch; their `status`: patch; `events.k8s.io` `events`:
//! create, patch.

mod build;
mod dereference;
mod update_status;
mod validate;

use std::sync::Arc;
use std::time::Duration;

use beaconwatch_engine::assess::policy::PolicyId;
use beaconwatch_engine::time::Timestamp;
use kube::Client;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use tokio::sync::watch;

use crate::cluster::rollout::Rollouts;
use crate::metrics::{Metrics, ReconcileResult};
use crate::observe::now;
use crate::policy::{PolicyKind, id_of};
pub use build::{reasons, status};
pub use validate::{Verdict, validate};

/// A policy is looked at again at least this often, since exceptions expire and go unused.
const LOOK_AGAIN: Duration = Duration::from_secs(600);

/// What a reconciliation needs beside the object.
pub struct Context {
    /// Client with the operator's rights.
    pub client: Client,
    /// Name of this replica, for Events.
    pub instance: String,
    /// The rollout of each policy.
    pub rollouts: watch::Receiver<Arc<Rollouts>>,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
    /// Failures in a row, by policy.
    pub failures: std::sync::Mutex<std::collections::BTreeMap<PolicyId, u32>>,
}

/// Why a reconciliation failed: one variant per step that can.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// See [`dereference`].
    #[error(transparent)]
    Dereference(#[from] dereference::Error),
    /// See [`update_status`].
    #[error(transparent)]
    UpdateStatus(#[from] update_status::Error),
}

/// Reconciles one policy.
///
/// # Errors
///
/// A step that failed through no fault of the policy; it is tried again.
pub async fn reconcile<K: PolicyKind>(
    object: Arc<DeserializeGuard<K>>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    let id = id_of(&object);
    let now = now();
    let rollout = dereference::dereference(&id, &object, &context.rollouts.borrow())?;
    let verdict = validate(&object, &rollout, now);
    let status = status(&object, &verdict, &rollout, now);
    let changed = update_status::update_status(&object, &id, status, &context).await?;
    context.reset_failures(&id);
    context
        .metrics
        .reconciled(K::KIND, if changed { ReconcileResult::Written } else { ReconcileResult::Unchanged });
    Ok(match verdict {
        Verdict::Accepted(exceptions) => Action::requeue(exceptions.next_change(now).min(LOOK_AGAIN)),
        Verdict::Refused(_) | Verdict::Unreadable(_) => Action::await_change(),
    })
}

/// Our own failure: again, after a growing time.
pub fn retry<K: PolicyKind>(
    object: Arc<DeserializeGuard<K>>,
    error: &Error,
    context: Arc<Context>,
) -> Action {
    let id = id_of(&object);
    let failures = context.count_failure(&id);
    let delay = Duration::from_millis(250) * 2_u32.saturating_pow(failures.min(8));
    context.metrics.reconciled(K::KIND, ReconcileResult::Failed(error.reason()));
    let (namespace, name) = (id.namespace.as_deref().unwrap_or_default(), &*id.name);
    tracing::warn!(kind = K::KIND, namespace, name, failures, ?delay, error = ?error, "reconciliation failed");
    Action::requeue(delay)
}

impl Context {
    fn reset_failures(&self, id: &PolicyId) {
        if let Ok(mut failures) = self.failures.lock() {
            failures.remove(id);
        }
    }

    /// Failures in a row until now, this one not counted.
    fn count_failure(&self, id: &PolicyId) -> u32 {
        let Ok(mut failures) = self.failures.lock() else { return 0 };
        let count = failures.entry(id.clone()).or_default();
        *count = count.saturating_add(1);
        *count - 1
    }
}

impl Error {
    /// The label of the failure in metrics.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Dereference(_) => "dereference",
            Self::UpdateStatus(_) => "update_status",
        }
    }
}

/// How long until `then`, at least a second.
fn until(then: Timestamp, now: Timestamp) -> Duration {
    then.since(now).max(Duration::from_secs(1))
}
