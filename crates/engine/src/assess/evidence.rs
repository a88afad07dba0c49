//! Evidence in bits: for each item log2( P(level | a beacon that calls home) / P(level | what is usual here) ).
//!
//! The numerator is a documented prior ([`table`]); the denominator is learned from this cluster's own
//! signatures without labels ([`usual`]), so that what is common here is worth nothing. Each item is
//! clipped; items that say the same in other words form groups in which only the strongest counts in full.

mod levels;
mod place;
mod sentences;
mod table;
mod usual;

pub(crate) use levels::{Circumstances, Levels, Replicas, levels_of, producer_consumer_ratio};
pub(crate) use place::{is_external, scope_of};
pub(crate) use sentences::sentence;
pub(crate) use table::{Scope, TERMS, level_name};

use crate::assess::finding::Term;
use crate::know::UsualRates;

/// Least and most an item can say, bits.
const CLIP: (f32, f32) = (-4.0, 6.0);
/// Weight of further positive items in a group, after the strongest.
const FURTHER: f32 = 0.5;

/// Items that say the same in other words.
const GROUPS: [&[Term]; 10] = [
    &[Term::Who, Term::Ja4],
    &[Term::Naming, Term::Port],
    &[Term::Destination, Term::Baseline, Term::Lag],
    &[Term::Population],
    &[Term::Timing],
    &[Term::Size, Term::Balance, Term::Answer],
    &[Term::DnsPayload],
    &[Term::Reputation],
    &[Term::Protocol],
    &[Term::Period],
];

/// What the evidence says about a conversation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Assessment {
    pub(crate) levels: Levels,
    /// Bits of each item as they count in the sum, in the order of [`TERMS`].
    pub(crate) bits: [f32; TERMS.len()],
    /// Their sum.
    pub(crate) score: f32,
    /// ... without baseline and lag, by which a signature is vetted for the baseline.
    pub(crate) score_without_novelty: f32,
}

/// Weighs levels against what is usual in `scope`.
pub(crate) fn assess(levels: Levels, scope: Scope, rates: UsualRates<'_>) -> Assessment {
    let mut bits = [0.0; TERMS.len()];
    for (slot, term) in bits.iter_mut().zip(TERMS) {
        let level = levels.get(term);
        *slot = if level == 0 { 0.0 } else { usual::bits(scope, term, level, rates).clamp(CLIP.0, CLIP.1) };
    }
    let mut without = bits;
    for term in [Term::Baseline, Term::Lag] {
        if let Some(slot) = without.get_mut(table::index_of(term)) {
            *slot = 0.0;
        }
    }
    Assessment { levels, score: weigh(&mut bits), score_without_novelty: weigh(&mut without), bits }
}

/// Within each group keeps the strongest positive item, halves the other positive ones, and sums up.
fn weigh(bits: &mut [f32; TERMS.len()]) -> f32 {
    for group in GROUPS {
        let strongest = group
            .iter()
            .map(|term| (bits.get(table::index_of(*term)).copied().unwrap_or(0.0), *term))
            .fold((0.0, None), |best, (b, term)| if b > best.0 { (b, Some(term)) } else { best });
        for term in group {
            if let Some(slot) = bits.get_mut(table::index_of(*term))
                && *slot > 0.0
                && strongest.1 != Some(*term)
            {
                *slot *= FURTHER;
            }
        }
    }
    bits.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::know::Ballot;

    #[test]
    fn further_items_of_a_group_count_half() {
        let mut levels = Levels::default();
        levels.set(Term::Naming, 1);
        levels.set(Term::Port, 3);
        let assessed = assess(levels, Scope::External, Ballot::default().usual());
        let alone = |term, level| {
            let mut one = Levels::default();
            one.set(term, level);
            assess(one, Scope::External, Ballot::default().usual()).score
        };
        let (naming, port) = (alone(Term::Naming, 1), alone(Term::Port, 3));
        assert!(naming > port && port > 0.0);
        assert!((assessed.score - (naming + 0.5 * port)).abs() < 1e-4);
    }

    #[test]
    fn unknown_counts_nothing() {
        let assessed = assess(Levels::default(), Scope::Internal, Ballot::default().usual());
        assert!(assessed.score.abs() < f32::EPSILON);
    }
}
