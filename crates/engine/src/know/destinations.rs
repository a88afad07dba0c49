//! How many workloads contact a destination.
//!
//! What only one workload contacts is in that workload's share, so that its flood costs itself only. What several
//! contact is kept separately: nobody's share pays for it, and nobody's flood makes it forgotten.

use core::time::Duration;

use super::sighting::Seen;
use crate::bounded::{BoundedMap, FairTable, Inserted};
use crate::codec::{fields, put_table};
use crate::counters::Usage;
use crate::keys::{DestinationKey, WorkloadKey};
use crate::limits::Limits;
use crate::time::Timestamp;

/// In a full share, a destination that was contacted within this time does not give way to a new one.
const IN_USE: Duration = Duration::from_secs(24 * 3600);
/// The oldest so many of a full share are looked at.
const LOOKS: usize = 8;

/// Who contacts a destination, and when somebody did last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contacted {
    /// The first so many workloads.
    workloads: [WorkloadKey; 4],
    count: u8,
    last: Timestamp,
}

fields!(Contacted { workloads, count, last });

/// All destinations.
#[derive(Debug)]
pub(super) struct Destinations {
    /// Of one workload each, which is the scope.
    alone: FairTable<DestinationKey, Contacted>,
    /// Of several.
    shared: BoundedMap<DestinationKey, Contacted>,
    share_max: usize,
    refused: u64,
}

impl Destinations {
    pub(super) fn with_limits(limits: &Limits) -> Self {
        let half = limits.destinations_max() / 2;
        Self {
            alone: FairTable::with_capacity_max(half),
            shared: BoundedMap::with_max(half),
            share_max: usize::try_from(limits.signatures_per_workload_max).unwrap_or(usize::MAX),
            refused: 0,
        }
    }

    /// A workload contacts a destination.
    pub(super) fn see(&mut self, seen: &Seen) {
        let (key, scope) = (seen.destination, seen.workload.0.bits());
        if let Some(known) = self.shared.get_mut(&key) {
            known.see(seen);
        } else if let Some(known) = self.alone.get_mut(&key) {
            known.see(seen);
            let known = *known;
            if known.count() > 1 && self.share(key, known) {
                self.alone.remove(&key);
            }
        } else if self.has_room(scope, seen.at) {
            let mut contacted = Contacted { workloads: [seen.workload; 4], count: 0, last: seen.at };
            contacted.see(seen);
            self.alone.insert(key, scope, contacted);
        } else {
            self.refused += 1;
        }
    }

    /// Distinct workloads that contact a destination, at most 4.
    pub(super) fn workloads(&self, destination: DestinationKey) -> u32 {
        let known = self.shared.get(&destination).or_else(|| self.alone.get(&destination));
        known.map_or(0, Contacted::count)
    }

    pub(super) fn usage(&self) -> Usage {
        let (alone, shared) = (self.alone.usage(), self.shared.usage());
        Usage {
            held: alone.held + shared.held,
            evicted: alone.evicted,
            refused: self.refused + shared.refused,
        }
    }

    /// Forgets what nobody contacted since `time`: shares have room for others again.
    pub(super) fn forget_before(&mut self, time: Timestamp) {
        self.alone.retain(|contacted| contacted.last > time);
        self.shared.retain(|_, contacted| contacted.last > time);
    }

    /// Writes all of them.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_table(self.alone.iter().chain(self.shared.iter()), out);
    }

    /// Takes in what was saved; false: it found no room, or another gave way to it.
    pub(super) fn insert(&mut self, key: DestinationKey, contacted: Contacted) -> bool {
        if contacted.count() >= 2 && self.share(key, contacted) {
            return true;
        }
        let [scope, ..] = contacted.workloads;
        let evicted = self.alone.usage().evicted;
        self.alone.insert(key, scope.0.bits(), contacted);
        evicted == self.alone.usage().evicted
    }

    fn share(&mut self, key: DestinationKey, contacted: Contacted) -> bool {
        match self.shared.insert(key, contacted) {
            Inserted::New | Inserted::Known => true,
            Inserted::Refused => false,
        }
    }

    /// Whether a share has room for one more, if need be in place of one that is no longer in use.
    fn has_room(&mut self, scope: u64, now: Timestamp) -> bool {
        if self.alone.held(scope) < self.share_max {
            return true;
        }
        for _ in 0..LOOKS {
            let Some((key, oldest)) = self.alone.oldest(scope).map(|(key, oldest)| (*key, *oldest)) else {
                return true;
            };
            if now.since(oldest.last) >= IN_USE {
                self.alone.evict(scope);
                return true;
            }
            self.alone.insert(key, scope, oldest);
        }
        false
    }
}

impl Contacted {
    fn see(&mut self, seen: &Seen) {
        self.last = self.last.max(seen.at);
        let taken = usize::from(self.count);
        let known = self.workloads.iter().take(taken).any(|workload| *workload == seen.workload);
        if let Some(free) = self.workloads.get_mut(taken).filter(|_| !known) {
            *free = seen.workload;
            self.count += 1;
        }
    }

    fn count(&self) -> u32 {
        self.count.into()
    }
}
