//! The application protocol itself, where it is a rare one.

use super::term_level::{Row, TermLevel};
use crate::assess::circumstances::Circumstances;
use crate::observe::protocol::AppProtocol;

/// What is spoken; what was not recognised says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// IRC.
    Irc,
    /// Any other protocol.
    Other,
}

impl TermLevel for Protocol {
    const ALL: &'static [Self] = &[Self::Irc, Self::Other];

    fn decide(about: &Circumstances<'_>) -> Option<Self> {
        let protocol = about.conversation.protocol;
        if protocol == AppProtocol::Irc {
            Some(Self::Irc)
        } else {
            (protocol != AppProtocol::Unknown).then_some(Self::Other)
        }
    }

    fn row(self) -> Row {
        match self {
            Self::Irc => Row::new("irc", 0.06, 0.002),
            Self::Other => Row::new("other", 0.94, 0.998),
        }
    }

    fn sentence(self, about: &Circumstances<'_>) -> String {
        match self {
            Self::Irc => "speaks IRC".to_owned(),
            Self::Other if about.asks_for_the_time() => {
                "an NTP client: the protocol sets intervals and sizes, so neither counts".to_owned()
            }
            Self::Other => format!("speaks {}", about.conversation.protocol.as_str()),
        }
    }
}
