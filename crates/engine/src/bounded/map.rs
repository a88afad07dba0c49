//! A bounded map that refuses new entries when it is full.

use core::hash::Hash;
use core::ops::Deref;

use crate::collections::{Entry, Map};
use crate::counters::Usage;

/// A map with a bound. It is read like any map; everything that makes it grow checks the bound.
#[derive(Debug)]
pub(crate) struct BoundedMap<K, V> {
    map: Map<K, V>,
    max: usize,
    evicted: u64,
    refused: u64,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// It is there, and was not before.
    New,
    /// It was there; its value is replaced.
    Known,
    /// There is no room for it; it was counted.
    Refused,
}

impl<K: Eq + Hash, V> BoundedMap<K, V> {
    /// An empty map of at most `max` entries, at least one.
    pub(crate) fn with_max(max: usize) -> Self {
        Self { map: Map::default(), max: max.max(1), evicted: 0, refused: 0 }
    }

    /// Puts an entry in, or replaces its value.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Inserted {
        if let Some(known) = self.map.get_mut(&key) {
            *known = value;
            return Inserted::Known;
        }
        if self.is_full() {
            self.refused += 1;
            return Inserted::Refused;
        }
        self.map.insert(key, value);
        Inserted::New
    }

    /// The value of a key, made if it is new and there is room for it.
    pub(crate) fn get_or_insert_with(&mut self, key: K, value: impl FnOnce() -> V) -> Option<&mut V> {
        let full = self.is_full();
        match self.map.entry(key) {
            Entry::Occupied(known) => Some(known.into_mut()),
            Entry::Vacant(_) if full => {
                self.refused += 1;
                None
            }
            Entry::Vacant(place) => Some(place.insert(value())),
        }
    }

    /// The place of a key. For it, a full map forgets everything: only for what can be made again.
    pub(crate) fn entry_or_start_over(&mut self, key: K) -> Entry<'_, K, V> {
        if self.is_full() && !self.map.contains_key(&key) {
            self.evicted += self.map.len() as u64;
            self.map.clear();
        }
        self.map.entry(key)
    }

    /// Counts an entry that a share of this table had no room for.
    pub(crate) fn refuse(&mut self) {
        self.refused += 1;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.map.len() >= self.max
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.map.get_mut(key)
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.map.remove(key)
    }

    /// Keeps what `keep` says; called in no order.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&K, &mut V) -> bool) {
        self.map.retain(keep);
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage { held: self.map.len() as u64, evicted: self.evicted, refused: self.refused }
    }
}

impl<K: Eq + Hash + Ord, V> BoundedMap<K, V> {
    /// Takes everything out, in the order of keys.
    pub(crate) fn take_all(&mut self) -> Vec<(K, V)> {
        let mut all: Vec<(K, V)> = self.map.drain().collect();
        all.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// Everything, in the order of keys.
    pub(crate) fn in_order(&self) -> Vec<(&K, &V)> {
        let mut all: Vec<(&K, &V)> = self.map.iter().collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }
}

impl<K, V> Deref for BoundedMap<K, V> {
    type Target = Map<K, V>;

    fn deref(&self) -> &Self::Target {
        &self.map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_its_bound_whoever_is_new_is_refused_and_counted() {
        let mut map = BoundedMap::with_max(2);
        assert_eq!((map.insert(1, 'a'), map.insert(2, 'b')), (Inserted::New, Inserted::New));
        assert_eq!((map.insert(3, 'c'), map.insert(2, 'd')), (Inserted::Refused, Inserted::Known));
        assert_eq!(map.get_or_insert_with(4, || 'e'), None);
        assert_eq!(map.get(&2), Some(&'d'));
        map.remove(&1);
        assert_eq!(map.get_or_insert_with(4, || 'e'), Some(&mut 'e'));
        assert_eq!(map.usage(), Usage { held: 2, evicted: 0, refused: 2 });
    }

    #[test]
    fn one_that_starts_over_counts_what_it_forgets() {
        let mut map = BoundedMap::with_max(2);
        for key in 0..5 {
            map.entry_or_start_over(key).or_insert(());
            map.entry_or_start_over(key).or_insert(());
        }
        assert_eq!(map.usage(), Usage { held: 1, evicted: 4, refused: 0 });
    }
}
