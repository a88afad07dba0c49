//! Kinds of rhythms.

/// Kind of a rhythm, by its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RhythmKind {
    /// No rhythm proven.
    None,
    /// Phase-locked timer: a scheduler that does not drift.
    Ticker,
    /// At a fixed second of the minute.
    WallClock,
    /// Sleep of fixed length, width under 4 %.
    Fixed,
    /// Width 4-15 %.
    Narrow,
    /// Width 15-60 %.
    Medium,
    /// Wider.
    Wide,
}

impl RhythmKind {
    /// `none`, `ticker`, ...
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Ticker => "ticker",
            Self::WallClock => "wall-clock",
            Self::Fixed => "fixed",
            Self::Narrow => "narrow",
            Self::Medium => "medium",
            Self::Wide => "wide",
        }
    }
}
