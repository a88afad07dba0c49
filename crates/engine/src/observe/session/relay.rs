//! Proxies that pass on what programs of their pod ask for: the sidecars and node proxies of service meshes.
//!
//! A program connects to its destination, rules of its pod redirect the connection to a proxy, and the proxy connects
//! to the same destination; inside the cluster it may choose a backend or another proxy instead. The program's own
//! connection is a contact. The proxy's is not: it would be the same check-in again, under the name of the proxy.
//!
//! What is passed on is recognised by what happens in one network namespace, which is a pod: a connection arrived on
//! loopback that nobody asked loopback for, so rules led it there; and the process that took it connects to what
//! another process asked for just before. Nothing else is left out, so whatever a proxy passes on is judged under the
//! name of who asked for it. Names of well-known proxies add what behaviour alone cannot show: that another address
//! inside the cluster is meant for the same request.

use core::time::Duration;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::bounded::FairTable;
use crate::counters::Usage;
use crate::inside::Inside;
use crate::limits::Limits;
use crate::time::Timestamp;

/// Executables that are known to pass on what their pod asks for, besides those that somebody names.
const PROXIES: [&str; 3] = ["envoy", "linkerd2-proxy", "ztunnel"];
/// A proxy may wait for the first bytes of a request to know what is spoken: linkerd does so for ten seconds.
const WAIT: Duration = Duration::from_secs(10);
/// Requests of one network namespace that are remembered.
const ASKED_MAX: usize = 64;
/// Proxies of one network namespace that are remembered.
const PROXIES_MAX: usize = 8;

/// What programs ask for, and who passes it on; by network namespace, bounded.
#[derive(Debug)]
pub(super) struct Relays {
    places: FairTable<u64, NetworkPlace>,
    /// Base names of executables that somebody named.
    named: Arc<[Box<str>]>,
    inside: Arc<Inside>,
    /// Connections and bursts that were passed on for others.
    pub(super) passed_on: u64,
}

/// One network namespace; where that is not known, one workload.
#[derive(Debug, Default)]
struct NetworkPlace {
    /// Whose network it is: the share of tables that a node's proxy uses for it.
    owner: Option<u64>,
    /// Latest last.
    asked: VecDeque<Asked>,
    /// Processes that redirected connections came to, latest first.
    redirected_to: VecDeque<u32>,
}

/// A connection that a process opened, or used again after a pause.
#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Timestamp,
    remote: SocketAddr,
    pid: u32,
    cgroup: u64,
}

/// Who connects.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    pub(super) place: u64,
    pub(super) pid: u32,
    pub(super) cgroup: u64,
    /// Runs a well-known proxy.
    pub(super) is_proxy: bool,
}

impl Relays {
    pub(super) fn with_limits(limits: &Limits) -> Self {
        Self {
            places: FairTable::with_capacity_max(limits.network_places_max()),
            named: Arc::default(),
            inside: Arc::default(),
            passed_on: 0,
        }
    }

    /// Further executables that pass on what their pod asks for, by base name.
    pub(super) fn set_named(&mut self, named: Arc<[Box<str>]>) {
        self.named = named;
    }

    /// What lies inside the cluster.
    pub(super) fn set_inside(&mut self, inside: &Arc<Inside>) {
        self.inside = Arc::clone(inside);
    }

    /// Whether an executable has the name of a proxy.
    pub(super) fn is_named(&self, executable: &str) -> bool {
        let name = executable.rsplit('/').next().unwrap_or_default();
        PROXIES.contains(&name) || self.named.iter().any(|named| **named == *name)
    }

    /// Whose network a place is, if that is known.
    pub(super) fn owner(&self, place: u64) -> Option<u64> {
        self.places.get(&place)?.owner
    }

    /// A process connects, or sends again after a pause: whether it passes on what another asked for. If not, it is
    /// itself somebody who asks. `scope`: its share of tables.
    pub(super) fn passes_on(&mut self, now: Timestamp, by: Client, scope: u64, remote: SocketAddr) -> bool {
        if by.pid == 0 {
            return false;
        }
        let inside = is_loopback(remote.ip()) || self.inside.holds(remote.ip());
        let Some(place) = self.place(by.place, scope) else { return false };
        let redirected = place.redirected_to.contains(&by.pid);
        let for_whom = |asked: &&Asked| {
            let another =
                asked.pid != by.pid && !is_loopback(asked.remote.ip()) && now.since(asked.at) <= WAIT;
            let same = asked.remote == remote;
            let elsewhere = by.is_proxy && asked.cgroup != by.cgroup && (same || redirected && inside);
            another && (redirected && same || elsewhere)
        };
        if !is_loopback(remote.ip()) && place.asked.iter().rev().any(|asked| for_whom(&asked)) {
            self.passed_on += 1;
            return true;
        }
        if !by.is_proxy {
            place.owner.get_or_insert(scope);
        }
        place.remember(Asked { at: now, remote, pid: by.pid, cgroup: by.cgroup });
        false
    }

    /// A process took a connection. One that comes from loopback, or stays on one address, comes from the same pod; if
    /// nobody asked for this address, rules led it there.
    pub(super) fn accepted(
        &mut self,
        now: Timestamp,
        by: Client,
        scope: u64,
        (local, remote): (SocketAddr, SocketAddr),
    ) {
        let from_within = is_loopback(local.ip()) || is_loopback(remote.ip()) || local.ip() == remote.ip();
        if by.pid == 0 || !from_within {
            return;
        }
        let Some(place) = self.place(by.place, scope) else { return };
        let meant = |asked: &Asked| {
            let here =
                asked.remote.ip() == local.ip() || is_loopback(asked.remote.ip()) && is_loopback(local.ip());
            here && asked.remote.port() == local.port() && now.since(asked.at) <= WAIT
        };
        if let Some(at) = place.asked.iter().rposition(meant) {
            place.asked.remove(at);
            return;
        }
        place.redirected_to.retain(|pid| *pid != by.pid);
        place.redirected_to.truncate(PROXIES_MAX - 1);
        place.redirected_to.push_front(by.pid);
    }

    /// Places held.
    pub(super) fn usage(&self) -> Usage {
        self.places.usage()
    }

    fn place(&mut self, place: u64, scope: u64) -> Option<&mut NetworkPlace> {
        if self.places.get(&place).is_none() {
            self.places.insert(place, scope, NetworkPlace::default());
        }
        self.places.get_mut(&place)
    }
}

impl NetworkPlace {
    fn remember(&mut self, asked: Asked) {
        let same = |known: &Asked| known.pid == asked.pid && known.remote == asked.remote;
        if !is_loopback(asked.remote.ip())
            && let Some(at) = self.asked.iter().rposition(same)
        {
            self.asked.remove(at);
        } else if self.asked.len() >= ASKED_MAX {
            self.asked.pop_front();
        }
        self.asked.push_back(asked);
    }
}

/// Loopback, or the unspecified address, which Linux takes for it.
pub(super) fn is_loopback(address: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified()
}
