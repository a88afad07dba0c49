//! The aggregate of an executable: one conversation for all its connections to destinations outside that are not
//! known here, and for those that its share of the table has no room for.

use super::{Detection, SlotRef};
use crate::assess::detector::aggregate;
use crate::assess::detector::aggregate::is_counted;
use crate::assess::identities::sighting;
use crate::know::{BaselineState, Sighting};
use crate::observe::contact::{Contact, ContactKind};
use crate::observe::workload::Workloads;
use crate::time::Timestamp;
use crate::track::conversation::Conversation;
use crate::track::table::Admission;

impl Detection {
    /// Decides again whether a conversation is excluded from its aggregate.
    pub(super) fn review_exclusion(&mut self, own: Option<SlotRef>, contact: &Contact, w: &Workloads) {
        let participant = self.participants.resolve(contact.actor_key, &contact.actor, w, &self.policies);
        let Some((own, c)) = own.and_then(|own| Some((own, self.table.get(own.slot)?))) else { return };
        let aggregate = || {
            let slot = self.table.slot_of(participant.aggregate)?;
            self.table.get(slot)
        };
        let excluded = c.dns.is_some()
            || !is_counted(contact, participant)
            || self.know.facts().baseline(&sighting(c, participant)) == BaselineState::Known
            || aggregate::is_excluded(c, aggregate());
        if let Some(c) = self.table.get_mut(own.slot) {
            c.excluded = excluded;
            if c.contacts == 1 && !excluded {
                self.participants.count_destination(contact.actor_key);
            }
        }
    }

    /// Counts a connection in the aggregate of its executable, unless its own conversation is excluded from it. Returns where
    /// the aggregate lies.
    pub(super) fn count_in_aggregate(
        &mut self,
        now: Timestamp,
        own: Option<SlotRef>,
        contact: &Contact,
        w: &Workloads,
    ) -> Option<SlotRef> {
        let own = own.and_then(|slot_ref| self.table.get(slot_ref.slot));
        if own.is_some_and(|c| c.excluded) || !matches!(contact.kind, ContactKind::Connect { .. }) {
            return None;
        }
        let participant = self.participants.resolve(contact.actor_key, &contact.actor, w, &self.policies);
        if !is_counted(contact, participant) {
            return None;
        }
        let key = participant.aggregate;
        // Most executables contact one or two: they need none. What a job does, each of its pods has only begun.
        let many =
            participant.destinations >= aggregate::DESTINATIONS_MIN || participant.is_job || own.is_none();
        if !many && self.table.slot_of(key).is_none() {
            return None;
        }
        let (tenant, lost) = (participant.tenant, self.lost);
        let begin = || Conversation::begin_aggregate(key, tenant, contact, lost);
        let Admission::Slot(slot) = self.table.admit(key, tenant, now, begin) else { return None };
        let c = self.table.get_mut(slot)?;
        c.contact(contact);
        if c.contacts.is_power_of_two() {
            self.know.observe(Sighting::Contact(sighting(c, participant)));
        }
        Some(SlotRef { slot, key })
    }
}
