//! The rollout of each policy: which nodes run it, which pods it selects and governs, which other policies it meets,
//! how many findings it has, when its exceptions were last used. Computed for all policies at once, in one pass over
//! each kind of object.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use beaconwatch_crds::policy_status::NodeBehind;
use beaconwatch_engine::assess::policy::PolicyId;
use beaconwatch_engine::time::Timestamp;

use super::Cluster;
use super::coverage::{Coverage, coverages};

/// Lists in a status are cut to this many entries; the counts beside them are whole.
pub const LISTED_MAX: usize = 32;

/// The rollout of one policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rollout {
    /// `metadata.generation` that this speaks of.
    pub generation: i64,
    /// `metadata.resourceVersion` that this speaks of.
    pub version: Option<String>,
    /// Nodes that run this generation.
    pub nodes_programmed: usize,
    /// Nodes that do not.
    pub nodes_behind: usize,
    /// The first [`LISTED_MAX`] of them, in order of their names.
    pub first_behind: Vec<NodeBehind>,
    /// Pods that it selects and governs, and the policies that select the same pods.
    pub coverage: Arc<Coverage>,
    /// Findings recorded under it.
    pub findings: i64,
    /// When each of its exceptions was last used on any node.
    pub exceptions_used: BTreeMap<String, Timestamp>,
}

/// The rollouts of all policies.
pub type Rollouts = BTreeMap<PolicyId, Rollout>;

impl Rollout {
    /// Nodes that should run the policy.
    #[must_use]
    pub const fn nodes(&self) -> usize {
        self.nodes_programmed + self.nodes_behind
    }
}

impl Cluster {
    /// The rollouts of all policies at `now`; a report that has not changed for `stale` counts for nothing.
    #[must_use]
    pub fn rollouts(&mut self, now: Timestamp, stale: Duration) -> Rollouts {
        let coverages = self.coverages.get_or_insert_with(|| coverages(&self.policies, &self.classes));
        let mut rollouts: Rollouts = self
            .policies
            .iter()
            .map(|(id, policy)| {
                let rollout = Rollout {
                    generation: policy.generation,
                    version: policy.version.clone(),
                    coverage: coverages.get(id).cloned().unwrap_or_default(),
                    ..Rollout::default()
                };
                (id.clone(), rollout)
            })
            .collect();
        self.count_nodes(&mut rollouts, now, stale);
        for finding in self.findings.values() {
            if let Some(rollout) = rollouts.get_mut(&finding.policy) {
                rollout.findings += 1;
            }
        }
        rollouts
    }
}
