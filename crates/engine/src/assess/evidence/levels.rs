//! The levels of all terms, together.

use super::Term;
use super::term_level::Row;
#[cfg(test)]
use super::term_level::{TermLevel, number};
use crate::assess::circumstances::Circumstances;
use crate::assess::scope::Scope;
use crate::know::{ITEMS_MAX, LevelNumbers, Profile};

/// A level for each term that applies and of which something is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Levels(LevelNumbers);

const _: () = assert!(Term::ALL.len() <= ITEMS_MAX, "each term needs a place among the levels");

/// A level of some term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    term: Term,
    number: u8,
}

impl Levels {
    /// What the circumstances say.
    pub(crate) fn of(about: &Circumstances<'_>) -> Self {
        let mut levels = Self::default();
        for term in Term::ALL {
            levels.put(term, (term.item().decide)(about));
        }
        levels
    }

    /// The terms that apply, with their levels.
    pub(crate) fn iter(self) -> impl Iterator<Item = Level> {
        Term::ALL.into_iter().filter_map(move |term| self.level(term))
    }

    /// The level of a term.
    pub(crate) fn level(self, term: Term) -> Option<Level> {
        let number = self.number(term);
        (number != 0).then_some(Level { term, number })
    }

    /// As they are counted among what is usual in a scope.
    pub(crate) fn profile(self, scope: Scope) -> Profile {
        Profile { levels: self.0, scope: u8::try_from(scope.index()).unwrap_or(u8::MAX) }
    }

    fn number(self, term: Term) -> u8 {
        self.0.get(term.index())
    }

    #[cfg(test)]
    pub(super) fn with<L: TermLevel>(mut self, term: Term, level: L) -> Self {
        self.put(term, number(Some(level)));
        self
    }

    fn put(&mut self, term: Term, number: u8) {
        self.0.set(term.index(), number);
    }
}

impl Level {
    /// Which term's.
    pub(crate) const fn term(self) -> Term {
        self.term
    }

    /// Its number, from 1, by which levels are counted.
    pub(crate) const fn number(self) -> u8 {
        self.number
    }

    /// Whether what is usual is learned from the signatures seen here.
    pub(crate) const fn is_learned(self) -> bool {
        self.term.item().learned
    }

    /// Its line in the table; `None` if a later version wrote it.
    pub(crate) fn row(self) -> Option<Row> {
        (self.term.item().row)(self.number)
    }

    /// Why the term has this level.
    pub(crate) fn sentence(self, about: &Circumstances<'_>) -> String {
        (self.term.item().sentence)(self.number, about).unwrap_or_default()
    }
}
