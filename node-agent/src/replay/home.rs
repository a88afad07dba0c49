//! Whose calls are judged, where `--home` says it: those of hosts in these networks. Whoever calls in from outside
//! (scanners, visitors) does not call home.

use core::str::FromStr;
use std::net::IpAddr;

use beaconwatch_engine::input::Input;

use super::tally::originator;

/// A network, such as `10.0.0.0/8` or `2001:db8::/32`; an address alone is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    length: u32,
}

/// Why a text is no network.
#[derive(Debug, thiserror::Error)]
#[error("not a network such as 10.0.0.0/8 or 2001:db8::/32")]
pub struct NotANetwork;

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(longest), |length| length.parse().map_err(|_| NotANetwork))?;
        if length > longest { Err(NotANetwork) } else { Ok(Self { address, length }) }
    }
}

impl Network {
    fn holds(self, address: IpAddr) -> bool {
        let (differs, bits) = match (self.address, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits() ^ b.to_bits()), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits(), 128),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        differs.checked_shr(bits - self.length).unwrap_or(0) == 0
    }
}

/// The networks, and how many contacts of others were left out.
#[derive(Debug)]
pub(super) struct Home {
    networks: Vec<Network>,
    left_out: u64,
}

impl Home {
    pub(super) fn of(networks: &[Network]) -> Self {
        Self { networks: networks.to_vec(), left_out: 0 }
    }

    /// Whether an input is to be judged: all but the beginnings of contacts whose originator has an address elsewhere.
    pub(super) fn admits(&mut self, input: &Input) -> bool {
        match originator(input) {
            Some((None, Some(address))) => self.admits_host(address),
            Some(_) | None => true,
        }
    }

    /// The same of a contact of this host.
    pub(super) fn admits_host(&mut self, address: IpAddr) -> bool {
        if self.networks.is_empty() {
            return true;
        }
        let is_home = self.networks.iter().any(|network| network.holds(address));
        self.left_out += u64::from(!is_home);
        is_home
    }

    /// Contacts of others.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_addresses() {
        for (network, address, holds) in [
            ("10.0.0.0/8", "10.200.1.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("0.0.0.0/0", "198.51.100.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert_eq!(parsed.holds(address.parse().unwrap()), holds, "{network} {address}");
        }
        for text in ["", "10.0.0.0/33", "10.0.0.0/", "a.example", "::/129", "10.0.0.0/-1"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
