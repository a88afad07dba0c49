//! The bounded table of conversations.
//!
//! Each tenant has a share. When the share is full, a new conversation can only evict the one of the same tenant with the
//! least evidence, and only after it had more contacts: a flood of destinations that are used once changes nothing. When
//! the whole table is full, the tenant with the most conversations gives way. So no tenant can evict what another does.

use crate::bounded::{Index, Places, Ranking};
use crate::counters::Usage;
use crate::keys::{ConversationKey, Tenant};
use crate::limits::Limits;
use crate::time::Timestamp;
use crate::track::conversation::Conversation;

/// Where a conversation lies in the table.
type Slot = u32;

/// Whether a conversation got a slot.
pub(crate) enum Admission {
    /// Its slot, known or new.
    Slot(u32),
    /// There is no room for it; it was counted.
    Refused,
}

/// The table.
#[derive(Debug)]
pub(crate) struct Table {
    max: usize,
    share_max: usize,
    slots: Vec<Option<Conversation>>,
    free: Vec<Slot>,
    /// Bounded by `max`: [`Table::make_room`].
    by_key: Places,
    /// Bounded by the conversations: a tenant without one is not there.
    shares: Index<Tenant, Share>,
    /// Who holds most.
    ranking: Ranking<Tenant>,
    /// Where the search for idle conversations continues.
    clock_hand: Slot,
    evicted: u64,
    refused: u64,
}

/// What one tenant holds.
#[derive(Debug, Default)]
struct Share {
    slots: Vec<Slot>,
    /// Where the next search for a victim starts, among the slots.
    clock_hand: usize,
    /// Attempts of refused keys. Made only when the share is full.
    attempts: Option<Box<AdmissionSketch>>,
}

/// How often each key asked for admission: a count-min sketch of two rows.
#[derive(Debug)]
struct AdmissionSketch {
    rows: [[u8; Self::ROW]; 2],
    total: u16,
}

impl AdmissionSketch {
    const ROW: usize = 512;
    /// Everything is halved after this many attempts.
    const MEMORY: u16 = 256;

    /// Counts one more attempt of a key and returns how many there were.
    fn attempt(&mut self, key: ConversationKey) -> u32 {
        self.total += 1;
        if self.total > Self::MEMORY {
            self.total = 0;
            for count in self.rows.iter_mut().flatten() {
                *count /= 2;
            }
        }
        let mut least = u8::MAX;
        for (row, bits) in self.rows.iter_mut().zip([key.0.bits(), key.0.bits() >> 32]) {
            let index = usize::try_from(bits).unwrap_or(usize::MAX) % Self::ROW;
            if let Some(count) = row.get_mut(index) {
                *count = count.saturating_add(1);
                least = least.min(*count);
            }
        }
        u32::from(least)
    }
}

impl Table {
    pub(crate) fn with_limits(limits: &Limits) -> Self {
        Self {
            max: limits.conversations_max,
            share_max: limits.conversations_per_workload_max,
            // Allocated once, so that it never moves; the system commits pages only when they are written.
            slots: Vec::with_capacity(limits.conversations_max.min(AT_ONCE_MAX)),
            free: Vec::new(),
            by_key: Places::default(),
            shares: Index::default(),
            ranking: Ranking::default(),
            clock_hand: 0,
            evicted: 0,
            refused: 0,
        }
    }

    /// The slot of a conversation, made by `begin` if it is new and there is room for it.
    pub(crate) fn admit(
        &mut self,
        key: ConversationKey,
        tenant: Tenant,
        now: Timestamp,
        begin: impl FnOnce() -> Conversation,
    ) -> Admission {
        if let Some(slot) = self.slot_of(key) {
            return Admission::Slot(slot);
        }
        if !self.make_room(key, tenant, now) {
            self.refused += 1;
            return Admission::Refused;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            Slot::try_from(self.slots.len() - 1).unwrap_or(Slot::MAX)
        });
        if let Some(place) = self.slots.get_mut(index(slot)) {
            *place = Some(begin());
        }
        let slots = &self.slots;
        let hash_at =
            |slot: &Slot| slots.get(index(*slot)).and_then(Option::as_ref).map_or(0, |c| hash(c.key));
        self.by_key.insert_unique(hash(key), slot, hash_at);
        self.shares.entry(tenant).or_default().slots.push(slot);
        self.ranking.more(tenant);
        Admission::Slot(slot)
    }

    pub(crate) fn get(&self, slot: u32) -> Option<&Conversation> {
        self.slots.get(index(slot)).and_then(Option::as_ref)
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Conversation> {
        self.slots.get_mut(index(slot)).and_then(Option::as_mut)
    }

    /// The slot of a conversation that is held.
    pub(crate) fn slot_of(&self, key: ConversationKey) -> Option<u32> {
        self.by_key.find(hash(key), |slot| self.get(*slot).is_some_and(|c| c.key == key)).copied()
    }

    /// All conversations with their slots, in the order of slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Conversation)> {
        (0..).zip(&self.slots).filter_map(|(slot, c)| c.as_ref().map(|c| (slot, c)))
    }

    /// The conversations of one tenant, in no order.
    pub(crate) fn of_tenant(&self, tenant: Tenant) -> impl Iterator<Item = &Conversation> {
        let slots = self.shares.get(&tenant).map(|share| share.slots.as_slice()).unwrap_or_default();
        slots.iter().filter_map(|slot| self.get(*slot)).inspect(|_| count_visit())
    }

    /// All conversations, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Conversation> {
        self.slots.iter_mut().filter_map(Option::as_mut)
    }

    /// Forgets a conversation.
    pub(crate) fn remove(&mut self, slot: u32) {
        let Some(gone) = self.slots.get_mut(index(slot)).and_then(Option::take) else { return };
        if let Ok(entry) = self.by_key.find_entry(hash(gone.key), |held| *held == slot) {
            entry.remove();
        }
        self.free.push(slot);
        let Some(share) = self.shares.get_mut(&gone.tenant) else { return };
        share.slots.retain(|held| *held != slot);
        if share.slots.is_empty() {
            self.shares.remove(&gone.tenant);
        }
        self.ranking.less(gone.tenant);
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage { held: self.by_key.len() as u64, evicted: self.evicted, refused: self.refused }
    }

    fn make_room(&mut self, key: ConversationKey, tenant: Tenant, now: Timestamp) -> bool {
        let held = self.ranking.held(tenant);
        let full = self.by_key.len() >= self.max;
        if held < self.share_max && !full {
            return true;
        }
        if held < self.share_max
            && let Some((who, _)) = self.ranking.most().filter(|(_, most)| *most > held + 1)
        {
            return self.evict_least(who, u32::MAX, now);
        }
        if held == 0 {
            return self.evict_idle(now);
        }
        let Some(share) = self.shares.get_mut(&tenant) else { return false };
        let attempts = share.attempts.get_or_insert_with(|| {
            Box::new(AdmissionSketch { rows: [[0; AdmissionSketch::ROW]; 2], total: 0 })
        });
        let attempts = attempts.attempt(key);
        attempts > 1 && self.evict_least(tenant, attempts, now)
    }

    /// Of the conversations of `tenant` (of a large share: the next [`SAMPLE`]), evicts the one with the least
    /// evidence, then fewest contacts, then the oldest, if it was contacted less often than `attempts` (or is idle) and
    /// nothing stands on it.
    fn evict_least(&mut self, tenant: Tenant, attempts: u32, now: Timestamp) -> bool {
        let Some(share) = self.shares.get_mut(&tenant) else { return false };
        let held = share.slots.len();
        let looked_at = if held <= WHOLE_SHARE { held } else { SAMPLE };
        let from = share.clock_hand % held.max(1);
        share.clock_hand = from + looked_at;
        let Some(share) = self.shares.get(&tenant) else { return false };
        let next = share.slots.iter().cycle().skip(from).take(looked_at);
        let held = next.filter_map(|slot| self.get(*slot).map(|c| (*slot, c)));
        let least = held
            .map(|(slot, c)| (slot, c.worth(), live_contacts(c, now), c.last, c.key))
            .min_by(|a, b| a.1.total_cmp(&b.1).then((a.2, a.3, a.4).cmp(&(b.2, b.3, b.4))))
            .map(|(slot, worth, contacts, ..)| (slot, worth, contacts));
        match least {
            Some((slot, worth, contacts)) if contacts < attempts && worth < WORTH_KEEPING => {
                self.evict(slot);
                true
            }
            _ => false,
        }
    }

    /// Looks at the next few places for a conversation that is idle and shows nothing.
    fn evict_idle(&mut self, now: Timestamp) -> bool {
        for _ in 0..16 {
            self.clock_hand =
                if index(self.clock_hand) + 1 < self.slots.len() { self.clock_hand + 1 } else { 0 };
            let idle =
                self.get(self.clock_hand).is_some_and(|c| c.worth() < 4.0 && live_contacts(c, now) == 0);
            if idle {
                self.evict(self.clock_hand);
                return true;
            }
        }
        false
    }

    fn evict(&mut self, slot: Slot) {
        self.remove(slot);
        self.evicted += 1;
    }
}

#[cfg(not(test))]
const fn count_visit() {}

/// Counts one more conversation that was visited.
#[cfg(test)]
fn count_visit() {
    GONE_THROUGH.with(|count| count.set(count.get() + 1));
}

#[cfg(test)]
std::thread_local! {
    static GONE_THROUGH: core::cell::Cell<u64> = const { core::cell::Cell::new(0) };
}

/// Conversations that this test has visited.
#[cfg(test)]
pub(crate) fn gone_through() -> u64 {
    GONE_THROUGH.with(core::cell::Cell::get)
}

/// Most conversations to allocate at once; a recording may name larger bounds.
const AT_ONCE_MAX: usize = 1 << 17;
/// Shares up to this size, as on a node, are searched whole for a victim.
const WHOLE_SHARE: usize = 64;
/// In larger shares, of recorded traffic, this many are looked at in turn: each may be a cache miss.
const SAMPLE: usize = 16;
/// From this much evidence on, bits, a conversation is not evicted for a new one.
const WORTH_KEEPING: f32 = 10.0;
/// Idle this long, seconds, a conversation's past contacts no longer hold its place.
const STALE_SECS: f64 = 3600.0;

fn live_contacts(conversation: &Conversation, now: Timestamp) -> u32 {
    if now.secs_since(conversation.last) > STALE_SECS { 0 } else { conversation.contacts }
}

/// Keys are keyed hashes already, which nobody can choose.
fn hash(key: ConversationKey) -> u64 {
    key.0.bits()
}

fn index(slot: Slot) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}
