//! The window in which the next gap should fall, fitted to the last gaps.

use crate::codec::fields;
use crate::numeric::{exp, growth_bits, ln, lost_bits, normal_cdf, won_bits};

/// Gaps that are remembered.
pub(crate) const RING: usize = 32;
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

fields!(Window { from, to, won, lost, growth, chance });

impl Window {
    /// The gap lies inside.
    pub(crate) fn holds(&self, gap: f32) -> bool {
        self.from <= gap && gap <= self.to
    }

    /// The best window for these gaps, which are at least `dead` seconds long by construction.
    pub(crate) fn fit(gaps: &[f32], dead: f32) -> Self {
        let count = gaps.len().min(RING);
        let sorted = sort(gaps);
        let live = each_gap(&sorted, count, |gap| larger(gap - dead, GAP_MIN));
        let logs = each_gap(&live, count, ln);
        let nulls = Nulls::of(&live, &logs, count, dead);
        let places = nulls.places(&live, &logs, count);
        let Some((Run { low, high, .. }, covered)) = tightest_of_all(&sorted, &places, count) else {
            return Self::default();
        };
        let pad = ((high - low) / (as_number(covered) - 1.0)).max(PAD_MIN * high);
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
pub(super) type Lanes = [f32; RING + AT_ONCE];
/// What free places hold instead of a gap.
const FREE: f32 = f32::INFINITY;
/// Half a ring: most conversations have no more gaps than that, and half the work.
const HALF: usize = RING / 2;
/// More than any probability: of a run that may not be a window.
const IMPOSSIBLE: f32 = 2.0;
/// The last bits of a number, into which a place in the ring fits. Without them it is right to a millionth.
const PLACE_BITS: u32 = 31;
const _: () = assert!(RING <= PLACE_BITS as usize + 1);

/// The same done to each.
#[inline(always)]
fn each<const N: usize>(lanes: &[f32; N], f: impl Fn(f32) -> f32) -> [f32; N] {
    let mut out = [0.0; N];
    for (slot, value) in out.iter_mut().zip(lanes) {
        *slot = f(*value);
    }
    out
}

/// The same done to each of the first `count`, and to free places.
#[inline(always)]
fn each_gap(lanes: &Lanes, count: usize, f: impl Fn(f32) -> f32) -> Lanes {
    let mut out = [0.0; RING + AT_ONCE];
    if let (Some(slots), Some(values)) = (out.first_chunk_mut::<HALF>(), lanes.first_chunk::<HALF>())
        && count <= HALF
    {
        *slots = each(values, f);
        return out;
    }
    each(lanes, f)
}

/// Sorts at most [`RING`] gaps by a network of comparisons (Batcher's bitonic one), which has no branches to mispredict
/// and compares several pairs at once.
pub(super) fn sort(gaps: &[f32]) -> Lanes {
    let mut lanes = [FREE; RING + AT_ONCE];
    for (slot, gap) in lanes.iter_mut().zip(gaps.iter().take(RING)) {
        *slot = *gap;
    }
    if let Some(ring) = lanes.first_chunk_mut::<RING>() {
        let (halves, _) = ring.as_chunks_mut::<HALF>();
        for half in halves.iter_mut().take(gaps.len().div_ceil(HALF)) {
            sort_half(half);
        }
        if gaps.len() > HALF {
            join::<16>(ring);
            apart::<8>(ring);
            apart::<4>(ring);
            apart::<2>(ring);
            apart::<1>(ring);
        }
    }
    lanes
}

fn sort_half(half: &mut [f32; HALF]) {
    join::<1>(half);
    join::<2>(half);
    apart::<1>(half);
    join::<4>(half);
    apart::<2>(half);
    apart::<1>(half);
    join::<8>(half);
    apart::<4>(half);
    apart::<2>(half);
    apart::<1>(half);
}

/// Of each two neighbouring sorted runs of `N`: the lower half of all before the upper half.
#[inline(always)]
fn join<const N: usize>(gaps: &mut [f32]) {
    for both in gaps.chunks_exact_mut(2 * N) {
        let (lows, highs) = both.split_at_mut(N);
        lows.iter_mut().zip(highs.iter_mut().rev()).for_each(in_order);
    }
}

/// Puts those in order that are `N` places apart.
#[inline(always)]
fn apart<const N: usize>(gaps: &mut [f32]) {
    for both in gaps.chunks_exact_mut(2 * N) {
        let (lows, highs) = both.split_at_mut(N);
        lows.iter_mut().zip(highs).for_each(in_order);
    }
}

#[inline(always)]
fn in_order((low, high): (&mut f32, &mut f32)) {
    let (one, other) = (*low, *high);
    *low = if one < other { one } else { other };
    *high = larger(one, other);
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
}

/// How many gaps each coverage means, of so many; 0 where that is too few, or no more than the one before.
fn covered(total: usize) -> [usize; COVERAGES.len()] {
    let mut last = 0;
    COVERAGES.map(|coverage| {
        let covered = ceil(as_number(total) * coverage);
        let counts = covered >= 4 && covered != last;
        last = if counts { covered } else { last };
        if counts { covered } else { 0 }
    })
}

/// The run with the best growth, over all coverages, and how many gaps it covers.
fn tightest_of_all(sorted: &Lanes, places: &[Lanes; 3], total: usize) -> Option<(Run, usize)> {
    let covered = covered(total);
    let runs =
        covered.map(|covered| if covered == 0 { None } else { tightest(sorted, places, total, covered) });
    let chances = runs.map(|run| run.map_or(IMPOSSIBLE, |run| run.chance));
    let mut growths = [0.0; COVERAGES.len()];
    for ((growth, chance), covered) in growths.iter_mut().zip(chances).zip(covered.map(as_number)) {
        let chance = chance * (covered + 1.0) / (covered - 1.0) + 0.004;
        let share = share_of(covered, total);
        let grown = growth_bits(share, chance);
        *growth = if 0.0 < chance && chance < share { grown } else { 0.0 };
    }
    let (mut best, mut most) = (None, 0.0);
    for ((run, covered), growth) in runs.into_iter().zip(covered).zip(growths) {
        if growth > most {
            best = run.map(|run| (run, covered));
            most = growth;
        }
    }
    best
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
    (least < IMPOSSIBLE).then_some(Run { chance: least, low, high })
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
            each_gap(live, count, |live| 1.0 - exp(-live * self.mean_rate)),
            each_gap(live, count, |live| 1.0 - exp(-live * self.median_rate)),
            each_gap(logs, count, |log| normal_cdf((log - self.mu) * self.sigma_inverse)),
        ]
    }

    /// Largest probability of a gap in `[from, to]`.
    fn chance(&self, from: f32, to: f32) -> f32 {
        let (from, to) = (larger(from - self.dead, 1e-6), larger(to - self.dead, 2e-6));
        let [a, b, c, d] = each(
            &[from * self.mean_rate, to * self.mean_rate, from * self.median_rate, to * self.median_rate],
            |times| exp(-times),
        );
        let [low, high] = each(&[from, to], |live| normal_cdf((ln(live) - self.mu) * self.sigma_inverse));
        (a - b).max(c - d).max(high - low).max(1e-6)
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
    fn the_network_sorts_any_number_of_gaps() {
        let mut state = 1_u32;
        for count in 0..=RING {
            for _ in 0..50 {
                let mut gaps: Vec<f32> = (0..count)
                    .map(|_| {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        (state >> 24) as f32
                    })
                    .collect();
                let sorted = sort(&gaps);
                gaps.sort_by(f32::total_cmp);
                gaps.resize(RING + AT_ONCE, FREE);
                assert_eq!(sorted.as_slice(), gaps, "{count} gaps");
            }
        }
    }

    #[test]
    fn gaps_of_every_size_give_no_window_worth_a_bet() {
        let window = Window::fit(&[1.0, 90.0, 7.0, 600.0, 31.0, 3.0, 2000.0, 0.4], 0.3);
        assert!(window.growth < 0.15, "{window:?}");
    }
}
