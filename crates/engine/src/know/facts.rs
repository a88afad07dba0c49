//! What the rest of the engine may ask.

use super::budget::{AlertThreshold, Budget, Budgets};
use super::rates::{Rates, UsualRates};
use super::replicas::ReplicaSet;
use super::sighting::Seen;
use super::signatures::{BaselineState, Signatures};
use crate::keys::{PolicyId, SignatureKey};
use crate::time::Timestamp;

/// What is known, to be asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'k> {
    pub(super) signatures: &'k Signatures,
    pub(super) rates: &'k Rates,
    pub(super) budgets: &'k Budgets,
}

/// How many contact a destination, of how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prevalence {
    /// Distinct workloads that contacted the destination, at most 4.
    pub(crate) workloads: u32,
    /// Distinct workloads that are watched.
    pub(crate) watched: usize,
}

impl<'k> Facts<'k> {
    /// What the baseline says of a sighting's signature.
    pub(crate) fn baseline(self, seen: &Seen) -> BaselineState {
        self.signatures.baseline(seen)
    }

    /// How many contact a sighting's destination.
    pub(crate) fn prevalence(self, seen: &Seen) -> Prevalence {
        let workloads = self.signatures.workloads(seen.destination);
        Prevalence { workloads, watched: self.watched() }
    }

    /// Workloads that are watched; where no pods are known, hosts.
    pub(crate) fn watched(self) -> usize {
        self.signatures.watched()
    }

    /// The replicas that did it lately.
    pub(crate) fn replicas(self, signature: SignatureKey) -> Option<&'k ReplicaSet> {
        self.signatures.replicas(signature)
    }

    /// What is usual here, as the others say: the signature's own vote is left out.
    pub(crate) fn usual(self, signature: SignatureKey) -> UsualRates<'k> {
        UsualRates { rates: self.rates, own: self.signatures.vote(signature) }
    }

    /// The alert threshold in force under a policy's budget, as it was worked out last.
    pub(crate) fn alert_threshold(self, policy: &PolicyId) -> Option<f32> {
        self.budgets.latest(policy)
    }

    /// Whether that of a policy with scores is to be worked out again, from a sighting of its extent.
    pub(crate) fn is_threshold_due(self, policy: &PolicyId, budget: Budget, now: Timestamp) -> bool {
        self.budgets.is_due(policy, budget, now)
    }

    /// All that were worked out, in the order of the policies.
    pub(crate) fn alert_thresholds(self) -> impl Iterator<Item = AlertThreshold> {
        self.budgets.in_force()
    }
}
