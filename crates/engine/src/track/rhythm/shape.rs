//! The shape of a proven rhythm: what kind of timer stands behind it.

use super::kind::RhythmKind;
use super::tracker::Tracker;
use super::window::{RING, sort};
use crate::time::Timestamp;

/// Descriptors of the last gaps of a tracker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shape {
    /// Median gap inside the window, seconds.
    pub(crate) period: f32,
    /// Width of the window's gaps (5th to 95th percentile) over the period.
    pub(crate) width: f32,
    /// Lag-1 autocorrelation of the gaps inside the window: a sleep loop has 0, a phase-locked timer -0.5.
    pub(crate) correlation: f32,
    /// Variance of the sum of four gaps over four times the variance of one: 1 for a sleep loop.
    pub(crate) variance_ratio: f32,
    /// Gaps that these speak of.
    pub(crate) gaps: usize,
    /// Share of the gaps that lie inside the window.
    pub(crate) inside: f32,
    /// How strongly the sessions gather at one second of the minute, 0 to 1; only for periods of whole minutes.
    pub(crate) minute_lock: f32,
}

impl Shape {
    /// `None` with fewer than four gaps.
    #[expect(clippy::cast_precision_loss, reason = "at most 32")]
    pub(crate) fn of(tracker: &Tracker) -> Option<Self> {
        let (gaps, len) = tracker.gaps();
        let gaps = gaps.get(..len)?;
        if len < 4 {
            return None;
        }
        let mut inside = [0.0_f32; RING];
        let mut count = 0;
        for (slot, gap) in inside.iter_mut().zip(gaps.iter().filter(|gap| tracker.window().holds(**gap))) {
            *slot = *gap;
            count += 1;
        }
        let inside = if count < 4 { gaps } else { inside.get(..count)? };
        let sorted = sort(inside);
        let sorted = sorted.get(..inside.len())?;
        let period = *sorted.get(sorted.len() / 2)?;
        let last = sorted.len() - 1;
        let (low, high) = (sorted.get(last * 5 / 100)?, sorted.get((last * 95).div_ceil(100))?);
        let mean = inside.iter().sum::<f32>() / inside.len() as f32;
        let (correlation, variance_ratio) = serial(inside, mean);
        Some(Self {
            period,
            width: (high - low) / period.max(1e-6),
            correlation,
            variance_ratio,
            gaps: inside.len(),
            inside: inside.len() as f32 / gaps.len() as f32,
            minute_lock: if is_whole_minutes(period) {
                minute_lock(gaps, tracker.session_start())
            } else {
                0.0
            },
        })
    }
}

fn is_whole_minutes(period: f32) -> bool {
    let minutes = period / 60.0;
    period > 55.0 && (minutes - minutes.round()).abs() < 0.05
}

/// A long gap is made good by a short one.
fn is_phase_locked(shape: &Shape) -> bool {
    let (one, other) = (shape.correlation < -0.3, shape.variance_ratio < 0.42);
    let signs = if shape.gaps < FEW_GAPS { one && other } else { one || other };
    signs && shape.width < 0.1 && shape.inside >= CONNECTED && shape.width * shape.period >= NOISE_SECS
}

/// With fewer gaps one sign alone is chance too often.
const FEW_GAPS: usize = 24;
/// Gaps say something about their neighbours only if most of them are there ...
const CONNECTED: f32 = 0.75;
/// ... and only if they differ by more than the noise of time stamps, seconds: noise looks like a locked phase.
const NOISE_SECS: f32 = 0.02;

/// The kind of a rhythm.
pub(crate) fn kind_of(shape: &Shape) -> RhythmKind {
    if shape.minute_lock > 0.93 && is_whole_minutes(shape.period) {
        RhythmKind::WallClock
    } else if is_phase_locked(shape) {
        RhythmKind::Ticker
    } else if shape.width < 0.04 {
        RhythmKind::Fixed
    } else if shape.width < 0.15 {
        RhythmKind::Narrow
    } else if shape.width < 0.6 {
        RhythmKind::Medium
    } else {
        RhythmKind::Wide
    }
}

/// (lag-1 autocorrelation, variance ratio of four); (0, 1) where the gaps are all equal.
#[expect(clippy::cast_precision_loss, reason = "at most 32")]
fn serial(gaps: &[f32], mean: f32) -> (f32, f32) {
    let spread: f32 = gaps.iter().map(|gap| (gap - mean) * (gap - mean)).sum();
    if spread <= 0.0 {
        return (0.0, 1.0);
    }
    let joint: f32 = gaps.iter().zip(gaps.iter().skip(1)).map(|(a, b)| (a - mean) * (b - mean)).sum();
    let fours = gaps.windows(4).map(|four| four.iter().sum::<f32>() - 4.0 * mean);
    let (count, sum) = fours.fold((0_usize, 0.0_f32), |(n, sum), d| (n + 1, sum + d * d));
    let ratio = if count > 3 { (sum / count as f32) / (4.0 * spread / gaps.len() as f32) } else { 1.0 };
    (joint / spread, ratio)
}

/// Length of the mean of the sessions' places in the minute, as unit vectors.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "milliseconds within one minute fit"
)]
fn minute_lock(gaps: &[f32], session_start: Timestamp) -> f32 {
    const MINUTE_NS: u64 = 60_000_000_000;
    let turn = core::f64::consts::TAU / 60.0;
    let mut second = (session_start.as_nanos() % MINUTE_NS) as f64 / 1e9;
    let (mut cos, mut sin) = ((second * turn).cos(), (second * turn).sin());
    for gap in gaps.iter().rev() {
        second = (second - f64::from(*gap)).rem_euclid(60.0);
        cos += (second * turn).cos();
        sin += (second * turn).sin();
    }
    (cos.hypot(sin) / (gaps.len() + 1) as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::super::tracker::Train;
    use super::*;

    fn shape(times: impl IntoIterator<Item = f64>) -> Shape {
        let mut train = Train::default();
        for at in times {
            train.event(None, Timestamp::from_secs_f64(at), 0.3);
        }
        Shape::of(train.tracker()).unwrap()
    }

    /// Noise between -1 and 1 that is the same on every run.
    fn noise(i: u32) -> f64 {
        let mixed = i.wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(2_246_822_519);
        f64::from(mixed >> 8) / f64::from(1_u32 << 23) - 1.0
    }

    #[test]
    fn a_timer_locked_to_its_phase_is_a_ticker() {
        let times = (0..33).map(|i| 1007.0 + f64::from(i) * 37.0 + 0.4 * noise(i));
        assert_eq!(kind_of(&shape(times)), RhythmKind::Ticker);
    }

    #[test]
    fn a_sleep_of_fixed_length_that_drifts_is_fixed() {
        let mut at = 1007.0;
        let times = (0..33).map(|i| {
            at += 37.0 + 0.3 * (1.0 + noise(i));
            at
        });
        assert_eq!(kind_of(&shape(times)), RhythmKind::Fixed);
    }

    #[test]
    fn every_minute_on_the_minute_is_wall_clock() {
        let times = (0..33).map(|i| 1200.0 + f64::from(i) * 300.0 + 0.5 + 0.3 * noise(i));
        assert_eq!(kind_of(&shape(times)), RhythmKind::WallClock);
    }

    #[test]
    fn a_fifth_of_jitter_is_medium() {
        let mut at = 1000.0;
        let times = (0..33).map(|i| {
            at += 60.0 * (1.0 + 0.2 * noise(i));
            at
        });
        assert_eq!(kind_of(&shape(times)), RhythmKind::Medium);
    }
}
