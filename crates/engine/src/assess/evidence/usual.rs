//! What a level is worth, by how often it is met among this cluster's own signatures.
//!
//! Shares are smoothed towards the belief held before the cluster was seen, and kept near it: a mass compromise cannot
//! make itself usual, and a quiet start makes nothing rare.

use super::table::{Scope, index_of, row_of, usual};
use crate::assess::finding::Term;
use crate::know::UsualRates;

/// Weight of the belief before, in signatures.
const WEIGHT: f32 = 20.0;
/// A share stays at most this many times the belief before ...
const GUARD: f32 = 4.0;
/// ... and at least this part of it: what was rarely seen in the first hours is not proven rare by that.
const GUARD_BELOW: f32 = 2.0;
/// A recording of a network is short and of few hosts: what was not seen in it is not much rarer for that.
const NETWORK_GUARD: f32 = 1.5;
/// Fewer signatures than this teach nothing: so few may all be relatives of the one that is judged.
const SIGNATURES_MIN: u32 = 10;

/// Bits of a level before clipping: positive speaks for a beacon.
pub(crate) fn bits(scope: Scope, term: Term, level: u8, rates: UsualRates<'_>) -> f32 {
    let Some(row) = row_of(term, level) else { return 0.0 };
    (row.prior / share(scope, term, level, rates)).log2()
}

#[expect(clippy::cast_precision_loss, reason = "counts are bounded by the table of signatures")]
fn share(scope: Scope, term: Term, level: u8, rates: UsualRates<'_>) -> f32 {
    let usual = usual(scope, term, level);
    // A list that names a destination is not made usual by many that contact it.
    if term == Term::Reputation {
        return usual;
    }
    let rate = rates.rate(scope.index(), index_of(term), level);
    if rate.of < SIGNATURES_MIN {
        return usual;
    }
    let share = (rate.with as f32 + WEIGHT * usual) / (rate.of as f32 + WEIGHT);
    let least = if scope == Scope::Network { usual / NETWORK_GUARD } else { usual / GUARD_BELOW };
    share.clamp(least, usual * GUARD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::evidence::Levels;
    use crate::know::{Ballot, Profile};

    fn profile(term: Term, level: u8) -> Profile {
        let mut levels = Levels::default();
        levels.set(term, level);
        levels.profile(Scope::External)
    }

    #[test]
    fn what_is_common_here_is_worth_less() {
        let mut votes = Ballot::default();
        let before = bits(Scope::External, Term::Naming, 1, votes.usual());
        for _ in 0..50 {
            votes.cast(profile(Term::Naming, 1));
        }
        assert!(bits(Scope::External, Term::Naming, 1, votes.usual()) < before - 1.0);
        assert!((bits(Scope::Internal, Term::Naming, 1, votes.usual()) - before).abs() < 1e-6);
    }

    #[test]
    fn a_mass_compromise_cannot_make_itself_usual() {
        let mut votes = Ballot::default();
        let before = bits(Scope::External, Term::Who, 2, votes.usual());
        for _ in 0..100_000 {
            votes.cast(profile(Term::Who, 2));
        }
        assert!(bits(Scope::External, Term::Who, 2, votes.usual()) > before - 2.01);
    }
}
