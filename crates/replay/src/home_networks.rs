//! Whose connections are judged, where `--home` says it: those of hosts in these networks. Whoever connects from
//! outside (scanners, visitors) is left out.

use std::net::IpAddr;

use beaconwatch_engine::input::Input;
use beaconwatch_engine::inside::Network;

use crate::tally::originator;

/// The networks, and how many contacts of others were left out.
#[derive(Debug)]
pub(super) struct HomeNetworks {
    networks: Vec<Network>,
    left_out: u64,
}

impl HomeNetworks {
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
