//! One queue of deadlines for every expiry and window.

use std::collections::BTreeSet;

use crate::finding::FindingId;
use crate::time::Timestamp;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deadline {
    /// Idle conversations are forgotten, long connections looked at; once an hour.
    Sweep,
    /// An open finding may have ended.
    FindingIdle(FindingId),
}

/// Deadlines in order of time; of equal times in the order of [`Deadline`].
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeSet<(Timestamp, Deadline)>,
    /// The time of the first; asked for with every input.
    next: Option<Timestamp>,
}

impl Timers {
    /// Adds a deadline. The end of time never comes: what is due there would be due again as soon as it was done.
    pub(crate) fn set(&mut self, at: Timestamp, what: Deadline) {
        if at < Timestamp::MAX {
            self.due.insert((at, what));
            self.next = Some(self.next.map_or(at, |next| next.min(at)));
        }
    }

    /// The first deadline.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.next
    }

    /// Takes the first deadline that is due at `now`.
    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<Deadline> {
        let first = *self.due.first().filter(|(at, _)| *at <= now)?;
        self.due.remove(&first);
        self.next = self.due.first().map(|(at, _)| *at);
        Some(first.1)
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
}
