//! What one observer has newly learned, as it is sent to others.
//!
//! Times are milliseconds after the earliest one. Observers and replicas appear in many rows, so each is written once and
//! rows hold its number.

use super::merged::{Best, Latest, Merged, MergedSignature, Observer, Span, Stamp, Stamped};
use super::rates::Profile;
use super::replica_days::Days;
use crate::codec::fields;
use crate::keys::{DestinationKey, FindingId, PolicyId, ReplicaKey, SignatureKey, WorkloadKey};

/// What one observer has newly learned.
///
/// Made by `Engine::take_delta` or by [`Merged::whole`], encoded by [`crate::codec`]. Deltas may be merged in any order,
/// and more than once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delta {
    /// The earliest time, milliseconds since the Unix epoch.
    since: u64,
    observers: Vec<Observer>,
    replicas: Vec<ReplicaKey>,
    signatures: Vec<(WorkloadKey, Vec<SignatureRow>)>,
    destinations: Vec<(WorkloadKey, Vec<(DestinationKey, u64)>)>,
    scores: Vec<(PolicyId, Vec<(FindingId, f32)>)>,
}
fields!(Delta { since, observers, replicas, signatures, destinations, scores });

/// A signature. Times are relative to [`Delta::since`].
#[derive(Clone, Debug, PartialEq)]
struct SignatureRow {
    key: SignatureKey,
    /// First time, and the span until the last.
    seen: Option<(u64, u64)>,
    certain: bool,
    known: bool,
    /// Numbers of replicas.
    replicas: Days<u64>,
    profile: Option<ProfileRow>,
}
fields!(SignatureRow { key, seen, certain, known, replicas, profile });

/// A profile, with the number of its observer.
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
    /// Adds a delta. The order of deltas and repetitions make no difference.
    pub fn merge(&mut self, delta: &Delta) {
        delta.put_into(self);
        self.settle();
    }

    /// The whole state as one delta.
    #[must_use]
    pub fn whole(&self) -> Delta {
        let mut all = self.clone();
        all.settle();
        Delta::of(&all)
    }
}

impl Delta {
    /// Whether nothing is new.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.signatures.is_empty() && self.destinations.is_empty() && self.scores.is_empty()
    }

    /// Numbers of signatures, of destinations by workload, and of scores.
    #[must_use]
    pub fn len(&self) -> [usize; 3] {
        fn rows<O, R>(all: &[(O, Vec<R>)]) -> usize {
            all.iter().map(|(_, rows)| rows.len()).sum()
        }
        [rows(&self.signatures), rows(&self.destinations), rows(&self.scores)]
    }

    /// From a state.
    pub(super) fn of(all: &Merged) -> Self {
        let signatures = || all.signatures.iter().flat_map(|(_, share)| share.map(|(_, value)| value));
        let seen = signatures().filter_map(|s| Some(s.seen?.first));
        let profiled = signatures().filter_map(|s| Some(s.profile?.stamp.at));
        let contacted = all.destinations.iter().flat_map(|(_, share)| share.map(|(_, latest)| latest.0));
        let since = seen.chain(profiled).chain(contacted).min().unwrap_or_default();
        let observers = each_once(signatures().filter_map(|s| Some(s.profile?.stamp.observer)));
        let replicas = each_once(signatures().flat_map(|s| s.replicas.iter().copied()));
        let numbers = Numbers { observers: &observers, replicas: &replicas };
        let signatures = all.signatures.iter().map(|(workload, share)| {
            (*workload, share.map(|(key, value)| SignatureRow::of(*key, value, since, numbers)).collect())
        });
        let destinations = all.destinations.iter().map(|(workload, share)| {
            (*workload, share.map(|(key, latest)| (*key, latest.0 - since)).collect())
        });
        let scores = all.scores.iter().map(|(policy, share)| {
            (policy.clone(), share.map(|(finding, best)| (*finding, best.0)).collect())
        });
        let (signatures, destinations, scores) =
            (signatures.collect(), destinations.collect(), scores.collect());
        Self { since, observers, replicas, signatures, destinations, scores }
    }

    /// Adds every row to a state, which may then exceed its bounds.
    fn put_into(&self, all: &mut Merged) {
        let Self { since, observers, replicas, signatures, destinations, scores } = self;
        let numbers = Numbers { observers, replicas };
        for (workload, rows) in signatures {
            for row in rows {
                all.signatures.put(*workload, row.key, row.value(*since, numbers));
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

/// Tables of what is written once.
#[derive(Clone, Copy)]
struct Numbers<'a> {
    observers: &'a [Observer],
    replicas: &'a [ReplicaKey],
}

fn each_once<T: Ord>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut all: Vec<T> = all.collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn number_of<T: Ord>(all: &[T], one: &T) -> Option<u64> {
    all.binary_search(one).ok().map(|number| number as u64)
}

fn numbered<T: Copy>(all: &[T], number: u64) -> Option<T> {
    all.get(usize::try_from(number).ok()?).copied()
}

impl SignatureRow {
    fn of(key: SignatureKey, value: &MergedSignature, since: u64, numbers: Numbers<'_>) -> Self {
        let MergedSignature { seen, certain, known, replicas, profile } = value;
        let profile = profile.and_then(|Stamped { stamp, profile, vetted }| {
            let Stamp { at, observer, sequence } = stamp;
            let observer = number_of(numbers.observers, &observer)?;
            Some(ProfileRow { at: at - since, observer, sequence, profile, vetted })
        });
        let seen = seen.map(|Span { first, last }| (first - since, last - first));
        let replicas = replicas.map(|replica| number_of(numbers.replicas, replica));
        Self { key, seen, certain: *certain, known: *known, replicas, profile }
    }

    /// An unknown number comes from a damaged or foreign delta; what it refers to is dropped.
    fn value(&self, since: u64, numbers: Numbers<'_>) -> MergedSignature {
        let Self { key: _, seen, certain, known, replicas, profile } = self;
        let seen = seen.map(|(after, span)| {
            let first = since.saturating_add(after);
            Span { first, last: first.saturating_add(span) }
        });
        let profile = profile.as_ref().and_then(|row| {
            let observer = numbered(numbers.observers, row.observer)?;
            let stamp = Stamp { at: since.saturating_add(row.at), observer, sequence: row.sequence };
            Some(Stamped { stamp, profile: row.profile, vetted: row.vetted })
        });
        let replicas = replicas.map(|number| numbered(numbers.replicas, *number));
        MergedSignature { seen, certain: *certain, known: *known, replicas, profile }
    }
}
