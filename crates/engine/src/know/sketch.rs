//! Which replicas did something on the last two days, as what is merged keeps it.

use super::replicas::ReplicaSet;
use crate::bounded::Join;
use crate::codec::{Coded, Reader, fields};
use crate::keys::ReplicaKey;

/// ReplicaDays of one day: of more than [`ReplicaDays::MAX`] those with the lowest keys, which are hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Day {
    /// In order.
    replicas: Vec<ReplicaKey>,
    /// There were more.
    more: bool,
}

/// ReplicaDays of the latest day and of the day before it.
///
/// A [`ReplicaSet`] holds both days in one list, which takes less; but of what it left out on one day it cannot
/// say on the next whether it would have stayed. Day by day, what is left out depends on the keys alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ReplicaDays {
    day: u32,
    latest: Day,
    before: Day,
}
fields!(ReplicaDays { day, latest, before });

impl ReplicaDays {
    /// ReplicaDays that are kept of one day.
    pub(super) const MAX: usize = ReplicaSet::MAX;

    /// One replica, on one day.
    pub(super) fn of(replica: ReplicaKey, day: u32) -> Self {
        let latest = Day { replicas: vec![replica], more: false };
        Self { day, latest, before: Day::default() }
    }
}

impl Coded for Day {
    fn put(&self, out: &mut Vec<u8>) {
        self.replicas.put(out);
        self.more.put(out);
    }

    /// Others wrote it: replicas that are not in order, or too many, are none.
    fn take(from: &mut Reader<'_>) -> Option<Self> {
        let replicas: Vec<ReplicaKey> = Coded::take(from)?;
        let in_order = replicas.is_sorted_by(|one, next| one < next) && replicas.len() <= ReplicaDays::MAX;
        Some(Self { replicas, more: Coded::take(from)? }).filter(|_| in_order)
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

impl Join for Day {
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
