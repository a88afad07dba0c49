//! From contacts to findings: conversations, detectors, evidence, policy.
//!
//! This file takes things in; [`judge`] has them judged ([`crate::assess`]), [`publish`] opens and closes findings.

mod aggregate;
mod explain;
mod judge;
mod look_ahead;
mod publish;
mod saved;
mod sweep;

use std::collections::VecDeque;
use std::sync::Arc;

pub use self::look_ahead::LOOK_AHEAD;
pub use crate::assess::explain::{Candidate, Explanation, Outcome};
use crate::bounded::{BoundedMap, FairTable};
use crate::counters::{BoundedTable, Counters};
use crate::observe::contact::{Bytes, Contact, ContactEnd, ContactKind, is_judged, is_unicast_peer};
pub use crate::track::aliases::Alias;
use crate::track::aliases::Aliases;
use crate::track::begin;
use crate::track::look_ahead::Ahead;
use crate::track::table::{Admission, Table};

use crate::assess::finding::Finding;
use crate::assess::identities::{baseline_signatures, sighting};
use crate::assess::open_findings::OpenFindings;
use crate::assess::participant::Participants;
use crate::assess::policy::{PolicyId, PolicySet};
use crate::assess::reputation::ReputationList;
use crate::identity::Secret;
use crate::keys::{ConversationKey, Tenant};
pub use crate::know::AlertThreshold;
use crate::know::{BaselineEntry, Bounds, Delta, Know, Merged, Observer, Sighting};
use crate::limits::Limits;
use crate::observe::naming::domain::is_listed;
use crate::observe::workload::Workloads;
use crate::time::Timestamp;
use crate::timer::{Deadline, Timers};

/// Conversations, knowledge, and open findings; all bounded.
#[derive(Debug)]
pub struct Detection {
    limits: Limits,
    policies: Arc<PolicySet>,
    reputation: Arc<ReputationList>,
    participants: Participants,
    table: Table,
    ahead: Ahead,
    /// Contacts whose totals are still expected, by tenant.
    open: FairTable<u64, OpenContact>,
    know: Know,
    findings: OpenFindings,
    timers: Timers,
    /// When each exception of the policies in force last tolerated something.
    exceptions_used: BoundedMap<(PolicyId, Arc<str>), Timestamp>,
    /// Only if conversations will be looked up by name.
    aliases: Option<Aliases>,
    /// First and latest contact.
    watched: Option<(Timestamp, Timestamp)>,
    lost: u64,
    dropped: u64,
    /// Contacts that nobody judges.
    unjudged: u64,
    day: u64,
    /// Addresses may be those of backends.
    rewritten: bool,
}

/// A slot of the table, and the conversation that was there.
#[derive(Clone, Copy, Debug)]
struct SlotRef {
    slot: u32,
    key: ConversationKey,
}

/// A contact whose totals are still expected.
#[derive(Clone, Copy, Debug)]
struct OpenContact {
    /// Its conversation and its aggregate, at least one of them.
    slots: [Option<SlotRef>; 2],
    start: Timestamp,
    /// What was counted of it already.
    counted: Option<Bytes>,
    connect: bool,
}

impl Detection {
    /// Empty tables with these bounds.
    #[must_use]
    pub fn with_limits(limits: &Limits) -> Self {
        Self {
            limits: *limits,
            policies: Arc::default(),
            reputation: Arc::default(),
            participants: Participants::with_max(limits.participants_max()),
            table: Table::with_limits(limits),
            ahead: Ahead::default(),
            open: FairTable::with_capacity_max(limits.open_contacts_max()),
            know: Know::with_limits(limits),
            findings: OpenFindings::with_limits(limits),
            timers: Timers::default(),
            exceptions_used: BoundedMap::with_max(limits.exceptions_used_max()),
            aliases: None,
            watched: None,
            lost: 0,
            dropped: 0,
            unjudged: 0,
            day: 0,
            rewritten: false,
        }
    }

    /// The policies in force from now on.
    pub fn set_policies(&mut self, policies: Arc<PolicySet>) {
        let stands = |(id, name): &(PolicyId, Arc<str>)| {
            let policy = policies.policies.iter().find(|policy| policy.id == *id);
            policy.is_some_and(|policy| policy.exceptions.iter().any(|exception| exception.name == *name))
        };
        self.exceptions_used.retain(|exception, _| stands(exception));
        self.policies = policies;
        self.participants.policies_changed();
    }

    /// Exceptions that tolerated something, and when they last did.
    pub fn exceptions_used(&self) -> impl Iterator<Item = (&PolicyId, &str, Timestamp)> {
        self.exceptions_used.iter().map(|((policy, name), at)| (policy, &**name, *at))
    }

    /// Alert thresholds in force, for policies with a budget of alarms that have judged something.
    pub fn alert_thresholds(&self) -> impl Iterator<Item = AlertThreshold> {
        self.know.facts().alert_thresholds()
    }

    /// Sets the secret behind identities of conversations, unless there are conversations already.
    pub fn set_secret(&mut self, secret: Secret) {
        if self.table.len() == 0 {
            self.participants.set_secret(secret);
        }
    }

    /// The secret in force.
    #[must_use]
    pub fn secret(&self) -> Secret {
        self.participants.secret()
    }

    /// From now on, keeps the names and addresses of conversations, up to this many in all.
    pub fn keep_aliases(&mut self, aliases_max: usize) {
        self.aliases = Some(Aliases::with_max(aliases_max));
    }

    /// The destination lists in force from now on.
    pub fn set_reputation(&mut self, list: Arc<ReputationList>) {
        self.reputation = list;
    }

    /// Starts an exchange of knowledge.
    pub fn exchange(&mut self, observer: Observer, bounds: Bounds) {
        self.know.exchange(observer, bounds);
    }

    /// What was newly learned since the last call.
    pub fn take_delta(&mut self) -> Delta {
        self.know.take_delta()
    }

    /// Adds another observer's delta to the merged view.
    pub fn merge(&mut self, delta: &Delta) {
        self.know.merge(delta);
    }

    /// The merged view; `None` without an exchange.
    #[must_use]
    pub fn merged(&self) -> Option<&Merged> {
        self.know.merged()
    }

    /// A signature known before the start.
    pub fn learn(&mut self, entry: BaselineEntry, w: &Workloads) {
        for (workload, signature) in baseline_signatures(&entry, w.inside()) {
            self.know.observe(Sighting::Baseline { workload, signature });
        }
    }

    /// Whether a load balancer may have replaced the addresses of services.
    pub fn set_rewritten(&mut self, rewritten: bool) {
        self.rewritten = rewritten;
    }

    /// Records were lost: findings of conversations open now will say so.
    pub fn lost(&mut self, _now: Timestamp, count: u64) {
        self.lost = self.lost.saturating_add(count);
    }

    /// Takes a contact; findings it opens or changes are appended to `out`.
    pub fn contact(
        &mut self,
        now: Timestamp,
        mut contact: Box<Contact>,
        w: &Workloads,
        out: &mut VecDeque<Finding>,
    ) {
        let to = &contact.destination;
        let judged = match contact.kind {
            ContactKind::DnsQuery(_) => is_unicast_peer(to.address, to.transport),
            ContactKind::Connect { .. } | ContactKind::Burst => {
                is_judged(to.address, to.port, to.transport, contact.protocol)
            }
        };
        if !judged {
            self.unjudged += 1;
            return;
        }
        // The root is asked for like a name, but it names nobody.
        if contact.destination.name.as_ref().is_some_and(|name| matches!(&**name, "" | ".")) {
            contact.destination.name = None;
        }
        self.watch(now);
        let participant = self.participants.resolve(contact.actor_key, &contact.actor, w, &self.policies);
        // The node contacts pods that it runs itself: nearly always the kubelet's probes.
        let to_own_pod = |address| participant.is_node && w.has_address(address);
        if contact.destination.address.is_some_and(|to| to_own_pod(to) || participant.has_address(to)) {
            self.unjudged += 1;
            return;
        }
        let key = self.ahead.key_of(&contact, participant.scope);
        let (tenant, lost) = (participant.tenant, self.lost);
        let admitted = self.table.admit(key, tenant, now, || begin::begin(key, tenant, &contact, lost));
        let own = match admitted {
            Admission::Slot(slot) => Some(SlotRef { slot, key }),
            Admission::Refused => None,
        };
        if let Some(conversation) = own.and_then(|slot_ref| self.table.get_mut(slot_ref.slot)) {
            core::hint::black_box(conversation.fetch());
            conversation.contact(&contact);
            if conversation.contacts.is_power_of_two() {
                self.know.observe(Sighting::Contact(sighting(conversation, participant)));
                self.review_exclusion(own, &contact, w);
            }
        }
        let aggregate = self.count_in_aggregate(now, own, &contact, w);
        if let Some(aliases) = &mut self.aliases {
            [own, aggregate].into_iter().flatten().for_each(|slot_ref| aliases.see(slot_ref.key, &contact));
        }
        if contact.id != 0 {
            self.expect_end([own, aggregate], tenant, &contact);
        }
        let unlisted = own.and_then(|slot_ref| self.count_unlisted(now, slot_ref.slot, &contact, w));
        let concerned =
            [own.map(|slot_ref| slot_ref.slot), unlisted, aggregate.map(|slot_ref| slot_ref.slot)];
        for slot in concerned.into_iter().flatten() {
            self.consider(slot, now, w, out);
        }
    }

    /// Takes the totals of a contact.
    pub fn contact_end(
        &mut self,
        now: Timestamp,
        end: ContactEnd,
        w: &Workloads,
        out: &mut VecDeque<Finding>,
    ) {
        let Some(open) = self.open.get(&end.id).copied() else { return };
        if end.provisional {
            if let Some(entry) = self.open.get_mut(&end.id) {
                entry.counted = Some(end.bytes);
                entry.connect = false;
            }
        } else {
            self.open.remove(&end.id);
        }
        for slot_ref in open.slots.into_iter().flatten() {
            let Some(conversation) = self.table.get_mut(slot_ref.slot).filter(|c| c.key == slot_ref.key)
            else {
                continue;
            };
            match open.counted {
                None => conversation.sized(open.start, end.bytes),
                Some(counted) => conversation.add(Bytes {
                    sent: end.bytes.sent.saturating_sub(counted.sent),
                    received: end.bytes.received.saturating_sub(counted.received),
                }),
            }
            conversation.longest = conversation.longest.max(end.duration.as_secs_f32());
            if open.connect {
                conversation.answer(end.established);
            }
            self.consider(slot_ref.slot, now, w, out);
        }
    }

    /// A question for a domain that is new to the actor, under no public suffix, is also counted against the
    /// resolver: a tunnel that needs no registered domain has a new one in every question.
    fn count_unlisted(&mut self, now: Timestamp, slot: u32, contact: &Contact, w: &Workloads) -> Option<u32> {
        let ContactKind::DnsQuery(question) = &contact.kind else { return None };
        let new = self.table.get(slot).is_some_and(|c| c.contacts == 1);
        if !new || is_listed(&question.name) {
            return None;
        }
        let participant = self.participants.resolve(contact.actor_key, &contact.actor, w, &self.policies);
        let key = begin::key_of_resolver(contact, participant.scope);
        let (tenant, lost) = (participant.tenant, self.lost);
        let begin = || begin::begin_unlisted(key, tenant, contact, lost);
        let Admission::Slot(slot) = self.table.admit(key, tenant, now, begin) else { return None };
        self.table.get_mut(slot)?.contact(contact);
        Some(slot)
    }

    /// The next time something is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Timestamp, w: &Workloads, out: &mut VecDeque<Finding>) {
        while let Some(deadline) = self.timers.pop(now) {
            match deadline {
                Deadline::Sweep => self.sweep(now, w, out),
                Deadline::FindingIdle(id) => self.close_if_idle(id, now, w, out),
            }
        }
    }

    /// Closes every open finding.
    pub fn finish(&mut self, now: Timestamp, w: &Workloads, out: &mut VecDeque<Finding>) {
        let input_secs = self.input_secs();
        let slots: Vec<u32> = self.table.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.judge(slot, now, input_secs, w, out);
        }
        self.close_all(now, w, out);
    }

    /// Writes its own figures into the counters.
    pub fn count(&self, counters: &mut Counters) {
        counters.set(BoundedTable::Conversations, self.table.usage());
        counters.set(BoundedTable::OpenContacts, self.open.usage());
        counters.set(BoundedTable::Participants, self.participants.usage());
        counters.set(BoundedTable::ExceptionsUsed, self.exceptions_used.usage());
        self.know.count(counters);
        self.findings.count(counters);
        if let Some(aliases) = &self.aliases {
            counters.set(BoundedTable::Aliases, aliases.usage());
        }
        counters.outputs_dropped = self.dropped;
        counters.contacts_unjudged = self.unjudged;
    }

    /// How long the whole input lasted, if it has an end.
    fn input_secs(&self) -> Option<f64> {
        self.watched.filter(|_| self.limits.input_has_end).map(|(first, last)| last.secs_since(first))
    }

    fn watch(&mut self, now: Timestamp) {
        match &mut self.watched {
            Some((_, last)) => *last = now,
            None => {
                self.watched = Some((now, now));
                self.timers.set(now + sweep::EVERY, Deadline::Sweep);
            }
        }
    }

    fn expect_end(&mut self, slots: [Option<SlotRef>; 2], tenant: Tenant, contact: &Contact) {
        if slots.iter().all(Option::is_none) {
            return;
        }
        let connect = matches!(contact.kind, ContactKind::Connect { established: None });
        let open = OpenContact { slots, start: contact.start, counted: contact.bytes, connect };
        self.open.insert(contact.id, tenant.0.bits(), open);
    }
}

#[cfg(test)]
mod tests;
