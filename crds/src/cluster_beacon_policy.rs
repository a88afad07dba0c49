//! `ClusterBeaconPolicy`: the same as `BeaconPolicy` for all namespaces, with a namespace selector.
#![expect(clippy::duplicated_attributes, reason = "each printer column has its own")]

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy_rules::PolicyRules;
use crate::policy_status::PolicyStatus;
use crate::selectors::ClusterWorkloads;

/// What to watch in all namespaces, or in those that a selector picks, what to tolerate, and when to alert.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "beaconwatch.io",
    version = "v1alpha1",
    kind = "ClusterBeaconPolicy",
    plural = "clusterbeaconpolicies",
    status = "PolicyStatus",
    shortname = "cbp",
    category = "beaconwatch",
    derive = "PartialEq",
    derive = "Default",
    doc = "What to watch in all namespaces, or in those that a selector picks, what to tolerate, and when to alert. A BeaconPolicy of a pod's own namespace takes precedence; exceptions of every ClusterBeaconPolicy that selects the pod apply as well.",
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
pub struct ClusterBeaconPolicySpec {
    /// Which workloads are watched. Absent: all, processes outside pods included.
    pub workloads: ClusterWorkloads,
    /// What is watched of them, what is tolerated, and when it is published.
    #[serde(flatten)]
    pub rules: PolicyRules,
}
