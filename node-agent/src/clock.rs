//! The only place a clock is read.

use std::time::{Duration, Instant};

use beaconwatch_engine::time::Timestamp;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// How long something takes.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The node's clock for live traffic: the boot clock, which the kernel stamps its records with, shifted to wall
/// time once at start. It does not jump when somebody sets the time.
#[derive(Clone, Copy, Debug)]
pub struct NodeClock {
    /// Wall time minus boot time at the start, nanoseconds.
    offset_ns: u64,
}

impl NodeClock {
    /// Reads both clocks.
    #[must_use]
    pub fn start() -> Self {
        let wall = nanos(clock_gettime(ClockId::Realtime));
        Self { offset_ns: wall.saturating_sub(nanos(clock_gettime(ClockId::Boottime))) }
    }

    /// Time since boot, suspended time included, nanoseconds.
    #[must_use]
    pub fn boot_ns(&self) -> u64 {
        nanos(clock_gettime(ClockId::Boottime))
    }

    /// Wall time of a moment of the boot clock.
    #[must_use]
    pub fn wall(&self, boot_ns: u64) -> Timestamp {
        Timestamp::from_nanos(boot_ns.saturating_add(self.offset_ns))
    }

    /// Wall time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.wall(self.boot_ns())
    }
}

fn nanos(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}
