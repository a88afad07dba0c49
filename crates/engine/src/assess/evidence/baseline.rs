//! Whether the workload did this before.

use super::term_level::{Group, Row, TermLevel};
use crate::assess::circumstances::Circumstances;
use crate::know::BaselineState;

/// What the baseline of the workload says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Baseline {
    /// New to a workload that has a baseline.
    New,
    /// Known.
    Known,
}

impl TermLevel for Baseline {
    const ALL: &'static [Self] = &[Self::New, Self::Known];
    const GROUP: Option<Group> = Some(Group::Novelty);

    fn decide(about: &Circumstances<'_>) -> Option<Self> {
        match about.baseline {
            BaselineState::Unknown | BaselineState::Unvetted => None,
            BaselineState::New => Some(Self::New),
            BaselineState::Known => Some(Self::Known),
        }
    }

    fn row(self) -> Row {
        match self {
            Self::New => Row::new("new", 0.97, 0.15),
            Self::Known => Row::new("known", 0.03, 0.85),
        }
    }

    fn sentence(self, _about: &Circumstances<'_>) -> String {
        match self {
            Self::New => "new for this workload, which has a baseline".to_owned(),
            Self::Known => "part of this workload's baseline".to_owned(),
        }
    }
}
