//! A conversation: everything one actor had to do with one destination, in less than a kibibyte.
//!
//! It only accumulates. What it means is judged elsewhere.

mod aggregate;
mod fetch;
mod last_assessment;
mod trackers;

use std::sync::Arc;

pub(crate) use aggregate::Aggregate;
pub(crate) use last_assessment::LastAssessment;
use trackers::TrackerKind;

use crate::actor::{Actor, ActorKey};
use crate::codec::fields;
use crate::keys::{ConversationKey, Tenant};
use crate::numeric::{class_size, size_class};
use crate::observe::contact::{Bytes, Contact, ContactKind, Destination, Naming};
use crate::observe::protocol::AppProtocol;
use crate::time::Timestamp;
use crate::track::dns_volume::DnsVolume;
use crate::track::rhythm::{Modal, SizeBet, Tracker, Train};

/// State of a conversation. Fields that every contact needs come first: most conversations have left the caches since
/// their last contact, and each cache line that has to be fetched costs as much as the arithmetic.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Conversation {
    pub(crate) actor: Arc<Actor>,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    pub(crate) bytes: Bytes,
    /// Contacts in all.
    pub(crate) contacts: u32,
    /// Those of them on connections that were already open.
    pub(crate) bursts: u32,
    /// Connections that the peer did not answer, and those it did.
    pub(crate) unanswered: u32,
    pub(crate) answered: u32,
    /// Best evidence of the trackers, bits.
    pub(crate) rhythm_bits: f32,
    /// Evidence of each tracker when it was weighed last.
    bits: [f32; 3],
    /// The tracker with the best evidence.
    best: TrackerKind,
    /// The modal tracker would be the same as that of the sessions: all requests had the modal size so far.
    modal_is_sessions: bool,
    pub(crate) protocol: AppProtocol,
    pub(crate) naming: Naming,
    naming_votes: u8,
    pub(crate) ja4_odd: Option<bool>,
    /// Its contacts are not counted in the aggregate of its executable.
    pub(crate) excluded: bool,
    /// Only the destination's name is known so far.
    address_wanted: bool,
    pub(crate) size: SizeBet,
    pub(crate) sent_class: Modal,
    pub(crate) received_class: Modal,
    /// Longest connection, seconds.
    pub(crate) longest: f32,
    /// The last judgement.
    pub(crate) last_assessment: LastAssessment,
    /// Only with DNS questions.
    pub(crate) dns: Option<Box<DnsVolume>>,
    /// Only of an aggregate: where its check-ins go.
    pub(crate) aggregate: Option<Box<Aggregate>>,
    pub(crate) sessions: Tracker,
    pub(crate) visits: Tracker,
    /// Only once it differs from that of the sessions, and had an event.
    modal: Option<Box<Train>>,
    pub(crate) ja4: Option<Arc<str>>,
    pub(crate) sni: Option<Arc<str>>,
    pub(crate) key: ConversationKey,
    pub(crate) tenant: Tenant,
    pub(crate) actor_key: ActorKey,
    pub(crate) destination: Destination,
    /// Records lost before it began, as the engine counted them.
    pub(crate) lost_before: u64,
}

fields!(Conversation {
    actor,
    first,
    last,
    bytes,
    contacts,
    bursts,
    unanswered,
    answered,
    rhythm_bits,
    bits,
    best,
    modal_is_sessions,
    protocol,
    naming,
    naming_votes,
    ja4_odd,
    excluded,
    address_wanted,
    size,
    sent_class,
    received_class,
    longest,
    last_assessment,
    dns,
    aggregate,
    sessions,
    visits,
    modal,
    ja4,
    sni,
    key,
    tenant,
    actor_key,
    destination,
    lost_before,
});

impl Conversation {
    /// A conversation that begins with `contact`.
    pub(crate) fn begin(key: ConversationKey, tenant: Tenant, contact: &Contact, lost: u64) -> Self {
        Self {
            actor: Arc::clone(&contact.actor),
            first: contact.start,
            last: contact.start,
            bytes: Bytes::default(),
            contacts: 0,
            bursts: 0,
            unanswered: 0,
            answered: 0,
            rhythm_bits: 0.0,
            bits: [0.0; 3],
            best: TrackerKind::Sessions,
            modal_is_sessions: true,
            protocol: AppProtocol::Unknown,
            naming: Naming::Unknown,
            naming_votes: 0,
            ja4_odd: None,
            excluded: false,
            address_wanted: contact.destination.address.is_none(),
            size: SizeBet::default(),
            sent_class: Modal::default(),
            received_class: Modal::default(),
            longest: 0.0,
            last_assessment: LastAssessment::default(),
            dns: None,
            aggregate: None,
            sessions: Tracker::default(),
            visits: Tracker::default(),
            modal: None,
            ja4: None,
            sni: None,
            key,
            tenant,
            actor_key: contact.actor_key,
            destination: contact.destination.clone(),
            lost_before: lost,
        }
    }

    /// An aggregate that begins with `contact`.
    pub(crate) fn begin_aggregate(
        key: ConversationKey,
        tenant: Tenant,
        contact: &Contact,
        lost: u64,
    ) -> Self {
        let mut aggregate = Self::begin(key, tenant, contact, lost);
        aggregate.destination.address = None;
        aggregate.destination.name = None;
        aggregate.destination.name_source = None;
        aggregate.aggregate = Some(Box::new(Aggregate::begin(contact)));
        aggregate
    }

    /// Where it went last.
    pub(crate) fn latest_destination(&self) -> &Destination {
        self.aggregate.as_ref().map_or(&self.destination, |aggregate| &aggregate.latest)
    }

    /// How many destinations: 1, unless it is an aggregate.
    pub(crate) fn destinations(&self) -> u32 {
        self.aggregate.as_ref().map_or(1, |aggregate| aggregate.destinations().max(1))
    }

    /// Adds a contact.
    pub(crate) fn contact(&mut self, contact: &Contact) {
        let before = (self.contacts > 0).then_some(self.last);
        self.contacts = self.contacts.saturating_add(1);
        self.first = self.first.min(contact.start);
        self.last = self.last.max(contact.start);
        if !Arc::ptr_eq(&self.actor, &contact.actor) {
            self.actor = Arc::clone(&contact.actor);
        }
        // A name may stand for many addresses: the first one stays, so that a finding does not wander.
        if let Some(aggregate) = &mut self.aggregate {
            aggregate.contact(self.key, contact);
            if self.destination.port != contact.destination.port {
                self.destination.port = 0;
            }
        } else if self.address_wanted && contact.destination.address.is_some() {
            self.destination.address = contact.destination.address;
            self.address_wanted = false;
        }
        if contact.protocol != AppProtocol::Unknown {
            self.protocol = contact.protocol;
        }
        if let Some(ja4) = &contact.ja4
            && self.ja4.as_ref() != Some(ja4)
        {
            self.ja4 = Some(Arc::clone(ja4));
        }
        if let Some(sni) = &contact.sni
            && self.sni.as_ref() != Some(sni)
        {
            self.sni = Some(Arc::clone(sni));
        }
        self.ja4_odd = contact.ja4_odd.or(self.ja4_odd);
        self.vote_naming(contact.naming);
        match &contact.kind {
            ContactKind::Connect { established } => self.answer(*established),
            ContactKind::Burst => self.bursts = self.bursts.saturating_add(1),
            ContactKind::DnsQuery(question) => {
                self.dns.get_or_insert_default().question(self.key, contact.start, question);
            }
        }
        let modal = contact.bytes.is_some_and(|bytes| self.count_size(bytes));
        self.track(before, contact.start, modal);
        if let Some(duration) = contact.duration {
            self.longest = self.longest.max(duration.as_secs_f32());
        }
    }

    /// The size of a contact became known.
    pub(crate) fn sized(&mut self, start: Timestamp, bytes: Bytes) {
        if self.count_size(bytes) && self.modal_event(start) {
            self.weigh([false, false, true]);
        }
    }

    /// Counts a size; true if it is the modal one. Without payload there is no size to repeat.
    fn count_size(&mut self, bytes: Bytes) -> bool {
        self.add(bytes);
        if bytes.received > 0 {
            self.received_class.vote(size_class(bytes.received));
        }
        if bytes.sent == 0 {
            return false;
        }
        let class = size_class(bytes.sent);
        self.size.request(class);
        self.sent_class.vote(class)
    }

    /// More bytes of a contact that was sized before.
    pub(crate) fn add(&mut self, bytes: Bytes) {
        self.bytes.sent = self.bytes.sent.saturating_add(bytes.sent);
        self.bytes.received = self.bytes.received.saturating_add(bytes.received);
    }

    /// The peer did or did not answer a connection.
    pub(crate) fn answer(&mut self, established: Option<bool>) {
        match established {
            Some(true) => self.answered = self.answered.saturating_add(1),
            Some(false) => self.unanswered = self.unanswered.saturating_add(1),
            None => {}
        }
    }

    /// First to last check-in, seconds.
    pub(crate) fn span_secs(&self) -> f64 {
        self.last.secs_since(self.first)
    }

    /// Typical bytes each way of a check-in.
    pub(crate) fn typical(&self) -> Bytes {
        Bytes {
            sent: self.sent_class.class().map_or(0, class_size),
            received: self.received_class.class().map_or(0, class_size),
        }
    }

    /// Evidence that would be lost by evicting it, bits.
    pub(crate) fn worth(&self) -> f32 {
        let dns = self.dns.as_ref().map_or(0.0, |dns| (dns.information(self.last) / 100.0).min(64.0));
        let finding = if self.last_assessment.finding.is_some() { 1000.0 } else { 0.0 };
        let aggregate = if self.aggregate.is_some() { 4.0 } else { 0.0 };
        self.rhythm_bits.max(self.size.evidence()).max(dns).max(aggregate) + finding
    }

    /// Running majority of how the destination was named; unknown does not vote.
    fn vote_naming(&mut self, naming: Naming) {
        const VOTES_MAX: u8 = 32;
        if naming == Naming::Unknown {
        } else if naming == self.naming {
            self.naming_votes = (self.naming_votes + 1).min(VOTES_MAX);
        } else {
            self.naming_votes = self.naming_votes.saturating_sub(1);
            if self.naming_votes == 0 {
                self.naming = naming;
                self.naming_votes = 1;
            }
        }
    }
}

#[cfg(test)]
mod tests;
