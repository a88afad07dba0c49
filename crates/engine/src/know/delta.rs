//! What somebody newly knows, on its way to others.
//!
//! Times are milliseconds after the earliest one; an observer, which stands in many rows, is written once and then by its
//! number.

use super::merged::{Best, Latest, Merged, MergedSignature, Observer, Span, Stamp, Stamped};
use super::rates::Profile;
use super::sketch::ReplicaDays;
use crate::codec::fields;
use crate::keys::{DestinationKey, FindingId, PolicyId, SignatureKey, WorkloadKey};

/// What somebody newly knows.
///
/// It is made by [`crate::engine::Engine::take_delta`] or [`Merged::whole`], travels as values of [`crate::codec`], and may be
/// merged in any order and any number of times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delta {
    /// The earliest time, milliseconds since the Unix epoch.
    since: u64,
    observers: Vec<Observer>,
    signatures: Vec<(WorkloadKey, Vec<SignatureRow>)>,
    destinations: Vec<(WorkloadKey, Vec<(DestinationKey, u64)>)>,
    scores: Vec<(PolicyId, Vec<(FindingId, f32)>)>,
}
fields!(Delta { since, observers, signatures, destinations, scores });

/// A signature; times are after the earliest one.
#[derive(Clone, Debug, PartialEq)]
struct SignatureRow {
    key: SignatureKey,
    /// First time, and how long until the last.
    seen: Option<(u64, u64)>,
    certain: bool,
    known: bool,
    replicas: ReplicaDays,
    profile: Option<ProfileRow>,
}
fields!(SignatureRow { key, seen, certain, known, replicas, profile });

/// A profile; its observer by number.
#[derive(Clone, Debug, PartialEq)]
struct ProfileRow {
    at: u64,
    observer: u64,
    sequence: u64,
    profile: Option<Profile>,
    vetted: bool,
}
fields!(ProfileRow { at, observer, sequence, profile, vetted });

impl Merged {
    /// Takes in what others saw. The order of deltas, and whether one comes again, makes no difference.
    pub fn merge(&mut self, delta: &Delta) {
        delta.put_into(self);
        self.settle();
    }

    /// Everything, for one who knows nothing of it.
    #[must_use]
    pub fn whole(&self) -> Delta {
        let mut all = self.clone();
        all.settle();
        Delta::of(&all)
    }
}

impl Delta {
    /// Nothing is new.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.signatures.is_empty() && self.destinations.is_empty() && self.scores.is_empty()
    }

    /// Signatures, destinations by workload, and scores.
    #[must_use]
    pub fn len(&self) -> [usize; 3] {
        fn rows<O, R>(all: &[(O, Vec<R>)]) -> usize {
            all.iter().map(|(_, rows)| rows.len()).sum()
        }
        [rows(&self.signatures), rows(&self.destinations), rows(&self.scores)]
    }

    /// Everything that is held there.
    pub(super) fn of(all: &Merged) -> Self {
        let signatures = || all.signatures.iter().flat_map(|(_, share)| share.map(|(_, value)| value));
        let seen = signatures().filter_map(|s| Some(s.seen?.first));
        let profiled = signatures().filter_map(|s| Some(s.profile?.stamp.at));
        let contacted = all.destinations.iter().flat_map(|(_, share)| share.map(|(_, latest)| latest.0));
        let since = seen.chain(profiled).chain(contacted).min().unwrap_or_default();
        let mut observers: Vec<Observer> =
            signatures().filter_map(|s| Some(s.profile?.stamp.observer)).collect();
        observers.sort_unstable();
        observers.dedup();
        let signatures = all.signatures.iter().map(|(workload, share)| {
            (*workload, share.map(|(key, value)| SignatureRow::of(*key, value, since, &observers)).collect())
        });
        let destinations = all.destinations.iter().map(|(workload, share)| {
            (*workload, share.map(|(key, latest)| (*key, latest.0 - since)).collect())
        });
        let scores = all.scores.iter().map(|(policy, share)| {
            (policy.clone(), share.map(|(finding, best)| (*finding, best.0)).collect())
        });
        let (signatures, destinations, scores) =
            (signatures.collect(), destinations.collect(), scores.collect());
        Self { since, observers, signatures, destinations, scores }
    }

    /// Joins it with what is there.
    fn put_into(&self, all: &mut Merged) {
        let Self { since, observers, signatures, destinations, scores } = self;
        for (workload, rows) in signatures {
            for row in rows {
                all.signatures.put(*workload, row.key, row.value(*since, observers));
            }
        }
        for (workload, rows) in destinations {
            for (destination, after) in rows {
                all.destinations.put(*workload, *destination, Latest(since.saturating_add(*after)));
            }
        }
        for (policy, rows) in scores {
            for (finding, score) in rows {
                all.scores.put(policy.clone(), *finding, Best(*score));
            }
        }
    }
}

impl SignatureRow {
    fn of(key: SignatureKey, value: &MergedSignature, since: u64, observers: &[Observer]) -> Self {
        let MergedSignature { seen, certain, known, replicas, profile } = value;
        let profile = profile.map(|Stamped { stamp: Stamp { at, observer, sequence }, profile, vetted }| {
            let observer = observers.binary_search(&observer).unwrap_or_default() as u64;
            ProfileRow { at: at - since, observer, sequence, profile, vetted }
        });
        let seen = seen.map(|Span { first, last }| (first - since, last - first));
        Self { key, seen, certain: *certain, known: *known, replicas: replicas.clone(), profile }
    }

    fn value(&self, since: u64, observers: &[Observer]) -> MergedSignature {
        let Self { key: _, seen, certain, known, replicas, profile } = self;
        let seen = seen.map(|(after, span)| {
            let first = since.saturating_add(after);
            Span { first, last: first.saturating_add(span) }
        });
        let profile = profile.as_ref().and_then(|row| {
            let observer = *observers.get(usize::try_from(row.observer).ok()?)?;
            let stamp = Stamp { at: since.saturating_add(row.at), observer, sequence: row.sequence };
            Some(Stamped { stamp, profile: row.profile, vetted: row.vetted })
        });
        MergedSignature { seen, certain: *certain, known: *known, replicas: replicas.clone(), profile }
    }
}
