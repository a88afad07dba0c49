//! Which replicas did something on the last two days, in a form that can be merged.

use super::replicas::ReplicaSet;
use crate::bounded::Join;
use crate::codec::{Coded, Reader};
use crate::keys::ReplicaKey;

/// Replicas of one day: of more than [`ReplicaDays::MAX`] those with the lowest keys, which are hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Day<R> {
    /// In order.
    replicas: Vec<R>,
    /// There were more.
    more: bool,
}

/// Two days: the latest one with a sighting, and the day before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Days<R> {
    day: u32,
    latest: Day<R>,
    before: Day<R>,
}

/// Replicas of the latest day and of the day before it.
///
/// A [`ReplicaSet`] keeps both days in one list, which is smaller. But a replica that it leaves out today might have
/// been kept if tomorrow's sightings had come first. With one list for each day, only the keys decide.
pub(super) type ReplicaDays = Days<ReplicaKey>;

impl ReplicaDays {
    /// Replicas that are kept of one day.
    pub(super) const MAX: usize = ReplicaSet::MAX;

    /// One replica, on one day.
    pub(super) fn of(replica: ReplicaKey, day: u32) -> Self {
        Self { day, latest: Day { replicas: vec![replica], more: false }, before: Day::default() }
    }
}

impl<R> Days<R> {
    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &R> {
        self.latest.replicas.iter().chain(&self.before.replicas)
    }

    /// The same with each replica replaced; those without a replacement are dropped.
    pub(super) fn map<S: Ord>(&self, to: impl Fn(&R) -> Option<S>) -> Days<S> {
        let map = |day: &Day<R>| {
            // The input may come from another node: restore order, uniqueness and the bound.
            let mut replicas: Vec<S> = day.replicas.iter().filter_map(&to).collect();
            replicas.sort_unstable();
            replicas.dedup();
            replicas.truncate(ReplicaDays::MAX);
            Day { replicas, more: day.more }
        };
        Days { day: self.day, latest: map(&self.latest), before: map(&self.before) }
    }
}

impl<R> Default for Day<R> {
    fn default() -> Self {
        Self { replicas: Vec::new(), more: false }
    }
}

impl<R> Default for Days<R> {
    fn default() -> Self {
        Self { day: 0, latest: Day::default(), before: Day::default() }
    }
}

impl<R: Coded> Coded for Days<R> {
    fn put(&self, out: &mut Vec<u8>) {
        let Self { day, latest, before } = self;
        day.put(out);
        latest.put(out);
        before.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self { day: Coded::take(from)?, latest: Coded::take(from)?, before: Coded::take(from)? })
    }
}

impl<R: Coded> Coded for Day<R> {
    fn put(&self, out: &mut Vec<u8>) {
        let Self { replicas, more } = self;
        replicas.put(out);
        more.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self { replicas: Coded::take(from)?, more: Coded::take(from)? })
    }
}

impl Join for ReplicaDays {
    fn join(&mut self, mut other: Self) {
        if other.day > self.day {
            core::mem::swap(self, &mut other);
        }
        match self.day - other.day {
            0 => {
                self.latest.join(other.latest);
                self.before.join(other.before);
            }
            1 => self.before.join(other.latest),
            _ => {}
        }
    }
}

impl Join for Day<ReplicaKey> {
    fn join(&mut self, other: Self) {
        self.more |= other.more;
        for replica in other.replicas {
            if let Err(place) = self.replicas.binary_search(&replica) {
                self.replicas.insert(place, replica);
            }
        }
        self.more |= self.replicas.len() > ReplicaDays::MAX;
        self.replicas.truncate(ReplicaDays::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::replica_key;

    fn of(sightings: impl IntoIterator<Item = (usize, u32)>) -> ReplicaDays {
        let mut all = ReplicaDays::default();
        for (replica, day) in sightings {
            all.join(ReplicaDays::of(replica_key(&format!("pod-{replica}")), day));
        }
        all
    }

    #[test]
    fn order_and_repetition_make_no_difference_also_beyond_the_bound() {
        let all = || (0..300).map(|n| (n % 150, 7 + u32::try_from(n % 3).unwrap()));
        let backwards: Vec<_> = all().collect::<Vec<_>>().into_iter().rev().collect();
        assert_eq!(of(all()), of(backwards));
        assert_eq!(of(all()), of(all().chain(all())));
        assert_eq!(of(all()).latest.replicas.len(), 50);
        assert!(of((0..300).map(|n| (n, 7))).latest.more);
    }

    #[test]
    fn the_day_before_yesterday_is_forgotten() {
        assert_eq!(of([(1, 7), (2, 9)]), of([(2, 9)]));
        assert_ne!(of([(1, 8), (2, 9)]), of([(2, 9)]));
    }
}
