//! How each policy fares: which nodes run it, which pods it selects and governs, which other policies it meets,
//! how many findings it has, when its exceptions were last used. Computed for all policies at once, since
//! precedence is between policies.

use std::collections::BTreeMap;
use std::time::Duration;

use beaconwatch_crds::BeaconNode;
use beaconwatch_crds::policy_status::{NodeBehind, PolicyOverlap};
use beaconwatch_engine::policy::{Policy, PolicyId};
use beaconwatch_engine::time::Timestamp;

use super::selection::selects;
use super::{Cluster, Compiled};

/// How one policy fares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// `metadata.generation` that this speaks of.
    pub generation: i64,
    /// `metadata.resourceVersion` that this speaks of.
    pub version: Option<String>,
    /// Nodes that run this generation.
    pub nodes_programmed: usize,
    /// Nodes that do not, in order of their names.
    pub nodes_behind: Vec<NodeBehind>,
    /// Pods that it selects.
    pub pods_selected: i64,
    /// Pods that it governs.
    pub pods_governed: i64,
    /// Policies that select some of the same pods, in order.
    pub overlaps: Vec<PolicyOverlap>,
    /// Findings recorded under it.
    pub findings: i64,
    /// When each of its exceptions was last used on any node.
    pub exceptions_used: BTreeMap<String, Timestamp>,
}

/// How all policies fare.
pub type Standings = BTreeMap<PolicyId, Standing>;

impl Cluster {
    /// How all policies fare at `now`; a report that has not changed for `stale` counts for nothing.
    #[must_use]
    pub fn standings(&self, now: Timestamp, stale: Duration) -> Standings {
        let mut standings: Standings = self
            .policies
            .iter()
            .map(|(id, policy)| {
                let standing = Standing {
                    generation: policy.generation,
                    version: policy.version.clone(),
                    ..Standing::default()
                };
                (id.clone(), standing)
            })
            .collect();
        for (id, standing) in &mut standings {
            self.nodes_of(id, standing, now, stale);
        }
        self.pods_of(&mut standings);
        for finding in self.findings.values() {
            if let Some(standing) = standings.get_mut(&finding.policy) {
                standing.findings += 1;
            }
        }
        standings
    }

    fn nodes_of(&self, id: &PolicyId, standing: &mut Standing, now: Timestamp, stale: Duration) {
        let reports = self.reports.iter().filter(|(name, _)| self.nodes.contains(*name));
        for (name, report) in reports {
            let node = report.node.as_deref();
            standing.count_exceptions(id, node);
            let outcome = match node {
                None => Some((None, "its report cannot be read".to_owned())),
                Some(node) if now.since(report.changed) > stale => Some((None, silent(node))),
                Some(node) => behind(node, id, standing.generation),
            };
            match outcome {
                None => standing.nodes_programmed += 1,
                Some((generation, reason)) => {
                    standing.nodes_behind.push(NodeBehind { node: name.clone(), generation, reason });
                }
            }
        }
        for (node, waiting) in self.agents.values().filter(|(node, _)| !self.reports.contains_key(node)) {
            let reason = match waiting {
                Some(waiting) => format!("its agent does not start: {waiting}"),
                None => "its agent has not reported yet".to_owned(),
            };
            if standing.nodes_behind.iter().all(|behind| behind.node != *node) {
                standing.nodes_behind.push(NodeBehind { node: node.clone(), generation: None, reason });
            }
        }
        standing.nodes_behind.sort_by(|a, b| a.node.cmp(&b.node));
    }

    fn pods_of(&self, standings: &mut Standings) {
        let compiled: Vec<(&PolicyId, &Policy, &'static str)> = self
            .policies
            .iter()
            .filter_map(|(id, known)| match &known.compiled {
                Compiled::Yes(policy) => Some((id, policy.as_ref(), known.kind)),
                Compiled::No(_) | Compiled::Unreadable(_) => None,
            })
            .collect();
        let mut overlaps: BTreeMap<(&PolicyId, &PolicyId), (i64, bool, &'static str)> = BTreeMap::new();
        for (class, pods, namespace) in self.classes.iter() {
            let mut selecting: Vec<_> =
                compiled.iter().filter(|(_, policy, _)| selects(policy, class, namespace)).collect();
            selecting.sort_by(|(_, a, _), (_, b, _)| a.precedence().cmp(&b.precedence()));
            for (rank, (id, ..)) in selecting.iter().enumerate() {
                if let Some(standing) = standings.get_mut(id) {
                    standing.pods_selected += pods;
                    standing.pods_governed += if rank == 0 { pods } else { 0 };
                }
                for (other_rank, (other, _, kind)) in selecting.iter().enumerate() {
                    if other_rank != rank {
                        let overlap = overlaps.entry((id, other)).or_insert((0, false, kind));
                        overlap.0 += pods;
                        overlap.1 |= other_rank == 0;
                    }
                }
            }
        }
        for ((id, other), (pods, governs, kind)) in overlaps {
            if let Some(standing) = standings.get_mut(id) {
                standing.overlaps.push(PolicyOverlap {
                    kind: kind.to_owned(),
                    namespace: other.namespace.as_deref().map(str::to_owned),
                    name: other.name.to_string(),
                    pods,
                    governs,
                });
            }
        }
    }
}

impl Standing {
    /// Nodes that should run the policy.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes_programmed + self.nodes_behind.len()
    }

    fn count_exceptions(&mut self, id: &PolicyId, node: Option<&BeaconNode>) {
        let policies =
            node.and_then(|node| node.status.as_ref()).into_iter().flat_map(|status| &status.policies);
        for policy in policies.filter(|policy| is_named(id, policy.namespace.as_deref(), &policy.name)) {
            for used in &policy.exceptions_used {
                let Some(at) = used.last_used.parse_nanos().map(Timestamp::from_nanos) else { continue };
                let last = self.exceptions_used.entry(used.name.clone()).or_insert(at);
                *last = at.max(*last);
            }
        }
    }
}

/// Why a node does not run a generation of a policy, and which it runs; `None`: it does.
fn behind(node: &BeaconNode, id: &PolicyId, generation: i64) -> Option<(Option<i64>, String)> {
    let policies = node.status.iter().flat_map(|status| &status.policies);
    let held = policies.into_iter().find(|policy| is_named(id, policy.namespace.as_deref(), &policy.name));
    let Some(held) = held else { return Some((None, "its agent has not taken the policy yet".into())) };
    let runs = Some(held.generation).filter(|generation| *generation > 0);
    match &held.error {
        Some(error) => Some((runs, error.clone())),
        None if held.generation == generation => None,
        None => Some((runs, "its agent has not taken the change yet".into())),
    }
}

pub(super) fn silent(node: &BeaconNode) -> String {
    match node.status.as_ref().and_then(|status| status.reported.as_ref()) {
        Some(reported) => format!("its agent is silent since {}", reported.0),
        None => "its agent is silent".to_owned(),
    }
}

fn is_named(id: &PolicyId, namespace: Option<&str>, name: &str) -> bool {
    id.namespace.as_deref() == namespace && *id.name == *name
}
