//! The sum of the evidence. Each term is clipped; of terms that say the same in other words only the strongest counts
//! in full.

use crate::assess::evidence::{Group, Levels, Term};
use crate::assess::scope::Scope;
use crate::assess::usual;
use crate::know::UsualRates;

/// Least and most a term can say, bits.
const CLIP: (f32, f32) = (-4.0, 6.0);
/// Weight of further positive terms in a group, after the strongest.
const FURTHER: f32 = 0.5;
/// What a signature is vetted without, for the baseline: that it is new.
const NOVELTY: [Term; 2] = [Term::Baseline, Term::Onset];

/// Bits of each term, in the order of [`Term::ALL`].
pub(crate) type Bits = [f32; Term::ALL.len()];

/// What the evidence says about a conversation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Assessment {
    pub(crate) levels: Levels,
    /// Bits of each term as they count in the sum.
    pub(crate) bits: Bits,
    /// Their sum.
    pub(crate) score: f32,
    /// ... without baseline and onset, by which a signature is vetted for the baseline.
    pub(crate) score_without_novelty: f32,
}

/// Weighs levels against what is usual in `scope`.
pub(crate) fn weigh(levels: Levels, scope: Scope, rates: UsualRates<'_>) -> Assessment {
    let mut bits = Bits::default();
    for level in levels.iter() {
        if let Some(slot) = bits.get_mut(level.term().index()) {
            *slot = usual::bits(scope, level, rates).clamp(CLIP.0, CLIP.1);
        }
    }
    let mut without = bits;
    for (slot, term) in without.iter_mut().zip(Term::ALL) {
        if NOVELTY.contains(&term) {
            *slot = 0.0;
        }
    }
    Assessment { levels, score: sum(&mut bits), score_without_novelty: sum(&mut without), bits }
}

/// Within each group keeps the strongest positive term, halves the other positive ones, and sums up.
fn sum(bits: &mut Bits) -> f32 {
    for group in Group::ALL {
        let members = || Term::ALL.into_iter().filter(|term| term.group() == Some(group));
        let of = |bits: &Bits, term: Term| bits.get(term.index()).copied().unwrap_or_default();
        let strongest = members()
            .map(|term| (of(bits, term), term))
            .fold((0.0, None), |best, (b, term)| if b > best.0 { (b, Some(term)) } else { best });
        for term in members().filter(|term| strongest.1 != Some(*term)) {
            if let Some(slot) = bits.get_mut(term.index()).filter(|slot| **slot > 0.0) {
                *slot *= FURTHER;
            }
        }
    }
    bits.iter().sum()
}
