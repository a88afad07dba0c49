//! Which names a workload looked up, by the addresses it got: so that a connection to an address has a name, and one
//! to an address that was never looked up can be told.
//!
//! One cache per workload: what another workload looked up names nothing here. Bounded per workload and in all. It
//! must not know sockets or processes.

use core::time::Duration;
use std::net::IpAddr;
use std::sync::Arc;

use crate::bounded::FairTable;
use crate::counters::Usage;
use crate::limits::Limits;
use crate::protocol::{DnsData, DnsMessage, DnsQuestion, DnsSection, DnsType};
use crate::time::Timestamp;

/// Names kept per address, newest first.
const NAMES_PER_ADDRESS_MAX: usize = 4;
/// Programs go on using an address for longer than its record lives (connection pools, resolvers of their own): a
/// name is kept at least this much longer ...
const GRACE: Duration = Duration::from_secs(3600);
/// ... and at most this long in all.
const KEPT_MAX: Duration = Duration::from_secs(24 * 3600);

/// A workload as the caches tell it apart; made by the session layer.
pub type WorkloadKey = u64;

/// Caches of all workloads.
#[derive(Debug)]
pub struct Names {
    by_address: FairTable<(WorkloadKey, IpAddr), Entry>,
    /// When the first answer with an address was seen.
    visible_since: FairTable<WorkloadKey, Timestamp>,
}

#[derive(Debug, Default)]
struct Entry {
    names: [Option<Arc<str>>; NAMES_PER_ADDRESS_MAX],
    until: Timestamp,
}

impl Names {
    /// Empty caches with these bounds.
    #[must_use]
    pub fn with_limits(limits: &Limits) -> Self {
        Self {
            by_address: FairTable::with_scope_max(limits.names_max, limits.names_per_workload_max),
            visible_since: FairTable::with_capacity_max(limits.naming_workloads_max()),
        }
    }

    /// Learns from an answer that a workload received.
    pub fn learn(&mut self, now: Timestamp, workload: WorkloadKey, message: &DnsMessage) {
        let Some(question) = message.questions.first().filter(|_| message.response) else { return };
        let name: Arc<str> = Arc::from(meant(question, message));
        let mut learned = false;
        for record in message.records.iter().filter(|r| r.section == DnsSection::Answer) {
            let addresses = match &record.data {
                DnsData::Address(address) => core::slice::from_ref(address),
                DnsData::Service { hints, .. } => hints.as_slice(),
                DnsData::Name(_) | DnsData::Other => continue,
            };
            let ttl = Duration::from_secs(u64::from(record.ttl_s));
            let until = now + (ttl + GRACE).min(KEPT_MAX);
            for address in addresses {
                learned = true;
                self.put(workload, address.to_canonical(), &name, until);
            }
        }
        if learned && self.visible_since.get(&workload).is_none() {
            self.visible_since.insert(workload, workload, now);
        }
    }

    /// Names of an address, the one looked up last first; empty if it was not looked up.
    pub fn names_of(
        &self,
        now: Timestamp,
        workload: WorkloadKey,
        address: IpAddr,
    ) -> impl Iterator<Item = &Arc<str>> {
        let entry = self.by_address.get(&(workload, address.to_canonical()));
        entry.filter(|entry| entry.until > now).into_iter().flat_map(|entry| entry.names.iter().flatten())
    }

    /// Since when this workload's look-ups are seen; `None`: none was ever answered in view.
    #[must_use]
    pub fn visible_since(&self, workload: WorkloadKey) -> Option<Timestamp> {
        self.visible_since.get(&workload).copied()
    }

    /// What is held of addresses with names, and of workloads whose look-ups are seen; each with what its bound cost.
    #[must_use]
    pub fn usage(&self) -> [Usage; 2] {
        [self.by_address.usage(), self.visible_since.usage()]
    }

    fn put(&mut self, workload: WorkloadKey, address: IpAddr, name: &Arc<str>, until: Timestamp) {
        let key = (workload, address);
        let mut entry = self.by_address.remove(&key).unwrap_or_default();
        let at = entry.names.iter().position(|n| n.as_ref() == Some(name));
        if let Some(newest) = entry.names.get_mut(..=at.unwrap_or(NAMES_PER_ADDRESS_MAX - 1)) {
            newest.rotate_right(1);
        }
        if let Some(first) = entry.names.first_mut() {
            *first = Some(Arc::clone(name));
        }
        entry.until = entry.until.max(until);
        self.by_address.insert(key, workload, entry);
    }
}

/// The name that was meant by a question. A resolver that goes through the search domains itself (CoreDNS's
/// `autopath`) answers a question for `example.com.shop.svc.cluster.local` with an alias of `example.com`.
fn meant<'a>(question: &'a DnsQuestion, message: &'a DnsMessage) -> &'a str {
    const CNAME: DnsType = DnsType(5);
    let asked = question.name.as_str();
    let alias = message.records.iter().find_map(|record| match &record.data {
        DnsData::Name(target) if record.kind == CNAME && record.name == question.name => {
            Some(target.as_str())
        }
        DnsData::Name(_) | DnsData::Address(_) | DnsData::Service { .. } | DnsData::Other => None,
    });
    alias
        .filter(|alias| asked.strip_prefix(alias).is_some_and(|domain| domain.starts_with('.')))
        .unwrap_or(asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{DnsName, DnsRecord};

    fn answer(name: &str, address: &str, ttl_s: u32) -> DnsMessage {
        let record = DnsRecord {
            section: DnsSection::Answer,
            name: DnsName(name.into()),
            kind: DnsType(1),
            class: 1,
            ttl_s,
            size: 4,
            data: DnsData::Address(address.parse().unwrap()),
        };
        DnsMessage {
            id: 1,
            response: true,
            opcode: 0,
            rcode: 0,
            truncated: false,
            questions: vec![DnsQuestion { name: DnsName(name.into()), kind: DnsType(1), class: 1 }],
            records: vec![record],
            counts: [1, 1, 0, 0],
            size: 60,
            edns: None,
            query_size: None,
            cut: false,
        }
    }

    fn names(cache: &Names, now_secs: u64, workload: u64, address: &str) -> Vec<String> {
        let now = Timestamp::from_nanos(now_secs * 1_000_000_000);
        cache.names_of(now, workload, address.parse().unwrap()).map(|n| n.to_string()).collect()
    }

    #[test]
    fn an_address_has_the_names_its_own_workload_looked_up() {
        let mut cache = Names::with_limits(&Limits::default());
        cache.learn(Timestamp::ZERO, 1, &answer("one.example", "192.0.2.1", 30));
        cache.learn(Timestamp::ZERO, 1, &answer("two.example", "192.0.2.1", 30));
        cache.learn(Timestamp::ZERO, 1, &answer("one.example", "192.0.2.1", 30));
        assert_eq!(names(&cache, 1, 1, "192.0.2.1"), ["one.example", "two.example"]);
        assert_eq!(names(&cache, 1, 1, "::ffff:192.0.2.1"), ["one.example", "two.example"]);
        assert_eq!(names(&cache, 1, 2, "192.0.2.1"), [""; 0]);
        assert_eq!((cache.visible_since(1), cache.visible_since(2)), (Some(Timestamp::ZERO), None));
    }

    #[test]
    fn a_name_outlives_its_record_but_not_for_ever() {
        let mut cache = Names::with_limits(&Limits::default());
        cache.learn(Timestamp::ZERO, 1, &answer("short.example", "192.0.2.1", 5));
        cache.learn(Timestamp::ZERO, 1, &answer("long.example", "192.0.2.2", u32::MAX));
        assert_eq!(names(&cache, 3604, 1, "192.0.2.1"), ["short.example"]);
        assert_eq!(names(&cache, 3605, 1, "192.0.2.1"), [""; 0]);
        assert_eq!(names(&cache, 86_399, 1, "192.0.2.2"), ["long.example"]);
        assert_eq!(names(&cache, 86_400, 1, "192.0.2.2"), [""; 0]);
    }

    #[test]
    fn a_workload_that_looks_up_without_end_forgets_its_own_names_only() {
        let limits = Limits { names_per_workload_max: 10, names_max: 20, ..Limits::default() };
        let mut cache = Names::with_limits(&limits);
        cache.learn(Timestamp::ZERO, 1, &answer("kept.example", "192.0.2.1", 30));
        for n in 0..1000_u32 {
            let address = std::net::Ipv4Addr::from(0x0a00_0000 + n).to_string();
            cache.learn(Timestamp::ZERO, 2, &answer(&format!("{n}.example"), &address, 30));
        }
        assert_eq!(names(&cache, 1, 1, "192.0.2.1"), ["kept.example"]);
        assert_eq!(cache.usage()[0], Usage { held: 11, evicted: 990, refused: 0 });
    }

    #[test]
    fn an_address_behind_aliases_has_the_name_that_was_meant() {
        for (question, alias, name) in [
            ("www.shop.example", "edge.cdn.example", "www.shop.example"),
            ("www.shop.example.web.svc.cluster.local", "www.shop.example", "www.shop.example"),
            ("cdn.example", "n", "cdn.example"),
        ] {
            let mut message = answer(question, "192.0.2.1", 30);
            let (kind, data) = (DnsType(5), DnsData::Name(DnsName(alias.into())));
            let alias = DnsRecord { kind, data, ..message.records[0].clone() };
            message.records[0].name = DnsName("edge.cdn.example".into());
            message.records.insert(0, alias);
            let mut cache = Names::with_limits(&Limits::default());
            cache.learn(Timestamp::ZERO, 1, &message);
            assert_eq!(names(&cache, 1, 1, "192.0.2.1"), [name]);
        }
    }

    #[test]
    fn an_address_keeps_only_the_newest_names() {
        let mut cache = Names::with_limits(&Limits::default());
        for n in 0..9 {
            cache.learn(Timestamp::ZERO, 1, &answer(&format!("{n}.example"), "192.0.2.1", 30));
        }
        assert_eq!(names(&cache, 1, 1, "192.0.2.1"), ["8.example", "7.example", "6.example", "5.example"]);
    }
}
