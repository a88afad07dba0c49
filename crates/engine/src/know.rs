//! What is known beyond one actor: signatures and their age, replicas, prevalence of destinations, usual rates, and
//! the scores behind budgets of alarms.
//!
//! Four operations: [`Know::observe`] takes a sighting, [`Know::facts`] answers what the rest of the engine may ask,
//! [`Know::take_delta`] and [`Know::merge`] exchange it with others. Whoever counts the tables, saves them or lets them
//! age calls [`Know::count`], [`Know::put`], [`Know::take`] and [`Know::forget`] besides.
//!
//! There are two separate views:
//!
//! - The *local* view: what this engine saw itself. All facts come from it. When its tables are full they refuse new
//!   entries or give up their oldest, so beyond the bounds its content depends on the order of sightings.
//! - The *merged* view ([`Merged`]): what all observers saw; kept only after [`Know::exchange`]. Beyond its bounds it keeps
//!   the keys that come first in a fixed order, so splits, orders and repetitions of sightings make no difference.
//!
//! No policy, no level by name, no finding: policies and findings are keys here, levels are numbers.

mod baseline;
mod budget;
mod delta;
mod destinations;
mod exchange;
mod facts;
mod level_numbers;
mod merged;
mod rates;
mod replica_days;
mod replicas;
mod sighting;
mod signatures;

pub use self::baseline::BaselineEntry;
pub use self::budget::AlertThreshold;
use self::budget::Budgets;
pub(crate) use self::budget::{Budget, Extent};
pub use self::delta::Delta;
use self::exchange::Exchange;
pub(crate) use self::facts::{Facts, Prevalence};
#[cfg(test)]
pub(crate) use self::level_numbers::LEVELS_MAX;
pub(crate) use self::level_numbers::{ITEMS_MAX, LevelNumbers};
pub use self::merged::{Bounds, Merged, Observer};
#[cfg(test)]
pub(crate) use self::rates::Ballot;
use self::rates::Rates;
pub(crate) use self::rates::{Profile, UsualRates};
pub(crate) use self::replicas::ReplicaSet;
pub(crate) use self::sighting::{Profiled, Seen, Sighting};
pub(crate) use self::signatures::BaselineState;
use self::signatures::Signatures;
use crate::codec::{Dropped, Reader};
use crate::counters::{BoundedTable, Counters};
use crate::keys::PolicyId;
use crate::limits::Limits;
use crate::time::Timestamp;

/// Everything that is known.
#[derive(Debug)]
pub(crate) struct Know {
    signatures: Signatures,
    rates: Rates,
    budgets: Budgets,
    /// Only once somebody asks.
    exchange: Option<Box<Exchange>>,
}

impl Know {
    /// Knows nothing yet, and never more than `limits`.
    pub(crate) fn with_limits(limits: &Limits) -> Self {
        Self {
            signatures: Signatures::with_limits(limits),
            rates: Rates::default(),
            budgets: Budgets::with_limits(limits),
            exchange: None,
        }
    }

    /// Takes a sighting.
    pub(crate) fn observe(&mut self, sighting: Sighting<'_>) {
        if let Some(exchange) = &mut self.exchange {
            exchange.observe(sighting);
        }
        match sighting {
            Sighting::Contact(seen) => self.signatures.see(&seen),
            Sighting::Profile(profiled) => self.profile(&profiled),
            Sighting::Baseline { workload, signature } => self.signatures.learn(workload, signature),
            Sighting::Score { policy, finding, score } => self.budgets.note(policy, finding, score),
            Sighting::Extent { policy, budget, extent, at } => {
                self.budgets.raise(policy, budget, extent, at);
            }
        }
    }

    /// What is known.
    pub(crate) fn facts(&self) -> Facts<'_> {
        let Self { signatures, rates, budgets, exchange: _ } = self;
        Facts { signatures, rates, budgets }
    }

    /// A signature's profile replaces its last one among the usual rates, and may admit it to the baseline.
    fn profile(&mut self, profiled: &Profiled) {
        let Profiled { at, workload, signature, profile, score_without_novelty } = *profiled;
        // What a host does that is seen only through one destination says nothing about what is usual.
        if let Some(profile) = profile
            && self.signatures.is_watched(workload)
            && let Some(vote) = self.signatures.vote_mut(signature)
        {
            self.rates.vote(vote, profile);
        }
        let admitted = self.signatures.admit(signature, at, score_without_novelty);
        if let Some(exchange) = self.exchange.as_mut().filter(|_| admitted) {
            exchange.admitted(workload, signature);
        }
    }

    /// Starts an exchange: from now on, news are collected for [`Know::take_delta`]. What was known before is not part of
    /// them.
    pub(crate) fn exchange(&mut self, observer: Observer, bounds: Bounds) {
        self.exchange = Some(Box::new(Exchange::begin(observer, bounds)));
    }

    /// What was newly learned since the last call; empty without an exchange.
    pub(crate) fn take_delta(&mut self) -> Delta {
        self.exchange.as_mut().map(|exchange| exchange.take_delta()).unwrap_or_default()
    }

    /// Adds another observer's delta to the merged view; without an exchange, nothing is kept.
    pub(crate) fn merge(&mut self, delta: &Delta) {
        if let Some(exchange) = &mut self.exchange {
            exchange.merged.merge(delta);
        }
    }

    /// The merged view; `None` without an exchange.
    pub(crate) fn merged(&self) -> Option<&Merged> {
        self.exchange.as_ref().map(|exchange| &exchange.merged)
    }

    /// Forgets what was not seen for long, and the scores of policies that are gone.
    pub(crate) fn forget(&mut self, now: Timestamp, in_force: impl Fn(&PolicyId) -> bool) {
        for vote in self.signatures.sweep(now) {
            self.rates.withdraw(vote);
        }
        if let Some(exchange) = &mut self.exchange {
            exchange.forget(now, &in_force);
        }
        self.budgets.retain(in_force);
    }

    /// Writes its own figures into the counters.
    pub(crate) fn count(&self, counters: &mut Counters) {
        let Self { signatures, rates: _, budgets, exchange: _ } = self;
        let [by_policy, identities] = budgets.usage();
        signatures.count(counters);
        counters.set(BoundedTable::Budgets, by_policy);
        counters.set(BoundedTable::BudgetIdentities, identities);
    }

    /// Writes signatures and destinations.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        self.signatures.put(out);
    }

    /// Reads them back into one that knows nothing yet; what found no room.
    pub(crate) fn take(&mut self, from: &mut Reader<'_>) -> Option<Dropped> {
        let learned = self.signatures.take(from)?;
        self.rates = Rates::of_votes(&learned.votes);
        Some(learned.dropped)
    }

    /// Writes the scores behind budgets.
    pub(crate) fn put_budgets(&self, out: &mut Vec<u8>) {
        self.budgets.put(out);
    }

    /// Reads them back; how many found no room.
    pub(crate) fn take_budgets(&mut self, from: &mut Reader<'_>) -> Option<u64> {
        self.budgets.take(from)
    }
}

#[cfg(test)]
mod tests;
