//! Names that clients looked up, by the addresses they got, and which of them are still in use.
//!
//! A client is a workload, or the source address of recorded traffic; what another one looked up names nothing here.
//! Bounded per client and in all. Where a bound costs a name, its lack is no evidence for the next while.

use core::time::Duration;
use std::net::IpAddr;
use std::sync::Arc;

use super::domain::{is_same, meant};
use super::rule::{Indicated, LookedUp, NameOfAddress, name};
use crate::bounded::FairTable;
use crate::counters::Usage;
use crate::identity;
use crate::limits::Limits;
use crate::observe::contact::{Destination, Naming};
use crate::observe::protocol::{DnsData, DnsMessage, DnsSection, DnsType};
use crate::time::Timestamp;

/// Names kept of an address: the front of a content network serves many.
const NAMES_PER_ADDRESS_MAX: usize = 8;
/// Programs go on using an address for longer than its record lives (connection pools, resolvers of their own): a name
/// stands for its address this much longer, and this long after each use. Only after the look-ups of a client were seen
/// for this long is a missing one evidence.
const GRACE: Duration = Duration::from_secs(3600);
/// A look-up without a use stands for at most this long, however long its record lives.
const UNUSED_MAX: Duration = Duration::from_secs(24 * 3600);
/// An entry in use is renewed at most this often.
const RENEWED_BEFORE: Duration = Duration::from_secs(1800);

/// A client as the tables distinguish it.
pub type ClientKey = u64;

/// Whose look-ups name a destination.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// Which.
    pub key: ClientKey,
    /// It was watched from its first process on: nothing it looked up before was missed.
    pub watched_whole: bool,
}

impl Client {
    /// The client of recorded traffic, known by its address only.
    #[must_use]
    pub fn of_address(address: Option<IpAddr>) -> Self {
        Self { key: identity::client(address).bits(), watched_whole: false }
    }
}

/// The look-ups of all clients.
#[derive(Debug)]
pub struct LookUps {
    by_address: FairTable<(ClientKey, IpAddr), AddressNames>,
    clients: FairTable<ClientKey, ClientRecord>,
    /// Names that an address had beyond those that are kept.
    names_cut: u64,
}

#[derive(Debug, Default)]
struct AddressNames {
    /// Newest first.
    names: Vec<NameOfAddress>,
    /// Until when the looked-up ones name the address by themselves.
    until: Timestamp,
    /// There were more.
    cut: bool,
}

/// What was seen of a client's look-ups.
#[derive(Clone, Copy, Debug, Default)]
struct ClientRecord {
    /// When the first answer with an address came.
    since: Option<Timestamp>,
    /// When a name was last given up that was still good.
    lost: Option<Timestamp>,
    asks_services: bool,
}

impl ClientRecord {
    /// Whether all look-ups that matter at this time were seen.
    fn is_all(&self, client: Client, at: Timestamp) -> bool {
        let ready = if client.watched_whole { Duration::ZERO } else { GRACE };
        self.since.is_some_and(|since| since + ready <= at) && self.lost.is_none_or(|lost| lost + GRACE <= at)
    }
}

impl LookUps {
    /// No look-ups yet, within these bounds.
    #[must_use]
    pub fn with_limits(limits: &Limits) -> Self {
        Self {
            by_address: FairTable::with_scope_max(limits.names_max, limits.names_per_workload_max),
            clients: FairTable::with_capacity_max(limits.naming_workloads_max()),
            names_cut: 0,
        }
    }

    /// Learns from an answer that a client received.
    pub fn learn_message(&mut self, now: Timestamp, client: ClientKey, message: &DnsMessage) {
        const CNAME: DnsType = DnsType(5);
        let Some(question) = message.questions.first().filter(|_| message.response) else { return };
        let aliases = message.records.iter().filter_map(|record| match &record.data {
            DnsData::Name(target) if record.kind == CNAME && record.name == question.name => {
                Some(target.as_str())
            }
            DnsData::Name(_) | DnsData::Address(_) | DnsData::Service { .. } | DnsData::Other => None,
        });
        let answers = message.records.iter().filter(|record| record.section == DnsSection::Answer);
        let addresses = answers.flat_map(|record| {
            let addresses = match &record.data {
                DnsData::Address(address) => core::slice::from_ref(address),
                DnsData::Service { hints, .. } => hints.as_slice(),
                DnsData::Name(_) | DnsData::Other => &[],
            };
            addresses.iter().map(|address| (*address, record.ttl_s))
        });
        let name = Arc::from(meant(question.name.as_str(), aliases));
        self.learn(now, client, (&name, question.kind.0), addresses);
    }

    /// Learns from an answer: the name that was meant and the type asked for, and each address with the seconds that its
    /// record lives.
    pub fn learn(
        &mut self,
        now: Timestamp,
        client: ClientKey,
        (name, rr_type): (&Arc<str>, u16),
        addresses: impl Iterator<Item = (IpAddr, u32)>,
    ) {
        const SERVICE_RECORDS: [u16; 2] = [64, 65];
        let mut learned = false;
        for (address, ttl_s) in addresses {
            learned = true;
            let ttl = Duration::from_secs(u64::from(ttl_s));
            let key = (client, address.to_canonical());
            let mut entry = self.by_address.remove(&key).unwrap_or_default();
            entry.until = entry.until.max(now + (ttl + GRACE).min(UNUSED_MAX));
            self.names_cut += u64::from(entry.put(name, true));
            self.insert(now, key, entry);
        }
        let asks_services = SERVICE_RECORDS.contains(&rr_type);
        let known = self.clients.get(&client).copied().unwrap_or_default();
        if (learned && known.since.is_none()) || (asks_services && !known.asks_services) {
            let since = known.since.or(learned.then_some(now));
            let asks_services = known.asks_services || asks_services;
            self.clients.insert(client, client, ClientRecord { since, asks_services, ..known });
        }
    }

    /// Names a destination that a client contacted at `start`, and remembers that it is in use.
    pub fn name(
        &mut self,
        (now, start): (Timestamp, Timestamp),
        client: Client,
        to: Destination,
        indicated: &Indicated<'_>,
    ) -> (Destination, Naming) {
        let Some(address) = to.address.filter(|_| indicated.proxy.is_none()) else {
            return name(to, indicated, &LookedUp::default());
        };
        let Some(seen) = self.clients.get(&client.key).copied() else {
            return name(to, indicated, &LookedUp::default());
        };
        let key = (client.key, address.to_canonical());
        let all_seen = seen.is_all(client, start);
        let entry = self.by_address.get(&key);
        let looked_up = LookedUp {
            names: entry.map_or(&[], |entry| &entry.names),
            fresh: entry.is_some_and(|entry| now < entry.until),
            cut: entry.is_some_and(|entry| entry.cut),
            all_seen,
            asks_services: seen.asks_services,
        };
        let named = name(to, indicated, &looked_up);
        self.used(now, key, indicated, all_seen);
        named
    }

    /// What is held of addresses with names (refused: further names of one), and of clients whose look-ups are seen.
    #[must_use]
    pub fn usage(&self) -> [Usage; 2] {
        [Usage { refused: self.names_cut, ..self.by_address.usage() }, self.clients.usage()]
    }

    /// A name stands for its address as long as it is used. Another server name than those that were looked up is no use
    /// of them.
    fn used(&mut self, now: Timestamp, key: (ClientKey, IpAddr), indicated: &Indicated<'_>, all_seen: bool) {
        let own = indicated.server_name().or_else(|| indicated.host_name());
        let Some(entry) = self.by_address.get(&key) else {
            if let Some(own) = own.filter(|_| !all_seen) {
                self.in_use(now, key, own);
            }
            return;
        };
        let agreed = own.and_then(|own| entry.names.iter().find(|known| is_same(&known.name, own)));
        let any_seen = entry.names.iter().any(|known| known.seen);
        let fresh = any_seen && now < entry.until;
        match (agreed, own, indicated.server_name()) {
            (Some(NameOfAddress { seen, .. }), _, _) if *seen || !any_seen => self.renew(now, key),
            (_, _, None) if fresh => self.renew(now, key),
            (None, Some(own), _) if !fresh && !all_seen => self.in_use(now, key, own),
            (Some(_) | None, Some(_) | None, _) => {}
        }
    }

    fn renew(&mut self, now: Timestamp, key: (ClientKey, IpAddr)) {
        let is_due = |entry: &AddressNames| entry.until < now + RENEWED_BEFORE;
        if self.by_address.get(&key).is_some_and(is_due)
            && let Some(entry) = self.by_address.remove(&key)
        {
            self.insert(now, key, AddressNames { until: now + GRACE, ..entry });
        }
    }

    /// A name is in use that may have been looked up before look-ups were seen.
    fn in_use(&mut self, now: Timestamp, key: (ClientKey, IpAddr), own: &Arc<str>) {
        let mut entry = self.by_address.remove(&key).unwrap_or_default();
        self.names_cut += u64::from(entry.put(own, false));
        self.insert(now, key, entry);
    }

    fn insert(&mut self, now: Timestamp, key: (ClientKey, IpAddr), entry: AddressNames) {
        let Some(((client, _), gone)) = self.by_address.insert(key, key.0, entry) else { return };
        let was_good = now < gone.until || gone.names.iter().any(|known| !known.seen);
        if was_good && let Some(seen) = self.clients.get_mut(&client) {
            seen.lost = Some(now);
        }
    }
}

impl AddressNames {
    /// Puts a name first. Returns whether another had to go.
    fn put(&mut self, name: &Arc<str>, seen: bool) -> bool {
        let known = NameOfAddress { name: Arc::clone(name), seen };
        match self.names.iter().position(|known| known.name == *name) {
            Some(at) => {
                if let Some(names) = self.names.get_mut(..=at) {
                    names.rotate_right(1);
                }
                if let Some(newest) = self.names.first_mut() {
                    *newest = NameOfAddress { seen: seen || newest.seen, ..known };
                }
                false
            }
            None => {
                let is_full = self.names.len() >= NAMES_PER_ADDRESS_MAX;
                self.cut |= is_full;
                self.names.truncate(NAMES_PER_ADDRESS_MAX - 1);
                self.names.insert(0, known);
                is_full
            }
        }
    }
}

#[cfg(test)]
mod tests;
