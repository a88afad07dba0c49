//! `ClusterBeaconPolicy`: the same as `BeaconPolicy` for all namespaces, with a namespace selector.
#![expect(clippy::duplicated_attributes, reason = "each printer column has its own")]

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::beacon_policy::Mode;
use crate::detectors::Detectors;
use crate::exceptions::Exception;
use crate::policy_status::PolicyStatus;
use crate::protocol::Protocol;
use crate::selectors::ClusterWorkloads;
use crate::thresholds::Thresholds;

/// What to watch in all namespaces, or in those that a selector picks, what to tolerate, and when to tell.
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
    doc = "What to watch in all namespaces, or in those that a selector picks, what to tolerate, and when to tell. A BeaconPolicy of a pod's own namespace goes before; exceptions of every ClusterBeaconPolicy that selects the pod hold besides.",
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
    /// What is done with findings.
    pub mode: Mode,
    /// Scores at which something happens, in bits of evidence.
    pub thresholds: Thresholds,
    /// Detectors and their knobs; all are on unless switched off.
    pub detectors: Detectors,
    /// Application protocols that are watched; `other` is whatever is not recognised. Absent or empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub protocols: Vec<Protocol>,
    /// Approved automation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 128),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub exceptions: Vec<Exception>,
}
