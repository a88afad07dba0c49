//! A delay that grows with each failure, from half a second to fifteen, and differs from node to node, so that
//! agents do not come back all at once.

use std::time::Duration;

use tokio::time::Instant;

/// First delay.
const FIRST: Duration = Duration::from_millis(500);
/// Longest delay.
const LONGEST: Duration = Duration::from_secs(15);

/// A growing delay.
#[derive(Clone, Copy, Debug)]
pub struct Delay {
    seed: u64,
    failures: u32,
    until: Instant,
}

impl Delay {
    /// No delay yet; `seed` is what nodes differ in.
    #[must_use]
    pub fn seeded(seed: &str) -> Self {
        Self { seed: fnv(&[seed.as_bytes()]), failures: 0, until: Instant::now() }
    }

    /// Something failed: wait longer than last time.
    pub fn grow(&mut self) -> Duration {
        let longest = (FIRST * 2_u32.saturating_pow(self.failures.min(8))).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let salt = fnv(&[&self.seed.to_be_bytes(), &self.failures.to_be_bytes()]) % 1000;
        let delay = longest.mul_f64(0.5 + f64::from(u32::try_from(salt).unwrap_or(0)) / 2000.0);
        self.until = Instant::now() + delay;
        delay
    }

    /// Something worked.
    pub fn reset(&mut self) {
        self.failures = 0;
        self.until = Instant::now();
    }

    /// It has passed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// When it is over.
    #[must_use]
    pub const fn until(&self) -> Instant {
        self.until
    }
}

impl Iterator for Delay {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.grow())
    }
}

impl kube::runtime::utils::Backoff for Delay {
    fn reset(&mut self) {
        Self::reset(self);
    }
}

/// FNV-1a, 64 bits: nothing but a spread of delays depends on it.
fn fnv(parts: &[&[u8]]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.iter().copied().chain([0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
