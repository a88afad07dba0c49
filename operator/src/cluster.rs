//! What the cluster looks like to the operator, built from watch events: policies, nodes' reports, pods,
//! namespaces, findings. No client, no clock and no await in here; what follows from it is in
//! [`rollout`].

mod classes;
mod coverage;
mod programmed;
mod reports;
pub mod rollout;
mod selection;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use beaconwatch_crds::beacon_finding::{IDENTITIES_LABEL, Severity, State};
use beaconwatch_crds::compile::CompileError;
use beaconwatch_crds::{BeaconFinding, BeaconNode};
use beaconwatch_engine::assess::policy::{Policy, PolicyId};
use beaconwatch_engine::identity;
use beaconwatch_engine::time::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::{Resource, ResourceExt};

use self::classes::Classes;
pub use self::coverage::Coverage;
use self::coverage::Coverages;
use self::reports::Reports;
use crate::policy::{PolicyKind, id_of};
use crate::silent_nodes::SilentNode;

/// The version of identities that this operator knows.
const IDENTITIES: i64 = identity::VERSION as i64;

/// Key of a namespaced object: namespace and name.
pub type Key = (String, String);

/// One change of one object.
#[derive(Clone, Debug)]
pub enum Change<K> {
    /// New, changed, or listed.
    Applied(K),
    /// Gone.
    Deleted(Key),
    /// The initial list is complete.
    Listed,
}

/// A policy that agents can run, or why they cannot.
#[derive(Clone, Debug, PartialEq)]
pub enum Compiled {
    /// It can be run.
    Yes(Arc<Policy>),
    /// It is wrong; agents keep the last good generation.
    No(CompileError),
    /// It does not even have the shape of a policy.
    Unreadable(String),
}

/// A policy as the operator knows it.
#[derive(Clone, Debug)]
pub struct KnownPolicy {
    /// Kind of the object.
    pub kind: &'static str,
    /// Its `metadata.generation`.
    pub generation: i64,
    /// Its `metadata.resourceVersion`: any write at all changes it.
    pub version: Option<String>,
    /// What it compiles to.
    pub compiled: Compiled,
}

/// What of a finding is needed for counting and ageing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFinding {
    /// `metadata.uid`.
    pub uid: Option<String>,
    /// `metadata.resourceVersion`.
    pub version: Option<String>,
    /// Last check-in; when it was made, if it says none.
    pub last_seen: Timestamp,
    /// The policy that judged.
    pub policy: PolicyId,
    /// Its severity; `None` if another version has others.
    pub severity: Option<Severity>,
    /// The node whose agent wrote it.
    pub node: Option<String>,
    /// Version of the identities that its name comes from; 0: from before they had one.
    pub identities: i64,
    /// It is not closed.
    pub open: bool,
}

/// The pods of node agents have these labels, in the operator's own namespace.
#[derive(Clone, Debug)]
pub struct AgentPods {
    /// Namespace.
    pub namespace: String,
    /// Labels that the pods have.
    pub labels: Vec<(String, String)>,
}

impl AgentPods {
    /// Agents of the chart, in `namespace`.
    #[must_use]
    pub fn of_chart(namespace: &str) -> Self {
        let label = |key: &str, value: &str| (format!("app.kubernetes.io/{key}"), value.to_owned());
        Self {
            namespace: namespace.to_owned(),
            labels: vec![label("name", "beaconwatch"), label("component", "agent")],
        }
    }

    fn has(&self, pod: &Pod) -> bool {
        let labels = pod.labels();
        pod.metadata.namespace.as_deref() == Some(&self.namespace)
            && self.labels.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}

/// What the cluster looks like.
#[derive(Debug)]
pub struct Cluster {
    agent_pods: AgentPods,
    policies: BTreeMap<PolicyId, KnownPolicy>,
    reports: Reports,
    nodes: BTreeSet<String>,
    agents: BTreeMap<Key, (String, Option<String>)>,
    classes: Classes,
    /// `None`: policies, pods or namespaces changed since the last look.
    coverages: Option<Coverages>,
    findings: BTreeMap<Key, KnownFinding>,
}

impl Cluster {
    /// A cluster of which nothing is known yet.
    #[must_use]
    pub fn with_agents(agent_pods: AgentPods) -> Self {
        Self {
            agent_pods,
            policies: BTreeMap::new(),
            reports: Reports::default(),
            nodes: BTreeSet::new(),
            agents: BTreeMap::new(),
            classes: Classes::default(),
            coverages: None,
            findings: BTreeMap::new(),
        }
    }

    /// A policy changed.
    pub fn policy<K: PolicyKind>(&mut self, change: Change<DeserializeGuard<K>>) {
        match change {
            Change::Deleted(key) => {
                self.policies.remove(&policy_id(&key));
                self.coverages = None;
            }
            Change::Applied(object) => {
                let compiled = match &object.0 {
                    Ok(policy) => policy.compile().map_or_else(Compiled::No, |p| Compiled::Yes(Arc::new(p))),
                    Err(invalid) => Compiled::Unreadable(invalid.error.clone()),
                };
                let known = KnownPolicy {
                    kind: K::KIND,
                    generation: object.meta().generation.unwrap_or(0),
                    version: object.resource_version(),
                    compiled,
                };
                let id = id_of(&object);
                // Most writes are ours, and of the status only.
                if self.policies.get(&id).is_none_or(|held| held.compiled != known.compiled) {
                    self.coverages = None;
                }
                self.policies.insert(id, known);
            }
            Change::Listed => {}
        }
    }

    /// A node's report changed.
    pub fn report(&mut self, change: Change<DeserializeGuard<BeaconNode>>, now: Timestamp) {
        match change {
            Change::Deleted((_, name)) => self.reports.deleted(&name),
            Change::Applied(object) => {
                self.reports.applied(object.name_any(), object.0.as_ref().ok(), now);
            }
            Change::Listed => {}
        }
    }

    /// A node came or went.
    pub fn node(&mut self, change: Change<PartialObjectMeta<Node>>) {
        match change {
            Change::Applied(node) => {
                self.nodes.insert(node.name_any());
            }
            Change::Deleted((_, name)) => {
                self.nodes.remove(&name);
            }
            Change::Listed => {}
        }
    }

    /// A namespace changed.
    pub fn namespace(&mut self, change: Change<PartialObjectMeta<Namespace>>) {
        let changed = match change {
            Change::Applied(namespace) => {
                self.classes.namespace(&namespace.name_any(), Some(namespace.labels()))
            }
            Change::Deleted((_, name)) => self.classes.namespace(&name, None),
            Change::Listed => false,
        };
        self.forget_coverages(changed);
    }

    /// A pod changed.
    pub fn pod(&mut self, change: Change<Pod>) {
        let changed = match change {
            Change::Applied(pod) => {
                let key = key_of(&pod);
                if self.agent_pods.has(&pod) {
                    self.agent(&key, &pod);
                }
                self.classes.applied(key, &pod)
            }
            Change::Deleted(key) => {
                self.agents.remove(&key);
                self.classes.deleted(&key)
            }
            Change::Listed => false,
        };
        self.forget_coverages(changed);
    }

    /// A finding changed. One that cannot be read is none.
    pub fn finding(&mut self, change: Change<DeserializeGuard<BeaconFinding>>) {
        match change {
            Change::Applied(object) => {
                let key = key_of(&object);
                match object.0 {
                    Ok(finding) => self.findings.insert(key, known_finding(&finding)),
                    Err(_) => self.findings.remove(&key),
                };
            }
            Change::Deleted(key) => {
                self.findings.remove(&key);
            }
            Change::Listed => {}
        }
    }

    /// All policies.
    #[must_use]
    pub const fn policies(&self) -> &BTreeMap<PolicyId, KnownPolicy> {
        &self.policies
    }

    /// All findings.
    #[must_use]
    pub const fn findings(&self) -> &BTreeMap<Key, KnownFinding> {
        &self.findings
    }

    /// The agent that wrote a finding has another name for it now, or there is none any more: nobody goes on with it.
    #[must_use]
    pub fn is_superseded(&self, finding: &KnownFinding) -> bool {
        let Some(node) = &finding.node else { return false };
        let written = match self.reports.get(node) {
            // An agent that cannot be understood may still write it.
            Some(report) => report.said.as_ref().map_or(finding.identities, |said| said.identities),
            None => IDENTITIES,
        };
        finding.identities < written.min(IDENTITIES)
    }

    /// Nodes that have a report but do not exist: the reports are left over.
    pub fn reports_without_node(&self) -> impl Iterator<Item = &String> {
        self.reports.iter().map(|(name, _)| name).filter(|name| !self.nodes.contains(*name))
    }

    /// Nodes whose agent has not reported for `stale`, and whose report does not say so yet.
    #[must_use]
    pub fn silent_nodes(&self, now: Timestamp, stale: Duration) -> Vec<SilentNode> {
        let silent = self
            .reports
            .iter()
            .filter(|(name, report)| self.nodes.contains(*name) && now.since(report.changed) > stale);
        silent
            .filter_map(|(name, report)| Some((name, report.said.as_ref()?)))
            .filter(|(_, said)| !said.marked)
            .map(|(name, said)| {
                let reason = programmed::silent(said.reported.as_ref());
                SilentNode { name: name.clone(), reason }
            })
            .collect()
    }

    fn forget_coverages(&mut self, changed: bool) {
        if changed {
            self.coverages = None;
        }
    }

    fn agent(&mut self, key: &Key, pod: &Pod) {
        let Some(node) = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()) else { return };
        let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
        let waiting =
            statuses.filter_map(|status| status.state.as_ref()?.waiting.as_ref()?.reason.clone()).next();
        self.agents.insert(key.clone(), (node, waiting));
    }
}

fn policy_id((namespace, name): &Key) -> PolicyId {
    let namespace = Some(namespace.as_str()).filter(|namespace| !namespace.is_empty());
    PolicyId { namespace: namespace.map(Into::into), name: name.as_str().into() }
}

/// Namespace (empty if it has none) and name.
pub fn key_of(object: &impl ResourceExt) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

fn known_finding(finding: &BeaconFinding) -> KnownFinding {
    let made = finding.creation_timestamp().and_then(|time| u64::try_from(time.0.as_nanosecond()).ok());
    KnownFinding {
        uid: finding.uid(),
        version: finding.resource_version(),
        last_seen: Timestamp::from_nanos(finding.spec.when.last.parse_nanos().or(made).unwrap_or(u64::MAX)),
        policy: PolicyId {
            namespace: finding.spec.policy.namespace.as_deref().map(Into::into),
            name: finding.spec.policy.name.as_str().into(),
        },
        severity: finding.spec.severity.known(),
        node: finding.spec.who.node.clone(),
        identities: finding.labels().get(IDENTITIES_LABEL).and_then(|label| label.parse().ok()).unwrap_or(0),
        open: finding.spec.state != State::Closed,
    }
}
