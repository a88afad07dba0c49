//! Whether the peer answers.

use super::term_level::{Group, Row, TermLevel};
use crate::assess::circumstances::Circumstances;

/// Fewer connections than this say nothing.
const CONNECTIONS_MIN: u32 = 5;

/// How many connections are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SuccessRate {
    /// None.
    Never,
    /// Fewer than half.
    Seldom,
    /// Half of them or more.
    Answers,
}

impl TermLevel for SuccessRate {
    const ALL: &'static [Self] = &[Self::Never, Self::Seldom, Self::Answers];
    const GROUP: Option<Group> = Some(Group::Exchange);

    fn decide(about: &Circumstances<'_>) -> Option<Self> {
        let c = about.conversation;
        if c.answered.saturating_add(c.unanswered) < CONNECTIONS_MIN {
            None
        } else if c.answered == 0 {
            Some(Self::Never)
        } else if c.unanswered > c.answered {
            Some(Self::Seldom)
        } else {
            Some(Self::Answers)
        }
    }

    fn row(self) -> Row {
        match self {
            Self::Never => Row::new("never", 0.12, 0.015).on_network(0.03),
            Self::Seldom => Row::new("seldom", 0.05, 0.025).on_network(0.02),
            Self::Answers => Row::new("answers", 0.83, 0.96).on_network(0.95),
        }
    }

    fn sentence(self, about: &Circumstances<'_>) -> String {
        let c = about.conversation;
        let tries = c.answered.saturating_add(c.unanswered);
        format!("the peer answered {} of {tries} connections", c.answered)
    }
}
