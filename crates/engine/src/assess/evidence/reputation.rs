//! Lists of destinations that users supply.

use super::term_level::{Row, TermLevel};
use crate::assess::circumstances::Circumstances;

/// Whether a list names the destination; that none does says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reputation {
    /// On a list.
    Listed,
}

impl TermLevel for Reputation {
    const ALL: &'static [Self] = &[Self::Listed];
    /// A list that names a destination is not made usual by many that contact it.
    const LEARNED: bool = false;

    fn decide(about: &Circumstances<'_>) -> Option<Self> {
        about.listed.is_some().then_some(Self::Listed)
    }

    fn row(self) -> Row {
        match self {
            Self::Listed => Row::new("listed", 0.20, 0.002),
        }
    }

    fn sentence(self, about: &Circumstances<'_>) -> String {
        match self {
            Self::Listed => {
                format!("the destination is on the list {:?}", about.listed.as_deref().unwrap_or_default())
            }
        }
    }
}
