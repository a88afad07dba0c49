//! Approved automation.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::cel;
use crate::protocol::Protocol;
use crate::units::TimeText;

/// What is wrong with an empty match.
pub const MATCH_ALLOWED: &str =
    "must not be empty: an exception that matches everything turns the policy off; use mode: Observe";
/// What is wrong with a destination.
pub const DESTINATION_ALLOWED: &str =
    "must be a name (api.example.com), a wildcard (*.example.com), an address or a network (198.51.100.0/24)";
/// What is wrong with an executable.
pub const EXECUTABLE_ALLOWED: &str =
    "must be an absolute path; * stands for any characters but /, ** for any";
/// What is wrong with a digest.
pub const DIGEST_ALLOWED: &str = "must be a SHA-256 in 64 hexadecimal digits, lower case";

/// Behaviour that is approved. A finding that matches is not recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct Exception {
    /// Its name, unique in the policy.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Why it is tolerated, and who says so.
    #[schemars(length(min = 1, max = 1024))]
    pub reason: String,
    /// It holds until then. An expired exception no longer holds, and the policy's status says that it expired.
    /// Absent: it holds until it is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<TimeText>,
    /// What is approved: every part that is given must match, by any one of its entries.
    #[serde(rename = "match")]
    pub matches: ExceptionMatch,
}

/// Parts by which an exception recognises behaviour; at least one must be given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline, extend("x-kubernetes-validations" = cel(&[(
    "(has(self.executables) && size(self.executables) > 0) || (has(self.digests) && size(self.digests) > 0) || (has(self.destinations) && size(self.destinations) > 0) || (has(self.ports) && size(self.ports) > 0) || (has(self.protocols) && size(self.protocols) > 0)",
    MATCH_ALLOWED,
)])))]
pub struct ExceptionMatch {
    /// Paths of executables; `*` stands for any characters but `/`, `**` for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "executables_schema")]
    pub executables: Vec<String>,
    /// SHA-256 digests of executables, in hexadecimal, with or without the prefix `sha256:`. They match only where the
    /// agent may open executables of other processes, which the default install may not (`SYS_PTRACE` in the chart's
    /// `agent.capabilities` allows it).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "digests_schema")]
    pub digests: Vec<String>,
    /// Destinations: names, names below a domain (`*.example.com`), addresses, networks (`198.51.100.0/24`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "destinations_schema")]
    pub destinations: Vec<String>,
    /// Destination ports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(range(min = 1, max = 65535)))]
    pub ports: Vec<u16>,
    /// Application protocols.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub protocols: Vec<Protocol>,
}

fn executables_schema(_: &mut SchemaGenerator) -> Schema {
    texts(1024, "self.startsWith('/') || self.startsWith('**')", EXECUTABLE_ALLOWED)
}

fn digests_schema(_: &mut SchemaGenerator) -> Schema {
    texts(71, "self.matches('^(sha256:)?[0-9a-f]{64}$')", DIGEST_ALLOWED)
}

/// The API server bounds the cost of rules, so this one is coarser than the compiler's.
fn destinations_schema(_: &mut SchemaGenerator) -> Schema {
    let rule = "isIP(self) || isCIDR(self) || (self.matches('^([*][.])?[A-Za-z0-9_][A-Za-z0-9_.-]*$') && !self.matches('^[0-9.]+$'))";
    texts(254, rule, DESTINATION_ALLOWED)
}

/// A list of texts that hold a rule.
fn texts(length_max: u32, rule: &str, message: &str) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 32,
        "items": {
            "type": "string",
            "minLength": 1,
            "maxLength": length_max,
            "x-kubernetes-validations": cel(&[(rule, message)]),
        },
    })
}
