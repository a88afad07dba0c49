//! How each policy fares: which nodes run it, which pods it selects and governs, which other policies it meets,
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

/// How one policy fares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
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
    /// Pods that it selects and governs, and whom it meets there.
    pub coverage: Arc<Coverage>,
    /// Findings recorded under it.
    pub findings: i64,
    /// When each of its exceptions was last used on any node.
    pub exceptions_used: BTreeMap<String, Timestamp>,
}

/// How all policies fare.
pub type Standings = BTreeMap<PolicyId, Standing>;

impl Standing {
    /// Nodes that should run the policy.
    #[must_use]
    pub const fn nodes(&self) -> usize {
        self.nodes_programmed + self.nodes_behind
    }
}

impl Cluster {
    /// How all policies fare at `now`; a report that has not changed for `stale` counts for nothing.
    #[must_use]
    pub fn standings(&mut self, now: Timestamp, stale: Duration) -> Standings {
        let coverages = self.coverages.get_or_insert_with(|| coverages(&self.policies, &self.classes));
        let mut standings: Standings = self
            .policies
            .iter()
            .map(|(id, policy)| {
                let standing = Standing {
                    generation: policy.generation,
                    version: policy.version.clone(),
                    coverage: coverages.get(id).cloned().unwrap_or_default(),
                    ..Standing::default()
                };
                (id.clone(), standing)
            })
            .collect();
        self.count_nodes(&mut standings, now, stale);
        for finding in self.findings.values() {
            if let Some(standing) = standings.get_mut(&finding.policy) {
                standing.findings += 1;
            }
        }
        standings
    }
}
