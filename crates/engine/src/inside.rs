//! What lies inside the cluster: addresses that nobody on the Internet answers for, the networks that somebody named,
//! and what the cluster's own pods show. Pods may well have public addresses (IPv6, class E, public ranges).

use core::net::IpAddr;
use core::str::FromStr;

use crate::actor::Pod;
use crate::codec::{Coded, Reader};

/// A network, such as `10.0.0.0/8` or `2001:db8::/32`; an address alone is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    address: IpAddr,
    length: u8,
}

/// Why a text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a network such as 10.0.0.0/8 or 2001:db8::/32")]
pub struct NotANetwork;

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let length = length.map_or(Ok(bits(address)), |length| length.parse().map_err(|_| NotANetwork))?;
        Self::of(address, length).ok_or(NotANetwork)
    }
}

impl Network {
    /// The network of this length that holds an address; `None` if no address has so many bits.
    #[must_use]
    pub fn of(address: IpAddr, length: u8) -> Option<Self> {
        let address = match address {
            _ if length > bits(address) => return None,
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(u32::from(32 - length)).unwrap_or(0);
                IpAddr::V4((v4.to_bits() & mask).into())
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(u32::from(128 - length)).unwrap_or(0);
                IpAddr::V6((v6.to_bits() & mask).into())
            }
        };
        Some(Self { address, length })
    }

    /// Whether it holds an address.
    #[must_use]
    pub fn holds(self, address: IpAddr) -> bool {
        Self::of(address, self.length) == Some(self)
    }

    /// Its first address, and the length of its prefix.
    #[must_use]
    pub const fn parts(self) -> (IpAddr, u8) {
        (self.address, self.length)
    }
}

impl Coded for Network {
    fn put(&self, out: &mut Vec<u8>) {
        self.parts().put(out);
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        let (address, length) = Coded::take(from)?;
        Self::of(address, length)
    }
}

const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// Networks that count; a range of pods is rarely named by more.
const NETWORKS_MAX: usize = 1024;
/// What a pod's public address shows: the smallest network that is routed on the Internet, or one link.
const SHOWN_BY_POD: (u8, u8) = (24, 64);

/// The networks of the cluster that are not private by themselves; few, and none in most clusters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inside {
    /// In order, each once.
    networks: Vec<Network>,
    /// Lengths among them, each once.
    lengths: Vec<(bool, u8)>,
}

impl Inside {
    /// From what somebody named and what pods show.
    pub(crate) fn of<'p>(given: &[Network], pods: impl Iterator<Item = &'p Pod>) -> Self {
        let mut inside = Self::default();
        let shown = pods.flat_map(|pod| pod.addresses.iter().map(|address| shown_by(pod, *address)));
        for network in given.iter().copied().chain(shown.flatten()) {
            inside.add(network);
        }
        inside
    }

    /// Whether a pod shows a network that is not counted yet.
    pub(crate) fn lacks(&self, pod: &Pod) -> bool {
        let shown = pod.addresses.iter().filter_map(|address| shown_by(pod, *address));
        self.networks.len() < NETWORKS_MAX && shown.into_iter().any(|network| !self.has(&network))
    }

    /// Whether an address lies inside the cluster.
    pub(crate) fn holds(&self, address: IpAddr) -> bool {
        let named = |(is_v6, length): &(bool, u8)| {
            *is_v6 == address.is_ipv6()
                && Network::of(address, *length).is_some_and(|network| self.has(&network))
        };
        is_private(address) || self.lengths.iter().any(named)
    }

    fn has(&self, network: &Network) -> bool {
        self.networks.binary_search(network).is_ok()
    }

    fn add(&mut self, network: Network) {
        let Err(place) = self.networks.binary_search(&network) else { return };
        if self.networks.len() >= NETWORKS_MAX {
            return;
        }
        self.networks.insert(place, network);
        let length = (network.address.is_ipv6(), network.length);
        if !self.lengths.contains(&length) {
            self.lengths.push(length);
        }
    }
}

/// The network of the cluster that a pod's address shows; with the host's network, it is an address of the node, whose
/// neighbours may be anybody.
fn shown_by(pod: &Pod, address: IpAddr) -> Option<Network> {
    let length = match address {
        _ if is_private(address) => return None,
        _ if pod.host_network => bits(address),
        IpAddr::V4(_) => SHOWN_BY_POD.0,
        IpAddr::V6(_) => SHOWN_BY_POD.1,
    };
    Network::of(address, length)
}

/// An address that nobody on the Internet answers for.
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || (a == 100 && (64..128).contains(&b))
                // Class E, which some clusters give to their pods.
                || (a >= 240 && !v4.is_broadcast())
        }
        IpAddr::V6(v6) => {
            v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn networks_hold_addresses() {
        for (network, of, holds) in [
            ("10.0.0.0/8", "10.200.1.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("0.0.0.0/0", "198.51.100.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("10.1.2.3/8", "10.200.1.1", true),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert_eq!(parsed.holds(address(of)), holds, "{network} {of}");
        }
        for text in ["", "10.0.0.0/33", "10.0.0.0/", "a.example", "::/129", "10.0.0.0/-1"] {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork), "{text}");
        }
    }

    #[test]
    fn inside_is_what_is_named_and_what_own_pods_show() {
        let pod = |of: &str, host_network| Pod {
            addresses: Arc::from([address(of)]),
            host_network,
            ..Pod::default()
        };
        let pods = [
            pod("2600:1f18:abcd:3:5f2b::8", false),
            pod("11.4.7.9", false),
            pod("198.51.100.7", true),
            pod("10.0.0.9", false),
        ];
        let inside = Inside::of(&["2a00:1::/56".parse().unwrap()], pods.iter());
        for (of, holds) in [
            ("10.9.9.9", true),
            ("240.10.3.7", true),
            ("255.255.255.255", false),
            ("2600:1f18:abcd:3::1", true),
            ("2600:1f18:abcd:4::1", false),
            ("2a00:1:0:ff::1", true),
            ("2a00:1:0:100::1", false),
            ("11.4.7.200", true),
            ("11.4.8.1", false),
            ("198.51.100.7", true),
            ("198.51.100.8", false),
            ("203.0.113.9", false),
        ] {
            assert_eq!(inside.holds(address(of)), holds, "{of}");
        }
        assert!(!inside.lacks(&pods[0]) && !inside.lacks(&pods[3]));
        assert!(inside.lacks(&pod("203.0.113.9", false)));
    }
}
