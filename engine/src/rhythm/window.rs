//! The window in which the next gap should fall, fitted to the last gaps.

use super::tracker::RING;
use crate::checkpoint::saved;
use crate::numeric::{exp, growth_bits, ln, lost_bits, normal_cdf, won_bits};

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
#[repr(C)]
pub(crate) struct Window {
    /// From, seconds.
    pub(crate) from: f32,
    /// To, seconds.
    pub(crate) to: f32,
    /// What a gap inside adds to the wealth, bits.
    pub(super) won: f32,
    /// What a gap outside adds, below 0.
    pub(super) lost: f32,
    /// Expected growth of the wealth per bet, bits; 0: no window.
    pub(crate) growth: f32,
    /// Largest probability of a gap inside under the irregular nulls.
    pub(crate) chance: f32,
}

saved!(Window { from, to, won, lost, growth, chance });

impl Window {
    /// The gap lies inside.
    pub(crate) fn holds(&self, gap: f32) -> bool {
        self.from <= gap && gap <= self.to
    }

    /// The best window for these gaps, which are at least `dead` seconds long by construction.
    pub(crate) fn fit(gaps: &[f32], dead: f32) -> Self {
        let count = gaps.len().min(RING);
        let sorted = sort(gaps);
        let live = each(&sorted, count, |gap| (gap - dead).max(GAP_MIN));
        let logs = each(&live, count, ln);
        let nulls = Nulls::of(&live, &logs, count, dead);
        let places = nulls.places(&live, &logs, count);
        let Some(Run { low, high, covered, .. }) = tightest_of_all(&sorted, &places, count) else {
            return Self::default();
        };
        let pad = ((high - low) / (covered - 1.0)).max(PAD_MIN * high);
        let (from, to) = ((low - pad).max(0.5 * low), high + pad);
        let inside = gaps.iter().filter(|gap| from <= **gap && **gap <= to).count();
        let chance = nulls.chance(from, to);
        let share = share_of(as_number(inside), count);
        if chance >= share {
            return Self::default();
        }
        let (won, lost) = (won_bits(share, chance), lost_bits(share, chance));
        Self { from, to, won, lost, growth: share * won + (1.0 - share) * lost, chance }
    }
}

/// Numbers that are computed at once, in loops over arrays that compilers turn into single instructions.
const AT_ONCE: usize = 4;
type Several = [f32; AT_ONCE];
/// A number for each gap, in the order of the sorted gaps, and free places behind the last, so that a few at once
/// can be taken from any place.
type Lanes = [f32; RING + AT_ONCE];
/// What free places hold instead of a gap.
const FREE: f32 = f32::INFINITY;
/// More than any probability: of a run that may not be a window.
const IMPOSSIBLE: f32 = 2.0;
/// The last bits of a number, into which a place in the ring fits. Without them it is right to a millionth.
const PLACE_BITS: u32 = 31;
const _: () = assert!(RING <= PLACE_BITS as usize + 1);

/// The same done to each of the first `count`, and perhaps to some of the free places.
#[inline(always)]
fn each(lanes: &Lanes, count: usize, f: impl Fn(f32) -> f32) -> Lanes {
    let mut out = [0.0; RING + AT_ONCE];
    let (slots, _) = out.as_chunks_mut::<AT_ONCE>();
    let (values, _) = lanes.as_chunks::<AT_ONCE>();
    for (slots, values) in slots.iter_mut().zip(values).take(count.div_ceil(AT_ONCE)) {
        for (slot, value) in slots.iter_mut().zip(values) {
            *slot = f(*value);
        }
    }
    out
}

/// Sorts at most [`RING`] positive numbers by counting, which has no branches to mispredict.
fn sort(gaps: &[f32]) -> Lanes {
    // The bits of positive numbers are in the order of the numbers; the place makes equal ones differ.
    let mut keys = [i32::MAX; RING];
    for (place, (key, gap)) in (0..).zip(keys.iter_mut().zip(gaps)) {
        *key = ((gap.to_bits() & !PLACE_BITS) | place).cast_signed();
    }
    let (others, _) = keys.as_chunks::<AT_ONCE>();
    let others = others.get(..gaps.len().div_ceil(AT_ONCE)).unwrap_or(others);
    let mut sorted = [FREE; RING + AT_ONCE];
    for (gap, key) in gaps.iter().zip(&keys) {
        let mut before = [0_i32; AT_ONCE];
        for others in others {
            for (before, other) in before.iter_mut().zip(others) {
                *before += i32::from(other < key);
            }
        }
        let place = usize::try_from(before.iter().sum::<i32>());
        if let Some(slot) = place.ok().and_then(|place| sorted.get_mut(place)) {
            *slot = *gap;
        }
    }
    sorted
}

#[expect(clippy::cast_precision_loss, reason = "at most 32")]
fn as_number(count: usize) -> f32 {
    count as f32
}

/// Laplace's share, with one success and two failures assumed.
fn share_of(inside: f32, of: usize) -> f32 {
    (inside + 1.0) / (as_number(of) + 3.0)
}

/// Neighbours among the sorted gaps: what a window may be made of.
#[derive(Clone, Copy)]
struct Run {
    /// Largest probability of a gap from the lowest to the highest under the irregular nulls.
    chance: f32,
    low: f32,
    high: f32,
    /// How many they are.
    covered: f32,
}

/// The run with the best growth, over all coverages.
fn tightest_of_all(sorted: &Lanes, places: &[Lanes; 3], total: usize) -> Option<Run> {
    const NONE: Run = Run { chance: IMPOSSIBLE, low: 0.0, high: 0.0, covered: 4.0 };
    let mut runs = [NONE; COVERAGES.len()];
    let mut last = 0;
    for (slot, coverage) in runs.iter_mut().zip(COVERAGES) {
        let covered = ceil(as_number(total) * coverage);
        if covered >= 4 && covered != last {
            *slot = tightest(sorted, places, total, covered).unwrap_or(NONE);
            last = covered;
        }
    }
    let growths = runs.map(|run| {
        let chance = run.chance * (run.covered + 1.0) / (run.covered - 1.0) + 0.004;
        let share = share_of(run.covered, total);
        if chance < share { growth_bits(share, chance) } else { 0.0 }
    });
    let runs = runs.iter().zip(growths);
    let best =
        runs.fold((&NONE, 0.0), |best, (run, growth)| if growth > best.1 { (run, growth) } else { best });
    (best.1 > 0.0).then_some(*best.0)
}

/// The least probable run of `covered` sorted gaps.
fn tightest(sorted: &Lanes, places: &[Lanes; 3], total: usize, covered: usize) -> Option<Run> {
    let runs = total.checked_sub(covered)? + 1;
    let from = |lanes, first| runs_from(lanes, first, runs);
    let [by_mean, by_median, by_log] = places;
    let lows = from(sorted, 0).zip(from(by_mean, 0)).zip(from(by_median, 0)).zip(from(by_log, 0));
    let last = covered - 1;
    let highs =
        from(sorted, last).zip(from(by_mean, last)).zip(from(by_median, last)).zip(from(by_log, last));
    let mut least = [IMPOSSIBLE; AT_ONCE];
    let mut place = [0_u32, 1, 2, 3];
    for ((((low, a), b), c), (((high, d), e), f)) in lows.zip(highs) {
        let between = |low, high| both(low, high, |low, high| high - low);
        let mut chance = both(&between(a, d), &between(b, e), larger);
        chance = both(&chance, &between(c, f), larger);
        let too_wide = both(low, high, |low, high| if high > RATIO_MAX * low { IMPOSSIBLE } else { 0.0 });
        chance = both(&chance, &too_wide, larger);
        for ((least, chance), place) in least.iter_mut().zip(chance).zip(&mut place) {
            let marked = f32::from_bits((chance.to_bits() & !PLACE_BITS) | *place);
            *least = if marked < *least { marked } else { *least };
            *place += 4;
        }
    }
    let least =
        least.into_iter().fold(IMPOSSIBLE, |least, chance| if chance < least { chance } else { least });
    let place = usize::try_from(least.to_bits() & PLACE_BITS).ok()?;
    let (low, high) = (*sorted.get(place)?, *sorted.get(place + last)?);
    (least < IMPOSSIBLE).then(|| Run { chance: least, low, high, covered: as_number(covered) })
}

/// The numbers of `runs` runs from the `first` place on, several at once; the last ones may be those of free places.
#[inline(always)]
fn runs_from(lanes: &Lanes, first: usize, runs: usize) -> impl Iterator<Item = &Several> {
    let (lanes, _) = lanes.get(first..).unwrap_or_default().as_chunks::<AT_ONCE>();
    lanes.iter().take(runs.div_ceil(AT_ONCE))
}

#[inline(always)]
fn both(one: &Several, other: &Several, f: impl Fn(f32, f32) -> f32) -> Several {
    let mut out = Several::default();
    for ((slot, one), other) in out.iter_mut().zip(one).zip(other) {
        *slot = f(*one, *other);
    }
    out
}

#[inline(always)]
fn larger(one: f32, other: f32) -> f32 {
    if one > other { one } else { other }
}

/// The next whole number. (The one of the standard library is a call where the processor is any x86-64.)
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 32")]
fn ceil(number: f32) -> usize {
    let whole = number as usize;
    whole + usize::from(as_number(whole) < number)
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
    fn of(live: &Lanes, logs: &Lanes, count: usize, dead: f32) -> Self {
        let total = as_number(count.max(1));
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
    fn places(&self, live: &Lanes, logs: &Lanes, count: usize) -> [Lanes; 3] {
        [
            each(live, count, |live| 1.0 - exp(-live * self.mean_rate)),
            each(live, count, |live| 1.0 - exp(-live * self.median_rate)),
            each(logs, count, |log| normal_cdf((log - self.mu) * self.sigma_inverse)),
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
