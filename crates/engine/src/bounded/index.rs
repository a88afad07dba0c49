//! Maps without a bound of their own.

use core::hash::Hash;
use core::ops::{Deref, DerefMut};
use std::collections::BTreeSet;

use crate::collections::{Map, Table};

/// A map that cannot outgrow a table which has a bound: the comment on each field of this type says which, in the words
/// "bounded by". Whoever removes from the one removes from the other.
#[derive(Clone, Debug)]
pub(crate) struct Index<K, V>(Map<K, V>);

impl<K: Eq + Hash, V> Default for Index<K, V> {
    fn default() -> Self {
        Self(Map::default())
    }
}

impl<K, V> Deref for Index<K, V> {
    type Target = Map<K, V>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<K, V> DerefMut for Index<K, V> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

/// The same for a set in order.
#[derive(Clone, Debug)]
pub(crate) struct OrderedIndex<K>(BTreeSet<K>);

impl<K> Default for OrderedIndex<K> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<K> Deref for OrderedIndex<K> {
    type Target = BTreeSet<K>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<K> DerefMut for OrderedIndex<K> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

/// Places in a list that has a bound, found by a hash of what lies there, so that nothing is kept twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Table<u32>);

impl Deref for Places {
    type Target = Table<u32>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Places {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}
