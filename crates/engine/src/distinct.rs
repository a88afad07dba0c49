//! How many different things there were, by linear counting: 512 bits, whatever their number.

use crate::codec::newtype;

/// Distinguishes up to some 3,200 different things; there it saturates.
#[derive(Clone, Debug, Default)]
pub(crate) struct DistinctCount([u64; 8]);
newtype!(DistinctCount);

const BITS: u32 = 512;

impl DistinctCount {
    /// One more, by a hash that nobody can choose.
    pub(crate) fn add(&mut self, hash: u64) {
        if let Some(word) = self.0.get_mut(usize::try_from(hash % 8).unwrap_or_default()) {
            *word |= 1 << ((hash >> 3) % 64);
        }
    }

    /// About how many different ones there were.
    #[expect(clippy::cast_precision_loss, reason = "at most 512 bits are counted")]
    pub(crate) fn about(&self) -> f32 {
        let zeros: u32 = self.0.iter().map(|word| word.count_zeros()).sum();
        BITS as f32 * (BITS as f32 / zeros.max(1) as f32).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::executable;

    #[test]
    fn it_is_about_right_and_saturates() {
        let about = |different: usize| {
            let mut count = DistinctCount::default();
            for n in 0..different.max(1) * 3 {
                count.add(executable(&(n % different).to_string()).bits());
            }
            count.about()
        };
        for different in [1, 10, 100, 1000] {
            let share = about(different) / different as f32;
            assert!((0.85..1.15).contains(&share), "{different}: {share}");
        }
        assert!((3000.0..3300.0).contains(&about(20_000)));
    }
}
