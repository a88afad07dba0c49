//! Look-ups that wait for their answers.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use beaconwatch_engine::actor::{Actor, ActorKey};
use beaconwatch_engine::collections::{Map, hash_of};
use beaconwatch_engine::observe::contact::{ContactKind, DnsQuestion, Transport};
use beaconwatch_engine::observe::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;

use super::End;
use crate::record::{Answers, Record, Uid, bare_contact, nameless};

/// A look-up that is not answered for so long will not be.
const WAIT: Duration = Duration::from_secs(10);
/// Look-ups that wait at once; the oldest gives way.
const WAITING_MAX: usize = 1 << 14;
/// Addresses, and names, of one look-up.
const ANSWERS_MAX: usize = 32;

/// What a question and its answer have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(u64);

impl Key {
    pub(super) fn of(client: End, server: End, id: &[u8]) -> Self {
        Self(hash_of(&(client, server, id)))
    }
}

/// A question that was asked.
#[derive(Debug)]
pub(super) struct LookUp {
    pub(super) uid: Uid,
    pub(super) time: Timestamp,
    pub(super) actor: (Arc<Actor>, ActorKey),
    pub(super) server: End,
    pub(super) transport: Transport,
    pub(super) question: DnsQuestion,
}

#[derive(Debug)]
struct Waiting {
    key: Key,
    lookup: LookUp,
    answers: Answers,
    answered: Option<Timestamp>,
}

/// Look-ups in the order in which they were asked.
#[derive(Debug, Default)]
pub(super) struct Pending {
    waiting: VecDeque<Option<Waiting>>,
    /// Number of the first of them.
    first: u64,
    /// The latest of each key that is not finished.
    by_key: Map<Key, u64>,
    /// Finished before their turn.
    done: Vec<Waiting>,
    now: Timestamp,
}

impl Pending {
    /// The log has come to this time.
    pub(super) fn come_to(&mut self, time: Timestamp) {
        self.now = self.now.max(time);
    }

    /// A question. Of several in one message the answer goes to the last.
    pub(super) fn ask(&mut self, key: Key, lookup: LookUp) {
        let number = self.first + self.waiting.len() as u64;
        self.by_key.insert(key, number);
        let waiting = Waiting { key, lookup, answers: Answers::default(), answered: None };
        self.waiting.push_back(Some(waiting));
    }

    /// A question with this key waits.
    pub(super) fn knows(&self, key: Key) -> bool {
        self.by_key.contains_key(&key)
    }

    /// What was answered to the question with this key.
    pub(super) fn answer(&mut self, key: Key, time: Timestamp, rcode: Option<u16>, answers: Answers) {
        let Some(waiting) = self.get(key) else { return };
        waiting.answered = waiting.answered.or(Some(time));
        waiting.lookup.question.rcode = rcode.or(waiting.lookup.question.rcode);
        let Answers { addresses, aliases } = &mut waiting.answers;
        addresses.extend(answers.addresses);
        addresses.truncate(ANSWERS_MAX);
        aliases.extend(answers.aliases);
        aliases.truncate(ANSWERS_MAX);
    }

    /// Nothing more will come to this key.
    pub(super) fn finish(&mut self, key: Key) {
        let Some(number) = self.by_key.remove(&key) else { return };
        if let Some(waiting) = self.at(number).and_then(Option::take) {
            self.done.push(waiting);
        }
    }

    /// A look-up of which all is known, or that waited for too long.
    pub(super) fn ready(&mut self) -> Option<(Timestamp, Record)> {
        if let Some(done) = self.done.pop() {
            return Some(done.record());
        }
        while let Some(oldest) = self.waiting.front() {
            let due = oldest.as_ref().is_none_or(|waiting| self.now.since(waiting.lookup.time) >= WAIT);
            if !due && self.waiting.len() <= WAITING_MAX {
                return None;
            }
            if let Some(record) = self.take_oldest() {
                return Some(record);
            }
        }
        None
    }

    /// What waits at the end of the log, one after the other.
    pub(super) fn last(&mut self) -> Option<(Timestamp, Record)> {
        while !self.waiting.is_empty() {
            if let Some(record) = self.take_oldest() {
                return Some(record);
            }
        }
        None
    }

    fn take_oldest(&mut self) -> Option<(Timestamp, Record)> {
        let waiting = self.waiting.pop_front()?;
        let number = self.first;
        self.first += 1;
        let waiting = waiting?;
        if self.by_key.get(&waiting.key) == Some(&number) {
            self.by_key.remove(&waiting.key);
        }
        Some(waiting.record())
    }

    fn get(&mut self, key: Key) -> Option<&mut Waiting> {
        let number = *self.by_key.get(&key)?;
        self.at(number)?.as_mut()
    }

    fn at(&mut self, number: u64) -> Option<&mut Option<Waiting>> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.waiting.get_mut(index)
    }
}

impl Waiting {
    fn record(self) -> (Timestamp, Record) {
        let Self { key: _, lookup, answers, answered } = self;
        let LookUp { uid, time, actor, server, transport, question } = lookup;
        let destination = nameless(Some(server.address), server.port, transport);
        let mut contact = bare_contact(time, actor, destination, ContactKind::DnsQuery(question));
        contact.protocol = AppProtocol::Dns;
        contact.duration = answered.filter(|answered| *answered > time).map(|answered| answered.since(time));
        (time, Record::Dns { uid, contact, answers })
    }
}
