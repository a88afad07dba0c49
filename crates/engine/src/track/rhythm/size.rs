//! The bet on sizes: "the next request is as large as most of them". Catches what sleeps at random.

use crate::codec::fields;
use crate::numeric::{lost_bits, won_bits};

/// Chance that two requests of an ordinary irregular conversation fall into one size class.
const CHANCE: f32 = 0.2;
/// Trials before the first bet.
const TRIALS_MIN: f32 = 4.0;
/// Hits and trials are halved beyond this many trials.
const TRIALS_MAX: f32 = 64.0;
/// Most wealth, bits.
const WEALTH_MAX: f32 = 64.0;

/// Wealth of the bet that requests have the modal size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SizeBet {
    class: i16,
    hits: f32,
    trials: f32,
    wealth: f32,
}

fields!(SizeBet { class, hits, trials, wealth });
fields!(Modal { class, votes });

impl Default for SizeBet {
    fn default() -> Self {
        Self { class: i16::MIN, hits: 0.0, trials: 0.0, wealth: 0.0 }
    }
}

impl SizeBet {
    /// Takes the size class of a request.
    pub(crate) fn request(&mut self, class: i16) {
        let hit = class.abs_diff(self.class) <= 1;
        if self.trials >= TRIALS_MIN {
            let share = (self.hits + 1.0) / (self.trials + 3.0);
            // No logarithm where nothing can be won or lost.
            if share > CHANCE + 0.05 {
                if hit && self.wealth < WEALTH_MAX {
                    self.wealth = (self.wealth + won_bits(share, CHANCE)).min(WEALTH_MAX);
                } else if !hit && self.wealth > 0.0 {
                    self.wealth = (self.wealth + lost_bits(share, CHANCE)).max(0.0);
                }
            }
        }
        self.hits += f32::from(u8::from(hit));
        self.trials += 1.0;
        if self.trials > TRIALS_MAX {
            self.trials *= 0.5;
            self.hits *= 0.5;
        }
        if !hit && self.share() < 0.3 {
            self.class = class;
            self.hits = 1.0;
            self.trials = 1.0;
        }
    }

    /// Evidence that sizes repeat, bits.
    pub(crate) fn evidence(&self) -> f32 {
        self.wealth
    }

    /// Share of the last requests that had the modal size.
    pub(crate) fn share(&self) -> f32 {
        self.hits / self.trials.max(1.0)
    }

    /// Requests that were sized, in the memory of the bet.
    pub(crate) fn trials(&self) -> f32 {
        self.trials
    }
}

/// Running majority of size classes (Boyer and Moore), within one class.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Modal {
    class: i16,
    votes: u8,
}

impl Default for Modal {
    fn default() -> Self {
        Self { class: i16::MIN, votes: 0 }
    }
}

impl Modal {
    const VOTES_MAX: u8 = 32;

    /// Takes a class; true if it agrees with the majority (or becomes it).
    pub(crate) fn vote(&mut self, class: i16) -> bool {
        if class.abs_diff(self.class) <= 1 {
            self.votes = (self.votes + 1).min(Self::VOTES_MAX);
            return true;
        }
        self.votes = self.votes.saturating_sub(1);
        if self.votes == 0 {
            self.class = class;
            self.votes = 1;
            return true;
        }
        false
    }

    /// The majority's class; `None` before the first vote.
    pub(crate) fn class(&self) -> Option<i16> {
        (self.votes > 0).then_some(self.class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_sizes_are_proven_and_varied_ones_are_not() {
        let mut same = SizeBet::default();
        let mut varied = SizeBet::default();
        for i in 0..40_i16 {
            same.request(80 + i % 2);
            varied.request((i * 37) % 97);
        }
        assert!(same.evidence() >= 30.0, "{same:?}");
        assert!(varied.evidence() < 10.0, "{varied:?}");
    }

    #[test]
    fn the_majority_survives_outliers() {
        let mut modal = Modal::default();
        for class in [50, 50, 51, 90, 50, 49, 10, 50] {
            modal.vote(class);
        }
        assert_eq!(modal.class(), Some(50));
    }
}
