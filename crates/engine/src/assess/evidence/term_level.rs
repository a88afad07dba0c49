//! What each term says about its levels, and the same behind one type for all terms.

use crate::assess::circumstances::Circumstances;
use crate::assess::scope::Scope;

/// The levels of one term of evidence.
pub(super) trait TermLevel: Copy + Eq + 'static {
    /// All levels, in the order of the numbers that checkpoints keep: a new level goes last.
    const ALL: &'static [Self];
    /// The terms that say the same in other words; `None`: no other does.
    const GROUP: Option<Group> = None;
    /// Whether what is usual is learned from the signatures seen here.
    const LEARNED: bool = true;

    /// The level; `None` if the term does not apply or nothing is known.
    fn decide(about: &Circumstances<'_>) -> Option<Self>;

    /// Its name, and how often it is met.
    fn row(self) -> Row;

    /// Why it is this one, in plain words and numbers.
    fn sentence(self, about: &Circumstances<'_>) -> String;
}

/// Terms that say the same thing in other words: only the strongest of a group counts in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// Which program it is.
    Program,
    /// How the destination was addressed.
    Address,
    /// What is new about it.
    Novelty,
    /// What is exchanged.
    Exchange,
}

impl Group {
    /// All groups.
    pub(crate) const ALL: [Self; 4] = [Self::Program, Self::Address, Self::Novelty, Self::Exchange];
}

/// A level's line in the table of evidence, which `docs/detection.md` prints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Share of beacons that show the level: an expert's estimate, policy rather than fitted.
    pub(crate) prior: f32,
    /// Share of ordinary signatures that do: the belief before a cluster was seen.
    usual: f32,
    /// ... among the conversations of hosts on a network, where it differs from a cluster.
    usual_on_network: Option<f32>,
}

impl Row {
    pub(super) const fn new(name: &'static str, prior: f32, usual: f32) -> Self {
        Self { name, prior, usual, usual_on_network: None }
    }

    /// Says what is usual in recorded network traffic: most of it has no rhythm, and many names are looked up out of
    /// sight.
    pub(super) const fn on_network(self, usual: f32) -> Self {
        Self { usual_on_network: Some(usual), ..self }
    }

    /// Share of ordinary signatures of a scope that show the level, before the scope was seen.
    pub(crate) fn usual(&self, scope: Scope) -> f32 {
        match scope {
            Scope::Network => self.usual_on_network.unwrap_or(self.usual),
            Scope::External | Scope::Internal | Scope::Dns => self.usual,
        }
    }
}

/// A term, its levels behind their numbers: 0 is "does not apply or is not known".
pub(super) struct Item {
    pub(super) group: Option<Group>,
    pub(super) learned: bool,
    pub(super) decide: fn(&Circumstances<'_>) -> u8,
    pub(super) row: fn(u8) -> Option<Row>,
    pub(super) sentence: fn(u8, &Circumstances<'_>) -> Option<String>,
}

impl Item {
    pub(super) const fn of<L: TermLevel>() -> Self {
        Self {
            group: L::GROUP,
            learned: L::LEARNED,
            decide: |about| number(L::decide(about)),
            row: |number| numbered(number).map(L::row),
            sentence: |number, about| numbered(number).map(|level: L| level.sentence(about)),
        }
    }
}

/// The number of a level.
pub(super) fn number<L: TermLevel>(level: Option<L>) -> u8 {
    let place = level.and_then(|level| L::ALL.iter().position(|other| *other == level));
    place.and_then(|place| u8::try_from(place + 1).ok()).unwrap_or_default()
}

/// The level of a number.
pub(super) fn numbered<L: TermLevel>(number: u8) -> Option<L> {
    L::ALL.get(usize::from(number).checked_sub(1)?).copied()
}
