//! Detectors and their settings.

use beaconwatch_engine::assess::policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cel;
use crate::protocol::Protocol;
use crate::units::{BytesText, DURATION_RULE, DurationText};

/// The longest span a setting may ask for: beyond it nothing is remembered.
pub const SPAN_MAX_HOURS: u64 = 168;
/// What is wrong with a longer one.
pub const SPAN_ALLOWED: &str = "must be at most 168h: nothing is remembered for longer";

/// Rules for a span: a duration, and not too long.
const SPAN_RULES: &[(&str, &str)] = &[
    DURATION_RULE,
    ("!self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') || duration(self) <= duration('168h')", SPAN_ALLOWED),
];

/// Detectors; all are on unless switched off.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct Detectors {
    /// Check-ins at beacon-like intervals, or of repetitive sizes, over connections or inside one.
    pub beacon: Beacon,
    /// Protocols on ports where they are not expected (DET0444 KnownPortsToMonitor).
    pub ports: Ports,
    /// Persistent exchange with far more bytes one way than the other.
    pub balance: Balance,
    /// DNS as a channel: queries at beacon-like intervals, or names that carry data.
    pub dns: Dns,
    /// IRC-style sessions.
    pub irc: Irc,
    /// Connections that stay open for long.
    pub long_connection: LongConnection,
    /// Repeated connections to peers that never or rarely answer.
    pub retries: Retries,
}

/// The beacon detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct Beacon {
    /// Whether it is on.
    pub enabled: bool,
    /// Bits of rhythm from which on check-ins count as beacon-like (DET0444 BeaconTimingThreshold): the chance
    /// that irregular traffic looks as regular is at most 2 to the power of minus this.
    #[schemars(range(min = 1, max = 1000))]
    pub timing_threshold: f32,
    /// The same for periods under ten seconds, where keep-alives and polls live.
    #[schemars(range(min = 1, max = 1000))]
    pub short_period_threshold: f32,
    /// Check-ins must have gone on for this long.
    #[schemars(extend("x-kubernetes-validations" = cel(SPAN_RULES)))]
    pub minimum_span: DurationText,
    /// The same for processes that were started by `kubectl exec`, where people debug.
    #[schemars(extend("x-kubernetes-validations" = cel(SPAN_RULES)))]
    pub minimum_span_exec: DurationText,
}

impl Default for Beacon {
    fn default() -> Self {
        let settings = policy::BeaconSettings::default();
        Self {
            enabled: true,
            timing_threshold: settings.timing_threshold,
            short_period_threshold: settings.short_period_threshold,
            minimum_span: settings.minimum_span.into(),
            minimum_span_exec: settings.minimum_span_exec.into(),
        }
    }
}

/// The port detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct Ports {
    /// Whether it is on.
    pub enabled: bool,
    /// Ports and the protocols you expect on them; added to the built-in list, and wins over it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 256),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["port"])
    )]
    pub known: Vec<KnownPort>,
}

impl Default for Ports {
    fn default() -> Self {
        Self { enabled: true, known: Vec::new() }
    }
}

/// A port and what is expected on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct KnownPort {
    /// The port.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// Protocols expected on it.
    #[schemars(length(min = 1, max = 16))]
    pub protocols: Vec<Protocol>,
}

/// The balance detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct Balance {
    /// Whether it is on.
    pub enabled: bool,
    /// Exchanges of fewer bytes are not judged.
    pub minimum_bytes: BytesText,
    /// Exchanges that have not gone on for this long are not judged.
    #[schemars(extend("x-kubernetes-validations" = cel(SPAN_RULES)))]
    pub minimum_span: DurationText,
}

impl Default for Balance {
    fn default() -> Self {
        let policy::BalanceSettings { minimum_bytes, minimum_span } = policy::BalanceSettings::default();
        Self { enabled: true, minimum_bytes: minimum_bytes.into(), minimum_span: minimum_span.into() }
    }
}

/// The DNS detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct Dns {
    /// Whether it is on.
    pub enabled: bool,
    /// Bytes an hour that names under one registered domain may carry.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub information_rate: f32,
}

impl Default for Dns {
    fn default() -> Self {
        let policy::DnsSettings { information_rate } = policy::DnsSettings::default();
        Self { enabled: true, information_rate }
    }
}

/// The IRC detector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct Irc {
    /// Whether it is on.
    pub enabled: bool,
}

impl Default for Irc {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// The long-connection detector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct LongConnection {
    /// Whether it is on.
    pub enabled: bool,
    /// Connections open for less are not judged.
    #[schemars(extend("x-kubernetes-validations" = cel(SPAN_RULES)))]
    pub minimum_duration: DurationText,
}

impl Default for LongConnection {
    fn default() -> Self {
        let policy::LongConnectionSettings { minimum_duration } = policy::LongConnectionSettings::default();
        Self { enabled: true, minimum_duration: minimum_duration.into() }
    }
}

/// The retry detector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct Retries {
    /// Whether it is on.
    pub enabled: bool,
    /// Fewer failed tries are not judged.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub minimum_tries: u32,
}

impl Default for Retries {
    fn default() -> Self {
        let policy::RetrySettings { minimum_tries } = policy::RetrySettings::default();
        Self { enabled: true, minimum_tries }
    }
}
