//! `BeaconNode`: what one node's agent can see, what it lost, and which policies it runs. Written by that node's
//! agent only.
#![expect(clippy::duplicated_attributes, reason = "each printer column has its own")]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::TimeText;

/// Condition: the agent runs and sees at least processes and connections.
pub const CONDITION_READY: &str = "Ready";

/// Empty: everything about a node is in `status`.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "beaconwatch.io",
    version = "v1alpha1",
    kind = "BeaconNode",
    plural = "beaconnodes",
    status = "BeaconNodeStatus",
    shortname = "bn",
    category = "beaconwatch",
    derive = "PartialEq",
    derive = "Default",
    doc = "What the agent of one node can see, what it lost, and which policies it runs. Named as the node; written by its agent.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether the agent runs and sees processes and connections."
    ),
    printcolumn(
        name = "Policies",
        type_ = "integer",
        json_path = ".status.policyCount",
        description = "Policies in force on the node."
    ),
    printcolumn(
        name = "Connections/s",
        type_ = "integer",
        json_path = ".status.connectionsPerSecond",
        description = "Connections a second, over the last report interval."
    ),
    printcolumn(
        name = "Conversations",
        type_ = "integer",
        json_path = ".status.conversations",
        description = "Conversations that are followed now."
    ),
    printcolumn(
        name = "Lost",
        type_ = "integer",
        json_path = ".status.lost",
        description = "Records lost since the agent started, at whatever place."
    ),
    printcolumn(
        name = "Cannot see",
        type_ = "string",
        json_path = ".status.cannotSee",
        description = "What stays invisible, and why."
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct BeaconNodeSpec {}

/// What the agent of the node reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct BeaconNodeStatus {
    /// Ready: the agent runs and sees at least processes and connections.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The agent that reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentInfo>,
    /// When this was reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reported: Option<TimeText>,
    /// Number of policies in force on the node.
    pub policy_count: i64,
    /// Policies that the agent holds, with the generation that it runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyOnNode>,
    /// Connections a second, over the last report interval.
    pub connections_per_second: i64,
    /// Conversations that are followed now.
    pub conversations: i64,
    /// Records lost since the agent started, at whatever place.
    pub lost: i64,
    /// The same by place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["place"]))]
    pub losses: Vec<Loss>,
    /// Tables of the agent that were full at some time since it started, and what that cost. Some evidence may be
    /// missing, or late.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["table"]))]
    pub full_tables: Vec<FullTable>,
    /// What stays invisible on this node and why, in a few words; `<none>` if nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cannot_see: Option<String>,
    /// Hooks of the kernel that the agent wants, and whether each is attached.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub hooks: Vec<HookState>,
    /// Capabilities that the agent has, such as `BPF`, `PERFMON`, `NET_ADMIN`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
}

/// The agent itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct AgentInfo {
    /// Version, with the commit.
    pub version: String,
    /// Release of the kernel, as `uname -r` has it.
    pub kernel: String,
    /// When the agent started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<TimeText>,
    /// Version of the identities that the names of its findings come from; 0: from before they had one. Findings under
    /// names of an earlier version are closed and removed.
    #[serde(default)]
    pub identities: i64,
}

/// A policy on the node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct PolicyOnNode {
    /// Namespace of a BeaconPolicy; absent for a ClusterBeaconPolicy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name of the policy.
    pub name: String,
    /// Generation in force; 0: none yet.
    pub generation: i64,
    /// Why a later generation is not in force; absent: nothing wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Score in bits, such as `7.5`, from which its findings alert on this node; absent unless the policy has a
    /// budget and something was judged under it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert_threshold: Option<String>,
    /// When its exceptions were last used on the node; those that were not used since the agent started are
    /// absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions_used: Vec<ExceptionUse>,
}

/// Use of an exception on the node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct ExceptionUse {
    /// Name of the exception.
    pub name: String,
    /// When a finding last matched it.
    pub last_used: TimeText,
}

/// Losses at one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct Loss {
    /// Where: a ring of the kernel, a queue, a table, a sink.
    pub place: String,
    /// How many records since the agent started.
    pub count: i64,
}

/// A table that was full.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct FullTable {
    /// Which: `conversations`, `open_contacts`, `signatures`, ..., as the metrics name it.
    pub table: String,
    /// Entries forgotten for others since the agent started.
    pub evicted: i64,
    /// Entries not taken since the agent started.
    pub refused: i64,
}

/// A hook of the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct HookState {
    /// Name of the hook.
    pub name: String,
    /// It is attached.
    pub attached: bool,
    /// What it lets the agent see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sees: Option<String>,
    /// Why it is not attached, with the cause, what the kernel said, and what to change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
