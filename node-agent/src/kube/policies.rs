//! Policies as the engine runs them, from watches of both kinds. A policy that is wrong leaves its last good
//! generation in force, and says so in the node's report.
//!
//! RBAC: `beaconpolicies`, `clusterbeaconpolicies`: list, watch.

use std::collections::BTreeMap;
use std::sync::Arc;

use beaconwatch_crds::beacon_node::{ExceptionUse, PolicyOnNode};
use beaconwatch_crds::compile::{self, CompileError};
use beaconwatch_crds::units::TimeText;
use beaconwatch_crds::{BeaconPolicy, ClusterBeaconPolicy};
use beaconwatch_engine::assess::policy::{Policy, PolicyId, PolicySet, PolicySource};
use beaconwatch_engine::time::Timestamp;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};

use super::listing::Listing;

/// A kind of policy.
pub trait PolicyObject: Resource {
    /// Compiles one.
    ///
    /// # Errors
    ///
    /// Every problem that keeps it from being run.
    fn compile(&self) -> Result<Policy, CompileError>;
}

impl PolicyObject for BeaconPolicy {
    fn compile(&self) -> Result<Policy, CompileError> {
        compile::beacon_policy(self)
    }
}

impl PolicyObject for ClusterBeaconPolicy {
    fn compile(&self) -> Result<Policy, CompileError> {
        compile::cluster_beacon_policy(self)
    }
}

/// What this node has of a policy.
#[derive(Clone, Debug, Default)]
struct Held {
    /// The last good generation.
    good: Option<Policy>,
    /// What is wrong with a later one.
    error: Option<String>,
}

/// All policies of one kind.
#[derive(Debug, Default)]
struct Kind(Listing<PolicyId, Held>);

/// All policies. No client and no await in here.
#[derive(Debug, Default)]
pub struct PolicyIndex {
    namespaced: Kind,
    cluster: Kind,
    used: BTreeMap<PolicyId, BTreeMap<String, Timestamp>>,
    /// Under a budget: the alert threshold in force, bits.
    alert_thresholds: BTreeMap<PolicyId, f32>,
}

impl PolicyIndex {
    /// Takes an event of the watch of `BeaconPolicy`. True: what is in force changed.
    pub fn policy_event(&mut self, event: Event<DeserializeGuard<BeaconPolicy>>) -> bool {
        self.namespaced.event(event)
    }

    /// Takes an event of the watch of `ClusterBeaconPolicy`. True: what is in force changed.
    pub fn cluster_policy_event(&mut self, event: Event<DeserializeGuard<ClusterBeaconPolicy>>) -> bool {
        self.cluster.event(event)
    }

    /// An exception was used.
    pub fn exception_used(&mut self, policy: &PolicyId, exception: &str, at: Timestamp) {
        let known =
            self.namespaced.0.held().contains_key(policy) || self.cluster.0.held().contains_key(policy);
        if known {
            self.used.entry(policy.clone()).or_default().insert(exception.to_owned(), at);
        }
    }

    /// Alert thresholds in force of the policies with a budget, bits; those that are left out have none.
    pub fn alert_thresholds(&mut self, thresholds: impl IntoIterator<Item = (PolicyId, f32)>) {
        self.alert_thresholds = thresholds.into_iter().collect();
    }

    /// The policies in force; `None` before both kinds were listed, so that the engine never runs with half.
    #[must_use]
    pub fn in_force(&self) -> Option<Arc<PolicySet>> {
        let complete = self.namespaced.0.is_complete() && self.cluster.0.is_complete();
        let all = self.namespaced.0.held().values().chain(self.cluster.0.held().values());
        complete.then(|| Arc::new(PolicySet { policies: all.filter_map(|held| held.good.clone()).collect() }))
    }

    /// What the node's report says of the policies.
    #[must_use]
    pub fn report(&self) -> Vec<PolicyOnNode> {
        let all = self.namespaced.0.held().iter().chain(self.cluster.0.held());
        all.map(|(id, held)| PolicyOnNode {
            namespace: id.namespace.as_deref().map(str::to_owned),
            name: id.name.to_string(),
            generation: held.good.as_ref().map_or(0, generation),
            error: held.error.clone(),
            alert_threshold: self.alert_thresholds.get(id).map(|bits| format!("{bits:.1}")),
            exceptions_used: self.exceptions_used(id, held),
        })
        .collect()
    }

    /// Policies that cannot be run as they are.
    #[must_use]
    pub fn refused(&self) -> usize {
        let all = self.namespaced.0.held().values().chain(self.cluster.0.held().values());
        all.filter(|held| held.error.is_some()).count()
    }

    fn exceptions_used(&self, id: &PolicyId, held: &Held) -> Vec<ExceptionUse> {
        let names = held.good.iter().flat_map(|policy| &policy.exceptions).map(|exception| &*exception.name);
        let used = self.used.get(id);
        names
            .filter_map(|name| {
                let at = used?.get(name)?;
                Some(ExceptionUse { name: name.to_owned(), last_used: TimeText::from_nanos(at.as_nanos()) })
            })
            .collect()
    }
}

/// Its generation, as reports have it: 0 is none.
const fn generation(policy: &Policy) -> i64 {
    match policy.source {
        PolicySource::File => 0,
        PolicySource::Cluster { generation } => generation,
    }
}

impl Kind {
    fn event<K: PolicyObject>(&mut self, event: Event<DeserializeGuard<K>>) -> bool
    where
        K::DynamicType: Default,
    {
        match event {
            Event::Apply(object) => {
                let (id, held) = self.hold(&object);
                self.0.apply(id, held);
            }
            Event::Delete(object) => self.0.delete(&id_of(&object)),
            Event::Init => {
                self.0.begin();
                return false;
            }
            Event::InitApply(object) => {
                let (id, held) = self.hold(&object);
                self.0.list(id, held);
                return false;
            }
            Event::InitDone => {
                self.0.finish();
            }
        }
        true
    }

    fn hold<K: PolicyObject>(&self, object: &DeserializeGuard<K>) -> (PolicyId, Held) {
        let id = id_of(object);
        let before = self.0.held().get(&id).and_then(|held| held.good.clone());
        let compiled = match &object.0 {
            Ok(policy) => policy.compile().map_err(|error| error.to_string()),
            Err(invalid) => Err(format!("the policy cannot be read: {}", invalid.error)),
        };
        let held = match compiled {
            Ok(policy) => Held { good: Some(policy), error: None },
            Err(error) => {
                tracing::warn!(policy = ?id, error, "a policy is not valid; the last good one stays in force");
                Held { good: before, error: Some(error) }
            }
        };
        (id, held)
    }
}

fn id_of<K: Resource>(object: &DeserializeGuard<K>) -> PolicyId {
    PolicyId { namespace: object.namespace().map(Into::into), name: object.name_any().into() }
}
