//! One tracker: sessions, the ring of gaps, and three experts that bet on the next gap.

use super::window::{GAP_MIN, RING, Window};
use crate::codec::fields;
use crate::numeric::{log2, lost_bits, won_bits};
use crate::time::Timestamp;

/// Gaps needed before the first window.
const GAPS_MIN: u8 = 5;
/// Most wealth, bits.
const WEALTH_MAX: f32 = 64.0;
/// What an expert pays for not betting, bits.
const IDLE_FEE: f32 = 0.25;
/// Gaps between refits; while the ring fills, only where no window is worth a bet, else every gap brings one.
const REFIT: u8 = 4;
/// ... with a full ring while the window is proven, or hopeless.
const REFIT_SELDOM: u8 = 16;
/// A window is bet on when its expected growth is above this.
const GROWTH_MIN: f32 = 0.15;
/// log2(3): the best of three experts is chosen afterwards, which a union bound pays for.
const CHOICE_FEE: f32 = 1.585;
/// What so many restarts cost: twice their logarithm, bits.
#[expect(clippy::indexing_slicing, reason = "done by the compiler, which would say so")]
static RESTART_FEES: [f32; 256] = {
    let mut fees = [0.0; 256];
    let (mut restarts, mut number) = (2, 2.0);
    while restarts < fees.len() {
        fees[restarts] = 2.0 * log2(number);
        restarts += 1;
        number += 1.0;
    }
    fees
};
/// Bands of "the next gap is like the last" and their largest probability under the irregular nulls.
const BANDS: [Band; 2] =
    [Band { low: 0.85, high: 1.25, chance: 0.13 }, Band { low: 0.95, high: 1.06, chance: 0.036 }];
/// Hits and trials of a band are halved beyond this many trials.
const TRIALS_MAX: f32 = 32.0;

struct Band {
    low: f32,
    high: f32,
    chance: f32,
}

fields!(Tracker {
    session_start,
    wealth,
    restarts,
    head,
    len,
    since_fit,
    previous,
    hits,
    trials,
    window,
    ring,
});
fields!(Train { tracker, last });

/// A tracker, about 200 bytes. Whose it is says when the event before came: trackers of the same events share that.
///
/// What every gap needs comes first and fits into one line of memory; of the ring each gap needs one place.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub(crate) struct Tracker {
    session_start: Timestamp,
    /// Of the three experts since their last restart, bits: on the window, on the wide band and on the narrow one.
    wealth: [f32; 3],
    /// How often each began again; paid for with `2 log2(restarts)` bits.
    restarts: [u8; 3],
    head: u8,
    len: u8,
    since_fit: u8,
    previous: f32,
    /// Of each band, and how many trials.
    hits: [f32; 2],
    trials: f32,
    window: Window,
    ring: [f32; RING],
}

/// A win of so many bits; one from nothing is a restart.
#[inline(always)]
fn win(wealth: &mut f32, restarts: &mut u8, bits: impl FnOnce() -> f32) {
    if *wealth <= 0.0 {
        *restarts = restarts.saturating_add(1);
    }
    // Who has all that there is to have cannot win more: no logarithm for that.
    if *wealth < WEALTH_MAX {
        *wealth = (*wealth + bits()).min(WEALTH_MAX);
    }
}

/// A loss of so many bits; nobody has less than nothing.
#[inline(always)]
fn lose(wealth: &mut f32, bits: impl FnOnce() -> f32) {
    if *wealth > 0.0 {
        *wealth = (*wealth + bits()).max(0.0);
    }
}

impl Tracker {
    /// Takes an event. True if it begins a session, that is, comes later than `dead` seconds after `last`, the latest
    /// one before. An event out of order belongs to the running session.
    #[inline]
    pub(crate) fn event(&mut self, last: Option<Timestamp>, at: Timestamp, dead: f32) -> bool {
        self.event_beside(None, last, at, dead)
    }

    /// The same; where a tracker with the same dead time has fitted a window to the same gaps just now, it is taken.
    #[inline]
    fn event_beside(
        &mut self,
        twin: Option<&Self>,
        last: Option<Timestamp>,
        at: Timestamp,
        dead: f32,
    ) -> bool {
        let Some(last) = last else {
            self.session_start = at;
            return true;
        };
        let begins = seconds(last, at) > dead;
        if begins {
            let gap = seconds(self.session_start, at);
            self.session_start = at;
            self.gap(twin, gap, dead);
        }
        begins
    }

    /// A word of each line of memory that the next gap needs, as one.
    pub(crate) fn fetch(&self) -> u32 {
        let place = self.ring.get(usize::from(self.head)).map_or(0, |place| place.to_bits());
        place ^ self.previous.to_bits() ^ u32::from(self.session_start > Timestamp::ZERO)
    }

    /// Evidence against an irregular process, bits.
    #[inline]
    pub(crate) fn evidence(&self) -> f32 {
        let experts = self.wealth.iter().zip(&self.restarts);
        let best = experts.fold(CHOICE_FEE, |best, (wealth, restarts)| {
            // Evidence is never more than wealth, and most have none: no logarithm for those.
            if *wealth <= best {
                return best;
            }
            best.max(*wealth - RESTART_FEES.get(usize::from(*restarts)).copied().unwrap_or_default())
        });
        best - CHOICE_FEE
    }

    /// The window bet on now; growth 0 if there is none.
    pub(crate) fn window(&self) -> &Window {
        &self.window
    }

    /// The last gaps, oldest first, and how many there are.
    pub(crate) fn gaps(&self) -> ([f32; RING], usize) {
        let mut out = self.ring;
        // Until the ring is full it begins at its first place; then at its head.
        out.rotate_left(usize::from(self.head) % RING);
        (out, usize::from(self.len))
    }

    /// The last gaps in no order.
    pub(crate) fn gaps_unordered(&self) -> &[f32] {
        self.ring.get(..usize::from(self.len)).unwrap_or(&self.ring)
    }

    /// When the last session began.
    pub(crate) fn session_start(&self) -> Timestamp {
        self.session_start
    }

    /// One day passed: what restarts cost is halved.
    pub(crate) fn decay_restarts(&mut self) {
        self.restarts = self.restarts.map(|restarts| restarts / 2);
    }

    fn gap(&mut self, twin: Option<&Self>, gap: f32, dead: f32) {
        self.bet_on_window(gap);
        self.bet_on_ratio((gap - dead).max(GAP_MIN));
        self.push(gap);
        let [by_window, ..] = self.wealth;
        let hopeless = self.window.growth <= GROWTH_MIN && by_window <= 0.0;
        let due = match (usize::from(self.len) < RING, hopeless) {
            (true, false) => 1,
            (true, true) => REFIT,
            (false, false) if by_window < 20.0 => REFIT,
            (false, _) => REFIT_SELDOM,
        };
        if self.len >= GAPS_MIN && self.since_fit >= due {
            let gaps = self.gaps_unordered();
            let fitted = twin.filter(|twin| twin.since_fit == 0 && twin.gaps_unordered() == gaps);
            self.window = fitted.map_or_else(|| Window::fit(gaps, dead), |twin| twin.window);
            self.since_fit = 0;
        }
    }

    fn bet_on_window(&mut self, gap: f32) {
        if self.len < GAPS_MIN {
            return;
        }
        let ([wealth, ..], [restarts, ..]) = (&mut self.wealth, &mut self.restarts);
        let window = &self.window;
        if window.growth <= GROWTH_MIN {
            lose(wealth, || -IDLE_FEE);
        } else if window.holds(gap) {
            win(wealth, restarts, || window.won);
        } else {
            lose(wealth, || window.lost);
        }
    }

    fn bet_on_ratio(&mut self, gap: f32) {
        let previous = core::mem::replace(&mut self.previous, gap);
        if previous <= 0.0 {
            return;
        }
        let ratio = gap / previous;
        let ([_, wealth @ ..], [_, restarts @ ..]) = (&mut self.wealth, &mut self.restarts);
        let trials = self.trials + 1.0;
        let memory = if trials > TRIALS_MAX { 0.5 } else { 1.0 };
        for (((band, wealth), restarts), hits) in BANDS.iter().zip(wealth).zip(restarts).zip(&mut self.hits) {
            let hit = band.low <= ratio && ratio <= band.high;
            let share = (*hits + 1.0) / (self.trials + 3.0);
            if share <= band.chance + 0.1 {
                lose(wealth, || -IDLE_FEE);
            } else if hit {
                win(wealth, restarts, || won_bits(share, band.chance));
            } else {
                lose(wealth, || lost_bits(share, band.chance));
            }
            *hits = (*hits + f32::from(u8::from(hit))) * memory;
        }
        self.trials = trials * memory;
    }

    #[expect(clippy::cast_possible_truncation, reason = "RING is 32")]
    fn push(&mut self, gap: f32) {
        let at = if usize::from(self.len) < RING { self.len } else { self.head };
        if let Some(slot) = self.ring.get_mut(usize::from(at)) {
            *slot = gap;
        }
        if usize::from(self.len) < RING {
            self.len += 1;
        } else {
            self.head = (self.head + 1) % RING as u8;
        }
        self.since_fit = self.since_fit.saturating_add(1);
    }
}

/// A tracker of events of its own, which come at other times than those of its neighbours.
#[derive(Clone, Debug, Default)]
pub(crate) struct Train {
    tracker: Tracker,
    /// The latest event.
    last: Option<Timestamp>,
}

impl Train {
    /// Begins after the same events as `tracker`, the latest of them at `last`.
    pub(crate) fn begin(tracker: &Tracker, last: Timestamp) -> Self {
        Self { tracker: tracker.clone(), last: Some(last) }
    }

    /// Takes an event. True if it begins a session. Where `twin`, with the same dead time, has fitted a window to the
    /// same gaps just now, it is taken.
    pub(crate) fn event(&mut self, twin: Option<&Tracker>, at: Timestamp, dead: f32) -> bool {
        let last = self.last;
        self.last = last.max(Some(at));
        self.tracker.event_beside(twin, last, at, dead)
    }

    /// What they show.
    pub(crate) fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// One day passed.
    pub(crate) fn decay_restarts(&mut self) {
        self.tracker.decay_restarts();
    }
}

#[expect(clippy::cast_possible_truncation, reason = "seconds in single precision are what the bets need")]
fn seconds(from: Timestamp, to: Timestamp) -> f32 {
    to.secs_since(from) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(gaps: impl IntoIterator<Item = f64>, dead: f32) -> Tracker {
        let mut train = Train::default();
        let mut at = 1000.0;
        train.event(None, Timestamp::from_secs_f64(at), dead);
        for gap in gaps {
            at += gap;
            train.event(None, Timestamp::from_secs_f64(at), dead);
        }
        train.tracker
    }

    #[test]
    fn a_fixed_sleep_is_proven_within_eleven_check_ins() {
        assert!(run([60.0; 10], 0.3).evidence() >= 10.0);
    }

    #[test]
    fn a_sleep_with_a_fifth_of_jitter_is_proven_within_twenty_check_ins() {
        let mut state = 7_u32;
        let gaps = (0..20).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            60.0 * (0.8 + 0.4 * f64::from(state >> 8) / f64::from(1_u32 << 24))
        });
        let tracker = run(gaps, 0.3);
        assert!(tracker.evidence() >= 10.0, "{}", tracker.evidence());
    }

    #[test]
    fn events_within_the_dead_time_are_one_session() {
        let mut train = Train::default();
        let begins = [1.0, 1.2, 1.4, 2.0].map(|at| train.event(None, Timestamp::from_secs_f64(at), 0.3));
        assert_eq!(begins, [true, false, false, true]);
        assert_eq!(train.tracker().gaps().1, 1);
    }

    #[test]
    fn a_tracker_stays_small_and_what_every_gap_needs_is_one_line() {
        assert!(size_of::<Tracker>() <= 200, "{}", size_of::<Tracker>());
        let needed_by_every_gap =
            core::mem::offset_of!(Tracker, window) + core::mem::offset_of!(Window, chance);
        assert_eq!(needed_by_every_gap, 64);
    }
}
