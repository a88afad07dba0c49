//! Transport protocols.

use crate::codec::choices;

/// Transport protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP (RFC 9293).
    #[default]
    Tcp,
    /// UDP (RFC 768).
    Udp,
    /// Anything else that has addresses but no ports, such as ICMP.
    Other,
}

impl Transport {
    /// The value of `network.transport`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Other => "other",
        }
    }
}

choices!(Transport { 0 => Tcp, 1 => Udp, 2 => Other });
