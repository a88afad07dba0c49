//! The values of beaconwatch's binary format: recordings, checkpoints and, later, what nodes exchange.
//!
//! Numbers are variable-length (LEB128), lists have a count before them, choices have a number. Nothing is named and
//! nothing is aligned: the version in front of the bytes says what stands where. [`fields!`] and [`choices!`] write and
//! read each type beside its definition and name every field and variant, so that one that is added does not compile
//! until it says how it is written. Framing, checksums and compression are the crate `beaconwatch-codec`'s.
//!
//! Writing is always in [`VERSION`]; reading goes back to [`OLDEST`]:
//!
//! - a field that was added says since which version it is there, and what it is before: `field = since(3, 0)`;
//! - a field that was removed is read, dropped and noted by name: `[field: u64, until 2]` in its old place;
//! - a field that follows from others is not written: `field = made(other.len())`.
//!
//! Reading takes nothing for granted. `None` is a value that cannot be, and a count costs no memory before its items
//! are there.

mod containers;
mod dropped;
mod macros;
mod primitives;

pub use dropped::Dropped;

pub use crate::__coded_choices as choices;
pub use crate::__coded_fields as fields;
pub use crate::__coded_newtype as newtype;

/// The version that is written. It changes when the layout of any value does.
pub const VERSION: u16 = 3;
/// The oldest version that is read.
pub const OLDEST: u16 = 1;

/// A value that can be written and read back.
pub trait Coded: Sized {
    /// Appends it.
    fn put(&self, out: &mut Vec<u8>);

    /// Takes one from the front; `None` if what stands there is none.
    fn take(from: &mut Reader<'_>) -> Option<Self>;

    /// Appends all of them, without their count.
    fn put_all(items: &[Self], out: &mut Vec<u8>) {
        for item in items {
            item.put(out);
        }
    }

    /// Takes so many of them.
    fn take_all(count: usize, from: &mut Reader<'_>) -> Option<Vec<Self>> {
        // The count may lie: memory is taken as items come.
        let mut items = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            items.push(Self::take(from)?);
        }
        Some(items)
    }
}

/// Bytes that are still to be read, and the version they were written in.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    version: u16,
    dropped: Dropped,
}

impl<'a> Reader<'a> {
    /// Reads bytes of a version.
    #[must_use]
    pub fn of_version(version: u16, bytes: &'a [u8]) -> Self {
        Self { rest: bytes, version, dropped: Dropped::default() }
    }

    /// The version the bytes were written in.
    #[must_use]
    pub const fn version(&self) -> u16 {
        self.version
    }

    /// The next byte.
    pub fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    /// The next bytes.
    pub fn slice(&mut self, count: usize) -> Option<&'a [u8]> {
        let (slice, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(slice)
    }

    /// The next bytes, as many as the array holds.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.slice(N)?.try_into().ok()
    }

    /// Takes a value that is no longer kept, and notes that.
    pub fn discard<T: Coded>(&mut self, name: &'static str) -> Option<()> {
        T::take(self)?;
        self.dropped.note(name, 1);
        Some(())
    }

    /// What is still to be read.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The end of what was to be read: what was dropped on the way. `None` if more stands there than was understood.
    #[must_use]
    pub fn end(self) -> Option<Dropped> {
        self.rest.is_empty().then_some(self.dropped)
    }
}

/// Appends what a [`Vec`] of pairs reads, in the order of keys: equal tables give equal bytes.
pub fn put_table<'t, K: Coded + Ord + 't, V: Coded + 't>(
    entries: impl Iterator<Item = (&'t K, &'t V)>,
    out: &mut Vec<u8>,
) {
    let mut entries: Vec<_> = entries.collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    entries.len().put(out);
    for (key, value) in entries {
        key.put(out);
        value.put(out);
    }
}

#[cfg(test)]
mod tests;
