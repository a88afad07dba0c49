//! Rows in order of time, within a bounded look-ahead.
//!
//! Logs are written when things end, but judged by when they began. Rows are held until the look-ahead is full;
//! then the earlier half goes on, sorted. Input that fits into the look-ahead comes out exactly sorted. A row that
//! is further behind than that comes late: it is counted, and the engine raises its time.

use std::collections::VecDeque;

use beaconwatch_engine::time::Timestamp;

/// Rows whose memory is waited for together, not one after the other.
const TOGETHER: usize = 16;

/// A row whose memory can be asked for before it is needed.
pub trait Fetch {
    /// Reads a word of each line of its memory.
    fn fetch(&self);
}

/// Holds rows back until their turn. What is put in order is where the rows lie, not the rows.
#[derive(Debug)]
pub struct Reorder<T> {
    look_ahead: usize,
    rows: Vec<Option<T>>,
    free: Vec<usize>,
    held: Vec<Held>,
    ready: VecDeque<Held>,
    last: Timestamp,
    late: u64,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    time: Timestamp,
    order: u64,
    place: usize,
}

impl<T: Fetch> Reorder<T> {
    /// Holds at most twice `look_ahead` rows.
    #[must_use]
    pub fn with_look_ahead(look_ahead: usize) -> Self {
        Self {
            look_ahead: look_ahead.max(1),
            rows: Vec::new(),
            free: Vec::new(),
            held: Vec::new(),
            ready: VecDeque::new(),
            last: Timestamp::ZERO,
            late: 0,
        }
    }

    /// Takes a row; `order` decides among rows of equal time.
    #[inline]
    pub fn push(&mut self, time: Timestamp, order: u64, row: T) {
        if self.free.len().is_multiple_of(TOGETHER) {
            self.fetch(self.free.iter().rev());
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.rows.push(None);
            self.rows.len() - 1
        });
        if let Some(free) = self.rows.get_mut(place) {
            *free = Some(row);
        }
        self.held.push(Held { time, order, place });
    }

    /// Whether rows must be taken out before more are put in.
    #[must_use]
    pub fn is_full(&self) -> bool {
        !self.ready.is_empty() || self.held.len() >= 2 * self.look_ahead
    }

    /// The next row in order; `None` when nothing is held. Ask when [`Self::is_full`], or when nothing follows.
    #[inline]
    pub fn pop(&mut self) -> Option<(Timestamp, T)> {
        if self.ready.is_empty() {
            self.release();
        }
        if self.ready.len().is_multiple_of(TOGETHER) {
            self.fetch(self.ready.iter().map(|held| &held.place));
        }
        let Held { time, order: _, place } = self.ready.pop_front()?;
        let row = self.rows.get_mut(place).and_then(Option::take)?;
        self.free.push(place);
        if time < self.last {
            self.late += 1;
        }
        self.last = self.last.max(time);
        Some((time, row))
    }

    /// Puts what is held in order and lets the earlier half go on.
    fn release(&mut self) {
        // What stayed from the last time is in order already, which this sort makes use of. Orders are unique.
        self.held.sort_by_key(|held| u128::from(held.time.as_nanos()) << 64 | u128::from(held.order));
        let count = if self.held.len() > self.look_ahead { self.held.len() / 2 } else { self.held.len() };
        self.ready.extend(self.held.drain(..count));
    }

    /// Asks for the memory of the next few places, so that all of it comes into the caches at the same time.
    fn fetch<'p>(&self, places: impl Iterator<Item = &'p usize>) {
        for place in places.take(TOGETHER) {
            match self.rows.get(*place) {
                Some(Some(row)) => row.fetch(),
                free => {
                    core::hint::black_box(free.is_some_and(Option::is_none));
                }
            }
        }
    }

    /// Rows that wait for their turn.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len() + self.ready.len()
    }

    /// Rows that came out later than their time.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Fetch for u64 {
        fn fetch(&self) {}
    }

    fn check(look_ahead: usize, times: &[u64]) -> (Vec<u64>, u64) {
        let mut reorder = Reorder::with_look_ahead(look_ahead);
        let mut out = Vec::new();
        let mut rows = times.iter().enumerate();
        loop {
            while !reorder.is_full()
                && let Some((order, time)) = rows.next()
            {
                reorder.push(Timestamp::from_nanos(*time), order as u64, *time);
            }
            let Some((_, row)) = reorder.pop() else { return (out, reorder.late()) };
            out.push(row);
        }
    }

    #[test]
    fn what_fits_comes_out_sorted() {
        assert_eq!(check(10, &[3, 1, 2, 1]), (vec![1, 1, 2, 3], 0));
        assert_eq!(check(2, &[2, 1, 4, 3, 6, 5, 8, 7]), (vec![1, 2, 3, 4, 5, 6, 7, 8], 0));
    }

    #[test]
    fn a_row_too_far_behind_is_counted() {
        assert_eq!(check(1, &[5, 6, 7, 8, 1]).1, 1);
    }

    #[test]
    fn the_bound_is_kept() {
        let mut reorder = Reorder::with_look_ahead(4);
        let mut pushed = 0;
        while !reorder.is_full() {
            reorder.push(Timestamp::ZERO, pushed, 0);
            pushed += 1;
        }
        assert_eq!(pushed, 8);
    }
}
