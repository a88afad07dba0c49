//! A bounded table whose entries belong to scopes (workloads). When it is full, the scope that holds the most gives
//! up its oldest entry: nobody can push out another workload's state by filling the table.
//!
//! It must not know what it holds.

use core::hash::Hash;
use std::collections::VecDeque;

use super::index::Index;
use super::ranking::Ranking;
use crate::counters::Usage;

/// A bounded map with fair eviction.
#[derive(Debug)]
pub(crate) struct FairTable<K, V> {
    /// Bounded by `entries_max`.
    slots: Index<K, Slot<V>>,
    /// Bounded by the slots: a scope that holds none is not there. Oldest first; entries whose serial is not the slot's
    /// are stale.
    queues: Index<u64, VecDeque<(K, u64)>>,
    ranking: Ranking<u64>,
    entries_max: usize,
    entries_per_scope_max: usize,
    serial: u64,
    evicted: u64,
}

#[derive(Debug)]
struct Slot<V> {
    value: V,
    scope: u64,
    serial: u64,
}

impl<K: Copy + Eq + Hash, V> FairTable<K, V> {
    /// An empty table for `entries_max` entries.
    pub(crate) fn with_capacity_max(entries_max: usize) -> Self {
        Self::with_scope_max(entries_max, entries_max)
    }

    /// An empty table for `entries_max` entries, of which one scope has at most `entries_per_scope_max`.
    pub(crate) fn with_scope_max(entries_max: usize, entries_per_scope_max: usize) -> Self {
        Self {
            slots: Index::default(),
            queues: Index::default(),
            ranking: Ranking::default(),
            entries_max: entries_max.max(1),
            entries_per_scope_max: entries_per_scope_max.max(1),
            serial: 0,
            evicted: 0,
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.slots.get(key).map(|slot| &slot.value)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.slots.get_mut(key).map(|slot| &mut slot.value)
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Entries held, and those given up because the table or a scope's share of it was full.
    pub(crate) fn usage(&self) -> Usage {
        Usage { held: self.slots.len() as u64, evicted: self.evicted, refused: 0 }
    }

    /// Every entry, in no order: for work whose result does not depend on it.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.slots.values_mut().map(|slot| &mut slot.value)
    }

    /// Every entry, in no order: for work whose result does not depend on it.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.slots.values().map(|slot| &slot.value)
    }

    /// Every entry, in no order: for work whose result does not depend on it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.slots.iter().map(|(key, slot)| (key, &slot.value))
    }

    /// Puts an entry in, as the newest of its scope; one of the same key is replaced. Returns what had to go for it.
    pub(crate) fn insert(&mut self, key: K, scope: u64, value: V) -> Option<(K, V)> {
        self.remove(&key);
        let gone = if self.ranking.held(scope) >= self.entries_per_scope_max {
            self.evict_from(scope)
        } else if self.slots.len() >= self.entries_max {
            self.ranking.most().and_then(|(most, _)| self.evict_from(most))
        } else {
            None
        };
        self.serial += 1;
        self.queues.entry(scope).or_default().push_back((key, self.serial));
        self.ranking.more(scope);
        self.slots.insert(key, Slot { value, scope, serial: self.serial });
        gone
    }

    /// How many entries of a scope there are.
    pub(crate) fn held(&self, scope: u64) -> usize {
        self.ranking.held(scope)
    }

    /// The oldest entry of a scope.
    pub(crate) fn oldest(&mut self, scope: u64) -> Option<(&K, &V)> {
        let queue = self.queues.get_mut(&scope)?;
        let slots = &self.slots;
        while queue.pop_front_if(|(key, serial)| slots.get(key).is_none_or(|s| s.serial != *serial)).is_some()
        {
        }
        let (key, _) = queue.front()?;
        self.slots.get_key_value(key).map(|(key, slot)| (key, &slot.value))
    }

    /// Gives up the oldest entry of a scope.
    pub(crate) fn evict(&mut self, scope: u64) {
        self.evict_from(scope);
    }

    /// Keeps what `keep` says; called in no order.
    pub(crate) fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        let gone: Vec<K> =
            self.slots.iter().filter(|(_, slot)| !keep(&slot.value)).map(|(key, _)| *key).collect();
        for key in &gone {
            self.remove(key);
        }
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let slot = self.slots.remove(key)?;
        self.ranking.less(slot.scope);
        let live = self.ranking.held(slot.scope);
        if live == 0 {
            self.queues.remove(&slot.scope);
        } else if let Some(queue) = self.queues.get_mut(&slot.scope).filter(|q| q.len() > 2 * live + 32) {
            let slots = &self.slots;
            queue.retain(|(key, serial)| slots.get(key).is_some_and(|s| s.serial == *serial));
        }
        Some(slot.value)
    }

    fn evict_from(&mut self, scope: u64) -> Option<(K, V)> {
        while let Some((key, serial)) = self.queues.get_mut(&scope)?.pop_front() {
            if self.slots.get(&key).is_some_and(|slot| slot.serial == serial) {
                self.evicted += 1;
                return self.remove(&key).map(|value| (key, value));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_that_holds_the_most_gives_up_its_oldest() {
        let mut table = FairTable::with_capacity_max(6);
        table.insert(1_u32, 100, "quiet");
        for key in 10..15 {
            table.insert(key, 200, "busy");
        }
        assert_eq!(table.insert(2, 300, "new"), Some((10, "busy")));
        for key in 20..1000 {
            table.insert(key, 200, "busy");
        }
        assert_eq!((table.get(&1), table.get(&2), table.len()), (Some(&"quiet"), Some(&"new"), 6));
        assert_eq!(table.usage().evicted, 981);
    }

    #[test]
    fn one_scope_is_held_to_its_own_bound() {
        let mut table = FairTable::with_scope_max(100, 2);
        for key in 0..5_u32 {
            table.insert(key, 7, ());
        }
        assert_eq!((table.len(), table.get(&3), table.get(&2)), (2, Some(&()), None));
    }

    #[test]
    fn keys_that_come_and_go_leave_nothing_behind() {
        let mut table = FairTable::with_capacity_max(64);
        table.insert(u32::MAX, 7, 0);
        for key in 0..100_000_u32 {
            table.insert(key % 32, 7, key);
            table.remove(&(key % 32));
        }
        assert_eq!(table.len(), 1);
        assert!(table.queues[&7].len() <= 34);
    }
}
