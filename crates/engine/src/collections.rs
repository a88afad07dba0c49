//! Hash tables with a fixed hasher, so that the same input gives the same order on every run.
//!
//! The seed is fixed, so keys an attacker chooses can collide on purpose: every table of the engine is bounded
//! (see [`crate::bounded`]), which bounds what that can cost.

use core::hash::BuildHasher;

/// A hash map with a fixed hasher.
pub type Map<K, V> = hashbrown::HashMap<K, V, foldhash::quality::FixedState>;
/// A place in a [`Map`], taken or free.
pub type Entry<'a, K, V> = hashbrown::hash_map::Entry<'a, K, V, foldhash::quality::FixedState>;
/// A hash set with a fixed hasher.
pub type Set<K> = hashbrown::HashSet<K, foldhash::quality::FixedState>;

/// A hash table of what is found by a hash from outside, such as numbers of places in a list.
pub type Table<T> = hashbrown::HashTable<T>;

/// A stable 64-bit hash of a value, for keys and identities within one version of the engine.
pub fn hash_of(value: &impl core::hash::Hash) -> u64 {
    foldhash::quality::FixedState::default().hash_one(value)
}
