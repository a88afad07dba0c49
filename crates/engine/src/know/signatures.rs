//! Which workload does what: signatures and their baseline.
//!
//! Bounded in all and per workload, so that a flood from one leaves the figures of the others as they are.

use core::time::Duration;

use super::destinations::{Contacted, Destinations};
use super::rates::Vote;
use super::replicas::ReplicaSet;
use super::sighting::Seen;
use crate::bounded::{BoundedMap, Inserted};
use crate::codec::{Coded, Dropped, Reader, fields, put_table};
use crate::collections::Map;
use crate::counters::{BoundedTable, Counters};
use crate::keys::{DestinationKey, SignatureKey, WorkloadKey};
use crate::limits::Limits;
use crate::time::Timestamp;

/// What the baseline says of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BaselineState {
    /// The workload has no baseline yet, or the signature could not be remembered: no evidence.
    Unknown,
    /// New to a workload that has a baseline.
    New,
    /// Old enough to be known, but never unsuspicious enough to be admitted: no evidence.
    Unvetted,
    /// Known.
    Known,
}

/// A signature.
#[derive(Clone, Debug)]
struct Signature {
    workload: WorkloadKey,
    first: Timestamp,
    last: Timestamp,
    replicas: ReplicaSet,
    known: bool,
    unvetted: bool,
    /// Its profile, as it is counted in the usual rates.
    vote: Vote,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    signatures: u32,
    known: u32,
    /// Destinations it contacted, as bits by hash.
    contacted: u64,
    watched: bool,
}

fields!(Signature { workload, first, last, replicas, known, unvetted, vote });
fields!(Tally { signatures, known, contacted, watched });

/// What was read back of what was learned.
#[derive(Debug)]
pub(super) struct Learned {
    /// The votes of the signatures.
    pub(super) votes: Vec<Vote>,
    /// What found no room.
    pub(super) dropped: Dropped,
}

/// Signatures and destinations.
#[derive(Debug)]
pub(super) struct Signatures {
    per_workload_max: u32,
    signatures: BoundedMap<SignatureKey, Signature>,
    destinations: Destinations,
    /// Those with a signature.
    workloads: BoundedMap<WorkloadKey, Tally>,
    /// Workloads that are watched.
    watched: usize,
}

/// A signature is old enough for the baseline after this long in two replicas, or after [`SETTLED_ALONE`].
const SETTLED: Duration = Duration::from_secs(24 * 3600);
const SETTLED_ALONE: Duration = Duration::from_secs(7 * 24 * 3600);
/// What was not seen for this long is forgotten.
pub(super) const FORGOTTEN: Duration = Duration::from_secs(30 * 24 * 3600);
/// An address that contacts fewer destinations than this may be seen only through one of them: it is not watched,
/// and says nothing about what is usual.
const WATCHED_DESTINATIONS: u32 = 3;
/// A signature is admitted if its other evidence stays below this, bits.
const VETTED_BELOW: f32 = 2.0;
const DAY_NS: u64 = 24 * 3600 * 1_000_000_000;

/// Whether so little else speaks for a beacon that a signature may be part of the baseline.
pub(super) fn is_vetted(score_without_novelty: f32) -> bool {
    score_without_novelty < VETTED_BELOW
}

impl Signatures {
    pub(super) fn with_limits(limits: &Limits) -> Self {
        Self {
            per_workload_max: limits.signatures_per_workload_max,
            signatures: BoundedMap::with_max(limits.signatures_max),
            destinations: Destinations::with_limits(limits),
            workloads: BoundedMap::with_max(limits.signatures_max),
            watched: 0,
        }
    }

    /// Writes its own figures into the counters.
    pub(super) fn count(&self, counters: &mut Counters) {
        let Self { per_workload_max: _, signatures, destinations, workloads, watched: _ } = self;
        counters.set(BoundedTable::Signatures, signatures.usage());
        counters.set(BoundedTable::Destinations, destinations.usage());
        counters.set(BoundedTable::Workloads, workloads.usage());
    }

    /// A signature that is known before the start.
    pub(super) fn learn(&mut self, workload: WorkloadKey, signature: SignatureKey) {
        if !self.signatures.contains_key(&signature) && !self.begin(workload, signature, Timestamp::ZERO) {
            return;
        }
        let Some(entry) = self.signatures.get_mut(&signature).filter(|entry| !entry.known) else { return };
        entry.known = true;
        if let Some(tally) = self.workloads.get_mut(&entry.workload) {
            tally.known += 1;
        }
    }

    /// A workload did something.
    pub(super) fn see(&mut self, seen: &Seen) {
        if !self.signatures.contains_key(&seen.signature) {
            let held = self.workloads.get(&seen.workload).map_or(0, |tally| tally.signatures);
            if held >= self.per_workload_max {
                self.signatures.refuse();
                return;
            }
            if !self.begin(seen.workload, seen.signature, seen.at) {
                return;
            }
        }
        if let Some(signature) = self.signatures.get_mut(&seen.signature) {
            signature.see(seen);
        }
        let Some(tally) = self.workloads.get_mut(&seen.workload) else { return };
        tally.contacted |= 1 << (seen.destination.0.bits() % 64);
        let watched = seen.certain || tally.contacted.count_ones() >= WATCHED_DESTINATIONS;
        if watched && !tally.watched {
            tally.watched = true;
            self.watched += 1;
        }
        if !watched {
            return;
        }
        self.destinations.see(seen);
    }

    /// Begins a signature of a workload; false if there is no room for it.
    fn begin(&mut self, workload: WorkloadKey, signature: SignatureKey, at: Timestamp) -> bool {
        match self.signatures.insert(signature, Signature::young(workload, at)) {
            Inserted::New | Inserted::Known => {}
            Inserted::Refused => {
                if !self.workloads.contains_key(&workload) {
                    self.workloads.refuse();
                }
                return false;
            }
        }
        let tally = self.workloads.get_or_insert_with(workload, Tally::default);
        if let Some(tally) = tally {
            tally.signatures += 1;
        }
        true
    }

    /// What the baseline says of a sighting's signature.
    pub(super) fn baseline(&self, seen: &Seen) -> BaselineState {
        let signature = self.signatures.get(&seen.signature);
        let has_baseline = self.workloads.get(&seen.workload).is_some_and(|tally| tally.known > 0);
        match signature {
            Some(s) if s.known => BaselineState::Known,
            Some(s) if s.unvetted => BaselineState::Unvetted,
            Some(_) if has_baseline => BaselineState::New,
            Some(_) | None => BaselineState::Unknown,
        }
    }

    /// Distinct workloads that contacted a destination, at most 4.
    pub(super) fn workloads(&self, destination: DestinationKey) -> u32 {
        self.destinations.workloads(destination)
    }

    /// The replicas that did it lately.
    pub(super) fn replicas(&self, signature: SignatureKey) -> Option<&ReplicaSet> {
        self.signatures.get(&signature).map(|s| &s.replicas)
    }

    /// Workloads that are watched; where no pods are known, hosts.
    pub(super) fn watched(&self) -> usize {
        self.watched
    }

    /// The workload's own traffic is watched, so that what it does is usual here.
    pub(super) fn is_watched(&self, workload: WorkloadKey) -> bool {
        self.workloads.get(&workload).is_some_and(|tally| tally.watched)
    }

    /// The signature's vote.
    pub(super) fn vote(&self, signature: SignatureKey) -> Vote {
        self.signatures.get(&signature).map(|s| s.vote).unwrap_or_default()
    }

    /// The signature's vote, to be replaced.
    pub(super) fn vote_mut(&mut self, signature: SignatureKey) -> Option<&mut Vote> {
        self.signatures.get_mut(&signature).map(|s| &mut s.vote)
    }

    /// Admits a signature to the baseline once it is old enough, if its evidence without novelty is low. Returns whether
    /// it did.
    pub(super) fn admit(
        &mut self,
        signature: SignatureKey,
        now: Timestamp,
        score_without_novelty: f32,
    ) -> bool {
        let Some(entry) = self.signatures.get_mut(&signature).filter(|entry| !entry.known) else {
            return false;
        };
        let age = now.since(entry.first);
        let settled = age >= SETTLED_ALONE || (age >= SETTLED && entry.replicas.at_least() >= 2);
        if !settled {
            return false;
        }
        entry.known = is_vetted(score_without_novelty);
        entry.unvetted = !entry.known;
        let known = entry.known;
        if let Some(tally) = self.workloads.get_mut(&entry.workload).filter(|_| known) {
            tally.known += 1;
        }
        known
    }

    /// Writes everything that was learned.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_table(self.signatures.iter(), out);
        self.destinations.put(out);
        put_table(self.workloads.iter(), out);
    }

    /// Reads it back. Beyond the bounds in force, the rest is left out.
    pub(super) fn take(&mut self, from: &mut Reader<'_>) -> Option<Learned> {
        let signatures: Vec<(SignatureKey, Signature)> = Coded::take(from)?;
        let destinations: Vec<(DestinationKey, Contacted)> = Coded::take(from)?;
        let workloads: Vec<(WorkloadKey, Tally)> = Coded::take(from)?;
        let mut learned = Learned { votes: Vec::new(), dropped: Dropped::default() };
        for (key, signature) in signatures {
            let vote = signature.vote;
            match self.signatures.insert(key, signature) {
                Inserted::New | Inserted::Known => learned.votes.push(vote),
                Inserted::Refused => learned.dropped.note("signatures", 1),
            }
        }
        for (key, prevalence) in destinations {
            if !self.destinations.insert(key, prevalence) {
                learned.dropped.note("destinations", 1);
            }
        }
        // Counted again: of what was left out or is damaged, less may be held than was written.
        let mut held: Map<WorkloadKey, (u32, u32)> = Map::default();
        for signature in self.signatures.values() {
            let (signatures, known) = held.entry(signature.workload).or_default();
            (*signatures, *known) = (*signatures + 1, *known + u32::from(signature.known));
        }
        for (key, tally) in workloads {
            let Some((signatures, known)) = held.get(&key).copied() else { continue };
            if self.workloads.insert(key, Tally { signatures, known, ..tally }) == Inserted::Refused {
                learned.dropped.note("workloads", 1);
            }
        }
        self.watched = self.workloads.values().filter(|tally| tally.watched).count();
        Some(learned)
    }

    /// Forgets what was not seen for long. Returns the votes that no longer count.
    pub(super) fn sweep(&mut self, now: Timestamp) -> Vec<Vote> {
        let mut votes = Vec::new();
        let workloads = &mut self.workloads;
        self.signatures.retain(|_, signature| {
            if signature.last == Timestamp::ZERO {
                signature.last = now;
            }
            let keep = now.since(signature.last) < FORGOTTEN;
            if !keep {
                votes.push(signature.vote);
                if let Some(tally) = workloads.get_mut(&signature.workload) {
                    // A damaged checkpoint may list signatures of a workload, and not the workload.
                    tally.signatures = tally.signatures.saturating_sub(1);
                    tally.known = tally.known.saturating_sub(u32::from(signature.known));
                }
            }
            keep
        });
        self.destinations.forget_before(now - FORGOTTEN);
        self.workloads.retain(|_, tally| tally.signatures > 0);
        self.watched = self.workloads.values().filter(|tally| tally.watched).count();
        votes
    }
}

impl Signature {
    fn young(workload: WorkloadKey, first: Timestamp) -> Self {
        Self {
            workload,
            first,
            last: first,
            replicas: ReplicaSet::default(),
            known: false,
            unvetted: false,
            vote: Vote::default(),
        }
    }

    fn see(&mut self, seen: &Seen) {
        if self.first == Timestamp::ZERO {
            self.first = seen.at;
        }
        let day = u32::try_from(seen.at.as_nanos() / DAY_NS).unwrap_or(u32::MAX);
        self.replicas.see(seen.replica, day);
        self.last = self.last.max(seen.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::ReplicaKey;

    #[test]
    fn what_a_workload_holds_is_counted_again_when_it_is_read_back() {
        let limits = Limits { signatures_max: 1000, signatures_per_workload_max: 4, ..Limits::default() };
        let workload = WorkloadKey(7.into());
        let mut damaged = Signatures::with_limits(&limits);
        damaged.see(&Seen {
            at: Timestamp::from_secs_f64(1_700_000_000.0),
            workload,
            replica: ReplicaKey(1.into()),
            signature: SignatureKey(7.into()),
            destination: DestinationKey(1.into()),
            certain: true,
        });
        let tally = Tally { signatures: 0, known: 9, contacted: 0, watched: true };
        damaged.workloads.insert(workload, tally);
        let mut bytes = Vec::new();
        damaged.put(&mut bytes);
        let mut again = Signatures::with_limits(&limits);
        again.take(&mut Reader::of_version(crate::codec::VERSION, &bytes)).unwrap();
        again.sweep(Timestamp::from_secs_f64(1_700_000_000.0 + 365.0 * 86_400.0));
        assert_eq!(again.workloads.usage().held, 0);
    }
}
