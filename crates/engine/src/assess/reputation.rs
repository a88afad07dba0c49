//! User-supplied lists of destinations: addresses, networks, domains. One evidence term, never a verdict.
//!
//! Built once from parsed lists, then only looked up; a million entries take 60 (addresses) to 120 MiB (names) and one
//! look-up a few hash probes.

use core::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::bounded::Index;
use crate::codec::{Coded, Reader};
use crate::observe::contact::Destination;

/// Entries of one compiled list at most; more are refused and counted.
pub const ENTRIES_MAX: usize = 1_000_000;

/// A compiled list; an input of the engine.
#[derive(Clone, Debug, Default)]
pub struct ReputationList {
    lists: Vec<Arc<str>>,
    /// Bounded by [`ENTRIES_MAX`], like the networks.
    domains: Index<Box<str>, u16>,
    /// By prefix length and family; addresses are networks of full length.
    v4: Networks<u32>,
    v6: Networks<u128>,
    len: usize,
    refused: usize,
}

/// Networks of one family, by the length of their prefix, longest first.
type Networks<B> = Vec<OfLength<B>>;

#[derive(Clone, Debug)]
struct OfLength<B> {
    length: u8,
    /// Prefix to list. Bounded by [`ENTRIES_MAX`].
    prefixes: Index<B, u16>,
}

/// An entry of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A domain and everything below it.
    Domain(&'a str),
    /// A network and the length of its prefix.
    Network(IpAddr, u8),
}

impl ReputationList {
    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// No entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Entries refused beyond [`ENTRIES_MAX`].
    #[must_use]
    pub fn refused(&self) -> usize {
        self.refused
    }

    /// Adds a domain of the list named `list`; it stands for itself and everything below it.
    pub fn add_domain(&mut self, list: &str, domain: &str) {
        let Some(list) = self.admit(list) else { return };
        let domain = domain.trim_start_matches("*.").trim_end_matches('.').to_ascii_lowercase();
        if !domain.is_empty() && self.domains.insert(domain.into(), list).is_none() {
            self.len += 1;
        }
    }

    /// Adds a network (an address is one of full length) of the list named `list`.
    pub fn add_network(&mut self, list: &str, network: IpAddr, length: u8) {
        let Some(list) = self.admit(list) else { return };
        let new = match network {
            IpAddr::V4(v4) => {
                let length = length.min(32);
                of_length(&mut self.v4, length)
                    .is_some_and(|of| of.insert(v4.to_bits() & mask4(length), list).is_none())
            }
            IpAddr::V6(v6) => {
                let length = length.min(128);
                of_length(&mut self.v6, length)
                    .is_some_and(|of| of.insert(v6.to_bits() & mask6(length), list).is_none())
            }
        };
        self.len += usize::from(new);
    }

    /// The list that names a destination, by its name or its address.
    #[must_use]
    pub fn lookup(&self, destination: &Destination) -> Option<Arc<str>> {
        if self.len == 0 {
            return None;
        }
        let by_name = destination.name.as_deref().and_then(|name| self.domain(name));
        let index = by_name.or_else(|| destination.address.and_then(|address| self.address(address)))?;
        self.lists.get(usize::from(index)).cloned()
    }

    /// Every entry with the name of its list, in no order: adding them to an empty list gives this one again.
    pub fn entries(&self) -> impl Iterator<Item = (&Arc<str>, Entry<'_>)> {
        let domains = self.domains.iter().map(|(domain, list)| (*list, Entry::Domain(domain)));
        let v4 = self.v4.iter().flat_map(|OfLength { length, prefixes }| {
            let network = |bits: &u32| Entry::Network(Ipv4Addr::from_bits(*bits).into(), *length);
            prefixes.iter().map(move |(bits, list)| (*list, network(bits)))
        });
        let v6 = self.v6.iter().flat_map(|OfLength { length, prefixes }| {
            let network = |bits: &u128| Entry::Network(Ipv6Addr::from_bits(*bits).into(), *length);
            prefixes.iter().map(move |(bits, list)| (*list, network(bits)))
        });
        let all = domains.chain(v4).chain(v6);
        all.filter_map(|(list, entry)| Some((self.lists.get(usize::from(list))?, entry)))
    }

    fn domain(&self, name: &str) -> Option<u16> {
        let mut rest = Some(name);
        while let Some(name) = rest {
            if let Some(list) = self.domains.get(name) {
                return Some(*list);
            }
            rest = name.split_once('.').map(|(_, parent)| parent);
        }
        None
    }

    /// Longest prefix first.
    fn address(&self, address: IpAddr) -> Option<u16> {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let bits = v4.to_bits();
                self.v4.iter().find_map(|of| of.prefixes.get(&(bits & mask4(of.length))).copied())
            }
            IpAddr::V6(v6) => {
                let bits = v6.to_bits();
                self.v6.iter().find_map(|of| of.prefixes.get(&(bits & mask6(of.length))).copied())
            }
        }
    }

    fn admit(&mut self, list: &str) -> Option<u16> {
        if self.len >= ENTRIES_MAX {
            self.refused += 1;
            return None;
        }
        let index = self.lists.iter().position(|known| **known == *list).unwrap_or_else(|| {
            self.lists.push(Arc::from(list));
            self.lists.len() - 1
        });
        u16::try_from(index).ok()
    }
}

/// The networks of one length.
fn of_length<B: Eq + Hash>(networks: &mut Networks<B>, length: u8) -> Option<&mut Index<B, u16>> {
    let place = networks.partition_point(|of| of.length > length);
    if networks.get(place).is_none_or(|of| of.length != length) {
        networks.insert(place, OfLength { length, prefixes: Index::default() });
    }
    networks.get_mut(place).map(|of| &mut of.prefixes)
}

fn mask4(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

fn mask6(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

/// Entry by entry, each with its list: the tables are built again.
impl Coded for ReputationList {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        for (list, entry) in self.entries() {
            list.put(out);
            match entry {
                Entry::Domain(domain) => {
                    out.push(0);
                    Box::<str>::from(domain).put(out);
                }
                Entry::Network(network, length) => {
                    out.push(1);
                    (network, length).put(out);
                }
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        let mut lists = Self::default();
        for _ in 0..usize::take(from)? {
            let list = Arc::<str>::take(from)?;
            match from.byte()? {
                0 => lists.add_domain(&list, &Box::<str>::take(from)?),
                1 => {
                    let (network, length) = Coded::take(from)?;
                    lists.add_network(&list, network, length);
                }
                _ => return None,
            }
        }
        Some(lists)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::contact::Transport;

    fn destination(address: &str, name: Option<&str>) -> Destination {
        Destination {
            address: address.parse().ok(),
            port: 443,
            transport: Transport::Tcp,
            name: name.map(Arc::from),
            name_source: None,
        }
    }

    #[test]
    fn addresses_networks_and_domains_are_found() {
        let mut list = ReputationList::default();
        list.add_domain("feed", "Bad.Example.");
        list.add_network("feed", "198.51.100.0".parse().unwrap(), 24);
        list.add_network("own", "198.51.100.9".parse().unwrap(), 32);
        list.add_network("own", "2001:db8::".parse().unwrap(), 32);
        let check = |address, name, expected: Option<&str>| {
            assert_eq!(list.lookup(&destination(address, name)).as_deref(), expected, "{address} {name:?}");
        };
        check("192.0.2.1", Some("www.bad.example"), Some("feed"));
        check("192.0.2.1", Some("notbad.example"), None);
        check("198.51.100.7", None, Some("feed"));
        check("198.51.100.9", None, Some("own"));
        check("::ffff:198.51.100.7", None, Some("feed"));
        check("2001:db8:1::1", None, Some("own"));
        check("203.0.113.1", None, None);
    }
}
