//! Severities of findings, in their order.

/// How much a finding deserves attention, by its score and the policy's thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// At least `record`.
    Low,
    /// At least `alert`.
    Medium,
    /// At least `high`.
    High,
    /// At least `critical`.
    Critical,
}

impl Severity {
    /// `low`, `medium`, `high`, `critical`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}
