//! Who holds most. Every change by one costs the same, however many there are.

use core::hash::Hash;

use super::index::Index;

/// Scopes in the order of how many entries they hold, most first; of those that hold as many, in an order that the same
/// changes always give.
#[derive(Debug)]
pub(crate) struct Ranking<S> {
    order: Vec<S>,
    /// Bounded by the entries that the scopes hold: one that holds none is not there.
    seats: Index<S, Seat>,
    /// How many scopes hold more than 0, 1, 2, ... entries: where in the order those begin that hold so many.
    more_than: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Seat {
    place: usize,
    held: usize,
}

impl<S> Default for Ranking<S>
where
    S: Eq + Hash,
{
    fn default() -> Self {
        Self { order: Vec::new(), seats: Index::default(), more_than: Vec::new() }
    }
}

impl<S: Copy + Eq + Hash> Ranking<S> {
    /// The scope that holds most, and how many.
    pub(crate) fn most(&self) -> Option<(S, usize)> {
        let first = *self.order.first()?;
        Some((first, self.held(first)))
    }

    pub(crate) fn held(&self, scope: S) -> usize {
        self.seats.get(&scope).map_or(0, |seat| seat.held)
    }

    /// A scope holds one more.
    pub(crate) fn more(&mut self, scope: S) {
        let last = self.order.len();
        let seat = *self.seats.entry(scope).or_insert_with(|| {
            self.order.push(scope);
            Seat { place: last, held: 0 }
        });
        if seat.held >= self.more_than.len() {
            self.more_than.resize(seat.held + 1, 0);
        }
        let Some(first_alike) = self.more_than.get_mut(seat.held) else { return };
        let place = *first_alike;
        *first_alike += 1;
        self.swap(seat.place, place);
        self.seats.insert(scope, Seat { place, held: seat.held + 1 });
    }

    /// A scope holds one less.
    pub(crate) fn less(&mut self, scope: S) {
        let Some(seat) = self.seats.get(&scope).copied() else { return };
        let held = seat.held.saturating_sub(1);
        let Some(behind_alike) = self.more_than.get_mut(held) else { return };
        *behind_alike = behind_alike.saturating_sub(1);
        let place = *behind_alike;
        self.swap(seat.place, place);
        if held > 0 {
            self.seats.insert(scope, Seat { place, held });
        } else {
            // Nobody else holds nothing, so that it is the last.
            self.order.pop();
            self.seats.remove(&scope);
        }
        while self.more_than.last() == Some(&0) {
            self.more_than.pop();
        }
    }

    /// Puts the scope at `from` to the place `to`, and the one there to `from`.
    fn swap(&mut self, from: usize, to: usize) {
        if from == to || from.max(to) >= self.order.len() {
            return;
        }
        if let Some(seat) = self.order.get(to).and_then(|other| self.seats.get_mut(other)) {
            seat.place = from;
        }
        self.order.swap(from, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_holds_most_is_known_after_every_change() {
        let mut ranking = Ranking::default();
        let mut held = [0_usize; 40];
        let mut state = 7_u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let scope = (state >> 33) as usize % held.len();
            if (state >> 20).is_multiple_of(2) {
                ranking.more(scope);
                held[scope] += 1;
            } else {
                ranking.less(scope);
                held[scope] = held[scope].saturating_sub(1);
            }
            let most = held.iter().copied().max().filter(|most| *most > 0);
            assert_eq!(ranking.most().map(|(_, most)| most), most);
            assert!(ranking.most().is_none_or(|(who, most)| held[who] == most));
            assert_eq!(ranking.order.len(), held.iter().filter(|held| **held > 0).count());
            assert!((0..held.len()).all(|scope| ranking.held(scope) == held[scope]));
        }
    }
}
