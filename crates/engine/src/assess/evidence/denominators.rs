//! How often each level is met among this cluster's own signatures, without labels.
//!
//! One vote per signature, smoothed towards the belief held before the cluster was seen, and kept near it: a mass
//! compromise cannot make itself usual, and a quiet start makes nothing rare.

use super::levels::Levels;
use super::table::{Scope, TERMS, index_of, row_of, usual};
use crate::assess::finding::Term;
use crate::codec::fields;

/// Weight of the belief before, in signatures.
const WEIGHT: f32 = 20.0;
/// A share stays at most this many times the belief before ...
const GUARD: f32 = 4.0;
/// ... and at least this part of it: what was hardly seen in the first hours is not proven rare by that.
const GUARD_BELOW: f32 = 2.0;
/// A recording of a network is short and of few hosts: what was not seen in it is hardly rarer for that.
const NETWORK_GUARD: f32 = 1.5;
/// Fewer signatures than this teach nothing.
const SIGNATURES_MIN: u32 = 10;
const LEVELS_MAX: usize = 16;

/// The levels with which a signature is counted; empty before its first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Vote {
    cast: Option<(Levels, u8)>,
}

/// Counts by scope, item and level.
#[derive(Clone, Debug)]
pub(crate) struct Denominators {
    counts: [[[u32; LEVELS_MAX]; TERMS.len()]; Scope::COUNT],
}

impl Default for Denominators {
    fn default() -> Self {
        Self { counts: [[[0; LEVELS_MAX]; TERMS.len()]; Scope::COUNT] }
    }
}

fields!(Vote { cast });

impl Denominators {
    /// Counts votes that were cast before.
    pub(crate) fn of_votes(votes: &[Vote]) -> Self {
        let mut counted = Self::default();
        for (levels, scope) in votes.iter().filter_map(|vote| vote.cast) {
            counted.add(levels, usize::from(scope), 1);
        }
        counted
    }

    /// Replaces a signature's vote.
    pub(crate) fn vote(&mut self, vote: &mut Vote, levels: Levels, scope: Scope) {
        self.withdraw(*vote);
        self.add(levels, scope.index(), 1);
        vote.cast = u8::try_from(scope.index()).ok().map(|scope| (levels, scope));
    }

    /// Takes a vote back.
    pub(crate) fn withdraw(&mut self, vote: Vote) {
        if let Some((levels, scope)) = vote.cast {
            self.add(levels, usize::from(scope), -1);
        }
    }

    /// Bits of a level before clipping: positive speaks for a call home. The vote of the signature that is judged
    /// (`own`) is left out: nothing is usual because it does it itself.
    pub(crate) fn bits(&self, scope: Scope, term: Term, level: u8, own: Vote) -> f32 {
        let Some(row) = row_of(term, level) else { return 0.0 };
        (row.prior / self.share(scope, term, level, own)).log2()
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are bounded by the table of signatures")]
    fn share(&self, scope: Scope, term: Term, level: u8, own: Vote) -> f32 {
        let usual = usual(scope, term, level);
        // A list that names a destination is not made usual by many turning to it.
        if term == Term::Reputation {
            return usual;
        }
        let counts = self.counts.get(scope.index()).and_then(|terms| terms.get(index_of(term)));
        let Some(counts) = counts else { return usual };
        let own = own
            .cast
            .filter(|(_, voted)| usize::from(*voted) == scope.index())
            .map_or(0, |(own, _)| own.get(term));
        let total: u32 = counts.iter().skip(1).sum::<u32>() - u32::from(own != 0);
        // So few may all be relatives of the one that is judged.
        if total < SIGNATURES_MIN {
            return usual;
        }
        let count = counts.get(usize::from(level)).copied().unwrap_or_default() - u32::from(own == level);
        let share = (count as f32 + WEIGHT * usual) / (total as f32 + WEIGHT);
        let least = if scope == Scope::Network { usual / NETWORK_GUARD } else { usual / GUARD_BELOW };
        share.clamp(least, usual * GUARD)
    }

    fn add(&mut self, levels: Levels, scope: usize, by: i32) {
        let Some(terms) = self.counts.get_mut(scope) else { return };
        for (counts, term) in terms.iter_mut().zip(TERMS) {
            if let Some(count) = counts.get_mut(usize::from(levels.get(term))) {
                *count = count.saturating_add_signed(by);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(term: Term, level: u8) -> Levels {
        let mut levels = Levels::default();
        levels.set(term, level);
        levels
    }

    #[test]
    fn what_is_common_here_is_worth_less() {
        let mut learned = Denominators::default();
        let before = learned.bits(Scope::External, Term::Naming, 1, Vote::default());
        for _ in 0..50 {
            learned.vote(&mut Vote::default(), levels(Term::Naming, 1), Scope::External);
        }
        assert!(learned.bits(Scope::External, Term::Naming, 1, Vote::default()) < before - 1.0);
        assert!((learned.bits(Scope::Internal, Term::Naming, 1, Vote::default()) - before).abs() < 1e-6);
    }

    #[test]
    fn a_mass_compromise_cannot_make_itself_usual() {
        let mut learned = Denominators::default();
        let before = learned.bits(Scope::External, Term::Who, 2, Vote::default());
        for _ in 0..100_000 {
            learned.vote(&mut Vote::default(), levels(Term::Who, 2), Scope::External);
        }
        assert!(learned.bits(Scope::External, Term::Who, 2, Vote::default()) > before - 2.01);
    }

    #[test]
    fn a_signature_votes_once() {
        let mut learned = Denominators::default();
        let mut vote = Vote::default();
        for level in [1, 2, 3, 2, 2] {
            learned.vote(&mut vote, levels(Term::Port, level), Scope::External);
        }
        learned.withdraw(vote);
        let fresh = Denominators::default();
        for level in 1..=3 {
            let (a, b) = (&learned, &fresh);
            let bits = |d: &Denominators| d.bits(Scope::External, Term::Port, level, Vote::default());
            assert!((bits(a) - bits(b)).abs() < 1e-6);
        }
    }
}
