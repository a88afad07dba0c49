//! One engine's part in an exchange: what it has newly learned, and the merged state of all.

use super::delta::Delta;
use super::merged::{Bounds, Merged, Observer};
use super::sighting::Sighting;
use super::signatures::FORGOTTEN;
use crate::keys::{PolicyId, SignatureKey, WorkloadKey};
use crate::time::Timestamp;

/// State that exists only while there is an exchange.
#[derive(Debug)]
pub(super) struct Exchange {
    observer: Observer,
    /// Number of observations. It starts again at 0 after a restart; times then are later, so stamps still grow.
    sequence: u64,
    /// Learned since the last delta.
    news: Merged,
    pub(super) merged: Merged,
}

impl Exchange {
    pub(super) fn begin(observer: Observer, bounds: Bounds) -> Self {
        let (news, merged) = (Merged::with_bounds(bounds), Merged::with_bounds(bounds));
        Self { observer, sequence: 0, news, merged }
    }

    /// Every observation is news, even if this engine's own tables have no room for it.
    pub(super) fn observe(&mut self, sighting: Sighting<'_>) {
        self.sequence += 1;
        self.news.observe(sighting, self.observer, self.sequence);
    }

    /// A signature was admitted to this engine's baseline.
    pub(super) fn admitted(&mut self, workload: WorkloadKey, signature: SignatureKey) {
        self.news.know(workload, signature);
    }

    /// Forgets what nobody saw for long, and the scores of policies that are gone.
    pub(super) fn forget(&mut self, now: Timestamp, in_force: &impl Fn(&PolicyId) -> bool) {
        self.merged.forget_before(now - FORGOTTEN);
        self.merged.forget_policies(in_force);
    }

    /// Takes the news and adds them to the merged state.
    pub(super) fn take_delta(&mut self) -> Delta {
        let delta = Delta::of(&self.news.take());
        self.merged.merge(&delta);
        delta
    }
}

#[cfg(test)]
mod tests;
