//! How far check-ins lie apart.

use super::term_level::{Row, TermLevel};
use crate::assess::circumstances::Circumstances;
use crate::assess::detector::beacon;
use crate::assess::scope::Scope;
use crate::text::duration_text;
use crate::track::rhythm::RhythmKind;

/// Only where a rhythm is proven, in traffic recorded on a network: in a cluster every period is usual; between hosts
/// and the Internet, timers of programs run for minutes or hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Period {
    /// Under a minute.
    Short,
    /// Under ten minutes.
    Minutes,
    /// Longer.
    Long,
}

impl TermLevel for Period {
    const ALL: &'static [Self] = &[Self::Short, Self::Minutes, Self::Long];

    fn decide(about: &Circumstances<'_>) -> Option<Self> {
        let proven = about.rhythm() != RhythmKind::None;
        if about.scope != Scope::Network || !proven || about.asks_for_the_time() {
            return None;
        }
        let secs = beacon::effective_period(about.conversation);
        if secs < 60.0 {
            Some(Self::Short)
        } else if secs < 600.0 {
            Some(Self::Minutes)
        } else {
            Some(Self::Long)
        }
    }

    fn row(self) -> Row {
        match self {
            Self::Short => Row::new("short", 0.35, 0.06),
            Self::Minutes => Row::new("minutes", 0.45, 0.24),
            Self::Long => Row::new("long", 0.20, 0.70),
        }
    }

    fn sentence(self, about: &Circumstances<'_>) -> String {
        format!("about {} between check-ins", duration_text(beacon::effective_period(about.conversation)))
    }
}
