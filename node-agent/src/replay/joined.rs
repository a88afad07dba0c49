//! Rows joined: which name, protocol and fingerprint belong to which connection, and which name an address had.
//!
//! What the rows of application protocols say is remembered by the connection's uid when it is read; what DNS
//! answered is remembered per client when its turn in time has come. Both memories are bounded and forget the
//! oldest first.

use core::hash::Hash;
use core::net::IpAddr;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use beaconwatch_engine::collections::Map;
use beaconwatch_engine::contact::{Contact, ContactEnd, ContactKind, NameSource, Naming, is_judged};
use beaconwatch_engine::input::{Input, LossPlace};
use beaconwatch_engine::protocol::AppProtocol;
use beaconwatch_engine::session::domain;
use beaconwatch_engine::time::Timestamp;

use crate::source::record::Connection;
use crate::source::{About, Record, Uid};

/// A client's look-ups count as visible when the first was seen this long ago: what it asked before may be
/// cached until then.
const LOOKUPS_VISIBLE_AFTER: Duration = Duration::from_secs(3600);

/// Requests closer than this belong to one burst.
const BURST_PAUSE: Duration = Duration::from_millis(250);

/// Names kept of one address; the next one takes the place of the oldest.
const NAMES_PER_ADDRESS_MAX: usize = 8;

/// What was read and belongs together.
#[derive(Debug)]
pub struct Joined {
    abouts: Fifo<Uid, Known>,
    open: Fifo<Uid, ()>,
    names: Fifo<(IpAddr, IpAddr), Vec<Arc<str>>>,
    asked_first: Fifo<IpAddr, Timestamp>,
}

/// When the turn of a row comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// At this time.
    At(Timestamp),
    /// It only adds to another row, and what it says is kept.
    Never,
    /// It is about a connection of this host that nobody judges, so that its turn makes no difference.
    Unjudged(Option<IpAddr>),
}

#[derive(Debug, Default)]
struct Known {
    about: About,
    active: Timestamp,
}

impl Joined {
    /// Remembers at most `entries_max` connections, and as many names.
    #[must_use]
    pub fn with_bound(entries_max: usize) -> Self {
        Self {
            abouts: Fifo::with_bound(entries_max),
            open: Fifo::with_bound(entries_max),
            names: Fifo::with_bound(entries_max),
            asked_first: Fifo::with_bound(entries_max),
        }
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
                let about = known.map(|known| known.about.clone()).unwrap_or_default();
                let mut contact = connection.contact(if open { uid } else { 0 });
                self.name(&mut contact, about);
                Some(Input::Contact(contact))
            }
            Record::Request { uid, mut contact } => {
                let known = self.abouts.get_or_default(uid)?;
                let active = core::mem::replace(&mut known.active, time);
                if time.since(active) < BURST_PAUSE {
                    return None;
                }
                let about = known.about.clone();
                self.name(&mut contact, about);
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

    /// A question goes to a registered domain; its answers name addresses from now on.
    fn question(&mut self, time: Timestamp, mut contact: Box<Contact>, answers: Vec<IpAddr>) -> Box<Contact> {
        let ContactKind::DnsQuery(question) = &contact.kind else { return contact };
        if let Some(client) = contact.actor.address {
            if !answers.is_empty() && self.asked_first.get(&client).is_none() {
                self.asked_first.insert(client, time);
            }
            for answer in answers {
                self.remember(client, answer, &question.name);
            }
        }
        contact.destination.name = Some(domain::registered(&question.name));
        contact.destination.name_source = Some(NameSource::Dns);
        contact
    }

    fn remember(&mut self, client: IpAddr, address: IpAddr, name: &Arc<str>) {
        let Some(names) = self.names.get_or_default((client, address)) else { return };
        names.retain(|known| known != name);
        if names.len() >= NAMES_PER_ADDRESS_MAX {
            names.remove(0);
        }
        names.push(Arc::clone(name));
    }

    /// Names a contact by what is known about its connection and its client's look-ups.
    fn name(&self, contact: &mut Contact, about: About) {
        let About { sni, sni_missing, http_host, proxy_target, ja4, user_agent, protocol, dns: _ } = about;
        contact.ja4 = contact.ja4.take().or(ja4);
        contact.user_agent = contact.user_agent.take().or(user_agent);
        if contact.protocol == AppProtocol::Unknown {
            contact.protocol = protocol;
        }
        let address = contact.destination.address;
        let looked_up = contact.actor.address.zip(address).and_then(|pair| self.names.get(&pair));
        let sni = sni.filter(|name| !is_address(name));
        contact.sni.clone_from(&sni);
        let http_host = http_host.filter(|name| !is_address(name));
        if let Some(target) = proxy_target {
            set_name(contact, target, NameSource::Proxy);
            return;
        }
        contact.naming = match (looked_up, &sni) {
            (Some(names), Some(sni)) if !names.contains(sni) => Naming::SniMismatch,
            (Some(_), None) if sni_missing => Naming::SniMissing,
            (Some(_), _) => Naming::Consistent,
            (None, _) if self.lookups_visible(contact) => Naming::NoLookup,
            (None, None) if sni_missing => Naming::SniMissing,
            (None, _) => Naming::Unknown,
        };
        let looked_up = looked_up.map(|names| {
            let same =
                names.iter().find(|name| Some(*name) == sni.as_ref() || Some(*name) == http_host.as_ref());
            same.or(names.last()).map(Arc::clone)
        });
        if let Some(name) = looked_up.flatten() {
            set_name(contact, name, NameSource::Dns);
        } else if let Some(name) = sni {
            set_name(contact, name, NameSource::Sni);
        } else if let Some(name) = http_host {
            set_name(contact, name, NameSource::HttpHost);
        }
    }

    fn lookups_visible(&self, contact: &Contact) -> bool {
        let first = contact.actor.address.and_then(|client| self.asked_first.get(&client));
        first.is_some_and(|first| contact.start.since(*first) >= LOOKUPS_VISIBLE_AFTER)
    }
}

fn set_name(contact: &mut Contact, name: Arc<str>, source: NameSource) {
    contact.destination.name = Some(name);
    contact.destination.name_source = Some(source);
}

fn is_address(name: &str) -> bool {
    name.parse::<IpAddr>().is_ok()
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
