//! The budget of alarms: how high `alert` has to be so that no more is published than people are ready to look at.
//!
//! Nobody says which scores are false, so all count: the best score of each identity (the same behaviour of many
//! replicas is one) whose gate was open. A score below a threshold counts for the chance that the next one like it
//! comes out higher: half for each bit that is missing. The sum, times a safety of three, is scaled to 1000 pods and
//! a day. Every node computes this for itself, from its own input only, so that a replay comes to the same.

use core::time::Duration;

use crate::bounded::{BoundedMap, Index, Inserted};
use crate::codec::{Coded, Reader, put_table};
use crate::counters::Usage;
use crate::keys::{FindingId, PolicyId};
use crate::limits::Limits;
use crate::time::Timestamp;

/// Alarms turn out more than expected; a scale is kept free.
const SAFETY: f64 = 3.0;
/// Thresholds that are tried lie this far apart, bits.
const STEP: f32 = 0.5;
/// Scores are distinguished so many steps below and above the policy's own threshold.
const STEPS_BELOW: usize = 128;
const STEPS_ABOVE: usize = 256;
/// A threshold stands for at least this long.
const STANDS: Duration = Duration::from_secs(60);

/// What a policy asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Budget {
    /// Its own threshold, bits.
    pub(crate) alert: f32,
    /// Alarms per 1000 pods and day.
    pub(crate) alarms: f32,
}

/// What was watched: by so many, for so long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Extent {
    /// Pods that the policy governs; without pods, hosts that are watched.
    pub(crate) pods: usize,
    pub(crate) days: f64,
}

/// The alert threshold in force under a policy's budget.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertThreshold {
    /// The policy.
    pub policy: PolicyId,
    /// Its budget, alarms per 1000 pods and day.
    pub budget: f32,
    /// The policy's own threshold, bits.
    pub alert: f32,
    /// The threshold in force, bits; never below `alert`.
    pub raised: f32,
    /// Identities whose scores it comes from.
    pub identities: usize,
    /// Pods (without pods: hosts) it is scaled by.
    pub pods: usize,
    /// Days it is scaled by.
    pub days: f64,
}

/// The scores behind each budget; bounded in all.
#[derive(Debug)]
pub(super) struct Budgets {
    max: usize,
    held: usize,
    refused: u64,
    by_policy: BoundedMap<PolicyId, Scores>,
}

#[derive(Debug, Default)]
struct Scores {
    /// Bounded by [`Budgets::max`], with those of all policies together.
    best: Index<FindingId, f32>,
    raised: Option<Raised>,
}

#[derive(Clone, Copy, Debug)]
struct Raised {
    since: Timestamp,
    to: f32,
    budget: Budget,
    extent: Extent,
}

impl Budgets {
    /// Remembers nothing yet.
    pub(super) fn with_limits(limits: &Limits) -> Self {
        let by_policy = BoundedMap::with_max(limits.budgets_max());
        Self { max: limits.budget_identities_max(), held: 0, refused: 0, by_policy }
    }

    /// An identity's gate is open, at this score. Beyond the bound new ones are left out.
    pub(super) fn note(&mut self, policy: &PolicyId, id: FindingId, score: f32) {
        if !self.by_policy.contains_key(policy) {
            self.by_policy.insert(policy.clone(), Scores::default());
        }
        let Some(scores) = self.by_policy.get_mut(policy) else { return };
        if let Some(best) = scores.best.get_mut(&id) {
            *best = best.max(score);
        } else if self.held < self.max {
            self.held += 1;
            scores.best.insert(id, score);
        } else {
            self.refused += 1;
        }
    }

    /// What is kept of policies, and of identities.
    pub(super) fn usage(&self) -> [Usage; 2] {
        let identities = Usage { held: self.held as u64, evicted: 0, refused: self.refused };
        [self.by_policy.usage(), identities]
    }

    /// Whether the threshold of a policy is to be worked out again: it is old, or the policy asks for something else.
    /// Of a policy without a score there is none.
    pub(super) fn is_due(&self, policy: &PolicyId, budget: Budget, now: Timestamp) -> bool {
        self.by_policy.get(policy).is_some_and(|scores| {
            let stands = |raised: Raised| now.since(raised.since) < STANDS && raised.budget == budget;
            !scores.raised.is_some_and(stands)
        })
    }

    /// Works out the threshold of a policy that watches so much.
    pub(super) fn raise(&mut self, policy: &PolicyId, budget: Budget, extent: Extent, now: Timestamp) {
        let Some(scores) = self.by_policy.get_mut(policy) else { return };
        #[expect(clippy::cast_precision_loss, reason = "pods are far fewer than 2^52")]
        let pod_days = extent.pods.max(1) as f64 * extent.days.max(1.0);
        let allowed = f64::from(budget.alarms) * pod_days / 1000.0 / SAFETY;
        let to = smallest(scores.best.values().copied(), budget.alert, allowed);
        scores.raised = Some(Raised { since: now, to, budget, extent });
    }

    /// The threshold of a policy as it was worked out last.
    pub(super) fn latest(&self, policy: &PolicyId) -> Option<f32> {
        self.by_policy.get(policy)?.raised.map(|raised| raised.to)
    }

    /// What is in force, in the order of the policies.
    pub(super) fn in_force(&self) -> impl Iterator<Item = AlertThreshold> {
        self.by_policy.in_order().into_iter().filter_map(|(policy, scores)| {
            let Raised { since: _, to, budget, extent } = scores.raised?;
            let (identities, policy) = (scores.best.len(), policy.clone());
            let (Budget { alert, alarms }, Extent { pods, days }) = (budget, extent);
            Some(AlertThreshold { policy, budget: alarms, alert, raised: to, identities, pods, days })
        })
    }

    /// Forgets the scores of policies that are gone.
    pub(super) fn retain(&mut self, in_force: impl Fn(&PolicyId) -> bool) {
        self.by_policy.retain(|policy, _| in_force(policy));
        self.held = self.by_policy.values().map(|scores| scores.best.len()).sum();
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        self.by_policy.len().put(out);
        for (policy, scores) in self.by_policy.in_order() {
            policy.put(out);
            put_table(scores.best.iter(), out);
        }
    }

    /// Reads it back; how many scores found no room.
    pub(super) fn take(&mut self, from: &mut Reader<'_>) -> Option<u64> {
        let written: Vec<(PolicyId, Vec<(FindingId, f32)>)> = Coded::take(from)?;
        let all: usize = written.iter().map(|(_, best)| best.len()).sum();
        for (policy, best) in written {
            let mut scores = Scores::default();
            scores.best.extend(best.into_iter().take(self.max - self.held));
            let held = scores.best.len();
            match self.by_policy.insert(policy, scores) {
                Inserted::New | Inserted::Known => self.held += held,
                Inserted::Refused => {}
            }
        }
        Some((all - self.held.min(all)) as u64)
    }
}

/// The smallest threshold from `alert` on at which no more than `allowed` identities are expected.
fn smallest(scores: impl Iterator<Item = f32>, alert: f32, allowed: f64) -> f32 {
    // Counted in steps, so that the order of the scores makes no difference.
    let mut counts = [0_u32; STEPS_BELOW + STEPS_ABOVE];
    for score in scores {
        if let Some(count) = counts.get_mut(step_of(score, alert)) {
            *count += 1;
        }
    }
    let mut above: f64 = counts.iter().skip(STEPS_BELOW).map(|count| f64::from(*count)).sum();
    let fade = f64::from(-STEP).exp2();
    let mut below = counts.iter().take(STEPS_BELOW).fold(0.0, |sum, count| (sum + f64::from(*count)) * fade);
    let mut threshold = alert;
    for count in counts.iter().skip(STEPS_BELOW) {
        // Halves of halves are not exact.
        if above + below <= allowed * (1.0 + 1e-9) {
            break;
        }
        above -= f64::from(*count);
        below = (below + f64::from(*count)) * fade;
        threshold += STEP;
    }
    threshold
}

/// Which step a score belongs to; one between two steps counts as the higher.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is meant")]
fn step_of(score: f32, alert: f32) -> usize {
    let steps = (((score - alert) / STEP).ceil() as i64).saturating_add(STEPS_BELOW as i64);
    (steps.max(0) as usize).min(STEPS_BELOW + STEPS_ABOVE - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scores: &[f32], allowed: f64, expect: f32) {
        assert_eq!(smallest(scores.iter().copied(), 6.0, allowed), expect, "{scores:?} {allowed}");
    }

    #[test]
    fn what_fits_leaves_the_threshold_as_it_is() {
        check(&[], 0.0, 6.0);
        check(&[6.0, 7.0], 2.0, 6.0);
        check(&[5.0, 5.0], 1.0, 6.0);
    }

    #[test]
    fn what_does_not_fit_raises_it_to_the_first_step_that_does() {
        // One at 9 and one at 8: at 9 the second is half expected.
        check(&[9.0, 8.0], 1.5, 9.0);
        check(&[9.0, 8.0], 1.49, 9.5);
        check(&[12.0], 0.25, 14.0);
        check(&[1e9, f32::MAX], 2.0, 6.0);
    }

    #[test]
    fn a_threshold_is_found_whatever_the_scores() {
        let threshold = smallest([f32::NAN, f32::INFINITY, -f32::INFINITY].into_iter(), 6.0, 0.0);
        assert!(threshold.is_finite());
    }

    #[test]
    fn identities_beyond_the_bound_are_left_out() {
        let policy = PolicyId { namespace: None, name: "p".into() };
        let mut budgets = Budgets::with_limits(&Limits { findings_open_max: 2, ..Limits::default() });
        for id in 0..5_u64 {
            budgets.note(&policy, FindingId(id.into()), 7.0);
        }
        let (budget, extent) = (Budget { alert: 6.0, alarms: 1.0 }, Extent { pods: 1, days: 1.0 });
        assert!(budgets.is_due(&policy, budget, Timestamp::ZERO));
        budgets.raise(&policy, budget, extent, Timestamp::ZERO);
        assert!(!budgets.is_due(&policy, budget, Timestamp::ZERO));
        assert_eq!(budgets.in_force().map(|t| t.identities).collect::<Vec<_>>(), [2]);
        assert_eq!(budgets.usage()[1], Usage { held: 2, evicted: 0, refused: 3 });
    }
}
