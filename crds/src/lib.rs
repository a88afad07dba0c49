//! API types of the group beaconwatch.io, what they compile to, and policies read from files.
//!
//! The types here are the wire: doc comments become `kubectl explain`, so they speak to users. What only a
//! cluster enforces (the schema, CEL rules) is enforced by [`compile`] and [`file`] too, in the same words.

pub mod beacon_finding;
pub mod beacon_node;
pub mod beacon_policy;
pub mod breadth;
pub mod cluster_beacon_policy;
pub mod compile;
pub mod detectors;
pub mod exceptions;
pub mod file;
pub mod finding_words;
pub mod manifest;
pub mod one_of;
pub mod owner;
pub mod policy_rules;
pub mod policy_status;
pub mod protocol;
pub mod selectors;
pub mod thresholds;
pub mod units;

pub use beacon_finding::BeaconFinding;
pub use beacon_node::BeaconNode;
pub use beacon_policy::BeaconPolicy;
pub use cluster_beacon_policy::ClusterBeaconPolicy;
pub use kube::core::ObjectMeta;

/// API version of all kinds.
pub const VERSION: &str = "v1alpha1";
/// `apiVersion` of all kinds.
pub const API_VERSION: &str = "beaconwatch.io/v1alpha1";

/// CEL rules of a schema node, as `x-kubernetes-validations` has them: (rule, message).
pub(crate) fn cel(rules: &[(&str, &str)]) -> serde_json::Value {
    rules.iter().map(|(rule, message)| serde_json::json!({ "rule": rule, "message": message })).collect()
}
