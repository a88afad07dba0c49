//! The Event budget: a burst of 25 Events per object, then one every five minutes, as client-go's own spam
//! filter has it. What does not fit is counted and published in one summary Event. No clock and no client in here.

use std::collections::BTreeMap;
use std::time::Duration;

use beaconwatch_engine::time::Timestamp;

/// Events that may be written about one object at once.
const BURST: u32 = 25;
/// One more every so often.
const REFILL: Duration = Duration::from_secs(300);
/// A summary waits this long for more to sum up.
const SUMMARY_DELAY: Duration = Duration::from_secs(10);
/// Objects kept; beyond, the one that was quiet for longest is forgotten.
const OBJECTS_MAX: usize = 4096;

/// What was spent on one object.
#[derive(Clone, Copy, Debug)]
struct Spent {
    /// Events written and not yet earned back.
    events: u32,
    /// When the last one was earned back, or the first one written.
    since: Timestamp,
    /// When an Event was last asked for.
    last: Timestamp,
    /// Events that did not fit and are not summed up yet, with the time of the first.
    suppressed: Option<(u32, Timestamp)>,
}

/// Budgets of all objects; `K` names an object.
#[derive(Debug)]
pub struct EventBudget<K> {
    objects: BTreeMap<K, Spent>,
}

impl<K> Default for EventBudget<K> {
    fn default() -> Self {
        Self { objects: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> EventBudget<K> {
    /// May an Event about this object be written now? If not, it is counted for the summary. The last of the
    /// burst is kept for the summary.
    pub fn take(&mut self, object: &K, now: Timestamp) -> bool {
        let spent = self.spent(object, now);
        spent.last = now;
        if spent.suppressed.is_none() && spent.events + 1 < BURST {
            spent.events += 1;
            return true;
        }
        let (count, since) = spent.suppressed.unwrap_or((0, now));
        spent.suppressed = Some((count.saturating_add(1), since));
        false
    }

    /// A summary that is due: the object, and how many Events were not written about it.
    pub fn next_summary(&mut self, now: Timestamp) -> Option<(K, u32)> {
        for (object, spent) in &mut self.objects {
            let Some((count, since)) = spent.suppressed else { continue };
            spent.earn(now);
            if since + SUMMARY_DELAY <= now && spent.events < BURST {
                spent.events += 1;
                spent.suppressed = None;
                return Some((object.clone(), count));
            }
        }
        None
    }

    fn spent(&mut self, object: &K, now: Timestamp) -> &mut Spent {
        if self.objects.len() >= OBJECTS_MAX && !self.objects.contains_key(object) {
            let quiet = self.objects.iter().min_by_key(|(_, spent)| (spent.suppressed.is_some(), spent.last));
            if let Some(quiet) = quiet.map(|(object, _)| object.clone()) {
                self.objects.remove(&quiet);
            }
        }
        let fresh = Spent { events: 0, since: now, last: now, suppressed: None };
        let spent = self.objects.entry(object.clone()).or_insert(fresh);
        spent.earn(now);
        spent
    }
}

impl Spent {
    /// Earns back one Event for every whole refill time.
    fn earn(&mut self, now: Timestamp) {
        while self.events > 0 && self.since + REFILL <= now {
            self.events -= 1;
            self.since = self.since + REFILL;
        }
        if self.events == 0 {
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_nanos(secs * 1_000_000_000)
    }

    /// Takes `count` Events at once and says how many were allowed.
    fn allowed(budget: &mut EventBudget<&'static str>, object: &'static str, count: u32, now: u64) -> usize {
        (0..count).filter(|_| budget.take(&object, at(now))).count()
    }

    #[test]
    fn a_flood_becomes_a_burst_and_one_summary() {
        let mut budget = EventBudget::default();
        assert_eq!(allowed(&mut budget, "pod", 500, 1000), 24);
        assert_eq!(budget.next_summary(at(1001)), None, "it waits for more");
        assert_eq!(budget.next_summary(at(1010)), Some(("pod", 476)));
        assert_eq!(budget.next_summary(at(1011)), None);
    }

    #[test]
    fn after_the_burst_there_is_one_every_five_minutes() {
        let mut budget = EventBudget::default();
        assert_eq!(allowed(&mut budget, "pod", 100, 0), 24);
        assert_eq!(budget.next_summary(at(10)), Some(("pod", 76)));
        let mut published = 0;
        for second in 11..11 + 3600 {
            let now = at(second);
            published += u32::from(budget.take(&"pod", now));
            published += u32::from(budget.next_summary(now).is_some());
        }
        assert!((11..=13).contains(&published), "{published} Events in an hour");
    }

    #[test]
    fn one_noisy_object_does_not_silence_another() {
        let mut budget = EventBudget::default();
        allowed(&mut budget, "noisy", 1000, 0);
        assert_eq!(allowed(&mut budget, "other", 3, 0), 3);
    }

    #[test]
    fn a_quiet_object_earns_its_burst_back() {
        let mut budget = EventBudget::default();
        assert_eq!(allowed(&mut budget, "pod", 24, 0), 24);
        assert_eq!(allowed(&mut budget, "pod", 30, 24 * 300), 24);
    }

    #[test]
    fn the_number_of_objects_is_bounded() {
        let mut budget = EventBudget::default();
        for object in 0..OBJECTS_MAX + 100 {
            budget.take(&object, at(object as u64));
        }
        assert_eq!(budget.objects.len(), OBJECTS_MAX);
    }
}
