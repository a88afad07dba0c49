//! From raw events (cgroups, processes, sockets, payload) to contacts: attribution and naming.
//!
//! A contact is an outbound connection (UDP: the first datagram to a peer), a burst on one that was quiet, or a DNS
//! question. It is delivered when its payload has named it (SNI, `Host`, what is asked of a proxy), else after two
//! seconds or at its close; its start is the time of the connect. Contacts of one actor may therefore be delivered
//! out of order by that much. A looked-up address alone does not deliver it at once: what the client says of itself
//! (JA4, protocol, another SNI) comes with the first payload.
//!
//! No contacts are: accepted connections, the resolver behind a DNS question, connections to loopback addresses
//! (unless [`Limits::loopback_contacts`]; questions to a resolver on loopback are), and sockets that were open before
//! the start (their bursts are). Nor are those of a proxy that passes on what a program of its pod asked for.
//!
//! No detection here: what leaves is who turned to whom, when, under which name, and how much was moved.

mod attribution;
pub mod cgroup;
mod cgroups;
mod clues;
mod flow;
mod origin;
mod process;
mod query;
mod relay;
mod sandbox;
mod socket;

use std::net::SocketAddr;
use std::sync::Arc;

use attribution::{Attribution, Whence};
use flow::Flow;
use process::ProcessId;
use relay::Relays;
use socket::{Sockets, canonical};

pub use sandbox::{Sandbox, SandboxRuntime};

use crate::actor::{Actor, FileId};
use crate::counters::{BoundedTable, Counters};
use crate::inside::Inside;
use crate::limits::Limits;
use crate::observe::contact::{Contact, ContactEnd};
use crate::observe::event::Event;
use crate::observe::naming::LookUps;
use crate::observe::protocol::Observation;
use crate::time::Timestamp;

/// What the session layer hands on.
#[derive(Clone, Debug)]
pub enum SessionOutput {
    /// A contact, named as far as possible.
    Contact(Box<Contact>),
    /// Totals of a contact delivered before.
    End(ContactEnd),
}

/// Tables of cgroups, processes, sockets and names, all bounded.
#[derive(Debug)]
pub struct Sessions {
    attribution: Attribution,
    sockets: Sockets,
    relays: Relays,
    look_ups: LookUps,
    contacts: u64,
    /// Observations of one piece of payload; kept for its memory.
    scratch: Vec<Observation>,
}

/// What a flow needs to deliver contacts.
struct Desk<'a> {
    look_ups: &'a mut LookUps,
    contacts: &'a mut u64,
    scratch: &'a mut Vec<Observation>,
    out: &'a mut Vec<SessionOutput>,
}

/// What sockets need besides their own table.
struct Room<'a> {
    attribution: &'a mut Attribution,
    relays: &'a mut Relays,
    desk: Desk<'a>,
}

impl Sessions {
    /// Empty tables with these bounds.
    #[must_use]
    pub fn with_limits(limits: &Limits) -> Self {
        Self {
            attribution: Attribution::with_limits(limits),
            sockets: Sockets::with_limits(limits),
            relays: Relays::with_limits(limits),
            look_ups: LookUps::with_limits(limits),
            contacts: 0,
            scratch: Vec::new(),
        }
    }

    /// Takes one event; what it completes is appended to `out`.
    pub fn handle(&mut self, now: Timestamp, event: Event, out: &mut Vec<SessionOutput>) {
        match event {
            Event::CgroupCreated { cgroup, path } => self.attribution.cgroups.created(now, cgroup, &path),
            Event::CgroupRemoved { cgroup } => self.attribution.cgroups.removed(now, cgroup),
            Event::ProcessStarted(started) => self.attribution.started(now, *started),
            Event::ProcessForked { pid, start_ns, parent_pid, cgroup } => {
                self.attribution.forked(now, ProcessId { pid, start_ns }, parent_pid, cgroup);
            }
            Event::ProcessExited { pid } => self.attribution.processes.exited(now, pid),
            Event::SocketListening { cgroup, pid: _, local, transport } => {
                self.sockets.listens(cgroup, local, transport);
            }
            Event::SocketOpened(opened) => {
                let (sockets, mut room) = self.split(out);
                sockets.opened(now, &opened, &mut room);
            }
            Event::Payload(payload) => {
                let (sockets, mut room) = self.split(out);
                sockets.payload(now, &payload, &mut room);
            }
            Event::SocketBurst { socket, bytes } => {
                let (sockets, mut room) = self.split(out);
                sockets.burst(now, socket, bytes, &mut room);
            }
            Event::SocketClosed { socket, bytes, packets: _, provisional, established } => {
                let (sockets, mut room) = self.split(out);
                sockets.closed(now, socket, bytes, (established, provisional), &mut room);
            }
        }
    }

    /// The digest of an executable became known.
    pub fn set_digest(&mut self, file: FileId, sha256: [u8; 32]) {
        self.attribution.set_digest(file, sha256);
    }

    /// Whether some policy judges by digest: then actors without one are handed out by
    /// [`Sessions::poll_digest_wanted`].
    pub fn want_digests(&mut self, wanted: bool) {
        self.attribution.want_digests(wanted);
    }

    /// Further executables that pass on what their pod asks for, by base name.
    pub fn set_mesh_proxies(&mut self, named: Arc<[Box<str>]>) {
        self.relays.set_named(named);
    }

    /// What lies inside the cluster.
    pub(crate) fn set_inside(&mut self, inside: &Arc<Inside>) {
        self.relays.set_inside(inside);
    }

    /// Sandboxes that run now: what is inside of them is not seen.
    #[must_use]
    pub fn sandboxes(&self) -> Vec<Sandbox> {
        self.attribution.sandboxes()
    }

    /// The next actor, fresh in contact, whose executable's digest is wanted.
    pub fn poll_digest_wanted(&mut self) -> Option<Arc<Actor>> {
        self.attribution.poll_digest_wanted()
    }

    /// The next time something is due (a contact that waits for its name, an ended process to forget).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let Attribution { cgroups, processes, .. } = &self.attribution;
        let due = [cgroups.poll_timeout(), processes.poll_timeout(), self.sockets.poll_timeout()];
        due.into_iter().flatten().min()
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Timestamp, out: &mut Vec<SessionOutput>) {
        let (sockets, mut room) = self.split(out);
        sockets.handle_timeout(now, &mut room);
        self.attribution.processes.handle_timeout(now);
        self.attribution.cgroups.handle_timeout(now);
    }

    /// Hands out every contact that still waits, with what is known. For the end of a replay or a shutdown.
    pub fn finish(&mut self, now: Timestamp, out: &mut Vec<SessionOutput>) {
        let (sockets, mut room) = self.split(out);
        sockets.finish(now, &mut room);
    }

    /// Writes its own figures into the counters.
    pub fn count(&self, counters: &mut Counters) {
        let Self { attribution, sockets, relays, look_ups, contacts: _, scratch: _ } = self;
        attribution.count(counters);
        sockets.count(counters);
        let [addresses, workloads] = look_ups.usage();
        counters.set(BoundedTable::Names, addresses);
        counters.set(BoundedTable::NamingWorkloads, workloads);
        counters.set(BoundedTable::NetworkPlaces, relays.usage());
        counters.passed_on = relays.passed_on;
    }

    fn split<'a>(&'a mut self, out: &'a mut Vec<SessionOutput>) -> (&'a mut Sockets, Room<'a>) {
        let Self { attribution, sockets, relays, look_ups, contacts, scratch } = self;
        (sockets, Room { attribution, relays, desk: Desk { look_ups, contacts, scratch, out } })
    }
}

impl Desk<'_> {
    fn next_id(&mut self) -> u64 {
        *self.contacts += 1;
        *self.contacts
    }
}

impl Room<'_> {
    /// Who connects or is connected to, in which network namespace; and its share of tables.
    fn client(&self, whence: &Whence, netns: u64) -> (relay::Client, u64) {
        let scope = self.attribution.scope(whence);
        let is_proxy = self.attribution.runs(whence.pid, |executable| self.relays.is_named(executable));
        let place = if netns == 0 { scope } else { netns };
        let client = relay::Client { place, pid: whence.pid, cgroup: whence.cgroup, is_proxy };
        // What a node's proxy does in the network of a pod takes no room from others.
        let owner = self.relays.owner(place).filter(|_| is_proxy);
        (client, owner.unwrap_or(scope))
    }

    /// Whether a connection is one that a proxy passes on for another; what is asked for, and of whom connections are
    /// taken, is remembered.
    fn relays(
        &mut self,
        now: Timestamp,
        (whence, netns): (&Whence, u64),
        outbound: bool,
        remote: SocketAddr,
    ) -> bool {
        let (client, scope) = self.client(whence, netns);
        if outbound {
            return self.relays.passes_on(now, client, scope, remote);
        }
        if let Some(local) = whence.local {
            self.relays.accepted(now, client, scope, (canonical(local), remote));
        }
        false
    }

    /// Asks again who a flow comes from, if its process or cgroup was not known when it was opened: their records
    /// come by another way and may be late.
    fn resolve(&mut self, flow: &mut Flow, whence: &Whence) {
        if !flow.from.complete && flow.is_waiting() {
            flow.from = self.attribution.originator_again(whence);
        }
    }
}

#[cfg(test)]
mod tests;
