//! Levels by number, as they are counted and kept.

use crate::codec::{Coded, Reader};

/// Items that there is room for.
pub(crate) const ITEMS_MAX: usize = 32;
/// Numbers of levels that there are.
pub(crate) const LEVELS_MAX: usize = 16;

/// A level for each item, four bits each, the first item in the lowest ones; 0: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LevelNumbers([u8; ITEMS_MAX / 2]);

impl LevelNumbers {
    /// The level of an item.
    pub(crate) fn get(self, item: usize) -> u8 {
        let pair = self.0.get(item / 2).copied().unwrap_or_default();
        if item.is_multiple_of(2) { pair & 0xf } else { pair >> 4 }
    }

    /// Sets the level of an item.
    pub(crate) fn set(&mut self, item: usize, level: u8) {
        let Some(pair) = self.0.get_mut(item / 2) else { return };
        let level = level & 0xf;
        *pair = if item.is_multiple_of(2) { *pair & 0xf0 | level } else { *pair & 0xf | level << 4 };
    }
}

/// As one number of variable length: items behind the last that has a level take no room.
impl Coded for LevelNumbers {
    fn put(&self, out: &mut Vec<u8>) {
        let mut left = u128::from_le_bytes(self.0);
        while left >= 0x80 {
            out.push(left.to_le_bytes()[0] | 0x80);
            left >>= 7;
        }
        out.push(left.to_le_bytes()[0]);
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        let mut value = 0_u128;
        for shift in (0..128).step_by(7) {
            let byte = from.byte()?;
            let bits = u128::from(byte & 0x7f);
            // The last byte has room for two bits.
            if shift == 126 && bits > 3 {
                return None;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Some(Self(value.to_le_bytes()));
            }
        }
        None
    }
}

#[cfg(test)]
impl From<u64> for LevelNumbers {
    fn from(digits: u64) -> Self {
        Self(u128::from(digits).to_le_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(levels: LevelNumbers) -> Vec<u8> {
        let mut out = Vec::new();
        levels.put(&mut out);
        out
    }

    #[test]
    fn every_item_has_a_place_of_its_own_and_is_read_back() {
        let mut levels = LevelNumbers::default();
        for item in 0..ITEMS_MAX {
            levels.set(item, u8::try_from(item % LEVELS_MAX).unwrap());
        }
        levels.set(ITEMS_MAX, 9);
        assert!((0..ITEMS_MAX).all(|item| usize::from(levels.get(item)) == item % LEVELS_MAX));
        let bytes = written(levels);
        assert_eq!(LevelNumbers::take(&mut Reader::of_version(crate::codec::VERSION, &bytes)), Some(levels));
    }

    #[test]
    fn sixteen_items_are_written_as_they_were_when_there_were_no_more() {
        for digits in [0, 1, 0x7f, 0x80, 0x0123_0212_1121_2313, u64::MAX] {
            let mut number = Vec::new();
            digits.put(&mut number);
            assert_eq!(written(digits.into()), number);
        }
    }
}
