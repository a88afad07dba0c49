//! What a watch has delivered, by key. A watch that starts over lists everything again; what is held stays until the
//! new list is complete.

use std::collections::BTreeMap;

/// Objects of a watch.
#[derive(Debug)]
pub struct Listing<K, V> {
    held: BTreeMap<K, V>,
    /// The list that is being made.
    next: Option<BTreeMap<K, V>>,
    complete: bool,
}

impl<K, V> Default for Listing<K, V> {
    fn default() -> Self {
        Self { held: BTreeMap::new(), next: None, complete: false }
    }
}

impl<K: Ord, V> Listing<K, V> {
    /// What is held now.
    #[must_use]
    pub const fn held(&self) -> &BTreeMap<K, V> {
        &self.held
    }

    /// It was listed to the end, at least once.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// An object is new, or has changed.
    pub fn apply(&mut self, key: K, object: V) {
        self.held.insert(key, object);
    }

    /// An object is gone.
    pub fn delete(&mut self, key: &K) {
        self.held.remove(key);
    }

    /// The watch starts over.
    pub fn begin(&mut self) {
        self.next = Some(BTreeMap::new());
    }

    /// An object of the new list.
    pub fn list(&mut self, key: K, object: V) {
        if let Some(next) = self.next.as_mut() {
            next.insert(key, object);
        }
    }

    /// The new list is complete. What is not in it is gone meanwhile, and is returned.
    pub fn finish(&mut self) -> BTreeMap<K, V> {
        self.complete = true;
        let before = std::mem::replace(&mut self.held, self.next.take().unwrap_or_default());
        before.into_iter().filter(|(key, _)| !self.held.contains_key(key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_stays_until_the_new_list_is_complete() {
        let mut listing = Listing::default();
        listing.begin();
        listing.list(1, 'a');
        listing.list(2, 'b');
        assert!(listing.held().is_empty() && !listing.is_complete());
        assert!(listing.finish().is_empty() && listing.is_complete());
        listing.apply(3, 'c');
        listing.begin();
        listing.list(2, 'B');
        assert_eq!(listing.held().len(), 3);
        assert_eq!(listing.finish(), BTreeMap::from([(1, 'a'), (3, 'c')]));
        listing.delete(&2);
        assert!(listing.held().is_empty());
    }
}
