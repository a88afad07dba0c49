//! The window in which the next gap should fall, fitted to the last gaps.

use super::tracker::RING;
use crate::checkpoint::saved;
use crate::numeric::{exp, growth_bits, ln, normal_cdf};

/// Least deviation of the log-normal null: an "irregular" process is at least this spread.
const SIGMA_MIN: f32 = 0.9;
/// Widest window, upper bound over lower.
const RATIO_MAX: f32 = 8.0;
/// Smallest half-width of a window, relative.
const PAD_MIN: f32 = 0.004;
/// Shares of the gaps that a window may cover, tried in turn.
const COVERAGES: [f32; 8] = [0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.93, 1.0];
/// Shortest gap that counts, seconds, after the dead time is taken off.
pub(super) const GAP_MIN: f32 = 1e-3;

/// A window and the odds of a bet on it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Window {
    /// From, seconds.
    pub(crate) from: f32,
    /// To, seconds.
    pub(crate) to: f32,
    /// Expected share of gaps inside.
    pub(crate) share: f32,
    /// Largest probability of a gap inside under the irregular nulls.
    pub(crate) chance: f32,
    /// Expected growth of the wealth per bet, bits; 0: no window.
    pub(crate) growth: f32,
}

saved!(Window { from, to, share, chance, growth });

impl Window {
    /// The gap lies inside.
    pub(crate) fn holds(&self, gap: f32) -> bool {
        self.from <= gap && gap <= self.to
    }

    /// The best window for these gaps, which are at least `dead` seconds long by construction.
    pub(crate) fn fit(gaps: &[f32], dead: f32) -> Self {
        // Lanes that no gap is in cost as much as the others.
        match gaps.len() {
            0..=8 => Self::fit_in::<8>(gaps, dead),
            9..=16 => Self::fit_in::<16>(gaps, dead),
            17..=24 => Self::fit_in::<24>(gaps, dead),
            _ => Self::fit_in::<RING>(gaps, dead),
        }
    }

    fn fit_in<const N: usize>(gaps: &[f32], dead: f32) -> Self {
        let mut sorted = [0.0_f32; N];
        let Some(inside) = sorted.get_mut(..gaps.len()) else { return Self::default() };
        inside.copy_from_slice(gaps);
        sort::<N>(inside);
        let count = gaps.len();
        let live = each(&sorted, |gap| (gap - dead).max(GAP_MIN));
        let logs = each(&live, ln);
        let nulls = Nulls::of(&live, &logs, count, dead);
        let places = nulls.places(&live, &logs);
        let Some((low, high, covered)) = tightest_of_all(&sorted, &places, count) else {
            return Self::default();
        };
        let pad = ((high - low) / (covered - 1.0)).max(PAD_MIN * high);
        let (from, to) = ((low - pad).max(0.5 * low), high + pad);
        let inside = gaps.iter().filter(|gap| from <= **gap && **gap <= to).count();
        let chance = nulls.chance(from, to);
        let share = share_of(inside, count);
        if chance >= share {
            return Self::default();
        }
        Self { from, to, share, chance, growth: growth_bits(share, chance) }
    }
}

/// Sorts a few positive numbers by counting, which has no branches to mispredict.
fn sort<const N: usize>(gaps: &mut [f32]) {
    // The bits of positive numbers are in the order of the numbers. Free places come last.
    let mut keys = [i32::MAX; N];
    for (key, gap) in keys.iter_mut().zip(gaps.iter()) {
        *key = gap.to_bits().cast_signed();
    }
    for (index, key) in (0_i32..).zip(keys).take(gaps.len()) {
        // The place of each is how many go before it; equal ones keep their order.
        let mut before = 0_i32;
        for (place, other) in (0_i32..).zip(&keys) {
            before += i32::from(*other < key) | (i32::from(*other == key) & i32::from(place < index));
        }
        if let Some(slot) = usize::try_from(before).ok().and_then(|before| gaps.get_mut(before)) {
            *slot = f32::from_bits(key.cast_unsigned());
        }
    }
}

/// Laplace's share, with one success and two failures assumed.
#[expect(clippy::cast_precision_loss, reason = "at most 32")]
fn share_of(inside: usize, of: usize) -> f32 {
    (inside as f32 + 1.0) / (of as f32 + 3.0)
}

/// A number for each gap, in the order of the sorted gaps; the places behind the last gap mean nothing. All are
/// computed alike, so that it is done on several at once.
type Lanes<const N: usize> = [f32; N];

/// The same done to each; a plain loop, which compilers turn into one over several lanes (`map` of an array not).
#[inline(always)]
fn each<const N: usize>(lanes: &Lanes<N>, f: impl Fn(f32) -> f32) -> Lanes<N> {
    let mut out = [0.0; N];
    for (slot, value) in out.iter_mut().zip(lanes) {
        *slot = f(*value);
    }
    out
}

/// (lowest gap, highest gap, gaps covered) of the window with the best growth, over all coverages.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most 32"
)]
fn tightest_of_all<const N: usize>(
    sorted: &Lanes<N>,
    places: &[Lanes<N>; 3],
    total: usize,
) -> Option<(f32, f32, f32)> {
    let mut best: Option<(f32, f32, f32)> = None;
    let mut best_growth = 0.0;
    let mut last = 0;
    for coverage in COVERAGES {
        let covered = (total as f32 * coverage).ceil() as usize;
        if covered < 4 || covered == last {
            continue;
        }
        last = covered;
        let Some((chance, low, high)) = tightest(sorted, places, total, covered) else { continue };
        let count = covered as f32;
        let chance = chance * (count + 1.0) / (count - 1.0) + 0.004;
        let share = share_of(covered, total);
        if chance >= share {
            continue;
        }
        let growth = growth_bits(share, chance);
        if growth > best_growth {
            best_growth = growth;
            best = Some((low, high, count));
        }
    }
    best
}

/// (chance, lowest gap, highest gap) of the least probable run of `covered` sorted gaps.
fn tightest<const N: usize>(
    sorted: &Lanes<N>,
    places: &[Lanes<N>; 3],
    total: usize,
    covered: usize,
) -> Option<(f32, f32, f32)> {
    let runs = total.checked_sub(covered)? + 1;
    let mut chances = [0.0_f32; N];
    for lanes in places {
        for_runs(&mut chances, lanes, covered, |chance, low, high| {
            let beyond = high - low;
            if beyond > chance { beyond } else { chance }
        });
    }
    for_runs(
        &mut chances,
        sorted,
        covered,
        |chance, low, high| {
            if high > RATIO_MAX * low { 2.0 } else { chance }
        },
    );
    // The bits of numbers that are not negative are in the order of the numbers.
    let least =
        chances.get(..runs)?.iter().fold(2.0_f32.to_bits(), |least, chance| least.min(chance.to_bits()));
    let at = chances.iter().take(runs).position(|chance| chance.to_bits() == least)?;
    let (low, high) = (sorted.get(at)?, sorted.get(at + covered - 1)?);
    (f32::from_bits(least) < 2.0).then_some((f32::from_bits(least), *low, *high))
}

/// Changes a number for each run of `covered` gaps, by its first and last; a few at once, and none behind the last.
#[inline(always)]
fn for_runs<const N: usize>(
    chances: &mut Lanes<N>,
    lanes: &Lanes<N>,
    covered: usize,
    change: impl Fn(f32, f32, f32) -> f32,
) {
    const AT_ONCE: usize = 4;
    let ends = lanes.get(covered - 1..).unwrap_or_default();
    let (chances, chances_left) = chances.as_chunks_mut::<AT_ONCE>();
    let (lows, lows_left) = lanes.as_chunks::<AT_ONCE>();
    let (highs, highs_left) = ends.as_chunks::<AT_ONCE>();
    for ((chances, lows), highs) in chances.iter_mut().zip(lows).zip(highs) {
        for ((chance, low), high) in chances.iter_mut().zip(lows).zip(highs) {
            *chance = change(*chance, *low, *high);
        }
    }
    let whole = highs.len();
    let left = chances.get_mut(whole).map_or(chances_left, |chances| chances.as_mut_slice());
    let lows = lows.get(whole).map_or(lows_left, |lows| lows.as_slice());
    for ((chance, low), high) in left.iter_mut().zip(lows).zip(highs_left) {
        *chance = change(*chance, *low, *high);
    }
}

/// Three irregular processes fitted to the same gaps: exponential by mean, exponential by median, log-normal.
struct Nulls {
    dead: f32,
    mean_rate: f32,
    median_rate: f32,
    mu: f32,
    sigma_inverse: f32,
}

impl Nulls {
    #[expect(clippy::cast_precision_loss, reason = "at most 32")]
    fn of<const N: usize>(live: &Lanes<N>, logs: &Lanes<N>, count: usize, dead: f32) -> Self {
        let total = count.max(1) as f32;
        let sum: f32 = live.iter().take(count).sum();
        let mu = logs.iter().take(count).sum::<f32>() / total;
        let spread: f32 = logs.iter().take(count).map(|log| (log - mu) * (log - mu)).sum();
        let sigma = (spread / total).sqrt().max(SIGMA_MIN);
        let median = live.get(count / 2).copied().unwrap_or(GAP_MIN);
        Self {
            dead,
            mean_rate: total / sum.max(GAP_MIN),
            median_rate: 1.0 / (median * core::f32::consts::LOG2_E),
            mu,
            sigma_inverse: 1.0 / sigma,
        }
    }

    /// The distribution functions of the nulls at each gap.
    fn places<const N: usize>(&self, live: &Lanes<N>, logs: &Lanes<N>) -> [Lanes<N>; 3] {
        [
            each(live, |live| 1.0 - exp(-live * self.mean_rate)),
            each(live, |live| 1.0 - exp(-live * self.median_rate)),
            each(logs, |log| normal_cdf((log - self.mu) * self.sigma_inverse)),
        ]
    }

    /// Largest probability of a gap in `[from, to]`.
    fn chance(&self, from: f32, to: f32) -> f32 {
        let (from, to) = ((from - self.dead).max(1e-6), (to - self.dead).max(2e-6));
        let exponential = |rate: f32| exp(-from * rate) - exp(-to * rate);
        let normal = |live: f32| normal_cdf((ln(live) - self.mu) * self.sigma_inverse);
        let largest = exponential(self.mean_rate).max(exponential(self.median_rate));
        largest.max(normal(to) - normal(from)).max(1e-6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_gaps_give_a_narrow_window_around_them() {
        let window = Window::fit(&[60.0, 60.2, 59.9, 60.1, 60.0, 60.1], 0.3);
        assert!(window.from > 59.0 && window.to < 61.0, "{window:?}");
        assert!(window.chance < 0.05 && window.growth > 2.0, "{window:?}");
    }

    #[test]
    fn gaps_of_every_size_give_no_window_worth_a_bet() {
        let window = Window::fit(&[1.0, 90.0, 7.0, 600.0, 31.0, 3.0, 2000.0, 0.4], 0.3);
        assert!(window.growth < 0.15, "{window:?}");
    }
}
