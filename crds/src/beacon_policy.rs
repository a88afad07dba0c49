//! `BeaconPolicy`: what to watch in a namespace, what to tolerate, when to alert.
#![expect(clippy::duplicated_attributes, reason = "each printer column has its own")]

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy_rules::PolicyRules;
use crate::policy_status::PolicyStatus;
use crate::selectors::Workloads;

/// What to watch in this namespace, what to tolerate, and when to alert.
///
/// One policy governs a pod: a BeaconPolicy of its namespace takes precedence over a ClusterBeaconPolicy; among several
/// of one kind the oldest does, then the first by name. Exceptions of every ClusterBeaconPolicy that selects the pod
/// apply as well. `status.overlaps` names the policies that select the same pods.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "beaconwatch.io",
    version = "v1alpha1",
    kind = "BeaconPolicy",
    plural = "beaconpolicies",
    namespaced,
    status = "PolicyStatus",
    shortname = "bp",
    category = "beaconwatch",
    derive = "PartialEq",
    derive = "Default",
    doc = "What to watch in a namespace, what to tolerate, and when to alert.\n\nOne policy governs a pod: a BeaconPolicy of its namespace takes precedence over a ClusterBeaconPolicy; among several of one kind the oldest does, then the first by name. Exceptions of every ClusterBeaconPolicy that selects the pod apply as well.",
    printcolumn(
        name = "Mode",
        type_ = "string",
        json_path = ".spec.mode",
        description = "What is done with findings."
    ),
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Accepted\")].status",
        description = "Whether the policy is valid."
    ),
    printcolumn(
        name = "Programmed",
        type_ = "string",
        json_path = ".status.programmed",
        description = "Nodes that run it, of all nodes."
    ),
    printcolumn(
        name = "Findings",
        type_ = "integer",
        json_path = ".status.findings",
        description = "Findings recorded under it."
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct BeaconPolicySpec {
    /// Which workloads of the namespace are watched. Absent: all.
    pub workloads: Workloads,
    /// What is watched of them, what is tolerated, and when it is published.
    #[serde(flatten)]
    pub rules: PolicyRules,
}
