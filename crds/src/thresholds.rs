//! From which score on a finding is recorded, alerts, and of which severity.

use beaconwatch_engine::assess::policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cel;

/// What is wrong with thresholds out of order.
pub const THRESHOLDS_ALLOWED: &str =
    "must not fall from one level to the next: record <= alert <= high <= critical";

/// Scores, in bits of evidence, at which something happens. One bit more means twice as unlikely to be ordinary
/// traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline, extend("x-kubernetes-validations" = cel(&[(
    "self.record <= self.alert && self.alert <= self.high && self.high <= self.critical",
    THRESHOLDS_ALLOWED,
)])))]
pub struct Thresholds {
    /// From this score on a finding is recorded (severity Low). Below 0 the evidence speaks for ordinary traffic: to
    /// record whatever opens a detector's gate, for a look at all there is, set -100.
    #[schemars(range(min = -100, max = 1000))]
    pub record: f32,
    /// From this score on a finding is also written as an Event (severity Medium).
    #[schemars(range(min = -100, max = 1000))]
    pub alert: f32,
    /// From this score on severity is High.
    #[schemars(range(min = 0, max = 1000))]
    pub high: f32,
    /// From this score on severity is Critical.
    #[schemars(range(min = 0, max = 1000))]
    pub critical: f32,
    /// Alarms per 1000 pods and day that you are ready to look at. Raises `alert` where the scores of this
    /// cluster's ordinary traffic demand it; never lowers it. Absent: `alert` is used as it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.001, max = 100_000))]
    pub budget: Option<f32>,
}

impl Default for Thresholds {
    fn default() -> Self {
        let policy::Thresholds { record, alert, high, critical, budget } = policy::Thresholds::default();
        Self { record, alert, high, critical, budget }
    }
}
