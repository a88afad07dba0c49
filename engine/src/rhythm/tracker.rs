//! One tracker: sessions, the ring of gaps, and three experts that bet on the next gap.

use super::window::{GAP_MIN, Window};
use crate::checkpoint::saved;
use crate::numeric::{log2, lost_bits, won_bits};
use crate::time::Timestamp;

/// Gaps that are remembered.
pub(crate) const RING: usize = 32;
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

saved!(Purse { wealth, restarts, running });
saved!(Odds { hits, trials });
saved!(Tracker {
    ring,
    head,
    len,
    since_fit,
    started,
    session_start,
    last_event,
    previous,
    window,
    by_window,
    by_ratio,
    odds,
});

/// Wealth of one expert since its last restart.
#[derive(Clone, Copy, Debug, Default)]
struct Purse {
    wealth: f32,
    /// How often it began anew; paid for with `2 log2(restarts)` bits.
    restarts: u8,
    /// Wealth has been used up (or never was): the next win is a restart.
    running: bool,
}

impl Purse {
    fn pay(&mut self, bits: f32) {
        if bits > 0.0 && !self.running {
            self.running = true;
            self.restarts = self.restarts.saturating_add(1);
        }
        self.wealth = (self.wealth + bits).clamp(0.0, WEALTH_MAX);
        if self.wealth <= 0.0 {
            self.running = false;
        }
    }

    /// Evidence, bits, or `best` where that is more.
    #[inline(always)]
    fn evidence_above(&self, best: f32) -> f32 {
        // Evidence is never more than wealth, and most purses are empty: no logarithm for those.
        if self.wealth <= best {
            return best;
        }
        let paid = if self.restarts <= 1 { 0.0 } else { 2.0 * log2(f32::from(self.restarts)) };
        best.max(self.wealth - paid)
    }
}

/// Hits and trials of one ratio band.
#[derive(Clone, Copy, Debug, Default)]
struct Odds {
    hits: f32,
    trials: f32,
}

/// A tracker; about 210 bytes.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub(crate) struct Tracker {
    head: u8,
    len: u8,
    since_fit: u8,
    started: bool,
    session_start: Timestamp,
    last_event: Timestamp,
    previous: f32,
    window: Window,
    by_window: Purse,
    by_ratio: [Purse; 2],
    odds: [Odds; 2],
    ring: [f32; RING],
}

impl Tracker {
    /// Takes an event. True if it begins a session, that is, comes later than `dead` seconds after the last.
    /// An event out of order belongs to the running session.
    pub(crate) fn event(&mut self, at: Timestamp, dead: f32) -> bool {
        self.event_beside(None, at, dead)
    }

    /// The same; where a tracker with the same dead time has fitted a window to the same gaps just now, it is taken.
    pub(crate) fn event_beside(&mut self, twin: Option<&Self>, at: Timestamp, dead: f32) -> bool {
        if !self.started {
            self.started = true;
            self.session_start = at;
            self.last_event = at;
            return true;
        }
        let quiet = seconds(self.last_event, at);
        let begins = quiet > dead;
        if begins {
            let gap = seconds(self.session_start, at);
            self.session_start = at;
            self.gap(twin, gap, dead);
        }
        self.last_event = self.last_event.max(at);
        begins
    }

    /// A word of each line of memory that the next gap needs.
    pub(crate) fn fetch(&self) -> (Timestamp, f32, u8) {
        let next = self.ring.get(usize::from(self.head)).copied();
        (self.last_event, next.unwrap_or(self.by_window.wealth), self.since_fit)
    }

    /// Evidence against an irregular process, bits.
    #[inline]
    pub(crate) fn evidence(&self) -> f32 {
        let [wide, narrow] = &self.by_ratio;
        let best = self.by_window.evidence_above(CHOICE_FEE);
        narrow.evidence_above(wide.evidence_above(best)) - CHOICE_FEE
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
    pub(crate) fn forgive(&mut self) {
        self.by_window.restarts /= 2;
        for purse in &mut self.by_ratio {
            purse.restarts /= 2;
        }
    }

    fn gap(&mut self, twin: Option<&Self>, gap: f32, dead: f32) {
        self.bet_on_window(gap);
        self.bet_on_ratio((gap - dead).max(GAP_MIN));
        self.push(gap);
        let hopeless = self.window.growth <= GROWTH_MIN && self.by_window.wealth <= 0.0;
        let due = match (usize::from(self.len) < RING, hopeless) {
            (true, false) => 1,
            (true, true) => REFIT,
            (false, false) if self.by_window.wealth < 20.0 => REFIT,
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
        let Window { share, chance, growth, .. } = self.window;
        if growth <= GROWTH_MIN {
            self.by_window.pay(-IDLE_FEE);
            return;
        }
        let hit = self.window.holds(gap);
        let bits = if hit {
            won_bits(share, chance)
        } else {
            log2((1.0 - share).max(0.02) / (1.0 - chance).max(0.02))
        };
        self.by_window.pay(bits);
    }

    fn bet_on_ratio(&mut self, gap: f32) {
        let previous = core::mem::replace(&mut self.previous, gap);
        if previous <= 0.0 {
            return;
        }
        let ratio = gap / previous;
        for ((band, purse), odds) in BANDS.iter().zip(&mut self.by_ratio).zip(&mut self.odds) {
            let hit = band.low <= ratio && ratio <= band.high;
            let share = (odds.hits + 1.0) / (odds.trials + 3.0);
            if share > band.chance + 0.1 {
                purse.pay(if hit { won_bits(share, band.chance) } else { lost_bits(share, band.chance) });
            } else {
                purse.pay(-IDLE_FEE);
            }
            odds.hits += f32::from(u8::from(hit));
            odds.trials += 1.0;
            if odds.trials > TRIALS_MAX {
                odds.hits *= 0.5;
                odds.trials *= 0.5;
            }
        }
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

#[expect(clippy::cast_possible_truncation, reason = "seconds in single precision are what the bets need")]
fn seconds(from: Timestamp, to: Timestamp) -> f32 {
    to.secs_since(from) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(gaps: impl IntoIterator<Item = f64>, dead: f32) -> Tracker {
        let mut tracker = Tracker::default();
        let mut at = 1000.0;
        tracker.event(Timestamp::from_secs_f64(at), dead);
        for gap in gaps {
            at += gap;
            tracker.event(Timestamp::from_secs_f64(at), dead);
        }
        tracker
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
        let mut tracker = Tracker::default();
        assert!(tracker.event(Timestamp::from_secs_f64(1.0), 0.3));
        assert!(!tracker.event(Timestamp::from_secs_f64(1.2), 0.3));
        assert!(!tracker.event(Timestamp::from_secs_f64(1.4), 0.3));
        assert!(tracker.event(Timestamp::from_secs_f64(2.0), 0.3));
        assert_eq!(tracker.gaps().1, 1);
    }

    #[test]
    fn a_tracker_stays_small() {
        assert!(core::mem::size_of::<Tracker>() <= 232, "{}", core::mem::size_of::<Tracker>());
    }
}
