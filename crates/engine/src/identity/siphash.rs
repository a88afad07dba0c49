//! SipHash with an output of 128 bits (Aumasson and Bernstein, <https://www.aumasson.jp/siphash/>): a short keyed
//! hash whose output nobody can steer who does not know the key.

/// Hashes `bytes` under `key` with `WORD` rounds for each word and `END` at the end; the output as the specification
/// orders its bytes.
#[inline]
pub(super) fn siphash<const WORD: usize, const END: usize>(key: [u8; 16], bytes: &[u8]) -> [u8; 16] {
    let [k0, k1] = halves(key);
    let mut state = State {
        v0: k0 ^ 0x736f_6d65_7073_6575,
        v1: k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
        v2: k0 ^ 0x6c79_6765_6e65_7261,
        v3: k1 ^ 0x7465_6462_7974_6573,
    };
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        state.absorb::<WORD>(u64::from_le_bytes(*word));
    }
    // The last word holds what is left, and the length (modulo 256) in its highest byte.
    let length = u64::from(bytes.len().to_le_bytes()[0]);
    let last = rest.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte));
    state.absorb::<WORD>((length << 56) | last);
    state.v2 ^= 0xee;
    let first = state.squeeze::<END>();
    state.v1 ^= 0xdd;
    let second = state.squeeze::<END>();
    let whole = (u128::from(second) << 64) | u128::from(first);
    whole.to_le_bytes()
}

struct State {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
}

impl State {
    #[inline]
    fn absorb<const ROUNDS: usize>(&mut self, word: u64) {
        self.v3 ^= word;
        (0..ROUNDS).for_each(|_| self.round());
        self.v0 ^= word;
    }

    #[inline]
    fn squeeze<const ROUNDS: usize>(&mut self) -> u64 {
        (0..ROUNDS).for_each(|_| self.round());
        self.v0 ^ self.v1 ^ self.v2 ^ self.v3
    }

    #[inline]
    fn round(&mut self) {
        self.v0 = self.v0.wrapping_add(self.v1);
        self.v2 = self.v2.wrapping_add(self.v3);
        self.v1 = self.v1.rotate_left(13) ^ self.v0;
        self.v3 = self.v3.rotate_left(16) ^ self.v2;
        self.v0 = self.v0.rotate_left(32);
        self.v2 = self.v2.wrapping_add(self.v1);
        self.v0 = self.v0.wrapping_add(self.v3);
        self.v1 = self.v1.rotate_left(17) ^ self.v2;
        self.v3 = self.v3.rotate_left(21) ^ self.v0;
        self.v2 = self.v2.rotate_left(32);
    }
}

fn halves(key: [u8; 16]) -> [u64; 2] {
    let whole = u128::from_le_bytes(key);
    let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default();
    [half(whole), half(whole >> 64)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first and last of the vectors that the authors publish with their code (`vectors.h`, SipHash-2-4 of 128
    /// bits), and some between: key 00 01 .. 0f, message 00 01 .. of a length.
    #[test]
    fn the_authors_vectors_hold() {
        let key = core::array::from_fn(|n| u8::try_from(n).unwrap());
        let check = |length: u8, expect: &str| {
            let message: Vec<u8> = (0..length).collect();
            let hex: String =
                siphash::<2, 4>(key, &message).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expect, "{length} bytes");
        };
        check(0, "a3817f04ba25a8e66df67214c7550293");
        check(1, "da87c1d86b99af44347659119b22fc45");
        check(7, "a1f1ebbed8dbc153c0b84aa61ff08239");
        check(8, "3b62a9ba6258f5610f83e264f31497b4");
        check(15, "5493e99933b0a8117e08ec0f97cfc3d9");
        check(63, "5150d1772f50834a503e069a973fbd7c");
    }
}
