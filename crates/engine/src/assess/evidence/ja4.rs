//! Whether the TLS fingerprint is usual for the image.

use super::term_level::{Group, Row, TermLevel};
use crate::assess::circumstances::Circumstances;

/// How the fingerprint compares with those of the same image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ja4 {
    /// Not the usual one.
    Unusual,
    /// The usual one.
    Usual,
}

impl TermLevel for Ja4 {
    const ALL: &'static [Self] = &[Self::Unusual, Self::Usual];
    const GROUP: Option<Group> = Some(Group::Program);

    fn decide(about: &Circumstances<'_>) -> Option<Self> {
        about.conversation.ja4_odd.map(|odd| if odd { Self::Unusual } else { Self::Usual })
    }

    fn row(self) -> Row {
        match self {
            Self::Unusual => Row::new("unusual", 0.35, 0.02),
            Self::Usual => Row::new("usual", 0.65, 0.98),
        }
    }

    fn sentence(self, _about: &Circumstances<'_>) -> String {
        match self {
            Self::Unusual => "the TLS fingerprint (JA4) differs from the usual one of this image".to_owned(),
            Self::Usual => "the TLS fingerprint (JA4) is the usual one of this image".to_owned(),
        }
    }
}
