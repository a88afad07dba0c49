//! One shared [`Actor`] per originator, so that a row costs a look-up and no allocation.

use std::hash::{BuildHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use beaconwatch_engine::actor::{Actor, ActorKey};
use beaconwatch_engine::collections::Map;

/// Actors remembered at once; beyond, all are forgotten and made again when they come again, which changes
/// nothing but the time it takes.
const ACTORS_MAX: usize = 1 << 16;

/// Actors by a key of the reader's choice.
#[derive(Debug)]
pub struct Actors<K> {
    known: Map<K, (Arc<Actor>, ActorKey)>,
}

impl<K: Hash + Eq> Default for Actors<K> {
    fn default() -> Self {
        Self { known: Map::default() }
    }
}

impl<K: Hash + Eq> Actors<K> {
    /// The actor of `key`, made by `make` when it is new.
    pub fn get(&mut self, key: K, make: impl FnOnce() -> Actor) -> (Arc<Actor>, ActorKey) {
        if let Some((actor, actor_key)) = self.known.get(&key) {
            return (Arc::clone(actor), *actor_key);
        }
        if self.known.len() >= ACTORS_MAX {
            self.known.clear();
        }
        let actor = Arc::new(make());
        let actor_key = actor.key();
        self.known.insert(key, (Arc::clone(&actor), actor_key));
        (actor, actor_key)
    }
}

/// A source address as a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(IpAddr);

impl Hash for Address {
    /// As one number: most rows are told apart by nothing else.
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.0 {
            IpAddr::V4(v4) => state.write_u32(v4.to_bits()),
            IpAddr::V6(v6) => state.write_u128(v6.to_bits()),
        }
    }
}

impl Actors<Address> {
    /// The actor of a source address, of which nothing else is known.
    pub fn of_address(&mut self, address: IpAddr) -> (Arc<Actor>, ActorKey) {
        self.get(Address(address), || Actor { address: Some(address), ..Actor::default() })
    }
}

/// A hash of text that the log chose, with a seed of this run: nobody can choose texts that collide.
#[derive(Clone, Debug, Default)]
pub struct SeededHash(std::hash::RandomState);

impl SeededHash {
    /// The hash.
    #[must_use]
    pub fn of(&self, value: &impl Hash) -> u64 {
        self.0.hash_one(value)
    }
}
