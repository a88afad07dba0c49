//! Which replicas of a workload did something lately: exactly up to a bound, and beyond it a sample that nobody chose.

use crate::codec::fields;
use crate::keys::ReplicaKey;

/// Replicas of today and yesterday.
///
/// Of more than [`ReplicaSet::MAX`] those with the lowest keys are kept. Keys are hashes, so they are a fair sample of
/// all, and within a day their order and repetition make no difference. What is merged across days is a
/// [`super::replica_days::ReplicaDays`].
#[derive(Clone, Debug, Default)]
pub(crate) struct ReplicaSet {
    /// By key, with the day on which each was seen last.
    kept: Vec<(ReplicaKey, u32)>,
    /// The latest day.
    day: u32,
    /// The latest day of one that was left out; 0 if none was.
    left_out: u32,
}

fields!(ReplicaSet { kept, day, left_out });

impl ReplicaSet {
    /// More than a node has pods of one workload, but for rare ones.
    pub(crate) const MAX: usize = 64;

    /// A replica did it on this day.
    pub(super) fn see(&mut self, replica: ReplicaKey, day: u32) {
        if day > self.day {
            self.day = day;
            self.kept.retain(|(_, last)| is_live(*last, day));
        } else if !is_live(day, self.day) {
            return;
        }
        match self.kept.binary_search_by_key(&replica, |(key, _)| *key) {
            Ok(place) => {
                if let Some((_, last)) = self.kept.get_mut(place) {
                    *last = day.max(*last);
                }
            }
            Err(place) if place < Self::MAX => {
                // Nearly all have one or two: room for more is not kept ready.
                self.kept.reserve_exact(1);
                self.kept.insert(place, (replica, day));
                if self.kept.len() > Self::MAX
                    && let Some((_, last)) = self.kept.pop()
                {
                    self.left_out = self.left_out.max(last);
                }
            }
            Err(_) => self.left_out = self.left_out.max(day),
        }
    }

    /// How many did it; more, if some were left out.
    pub(super) fn at_least(&self) -> usize {
        self.kept.len()
    }

    /// Whether this one did it; `None` if that is not known, since too many did.
    pub(crate) fn does(&self, replica: ReplicaKey) -> Option<bool> {
        let found = self.kept.binary_search_by_key(&replica, |(key, _)| *key);
        let beyond = found.is_err_and(|place| place == self.kept.len());
        let unknown = beyond && self.left_out > 0 && is_live(self.left_out, self.day);
        (!unknown).then_some(found.is_ok())
    }
}

fn is_live(day: u32, today: u32) -> bool {
    day.saturating_add(1) >= today
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::replica_key;

    fn key(n: usize) -> ReplicaKey {
        replica_key(&format!("pod-{n}"))
    }

    fn seen(replicas: impl IntoIterator<Item = usize>, day: u32) -> ReplicaSet {
        let mut set = ReplicaSet::default();
        replicas.into_iter().for_each(|n| set.see(key(n), day));
        set
    }

    #[test]
    fn one_bad_replica_among_ten_is_always_one() {
        for round in 0..1000 {
            let set = seen([10 * round], 7);
            let doing = (10 * round..10 * round + 10).filter(|n| set.does(key(*n)) == Some(true)).count();
            assert_eq!((doing, set.at_least()), (1, 1), "round {round}");
        }
    }

    #[test]
    fn up_to_the_bound_every_replica_is_known() {
        let set = seen(0..ReplicaSet::MAX, 7);
        assert_eq!(set.at_least(), ReplicaSet::MAX);
        assert!((0..ReplicaSet::MAX).all(|n| set.does(key(n)) == Some(true)));
        assert!((ReplicaSet::MAX..500).all(|n| set.does(key(n)) == Some(false)));
    }

    #[test]
    fn beyond_the_bound_what_is_not_known_is_not_denied() {
        let set = seen(0..500, 7);
        let known = (0..500).filter(|n| set.does(key(*n)).is_some()).count();
        assert_eq!((set.at_least(), known), (ReplicaSet::MAX, ReplicaSet::MAX));
        assert!((0..500).all(|n| set.does(key(n)) != Some(false)));
        let others: Vec<_> = (500..1000).filter_map(|n| set.does(key(n))).collect();
        assert!(!others.is_empty() && others.iter().all(|does| !does), "the sample distinguishes them");
    }

    #[test]
    fn order_and_repetition_make_no_difference() {
        let one = seen(0..200, 7);
        let other = seen((0..200).rev().chain(0..200), 7);
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
    }

    #[test]
    fn yesterday_counts_and_the_day_before_does_not() {
        let mut set = seen(0..3, 7);
        set.see(key(3), 8);
        assert_eq!(set.at_least(), 4);
        set.see(key(0), 9);
        assert_eq!((set.at_least(), set.does(key(3)), set.does(key(1))), (2, Some(true), Some(false)));
        set.see(key(1), 7);
        assert_eq!(set.does(key(1)), Some(false), "too late");
    }

    #[test]
    fn a_crowd_of_yesterday_is_forgotten_with_its_sample() {
        let mut set = seen(0..500, 7);
        set.see(key(0), 9);
        assert!((1..500).all(|n| set.does(key(n)) == Some(false)));
    }
}
