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
//! No detection here: what leaves is who contacted whom, when, under which name, and how much was moved.

mod attribution;
pub mod cgroup;
mod cgroups;
mod context;
mod flow;
mod flow_metadata;
mod origin;
mod originator;
mod output;
mod process;
mod query;
mod relay;
mod sandbox;
mod sandboxes;
mod socket;

use std::sync::Arc;

use attribution::Attribution;
use context::{FlowContext, SocketContext};
pub use output::SessionOutput;
use process::ProcessId;
use relay::Relays;
pub use sandbox::{Sandbox, SandboxRuntime};
use socket::Sockets;

use crate::actor::{Actor, FileId};
use crate::counters::{BoundedTable, Counters};
use crate::inside::Inside;
use crate::limits::Limits;
use crate::observe::event::Event;
use crate::observe::naming::LookUps;
use crate::observe::protocol::Observation;
use crate::time::Timestamp;

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
                let (sockets, mut context) = self.split(out);
                sockets.opened(now, &opened, &mut context);
            }
            Event::Payload(payload) => {
                let (sockets, mut context) = self.split(out);
                sockets.payload(now, &payload, &mut context);
            }
            Event::SocketBurst { socket, bytes } => {
                let (sockets, mut context) = self.split(out);
                sockets.burst(now, socket, bytes, &mut context);
            }
            Event::SocketClosed { socket, bytes, packets: _, provisional, established } => {
                let (sockets, mut context) = self.split(out);
                sockets.closed(now, socket, bytes, (established, provisional), &mut context);
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
        let (sockets, mut context) = self.split(out);
        sockets.handle_timeout(now, &mut context);
        self.attribution.processes.handle_timeout(now);
        self.attribution.cgroups.handle_timeout(now);
    }

    /// Hands out every contact that still waits, with what is known. For the end of a replay or a shutdown.
    pub fn finish(&mut self, now: Timestamp, out: &mut Vec<SessionOutput>) {
        let (sockets, mut context) = self.split(out);
        sockets.finish(now, &mut context);
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

    fn split<'a>(&'a mut self, out: &'a mut Vec<SessionOutput>) -> (&'a mut Sockets, SocketContext<'a>) {
        let Self { attribution, sockets, relays, look_ups, contacts, scratch } = self;
        let flow = FlowContext { look_ups, contacts, scratch, out };
        (sockets, SocketContext { attribution, relays, flow })
    }
}

#[cfg(test)]
mod tests;
