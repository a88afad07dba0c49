//! `BeaconFinding`: one durable row per (workload, image of the client, destination, kind), updated in place.
//! Written by the agent of the pod's node, or by the operator for what no single node sees.
//!
//! A finding has no spec and no status, like an Event: it is a record, and one write stores it.
#![expect(clippy::duplicated_attributes, reason = "each printer column has its own")]

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::finding_words::{Behavior, NameSource, Origin, Severity, State, Term};
use crate::one_of::OneOf;
use crate::policy_rules::Mode;
use crate::units::TimeText;

/// Label with the version of the identities that the object's name and `findingId` come from; absent on objects from
/// before identities were specified.
pub const IDENTITIES_LABEL: &str = "beaconwatch.io/identities";

/// What was found.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "beaconwatch.io",
    version = "v1alpha1",
    kind = "BeaconFinding",
    plural = "beaconfindings",
    namespaced,
    no_spec,
    shortname = "bf",
    category = "beaconwatch",
    derive = "PartialEq",
    derive = "Default",
    doc = "Behaviour that looks like a beacon: who, where, when, how much, and the evidence for it, in bits. One row per workload, executable, destination and kind; updated in place.",
    printcolumn(
        name = "Workload",
        type_ = "string",
        json_path = ".who.workload",
        description = "Owner of the pod."
    ),
    printcolumn(
        name = "Process",
        type_ = "string",
        json_path = ".who.executable",
        description = "Executable."
    ),
    printcolumn(
        name = "Destination",
        type_ = "string",
        json_path = ".where.destination",
        description = "Name (else address) and port."
    ),
    printcolumn(
        name = "Kind",
        type_ = "string",
        json_path = ".behavior",
        description = "Kind of behaviour."
    ),
    printcolumn(
        name = "Every",
        type_ = "string",
        json_path = ".when.every",
        description = "Period of the check-ins, and by how much it varies."
    ),
    printcolumn(
        name = "Score",
        type_ = "string",
        json_path = ".scoreText",
        description = "Evidence in bits."
    ),
    printcolumn(
        name = "Severity",
        type_ = "string",
        json_path = ".severity",
        description = "Low, Medium, High, Critical."
    ),
    printcolumn(
        name = "Last seen",
        type_ = "date",
        json_path = ".when.last",
        description = "Last check-in."
    ),
    printcolumn(
        name = "Summary",
        type_ = "string",
        json_path = ".summary",
        priority = 1,
        description = "One sentence."
    )
)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct BeaconFindingRecord {
    /// One sentence: who does what, how often, since when.
    pub summary: String,
    /// Identity of the finding, 32 hexadecimal digits. The same behaviour of another replica, or after a restart,
    /// has the same.
    pub finding_id: String,
    /// Kind of behaviour.
    pub behavior: OneOf<Behavior>,
    /// Where the finding is in its life.
    pub state: OneOf<State>,
    /// How much it deserves attention, by the score and the policy's thresholds.
    pub severity: OneOf<Severity>,
    /// Sum of the evidence, in bits.
    pub score: f32,
    /// The same with one decimal, for the table.
    pub score_text: String,
    /// Who talks.
    pub who: Who,
    /// Where to.
    #[serde(rename = "where")]
    pub destination: Where,
    /// When.
    pub when: When,
    /// How much.
    pub how_much: HowMuch,
    /// The evidence, strongest first; the bits add up to the score.
    pub why: Vec<EvidenceItem>,
    /// What could not be seen, such as encrypted content or lost records.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_seen: Vec<String>,
    /// What you can do next, with the commands for this pod.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<String>,
    /// The policy that judged.
    pub policy: JudgedBy,
}

/// Who talks; parts that are not known are absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct Who {
    /// Top owner of the pod, as `Deployment/reports`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// Name of the pod in which it was last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Uid of that pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_uid: Option<String>,
    /// Name of the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Id of the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_id: Option<String>,
    /// Node of the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Path of the executable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executable: Option<String>,
    /// SHA-256 of the executable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Where the executable came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "OneOf<Origin>")]
    pub origin: Option<OneOf<Origin>>,
    /// Arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// Process id on the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<i64>,
    /// User id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<i64>,
    /// Executables of the ancestors, parent first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub started_by: Vec<String>,
    /// The process was started by `kubectl exec`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec_session: Option<bool>,
}

/// Where to; parts that are not known are absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct Where {
    /// Name (else address) and port, as `cdn-sync.example:443`.
    pub destination: String,
    /// Address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// The address may be a backend of the service that was asked for: a socket load balancer of the node sees
    /// addresses before the agent does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub may_be_backend: Option<bool>,
    /// Transport: tcp, udp.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<String>,
    /// Application protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where the name came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "OneOf<NameSource>")]
    pub name_source: Option<OneOf<NameSource>>,
    /// TLS server name indication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sni: Option<String>,
    /// JA4 fingerprint of the TLS client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ja4: Option<String>,
}

/// When.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct When {
    /// First check-in.
    pub first: TimeText,
    /// Last check-in.
    pub last: TimeText,
    /// Check-ins in all.
    pub check_ins: i64,
    /// Period of the check-ins and by how much it varies, as `60s ±20%`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<String>,
    /// Median gap between check-ins, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_seconds: Option<f32>,
    /// The rhythm in words: how many gaps fell in the predicted window, and the chance of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rhythm: Option<String>,
}

/// How much was exchanged, in bytes of payload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct HowMuch {
    /// Sent in all.
    pub sent_bytes: i64,
    /// Received in all.
    pub received_bytes: i64,
    /// Sent in a typical check-in (median).
    pub sent_bytes_typical: i64,
    /// Received in a typical check-in (median).
    pub received_bytes_typical: i64,
}

/// One item of evidence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct EvidenceItem {
    /// Which item. Agents of 0.1.0 write `who` for `executable`, `naming` for `name-resolution`, `lag` for `onset`,
    /// `population` for `replica-prevalence` and `answer` for `success-rate`.
    pub term: OneOf<Term>,
    /// Its level.
    pub level: String,
    /// What it adds to the score, in bits; may be negative.
    pub bits: f32,
    /// Why, in plain words and numbers.
    pub sentence: String,
}

/// The policy that judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct JudgedBy {
    /// Namespace of a BeaconPolicy; absent for a ClusterBeaconPolicy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name of the policy.
    pub name: String,
    /// What it does with findings.
    pub mode: OneOf<Mode>,
}
