//! How often each level is met among this cluster's own signatures, without labels: one vote per signature.
//!
//! Levels are numbers here; what they mean, and what their share is worth, says the evidence.

use super::level_numbers::{ITEMS_MAX, LEVELS_MAX, LevelNumbers};
use crate::codec::fields;

/// Scopes that there is room for.
const SCOPES_MAX: usize = 4;

/// The levels of a conversation, and the scope whose usual rates they belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Profile {
    pub(crate) levels: LevelNumbers,
    pub(crate) scope: u8,
}
fields!(Profile { levels, scope });

/// The profile with which a signature is counted; none before its first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Vote {
    cast: Option<Profile>,
}
fields!(Vote { cast });

/// Counts by scope, item and level.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    counts: [[[u32; LEVELS_MAX]; ITEMS_MAX]; SCOPES_MAX],
}

impl Rates {
    /// Counts votes that were cast before.
    pub(super) fn of_votes(votes: &[Vote]) -> Self {
        let mut counted = Self::default();
        for profile in votes.iter().filter_map(|vote| vote.cast) {
            counted.add(profile, 1);
        }
        counted
    }

    /// Replaces a signature's vote.
    pub(super) fn vote(&mut self, vote: &mut Vote, profile: Profile) {
        self.withdraw(*vote);
        self.add(profile, 1);
        vote.cast = Some(profile);
    }

    /// Takes a vote back.
    pub(super) fn withdraw(&mut self, vote: Vote) {
        if let Some(profile) = vote.cast {
            self.add(profile, -1);
        }
    }

    fn add(&mut self, profile: Profile, by: i32) {
        let Some(items) = self.counts.get_mut(usize::from(profile.scope)) else { return };
        for (item, counts) in items.iter_mut().enumerate() {
            if let Some(count) = counts.get_mut(usize::from(profile.levels.get(item))) {
                *count = count.saturating_add_signed(by);
            }
        }
    }
}

/// What is usual here for one signature: the votes of all others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UsualRates<'k> {
    pub(super) rates: &'k Rates,
    pub(super) own: Vote,
}

/// How many signatures show a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// So many show it ...
    pub(crate) with: u32,
    /// ... of so many that show some level of the item.
    pub(crate) of: u32,
}

impl UsualRates<'_> {
    /// How many of the other signatures of a scope show a level of an item.
    pub(crate) fn rate(self, scope: usize, item: usize, level: u8) -> Rate {
        let counts = self.rates.counts.get(scope).and_then(|items| items.get(item));
        let Some(counts) = counts else { return Rate { with: 0, of: 0 } };
        let own = self.own.cast.filter(|profile| usize::from(profile.scope) == scope);
        let own = own.map_or(0, |profile| profile.levels.get(item));
        let of = counts.iter().skip(1).sum::<u32>().saturating_sub(u32::from(own != 0));
        let with = counts.get(usize::from(level)).copied().unwrap_or_default();
        Rate { with: with.saturating_sub(u32::from(own == level)), of }
    }
}

/// Votes that a test casts, with the rates that they make.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Ballot(Rates);

#[cfg(test)]
impl Ballot {
    /// A vote of one more signature.
    pub(crate) fn cast(&mut self, profile: Profile) {
        self.0.vote(&mut Vote::default(), profile);
    }

    /// The rates, for a signature that has not voted.
    pub(crate) fn usual(&self) -> UsualRates<'_> {
        UsualRates { rates: &self.0, own: Vote::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_votes_once() {
        let mut learned = Rates::default();
        let mut vote = Vote::default();
        for levels in [1_u64, 2, 3, 2, 2] {
            learned.vote(&mut vote, Profile { levels: levels.into(), scope: 0 });
        }
        let others = UsualRates { rates: &learned, own: Vote::default() };
        assert_eq!(others.rate(0, 0, 2), Rate { with: 1, of: 1 });
        assert_eq!(UsualRates { own: vote, ..others }.rate(0, 0, 2), Rate { with: 0, of: 0 });
        learned.withdraw(vote);
        let fresh = UsualRates { rates: &learned, own: Vote::default() };
        assert!((0..4).all(|level| fresh.rate(0, 0, level).with == 0));
    }
}
