//! Nodes' reports as they are counted. What a report says is taken apart once, when it arrives; names of policies
//! become numbers then, so that a look at the cluster goes over small numbers and compares no names.

use std::collections::{BTreeMap, BTreeSet};

use beaconwatch_crds::BeaconNode;
use beaconwatch_crds::beacon_node::PolicyOnNode;
use beaconwatch_crds::units::TimeText;
use beaconwatch_engine::assess::policy::PolicyId;
use beaconwatch_engine::time::Timestamp;

use crate::silent_nodes::is_marked;

/// Number of a policy that some report names.
pub(super) type Slot = usize;

/// The last report of every node.
#[derive(Debug, Default)]
pub(super) struct Reports {
    by_node: BTreeMap<String, Report>,
    names: Names,
}

/// A node's last report.
#[derive(Debug)]
pub(super) struct Report {
    /// What it says; `None`: the object cannot be read.
    pub(super) said: Option<Said>,
    /// When the operator last saw it change, on the operator's clock: nodes' clocks need not agree.
    pub(super) changed: Timestamp,
}

/// What a report says.
#[derive(Debug)]
pub(super) struct Said {
    /// When it was made, on the node's clock.
    pub(super) reported: Option<TimeText>,
    /// Its agent is marked as silent already.
    pub(super) marked: bool,
    /// Version of the identities under which its agent writes findings.
    pub(super) identities: i64,
    /// Policies that the node holds, each once: of several entries the first counts.
    pub(super) policies: Vec<Held>,
    /// Why a later generation is not in force.
    errors: BTreeMap<Slot, Box<str>>,
    /// Uses of exceptions.
    pub(super) exceptions_used: Vec<(Slot, Box<str>, Timestamp)>,
}

/// A policy on a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// Which.
    pub(super) slot: Slot,
    /// Generation in force; 0: none yet.
    pub(super) generation: i64,
}

impl Reports {
    /// A report was made or changed.
    pub(super) fn applied(&mut self, name: String, node: Option<&BeaconNode>, now: Timestamp) {
        let reported = |said: &Option<Said>| said.as_ref().and_then(|said| said.reported.clone());
        let said = node.map(|node| self.names.said(node));
        let before = self.by_node.remove(&name);
        // Our own mark on it is no sign of life.
        let same = before.as_ref().filter(|held| {
            reported(&held.said) == reported(&said) && (said.is_some() || held.said.is_none())
        });
        let changed = same.map_or(now, |held| held.changed);
        self.by_node.insert(name, Report { said, changed });
        self.let_go(before);
    }

    /// A report is gone.
    pub(super) fn deleted(&mut self, name: &str) {
        let before = self.by_node.remove(name);
        self.let_go(before);
    }

    /// Every report, by the name of its node.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Report)> {
        self.by_node.iter()
    }

    /// The last report of a node.
    pub(super) fn get(&self, node: &str) -> Option<&Report> {
        self.by_node.get(node)
    }

    /// The node has a report.
    pub(super) fn has(&self, node: &str) -> bool {
        self.by_node.contains_key(node)
    }

    /// The number of a policy, if any report names it.
    pub(super) fn slot(&self, policy: &PolicyId) -> Option<Slot> {
        self.names.slots.get(policy).copied()
    }

    /// Numbers are below this.
    pub(super) fn slots_end(&self) -> usize {
        self.names.named.len()
    }

    fn let_go(&mut self, report: Option<Report>) {
        let said = report.and_then(|report| report.said);
        for held in said.iter().flat_map(|said| &said.policies) {
            self.names.release(held.slot);
        }
    }
}

impl Said {
    /// What is wrong with a later generation of the policy.
    pub(super) fn error(&self, slot: Slot) -> Option<&str> {
        self.errors.get(&slot).map(|error| &**error)
    }
}

/// Policies that reports name, each with a number. A number is used again once no report names its policy.
#[derive(Debug, Default)]
struct Names {
    slots: BTreeMap<PolicyId, Slot>,
    named: Vec<Named>,
    free: Vec<Slot>,
}

/// A policy, and how many times reports name it.
#[derive(Debug)]
struct Named {
    id: PolicyId,
    times: usize,
}

impl Names {
    fn said(&mut self, node: &BeaconNode) -> Said {
        let status = node.status.as_ref();
        let mut said = Said {
            reported: status.and_then(|status| status.reported.clone()),
            marked: is_marked(node),
            identities: status.and_then(|status| status.agent.as_ref()).map_or(0, |agent| agent.identities),
            policies: Vec::with_capacity(status.map_or(0, |status| status.policies.len())),
            errors: BTreeMap::new(),
            exceptions_used: Vec::new(),
        };
        let mut seen = BTreeSet::new();
        for PolicyOnNode { namespace, name, generation, error, alert_threshold: _, exceptions_used } in
            status.into_iter().flat_map(|status| &status.policies)
        {
            let id = PolicyId { namespace: namespace.as_deref().map(Into::into), name: name.as_str().into() };
            let slot = self.take(id);
            if !seen.insert(slot) {
                self.release(slot);
                continue;
            }
            said.policies.push(Held { slot, generation: *generation });
            if let Some(error) = error {
                said.errors.insert(slot, error.as_str().into());
            }
            said.exceptions_used.extend(exceptions_used.iter().filter_map(|used| {
                let at = Timestamp::from_nanos(used.last_used.parse_nanos()?);
                Some((slot, used.name.as_str().into(), at))
            }));
        }
        said
    }

    fn take(&mut self, id: PolicyId) -> Slot {
        let known = self.slots.get(&id).copied();
        if let Some((slot, named)) = known.and_then(|slot| Some((slot, self.named.get_mut(slot)?))) {
            named.times += 1;
            return slot;
        }
        let new = Named { id: id.clone(), times: 1 };
        let slot = match self.free.pop().and_then(|slot| Some((slot, self.named.get_mut(slot)?))) {
            Some((slot, unused)) => {
                *unused = new;
                slot
            }
            None => {
                self.named.push(new);
                self.named.len() - 1
            }
        };
        self.slots.insert(id, slot);
        slot
    }

    fn release(&mut self, slot: Slot) {
        let Some(named) = self.named.get_mut(slot) else { return };
        named.times -= 1;
        if named.times == 0 {
            self.slots.remove(&named.id);
            self.free.push(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(policies: &[&str]) -> BeaconNode {
        let on_node = |name| json!({ "namespace": "n", "name": name, "generation": 1 });
        let policies: Vec<_> = policies.iter().map(on_node).collect();
        serde_json::from_value(json!({
            "apiVersion": "beaconwatch.io/v1alpha1", "kind": "BeaconNode",
            "metadata": { "name": "node" }, "spec": {}, "status": { "policies": policies },
        }))
        .unwrap()
    }

    #[test]
    fn policies_that_no_report_names_any_more_take_no_room() {
        let mut reports = Reports::default();
        for round in 0..100 {
            let [one, two] = [format!("{round}-a"), format!("{round}-b")];
            let named = node(&[&one, &two, &one]);
            reports.applied("node".to_owned(), Some(&named), Timestamp::ZERO);
            reports.applied("other".to_owned(), Some(&node(&[&one])), Timestamp::ZERO);
        }
        assert_eq!(reports.names.slots.len(), 2);
        assert!(reports.slots_end() <= 6, "{}", reports.slots_end());
        reports.applied("node".to_owned(), None, Timestamp::ZERO);
        assert_eq!(reports.names.slots.len(), 1);
        reports.deleted("other");
        assert_eq!((reports.names.slots.len(), reports.names.free.len()), (0, reports.slots_end()));
    }
}
