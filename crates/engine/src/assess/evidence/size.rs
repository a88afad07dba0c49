//! Whether requests repeat their size.

use super::term_level::{Group, Row, TermLevel};
use crate::assess::circumstances::Circumstances;
use crate::text::bytes_text;

/// Requests that say something about sizes.
const TRIALS_MIN: f32 = 3.0;

/// How much request sizes repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// Most are the same.
    Constant,
    /// More are about the same than chance makes.
    MostlyConstant,
    /// They vary.
    Varies,
}

impl TermLevel for Size {
    const ALL: &'static [Self] = &[Self::Constant, Self::MostlyConstant, Self::Varies];
    const GROUP: Option<Group> = Some(Group::Exchange);

    fn decide(about: &Circumstances<'_>) -> Option<Self> {
        let size = &about.conversation.size;
        if about.asks_for_the_time() || size.trials() < TRIALS_MIN {
            None
        } else if size.share() >= 0.6 || size.evidence() >= 30.0 {
            Some(Self::Constant)
        } else if size.evidence() >= 10.0 {
            Some(Self::MostlyConstant)
        } else {
            (!about.claims_no_rhythm()).then_some(Self::Varies)
        }
    }

    fn row(self) -> Row {
        match self {
            Self::Constant => Row::new("constant", 0.70, 0.5).on_network(0.70),
            Self::MostlyConstant => Row::new("mostly-constant", 0.20, 0.2).on_network(0.05),
            Self::Varies => Row::new("varies", 0.10, 0.3).on_network(0.25),
        }
    }

    fn sentence(self, about: &Circumstances<'_>) -> String {
        let c = about.conversation;
        let share = c.size.share() * 100.0;
        match self {
            Self::Constant => {
                format!("{share:.0} % of the requests have the same size ({})", bytes_text(c.typical().sent))
            }
            Self::MostlyConstant => format!("{share:.0} % of the requests have about the same size"),
            Self::Varies => "request sizes vary".to_owned(),
        }
    }
}
