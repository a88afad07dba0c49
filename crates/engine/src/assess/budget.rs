//! The thresholds of a policy under its budget of alarms: what [`crate::know`] works out from scores, put in force.

use crate::assess::finding::FindingId;
use crate::assess::policy::{Policy, Thresholds};
use crate::know::{Budget, Extent, Facts, Know, Sighting};
use crate::time::Timestamp;

/// What a policy asks for, if it has a budget.
fn budget_of(policy: &Policy) -> Option<Budget> {
    let Thresholds { alert, budget, .. } = policy.thresholds;
    budget.map(|alarms| Budget { alert, alarms })
}

/// An identity's gate is open, at this score.
pub(crate) fn note(know: &mut Know, policy: &Policy, finding: FindingId, score: f32) {
    if budget_of(policy).is_some() {
        know.observe(Sighting::Score { policy: &policy.id, finding, score });
    }
}

/// The thresholds of a policy, worked out again once in a while. `extent` is asked only then: it goes through all pods.
pub(crate) fn thresholds(
    know: &mut Know,
    policy: &Policy,
    at: Timestamp,
    extent: impl FnOnce(Facts<'_>) -> Extent,
) -> Thresholds {
    if let Some(budget) = budget_of(policy)
        && know.facts().is_threshold_due(&policy.id, budget, at)
    {
        let extent = extent(know.facts());
        know.observe(Sighting::Extent { policy: &policy.id, budget, extent, at });
    }
    latest(know.facts(), policy)
}

/// The thresholds of a policy as they were worked out last.
pub(crate) fn latest(facts: Facts<'_>, policy: &Policy) -> Thresholds {
    let own = policy.thresholds;
    let raised = own.budget.and_then(|_| facts.alert_threshold(&policy.id));
    raised.map_or(own, |raised| own.raised_to(raised))
}

impl Thresholds {
    /// With a higher `alert`; no severity begins below it.
    fn raised_to(self, alert: f32) -> Self {
        let alert = self.alert.max(alert);
        Self { alert, high: self.high.max(alert), critical: self.critical.max(alert), ..self }
    }
}
