//! Kinds of findings: the detector whose gate opened decides.

/// What kind of behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingKind {
    /// Beacon-like intervals (or repetitive sizes) over connections, or inside one.
    Beacon,
    /// Persistent unbalanced exchange.
    Unbalanced,
    /// DNS queries to one domain at beacon-like intervals.
    DnsBeacon,
    /// DNS names that carry data.
    DnsTunnel,
    /// IRC-style sessions.
    Irc,
    /// A connection that stays open for long.
    LongConnection,
    /// A protocol on a port where it is not expected.
    UnexpectedPort,
    /// A peer that never answers and is asked again and again.
    FailedRetries,
}

impl FindingKind {
    /// `beacon`, `unbalanced`, ...
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Beacon => "beacon",
            Self::Unbalanced => "unbalanced",
            Self::DnsBeacon => "dns-beacon",
            Self::DnsTunnel => "dns-tunnel",
            Self::Irc => "irc",
            Self::LongConnection => "long-connection",
            Self::UnexpectedPort => "unexpected-port",
            Self::FailedRetries => "failed-retries",
        }
    }
}
