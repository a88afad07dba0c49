//! Pauses between tries: each twice as long as the one before, up to a bound, and by chance up to twice that, so that
//! nodes that lost the same peer do not come back all at once.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// Growing pauses, without end.
#[derive(Debug)]
pub struct Pauses {
    plan: ExponentialBuilder,
    next: ExponentialBackoff,
    longest: Duration,
}

impl Pauses {
    /// The first is `first` to twice that, the longest `longest` to twice that.
    #[must_use]
    pub fn between(first: Duration, longest: Duration) -> Self {
        let plan = ExponentialBuilder::new()
            .with_min_delay(first)
            .with_max_delay(longest)
            .with_jitter()
            .without_max_times();
        Self { plan, next: plan.build(), longest }
    }

    /// Something failed: how long to wait before the next try.
    pub fn pause(&mut self) -> Duration {
        self.next.next().unwrap_or(self.longest)
    }

    /// Something worked: the next pause is a first one.
    pub fn reset(&mut self) {
        self.next = self.plan.build();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_bound_and_begin_again_after_a_success() {
        let mut pauses = Pauses::between(Duration::from_secs(1), Duration::from_secs(4));
        for _ in 0..2 {
            for shortest in [1, 2, 4, 4, 4] {
                let pause = pauses.pause();
                let bounds = Duration::from_secs(shortest)..=Duration::from_secs(2 * shortest);
                assert!(bounds.contains(&pause), "{pause:?} is not in {bounds:?}");
            }
            pauses.reset();
        }
    }
}
