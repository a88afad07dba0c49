//! Whether check-ins have a rhythm, and of what kind.

use super::term_level::{Row, TermLevel};
use crate::assess::circumstances::Circumstances;
use crate::text::gap_range;
use crate::track::rhythm::RhythmKind;

/// A finding names the kind of its rhythm, too.
pub(super) type Timing = RhythmKind;

impl TermLevel for Timing {
    const ALL: &'static [Self] =
        &[Self::None, Self::Ticker, Self::WallClock, Self::Fixed, Self::Narrow, Self::Medium, Self::Wide];

    fn decide(about: &Circumstances<'_>) -> Option<Self> {
        if about.asks_for_the_time() {
            return None;
        }
        let kind = about.rhythm();
        (kind != Self::None || !about.claims_no_rhythm()).then_some(kind)
    }

    fn row(self) -> Row {
        match self {
            Self::None => Row::new("none", 0.12, 0.40).on_network(0.88),
            Self::Ticker => Row::new("ticker", 0.06, 0.25).on_network(0.03),
            Self::WallClock => Row::new("wall-clock", 0.07, 0.05).on_network(0.01),
            Self::Fixed => Row::new("fixed", 0.25, 0.12).on_network(0.04),
            Self::Narrow => Row::new("narrow", 0.15, 0.06).on_network(0.015),
            Self::Medium => Row::new("medium", 0.30, 0.08).on_network(0.015),
            Self::Wide => Row::new("wide", 0.05, 0.04).on_network(0.01),
        }
    }

    fn sentence(self, about: &Circumstances<'_>) -> String {
        let c = about.conversation;
        let kind = match self {
            Self::None => return format!("no rhythm proven ({:.0} bits)", c.rhythm_bits),
            Self::Ticker => "a phase-locked timer, as in a scheduler; ",
            Self::WallClock => "at a fixed second of the minute; ",
            Self::Fixed | Self::Narrow | Self::Medium | Self::Wide => "",
        };
        let tracker = c.best_tracker();
        let window = tracker.window();
        let (gaps, len) = tracker.gaps();
        let hits = gaps.iter().take(len).filter(|gap| window.holds(**gap)).count();
        if window.growth <= 0.0 {
            return format!("{kind}each gap repeats the one before: {:.0} bits of rhythm", c.rhythm_bits);
        }
        format!(
            "{kind}{hits} of the last {len} gaps fell in the predicted {} (chance {}): {:.0} bits of rhythm",
            gap_range(window.from, window.to),
            chance_text(window.chance),
            c.rhythm_bits
        )
    }
}

/// Never `0 %`: a narrow window is hit by chance now and then.
fn chance_text(chance: f32) -> String {
    if chance < 0.005 { "less than 1 %".to_owned() } else { format!("{:.0} %", chance * 100.0) }
}
