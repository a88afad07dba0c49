//! Status of both kinds of policy; written by the operator only.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::TimeText;

/// Condition: the policy is valid.
pub const CONDITION_ACCEPTED: &str = "Accepted";
/// Condition: every node runs the policy's latest generation.
pub const CONDITION_PROGRAMMED: &str = "Programmed";
/// Condition: all exceptions of the policy still hold, and are needed (none is expired, unused for long, or so broad
/// that it turns the policy off).
pub const CONDITION_EXCEPTIONS_CURRENT: &str = "ExceptionsCurrent";
/// Condition: the policy selects at least one workload that exists.
pub const CONDITION_SELECTS_WORKLOADS: &str = "SelectsWorkloads";

/// State of a policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct PolicyStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Accepted, Programmed, ExceptionsCurrent, SelectsWorkloads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Nodes that run the latest generation, of all nodes that should, as `41/42`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub programmed: Option<String>,
    /// Nodes that do not run the latest generation, and why; at most 32.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["node"]))]
    pub behind: Vec<NodeBehind>,
    /// Findings recorded under this policy that are still kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<i64>,
    /// Pods that this policy selects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods_selected: Option<i64>,
    /// Pods that this policy governs: selected, and no other policy takes precedence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods_governed: Option<i64>,
    /// Other policies that select some of the same pods; at most 32.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overlaps: Vec<PolicyOverlap>,
    /// State of the exceptions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub exceptions: Vec<ExceptionStatus>,
}

/// A node that does not run the latest generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct NodeBehind {
    /// Name of the node.
    pub node: String,
    /// Generation that it runs; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// Why.
    pub reason: String,
}

/// Another policy that selects some of the same pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct PolicyOverlap {
    /// Kind of the other policy.
    pub kind: String,
    /// Its namespace; absent for a ClusterBeaconPolicy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Pods that both select.
    pub pods: i64,
    /// Whether the other policy governs them.
    pub governs: bool,
}

/// State of an exception.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct ExceptionStatus {
    /// Name of the exception.
    pub name: String,
    /// It has expired and no longer holds.
    pub expired: bool,
    /// When the operator first saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<TimeText>,
    /// When a finding last matched it; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<TimeText>,
}
