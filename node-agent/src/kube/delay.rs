//! When the API server is to be tried again.

use std::time::Duration;

use tokio::time::Instant;

use crate::pauses::Pauses;

/// Bounds of the pauses; each is by chance up to twice as long.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_millis(7500);

/// A growing delay.
#[derive(Debug)]
pub struct Delay {
    pauses: Pauses,
    until: Instant,
}

impl Default for Delay {
    /// No delay yet.
    fn default() -> Self {
        Self { pauses: Pauses::between(FIRST, LONGEST), until: Instant::now() }
    }
}

impl Delay {
    /// Something failed: wait longer than last time.
    pub fn grow(&mut self) -> Duration {
        let pause = self.pauses.pause();
        self.until = Instant::now() + pause;
        pause
    }

    /// Something worked.
    pub fn reset(&mut self) {
        self.pauses.reset();
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
        Some(self.pauses.pause())
    }
}

impl kube::runtime::utils::Backoff for Delay {
    fn reset(&mut self) {
        Self::reset(self);
    }
}
