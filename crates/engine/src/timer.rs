//! One queue of deadlines for every expiry and window.

use crate::bounded::{Index, OrderedIndex};
use crate::keys::FindingId;
use crate::time::Timestamp;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Deadline {
    /// Idle conversations are forgotten, long connections looked at; once an hour.
    Sweep,
    /// An open finding may have ended.
    FindingIdle(FindingId),
}

/// Deadlines in order of time; of equal times in the order of [`Deadline`].
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// Bounded by the findings that are open, and one more: each deadline is there once.
    due: OrderedIndex<(Timestamp, Deadline)>,
    /// When each is due. Bounded by the same.
    at: Index<Deadline, Timestamp>,
    /// The time of the first; asked for with every input.
    next: Option<Timestamp>,
}

impl Timers {
    /// Sets when something is due, whatever was said before. The end of time never comes: what is due there would be
    /// due again as soon as it was done.
    pub(crate) fn set(&mut self, at: Timestamp, what: Deadline) {
        self.cancel(what);
        if at < Timestamp::MAX {
            self.due.insert((at, what));
            self.at.insert(what, at);
            self.next = Some(self.next.map_or(at, |next| next.min(at)));
        }
    }

    /// Nothing is due of this any more.
    pub(crate) fn cancel(&mut self, what: Deadline) {
        if let Some(at) = self.at.remove(&what) {
            self.due.remove(&(at, what));
            self.next = self.due.first().map(|(at, _)| *at);
        }
    }

    /// The first deadline.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.next
    }

    /// Takes the first deadline that is due at `now`.
    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<Deadline> {
        let (_, what) = *self.due.first().filter(|(at, _)| *at <= now)?;
        self.cancel(what);
        Some(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_off_to_the_end_of_time_is_never_due() {
        let mut timers = Timers::default();
        timers.set(Timestamp::MAX, Deadline::Sweep);
        assert_eq!((timers.next(), timers.pop(Timestamp::MAX)), (None, None));
    }

    #[test]
    fn what_is_put_off_or_cancelled_is_due_once_or_never() {
        let mut timers = Timers::default();
        let (one, other) =
            (Deadline::FindingIdle(FindingId(1.into())), Deadline::FindingIdle(FindingId(2.into())));
        for secs in (0..1000).rev() {
            timers.set(Timestamp::from_secs_f64(f64::from(secs)), one);
        }
        timers.set(Timestamp::from_secs_f64(5.0), one);
        timers.set(Timestamp::ZERO, other);
        timers.cancel(other);
        assert_eq!(timers.next(), Some(Timestamp::from_secs_f64(5.0)));
        let due: Vec<_> = core::iter::from_fn(|| timers.pop(Timestamp::MAX)).collect();
        assert_eq!((due, timers.next(), timers.at.len()), (vec![one], None, 0));
    }
}
