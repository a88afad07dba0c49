//! A bounded table for merging: what it keeps beyond its bound depends on what was put in, never on the order.

use core::mem;
use std::collections::BTreeMap;

use crate::counters::Usage;

/// Values with a join that is commutative, associative and idempotent.
pub(crate) trait Join {
    /// Joins another value into this one.
    fn join(&mut self, other: Self);
}

/// Entries with owners, up to a bound.
///
/// Beyond the bound the entries stay that come first in this order: the lowest key of each owner, then the second of
/// each owner, and so on; among entries of equal rank, the lower keys. Adding entries can only move an entry back in this
/// order. An entry that was left out once is therefore left out for good, and it does not matter when, or in which of
/// several tables, that happened. An owner with many entries cannot push out those of others.
#[derive(Clone, Debug)]
pub(crate) struct Shares<O, K, V> {
    by_owner: BTreeMap<O, BTreeMap<K, V>>,
    len: usize,
    max: usize,
    share_max: usize,
    left_out: u64,
}

impl<O: Ord + Clone, K: Ord + Clone, V: Join> Shares<O, K, V> {
    /// An empty table of at most `max` entries, of which one owner has at most `share_max`.
    pub(crate) fn with_max(max: usize, share_max: usize) -> Self {
        Self { by_owner: BTreeMap::new(), len: 0, max: max.max(1), share_max: share_max.max(1), left_out: 0 }
    }

    /// Adds an entry, or joins its value with the one that is there. Leaving out the excess takes a pass over all owners,
    /// so it waits until there are twice as many entries as allowed; [`Shares::settle`] does it at once.
    pub(crate) fn put(&mut self, owner: O, key: K, value: V) {
        let share = self.by_owner.entry(owner).or_default();
        if let Some(known) = share.get_mut(&key) {
            known.join(value);
            return;
        }
        share.insert(key, value);
        if share.len() > self.share_max {
            share.pop_last();
            self.left_out += 1;
        } else {
            self.len += 1;
        }
        if self.len >= self.max.saturating_mul(2) {
            self.settle();
        }
    }

    /// Leaves out the entries beyond the bound.
    pub(crate) fn settle(&mut self) {
        if self.len <= self.max {
            return;
        }
        let up_to =
            |places: usize| self.by_owner.values().map(|share| share.len().min(places)).sum::<usize>();
        // The most full ranks that fit.
        let (mut places, mut too_many) = (0, self.share_max.min(self.len) + 1);
        while places + 1 < too_many {
            let middle = places.midpoint(too_many);
            if up_to(middle) <= self.max { places = middle } else { too_many = middle }
        }
        let left = self.max - up_to(places);
        let mut next: Vec<(K, O)> = self
            .by_owner
            .iter()
            .filter_map(|(owner, share)| share.keys().nth(places).map(|key| (key.clone(), owner.clone())))
            .collect();
        next.sort_unstable();
        next.truncate(left);
        let mut one_more: Vec<O> = next.into_iter().map(|(_, owner)| owner).collect();
        one_more.sort_unstable();
        self.by_owner.retain(|owner, share| {
            let keep = places + usize::from(one_more.binary_search(owner).is_ok());
            if let Some(first_out) = share.keys().nth(keep).cloned() {
                share.split_off(&first_out);
            }
            !share.is_empty()
        });
        let held = self.by_owner.values().map(BTreeMap::len).sum();
        self.left_out += (mem::replace(&mut self.len, held) - held) as u64;
    }

    /// Takes everything out.
    pub(crate) fn take(&mut self) -> Self {
        let empty = Self { left_out: self.left_out, ..Self::with_max(self.max, self.share_max) };
        mem::replace(self, empty)
    }

    /// Owners with their entries, in the order of keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&O, impl ExactSizeIterator<Item = (&K, &V)>)> {
        self.by_owner.iter().map(|(owner, share)| (owner, share.iter()))
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Entries held, and how often one was left out; one that comes again counts again.
    pub(crate) fn usage(&self) -> Usage {
        Usage { held: self.len as u64, evicted: 0, refused: self.left_out }
    }

    /// Changes every value.
    #[cfg(test)]
    pub(crate) fn update(&mut self, change: impl Fn(&mut V)) {
        self.by_owner.values_mut().flat_map(BTreeMap::values_mut).for_each(change);
    }

    /// Keeps what `keep` says.
    pub(crate) fn retain(&mut self, keep: impl Fn(&O, &V) -> bool) {
        self.by_owner.retain(|owner, share| {
            share.retain(|_, value| keep(owner, value));
            !share.is_empty()
        });
        self.len = self.by_owner.values().map(BTreeMap::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Join for () {
        fn join(&mut self, (): Self) {}
    }

    fn held(table: &Shares<u32, u32, ()>) -> Vec<(u32, Vec<u32>)> {
        table.iter().map(|(owner, share)| (*owner, share.map(|(key, ())| *key).collect())).collect()
    }

    #[test]
    fn a_flood_of_one_owner_leaves_the_entries_of_others() {
        let mut table = Shares::with_max(6, 100);
        for key in 0..1000 {
            table.put(7, key, ());
        }
        table.put(1, 5000, ());
        table.put(2, 6000, ());
        table.put(2, 6001, ());
        table.settle();
        assert_eq!(held(&table), [(1, vec![5000]), (2, vec![6000, 6001]), (7, vec![0, 1, 2])]);
    }

    #[test]
    fn one_owner_is_held_to_its_own_bound() {
        let mut table = Shares::with_max(100, 2);
        [5, 3, 9, 1].into_iter().for_each(|key| table.put(7, key, ()));
        assert_eq!((held(&table), table.len()), (vec![(7, vec![1, 3])], 2));
        assert_eq!(table.usage().refused, 2);
    }

    #[test]
    fn more_owners_than_entries_leave_those_with_the_lowest_keys() {
        let mut table = Shares::with_max(2, 100);
        (0..50).for_each(|owner| table.put(owner, 100 - owner, ()));
        table.settle();
        assert_eq!(held(&table), [(48, vec![52]), (49, vec![51])]);
    }
}
