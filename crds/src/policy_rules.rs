//! What both kinds of policy say about the workloads that they select.

use beaconwatch_engine::assess::policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::detectors::Detectors;
use crate::exceptions::Exception;
use crate::one_of::closed_set;
use crate::protocol::Protocol;
use crate::thresholds::Thresholds;

/// The fields of a spec beside `workloads`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct PolicyRules {
    /// What is done with findings.
    pub mode: Mode,
    /// Scores at which something happens, in bits of evidence.
    pub thresholds: Thresholds,
    /// Detectors and their settings; all are on unless switched off.
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

/// What is done with findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Mode {
    /// Findings and metrics only.
    Observe,
    /// Events too.
    #[default]
    Alert,
}

closed_set!(Mode { Observe = "Observe", Alert = "Alert" });

impl From<policy::Mode> for Mode {
    fn from(mode: policy::Mode) -> Self {
        match mode {
            policy::Mode::Observe => Self::Observe,
            policy::Mode::Alert => Self::Alert,
        }
    }
}

impl From<Mode> for policy::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Observe => Self::Observe,
            Mode::Alert => Self::Alert,
        }
    }
}
