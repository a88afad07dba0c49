//! Rows joined: which name, protocol and fingerprint belong to which connection, and which name an address had.
//!
//! What the rows of application protocols say is remembered by the connection's uid when it is read; what DNS
//! answered is remembered per client when its turn in time has come. Both memories are bounded and forget the
//! oldest first.

use core::hash::Hash;
use core::net::IpAddr;
use std::collections::VecDeque;
use std::sync::Arc;

use beaconwatch_engine::collections::Map;
use beaconwatch_engine::input::{Input, LossPlace};
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::observe::contact::{
    BURST_PAUSE, Contact, ContactEnd, ContactKind, NameSource, is_judged,
};
use beaconwatch_engine::observe::naming::{self, Client, LookUps, domain};
use beaconwatch_engine::observe::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;
use beaconwatch_importers::record::{Answers, Connection};
use beaconwatch_importers::{About, Record, Uid};

/// What was read and belongs together.
#[derive(Debug)]
pub struct Joined {
    abouts: Fifo<Uid, ConnectionFacts>,
    open: Fifo<Uid, ()>,
    look_ups: LookUps,
}

/// When the turn of a row comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// At this time.
    At(Timestamp),
    /// It only adds to another row, and what it says is kept.
    Never,
    /// It is about a connection of this host that is not judged, so that its turn makes no difference.
    Unjudged(Option<IpAddr>),
}

#[derive(Debug, Default)]
struct ConnectionFacts {
    about: About,
    active: Timestamp,
}

impl Joined {
    /// Remembers at most `entries_max` connections, and look-ups within the engine's bounds.
    #[must_use]
    pub fn with_bounds(entries_max: usize, limits: &Limits) -> Self {
        Self {
            abouts: Fifo::with_bound(entries_max),
            open: Fifo::with_bound(entries_max),
            look_ups: LookUps::with_limits(limits),
        }
    }

    /// Addresses of which it was forgotten, for others, what they were looked up by.
    #[must_use]
    pub fn names_evicted(&self) -> u64 {
        let [addresses, _] = self.look_ups.usage();
        addresses.evicted
    }

    /// A row was read: when its turn will come, as it stands then.
    pub fn read(&mut self, time: Timestamp, record: &mut Record) -> Turn {
        match record {
            Record::About { uid, about } => {
                let about = core::mem::take(&mut **about);
                self.know(*uid, time, about);
                Turn::Never
            }
            Record::Dns { uid, .. } => {
                self.know(*uid, time, About { dns: true, protocol: AppProtocol::Dns, ..About::default() });
                Turn::At(time)
            }
            Record::Connection { uid, connection, open } => {
                if *uid != 0 && self.open.get(uid).is_some() {
                    let Some((turn, totals)) = later_row(*uid, connection, *open) else { return Turn::Never };
                    *record = totals;
                    return Turn::At(turn);
                }
                let Connection { address, port, transport, protocol, ref actor, .. } = *connection;
                if !is_judged(address, port, transport, protocol) {
                    return Turn::Unjudged(actor.0.address);
                }
                if *open {
                    self.open.insert(*uid, ());
                }
                Turn::At(time)
            }
            Record::Totals { .. }
            | Record::Request { .. }
            | Record::Contact(_)
            | Record::Workload(_)
            | Record::Lost(_) => Turn::At(time),
        }
    }

    /// The turn of a row has come: what the engine is told; `None`: another row says it better.
    pub fn turn(&mut self, time: Timestamp, record: Record) -> Option<Input> {
        match record {
            Record::Connection { uid, connection, open } => {
                let known = if uid == 0 { None } else { self.abouts.get(&uid) };
                if known.is_some_and(|known| known.about.dns) {
                    return None;
                }
                let mut contact = connection.contact(if open { uid } else { 0 });
                let about = known.map(|known| &known.about);
                name(&mut self.look_ups, &mut contact, about.unwrap_or(&About::default()));
                Some(Input::Contact(contact))
            }
            Record::Request { uid, mut contact } => {
                let known = self.abouts.get_or_default(uid)?;
                let active = core::mem::replace(&mut known.active, time);
                if time.since(active) < BURST_PAUSE {
                    return None;
                }
                name(&mut self.look_ups, &mut contact, &known.about);
                Some(Input::Contact(contact))
            }
            Record::Dns { uid: _, contact, answers } => {
                Some(Input::Contact(self.question(time, contact, answers)))
            }
            Record::Totals { uid, bytes, duration, established, open } => {
                Some(Input::ContactEnd(ContactEnd {
                    id: uid,
                    bytes,
                    duration,
                    established,
                    provisional: open,
                }))
            }
            Record::Contact(contact) => Some(Input::Contact(contact)),
            Record::Workload(change) => Some(Input::Workload(change)),
            Record::Lost(count) => Some(Input::Lost { place: LossPlace::Capture, count }),
            Record::About { .. } => None,
        }
    }

    fn know(&mut self, uid: Uid, time: Timestamp, about: About) {
        if uid != 0
            && let Some(known) = self.abouts.get_or_default(uid)
        {
            known.about.merge(about);
            known.active = known.active.max(time);
        }
    }

    /// A question goes to a registered domain; its answers name addresses from when they came.
    fn question(&mut self, time: Timestamp, mut contact: Box<Contact>, answers: Answers) -> Box<Contact> {
        let ContactKind::DnsQuery(question) = &contact.kind else { return contact };
        let Answers { addresses, aliases } = answers;
        let is_answered = question.rcode.is_some() || !addresses.is_empty();
        if let Some(address) = contact.actor.address.filter(|_| is_answered) {
            let came = time + contact.duration.unwrap_or_default();
            let meant = domain::meant(&question.name, aliases.iter().map(|alias| &**alias));
            let name = aliases.iter().find(|alias| &***alias == meant).unwrap_or(&question.name);
            let client = Client::of_address(Some(address)).key;
            self.look_ups.learn(came, client, (name, question.rr_type), addresses.into_iter());
        }
        contact.destination.name = Some(Arc::from(domain::registered(&question.name)));
        contact.destination.name_source = Some(NameSource::Dns);
        contact
    }
}

/// Names a contact by what is known about its connection and its client's look-ups.
fn name(look_ups: &mut LookUps, contact: &mut Contact, about: &About) {
    contact.ja4 = contact.ja4.take().or_else(|| about.ja4.clone());
    contact.user_agent = contact.user_agent.take().or_else(|| about.user_agent.clone());
    if contact.protocol == AppProtocol::Unknown {
        contact.protocol = about.protocol;
    }
    let indicated = about.indicated();
    contact.protocol = indicated.protocol(contact.protocol);
    contact.sni = indicated.server_name().cloned();
    let to = contact.destination.clone();
    (contact.destination, contact.naming) = match &contact.destination.name {
        // The row says itself what was looked up.
        Some(name) => naming::name_from_log(to, &indicated, Some(name), false),
        None => {
            let client = Client::of_address(contact.actor.address);
            look_ups.name((contact.start, contact.start), client, to, &indicated)
        }
    };
}

/// A connection that was open before has come to a later row: only its totals are new.
fn later_row(uid: Uid, connection: &Connection, open: bool) -> Option<(Timestamp, Record)> {
    let Connection { start, bytes, duration, established, .. } = *connection;
    let (bytes, duration) = (bytes?, duration?);
    Some((start + duration, Record::Totals { uid, bytes, duration, established, open }))
}

/// A map that forgets the entry that was put in first when it is full.
#[derive(Debug)]
struct Fifo<K, V> {
    entries: Map<K, V>,
    order: VecDeque<K>,
    bound: usize,
}

impl<K: Hash + Eq + Copy, V> Fifo<K, V> {
    fn with_bound(bound: usize) -> Self {
        Self { entries: Map::default(), order: VecDeque::new(), bound: bound.max(1) }
    }

    fn get(&self, key: &K) -> Option<&V> {
        if self.entries.is_empty() { None } else { self.entries.get(key) }
    }

    fn insert(&mut self, key: K, value: V) {
        if self.entries.insert(key, value).is_none() {
            self.order.push_back(key);
            if self.order.len() > self.bound
                && let Some(oldest) = self.order.pop_front()
            {
                self.entries.remove(&oldest);
            }
        }
    }

    fn get_or_default(&mut self, key: K) -> Option<&mut V>
    where
        V: Default,
    {
        if !self.entries.contains_key(&key) {
            self.insert(key, V::default());
        }
        self.entries.get_mut(&key)
    }
}
