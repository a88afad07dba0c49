//! A conversation: everything one actor had to do with one destination, in less than a kibibyte.
//!
//! It only accumulates. What it means is judged elsewhere ([`crate::detector`], [`crate::evidence`]).

mod spread;
mod table;

use std::sync::Arc;

pub(crate) use spread::Spread;
pub(crate) use table::{Admission, Table};

use crate::actor::{Actor, ActorKey};
use crate::checkpoint::saved;
use crate::contact::{Bytes, Contact, ContactKind, Destination, Naming};
use crate::detector::dns::DnsPayload;
use crate::numeric::{class_size, size_class};
use crate::protocol::AppProtocol;
use crate::rhythm::{Modal, SizeBet, Tracker};
use crate::time::Timestamp;

/// Identity of a conversation: actor (or the workload, for jobs), destination, port, transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConversationKey(pub(crate) u64);

/// Whose share of the table a conversation takes: its container, else its cgroup or source address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Originator(pub(crate) u64);

/// Dead times of the three trackers, seconds: sessions, sessions of sessions, and requests of the modal size.
pub(crate) const DEAD_TIMES: [f32; 3] = [0.3, 30.0, 0.3];

/// State of a conversation.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) key: ConversationKey,
    pub(crate) originator: Originator,
    pub(crate) actor: Arc<Actor>,
    pub(crate) actor_key: ActorKey,
    pub(crate) destination: Destination,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    /// Contacts in all.
    pub(crate) contacts: u32,
    /// Of them, on connections that were already open.
    pub(crate) bursts: u32,
    /// Connections that the peer never answered, and that it did.
    pub(crate) unanswered: u32,
    pub(crate) answered: u32,
    pub(crate) bytes: Bytes,
    /// Longest connection, seconds.
    pub(crate) longest: f32,
    pub(crate) sessions: Tracker,
    pub(crate) visits: Tracker,
    pub(crate) modal: Tracker,
    pub(crate) size: SizeBet,
    pub(crate) sent_class: Modal,
    pub(crate) received_class: Modal,
    pub(crate) naming: Naming,
    naming_votes: u8,
    pub(crate) protocol: AppProtocol,
    pub(crate) ja4: Option<Arc<str>>,
    pub(crate) ja4_odd: Option<bool>,
    pub(crate) sni: Option<Arc<str>>,
    /// Only with DNS questions.
    pub(crate) dns: Option<Box<DnsPayload>>,
    /// Only of an aggregate: where its check-ins go.
    pub(crate) spread: Option<Box<Spread>>,
    /// Its contacts are not counted in the aggregate of its executable.
    pub(crate) apart: bool,
    /// Best evidence of the trackers, bits, and which tracker has it.
    pub(crate) rhythm_bits: f32,
    pub(crate) best: u8,
    /// The last judgement.
    pub(crate) judged: Judged,
    /// Records lost before it began, as the engine counted them.
    pub(crate) lost_before: u64,
}

/// When and how a conversation was judged last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Judged {
    pub(crate) at: Option<Timestamp>,
    pub(crate) score: f32,
    /// Running mean of the scores, so that a fluke of one minute does not count for all times.
    pub(crate) mean: f32,
    /// Evidence of rhythm at that time, bits.
    pub(crate) rhythm_bits: f32,
    /// It was counted among what the cluster does at this many contacts.
    pub(crate) profiled_at: u32,
    pub(crate) profiled: Timestamp,
    /// An open finding stands on it.
    pub(crate) finding: Option<crate::finding::FindingId>,
}

saved!(Judged { at, score, mean, rhythm_bits, profiled_at, profiled, finding });
saved!(Conversation {
    key,
    originator,
    actor,
    actor_key,
    destination,
    first,
    last,
    contacts,
    bursts,
    unanswered,
    answered,
    bytes,
    longest,
    sessions,
    visits,
    modal,
    size,
    sent_class,
    received_class,
    naming,
    naming_votes,
    protocol,
    ja4,
    ja4_odd,
    sni,
    dns,
    spread,
    apart,
    rhythm_bits,
    best,
    judged,
    lost_before,
});

impl Conversation {
    /// A conversation that begins with `contact`.
    pub(crate) fn begin(key: ConversationKey, originator: Originator, contact: &Contact, lost: u64) -> Self {
        Self {
            key,
            originator,
            actor: Arc::clone(&contact.actor),
            actor_key: contact.actor_key,
            destination: contact.destination.clone(),
            first: contact.start,
            last: contact.start,
            contacts: 0,
            bursts: 0,
            unanswered: 0,
            answered: 0,
            bytes: Bytes::default(),
            longest: 0.0,
            sessions: Tracker::default(),
            visits: Tracker::default(),
            modal: Tracker::default(),
            size: SizeBet::default(),
            sent_class: Modal::default(),
            received_class: Modal::default(),
            naming: Naming::Unknown,
            naming_votes: 0,
            protocol: AppProtocol::Unknown,
            ja4: None,
            ja4_odd: None,
            sni: None,
            dns: None,
            spread: None,
            apart: false,
            rhythm_bits: 0.0,
            best: 0,
            judged: Judged::default(),
            lost_before: lost,
        }
    }

    /// An aggregate that begins with `contact`.
    pub(crate) fn begin_aggregate(
        key: ConversationKey,
        originator: Originator,
        contact: &Contact,
        lost: u64,
    ) -> Self {
        let mut aggregate = Self::begin(key, originator, contact, lost);
        aggregate.destination.address = None;
        aggregate.destination.name = None;
        aggregate.destination.name_source = None;
        aggregate.spread = Some(Box::new(Spread::begin(contact)));
        aggregate
    }

    /// Where it went last.
    pub(crate) fn latest_destination(&self) -> &Destination {
        self.spread.as_ref().map_or(&self.destination, |spread| &spread.latest)
    }

    /// How many destinations: 1, unless it is an aggregate.
    pub(crate) fn destinations(&self) -> u32 {
        self.spread.as_ref().map_or(1, |spread| spread.destinations().max(1))
    }

    /// Reads a word of every line of memory that the next contact needs, so that they are waited for together, not one
    /// after the other: most conversations have left the caches since their last contact.
    pub(crate) fn fetch(&self) {
        let trackers = [&self.sessions, &self.visits, &self.modal].map(Tracker::fetch);
        core::hint::black_box((self.contacts, self.last, self.protocol, self.judged.at, trackers));
    }

    /// Takes a contact.
    pub(crate) fn contact(&mut self, contact: &Contact) {
        self.contacts = self.contacts.saturating_add(1);
        self.first = self.first.min(contact.start);
        self.last = self.last.max(contact.start);
        if !Arc::ptr_eq(&self.actor, &contact.actor) {
            self.actor = Arc::clone(&contact.actor);
        }
        // A name may stand for many addresses: the first one stays, so that a finding does not wander.
        if let Some(spread) = &mut self.spread {
            spread.contact(contact);
            if self.destination.port != contact.destination.port {
                self.destination.port = 0;
            }
        } else if self.destination.address.is_none() {
            self.destination.address = contact.destination.address;
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
                self.dns.get_or_insert_default().question(contact.start, question);
            }
        }
        let begins = self.sessions.event(contact.start, dead_time(0));
        let visits = self.visits.event(contact.start, dead_time(1));
        let modal = contact.bytes.is_some_and(|bytes| self.count_size(contact.start, bytes));
        if let Some(duration) = contact.duration {
            self.longest = self.longest.max(duration.as_secs_f32());
        }
        if begins || visits || modal {
            self.weigh();
        }
    }

    /// The size of a contact became known.
    pub(crate) fn sized(&mut self, start: Timestamp, bytes: Bytes) {
        if self.count_size(start, bytes) {
            self.weigh();
        }
    }

    /// Counts a size; true if it began a session of the modal size. Without payload there is no size to repeat.
    fn count_size(&mut self, start: Timestamp, bytes: Bytes) -> bool {
        self.add(bytes);
        if bytes.received > 0 {
            self.received_class.vote(size_class(bytes.received));
        }
        if bytes.sent == 0 {
            return false;
        }
        let class = size_class(bytes.sent);
        self.size.request(class);
        // Where all requests have the same size, the gaps are those of the sessions.
        self.sent_class.vote(class) && self.modal.event_beside(Some(&self.sessions), start, dead_time(2))
    }

    /// More bytes of a contact that was sized before.
    pub(crate) fn add(&mut self, bytes: Bytes) {
        self.bytes.sent = self.bytes.sent.saturating_add(bytes.sent);
        self.bytes.received = self.bytes.received.saturating_add(bytes.received);
    }

    /// A day passed: restarts of the bets cost less.
    pub(crate) fn forgive(&mut self) {
        for tracker in [&mut self.sessions, &mut self.visits, &mut self.modal] {
            tracker.forgive();
        }
    }

    /// The peer did or did not answer a connection.
    pub(crate) fn answer(&mut self, established: Option<bool>) {
        match established {
            Some(true) => self.answered = self.answered.saturating_add(1),
            Some(false) => self.unanswered = self.unanswered.saturating_add(1),
            None => {}
        }
    }

    /// The tracker with the strongest evidence.
    pub(crate) fn best_tracker(&self) -> &Tracker {
        match self.best {
            0 => &self.sessions,
            1 => &self.visits,
            _ => &self.modal,
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

    /// How much it would cost to forget this, for eviction: evidence in bits.
    pub(crate) fn worth(&self) -> f32 {
        let dns = self.dns.as_ref().map_or(0.0, |dns| (dns.information(self.last) / 100.0).min(64.0));
        let finding = if self.judged.finding.is_some() { 1000.0 } else { 0.0 };
        let aggregate = if self.spread.is_some() { 4.0 } else { 0.0 };
        self.rhythm_bits.max(self.size.evidence()).max(dns).max(aggregate) + finding
    }

    fn weigh(&mut self) {
        let bits = [self.sessions.evidence(), self.visits.evidence(), self.modal.evidence()];
        let (mut best, mut most) = (0, 0.0);
        for (index, bits) in (0_u8..).zip(bits) {
            if bits > most {
                best = index;
                most = bits;
            }
        }
        self.best = best;
        self.rhythm_bits = most;
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

fn dead_time(tracker: usize) -> f32 {
    DEAD_TIMES.get(tracker).copied().unwrap_or(0.3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_stays_below_a_kibibyte() {
        assert!(size_of::<Option<Conversation>>() <= 960, "{}", size_of::<Option<Conversation>>());
    }
}
