//! The sockets of the node, and the flows they carry: one for TCP, one per peer for UDP.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::context::{SocketContext, canonical};
use super::flow::{Flow, WAIT};
use super::originator::FlowSource;
use super::relay::is_loopback;
use crate::bounded::FairTable;
use crate::counters::{BoundedTable, Counters, Usage};
use crate::limits::Limits;
use crate::observe::contact::{Bytes, Transport};
use crate::observe::event::{Direction, Payload, SocketId, SocketOpened};
use crate::time::Timestamp;

/// Peers of one UDP socket that are tracked at once.
const FLOWS_PER_SOCKET_MAX: usize = 32;
/// Peers of one UDP socket that are remembered to have sent first.
const CALLERS_MAX: usize = 16;
const DNS_PORT: u16 = 53;

/// All sockets, bounded.
#[derive(Debug)]
pub(super) struct Sockets {
    by_id: FairTable<SocketId, Socket>,
    /// Server ports, by cgroup.
    listening: FairTable<(u64, u16, Transport), ()>,
    /// Flows that wait, by the time they are delivered at the latest.
    waits: VecDeque<(Timestamp, SocketId, u64)>,
    waits_max: usize,
    loopback_contacts: bool,
    serial: u64,
    unknown: u64,
    /// Flows that ended early: their socket had too many peers, or too many flows waited.
    flows_cut: u64,
}

/// One socket. Without flows: accepted, a server's, or one that stays inside its host.
#[derive(Debug)]
struct Socket {
    source: FlowSource,
    netns: u64,
    transport: Transport,
    flows: Vec<Flow>,
    /// Peers that sent first.
    callers: VecDeque<SocketAddr>,
}

impl Sockets {
    pub(super) fn with_limits(limits: &Limits) -> Self {
        Self {
            by_id: FairTable::with_capacity_max(limits.sockets_max),
            listening: FairTable::with_capacity_max(limits.listening_ports_max()),
            waits: VecDeque::new(),
            waits_max: limits.sockets_max.saturating_mul(4),
            loopback_contacts: limits.loopback_contacts,
            serial: 0,
            unknown: 0,
            flows_cut: 0,
        }
    }

    pub(super) fn listens(&mut self, cgroup: u64, local: SocketAddr, transport: Transport) {
        let key = (cgroup, local.port(), transport);
        if self.listening.get(&key).is_none() {
            self.listening.insert(key, cgroup, ());
        }
    }

    pub(super) fn opened(&mut self, now: Timestamp, event: &SocketOpened, context: &mut SocketContext<'_>) {
        let SocketOpened { socket, cgroup, pid, uid, netns, transport, local, remote, outbound, snapshot } =
            *event;
        let source = FlowSource { pid, cgroup, uid, local };
        if transport == Transport::Other {
            return;
        }
        match self.by_id.get_mut(&socket) {
            Some(known) if known.source.pid == 0 => known.source = source,
            Some(_) => {}
            None => self.put(now, socket, Socket::of(source, netns, transport), context),
        }
        let remote = canonical(remote);
        let relayed = transport == Transport::Tcp
            && !snapshot
            && context.relays(now, (&source, netns), outbound, remote);
        if outbound && !self.answers(socket, remote) {
            self.contact_peer(now, socket, remote, snapshot || relayed, context);
        }
    }

    pub(super) fn payload(&mut self, now: Timestamp, payload: &Payload, context: &mut SocketContext<'_>) {
        let remote = payload.remote.map(canonical);
        if self.by_id.get(&payload.socket).is_none() && !self.adopt(now, payload, context) {
            self.unknown += 1;
            return;
        }
        let Some(socket) = self.by_id.get_mut(&payload.socket) else { return };
        let sent = payload.direction == Direction::Sent;
        if let Some(remote) = remote
            && socket.transport == Transport::Udp
            && !socket.carries(remote)
        {
            // With a flow already there, another peer's address is the same peer's behind a translation.
            let translated = !socket.flows.is_empty();
            if !sent && !translated && !socket.callers.contains(&remote) {
                socket.callers.truncate(CALLERS_MAX - 1);
                socket.callers.push_front(remote);
            }
            if sent && !translated && !self.answers(payload.socket, remote) {
                self.contact_peer(now, payload.socket, remote, false, context);
            }
        }
        let Some(socket) = self.by_id.get_mut(&payload.socket) else { return };
        let Some(flow) = socket.flow_with(remote, payload.direction) else { return };
        if flow.payload(now, payload, &mut context.flow) {
            let serial = flow.serial;
            self.wait(now, payload.socket, serial, context);
        }
        self.drop_if_over(payload.socket);
    }

    pub(super) fn burst(
        &mut self,
        now: Timestamp,
        id: SocketId,
        totals: Bytes,
        context: &mut SocketContext<'_>,
    ) {
        let Some(socket) = self.by_id.get_mut(&id) else {
            self.unknown += 1;
            return;
        };
        let totals = Some(totals).filter(|_| socket.flows.len() == 1);
        if let Some(flow) = socket.flows.last_mut() {
            resolve(flow, &socket.source, context);
            // A connection that a proxy keeps open serves whoever asks next, or the proxy itself.
            let is_again = socket.transport == Transport::Tcp && !flow.is_waiting();
            if is_again && context.relays(now, (&socket.source, socket.netns), true, flow.remote) {
                flow.passed_on(now, totals, &mut context.flow);
                return;
            }
            flow.burst(now, totals, &mut context.flow);
        }
    }

    pub(super) fn closed(
        &mut self,
        now: Timestamp,
        id: SocketId,
        totals: Bytes,
        end: (Option<bool>, bool),
        context: &mut SocketContext<'_>,
    ) {
        let Some(socket) = self.by_id.get_mut(&id) else {
            self.unknown += 1;
            return;
        };
        let totals = Some(totals).filter(|_| socket.flows.len() == 1);
        for flow in &mut socket.flows {
            resolve(flow, &socket.source, context);
            flow.close(now, totals, end, &mut context.flow);
        }
        let (_, provisional) = end;
        if !provisional {
            socket.flows.retain(|flow| !flow.is_settled());
            if socket.flows.is_empty() {
                self.by_id.remove(&id);
            }
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.waits.front().map(|(due, _, _)| *due)
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp, context: &mut SocketContext<'_>) {
        while let Some((_, id, serial)) = self.waits.pop_front_if(|(due, _, _)| *due <= now) {
            if let Some(socket) = self.by_id.get_mut(&id)
                && let Some(flow) = socket.flows.iter_mut().find(|flow| flow.serial == serial)
            {
                resolve(flow, &socket.source, context);
                flow.due(now, &mut context.flow);
            }
            self.drop_if_over(id);
        }
    }

    /// Delivers everything that waits, in the order in which it began.
    pub(super) fn finish(&mut self, now: Timestamp, context: &mut SocketContext<'_>) {
        let mut waiting: Vec<(Timestamp, u64, SocketId)> = self
            .by_id
            .iter()
            .flat_map(|(id, socket)| socket.flows.iter().map(move |flow| (id, flow)))
            .filter(|(_, flow)| !flow.is_settled())
            .map(|(id, flow)| (flow.start, flow.serial, *id))
            .collect();
        waiting.sort_unstable();
        for (_, serial, id) in waiting {
            if let Some(socket) = self.by_id.get_mut(&id)
                && let Some(flow) = socket.flows.iter_mut().find(|flow| flow.serial == serial)
            {
                resolve(flow, &socket.source, context);
                flow.flush(now, &mut context.flow);
            }
            self.drop_if_over(id);
        }
        self.waits.clear();
    }

    /// Writes its own figures into the counters.
    pub(super) fn count(&self, counters: &mut Counters) {
        counters.set(BoundedTable::Sockets, self.by_id.usage());
        counters.set(BoundedTable::ListeningPorts, self.listening.usage());
        let flows = Usage { held: 0, evicted: self.flows_cut, refused: 0 };
        counters.set(BoundedTable::SocketFlows, flows);
        counters.sockets_unknown = self.unknown;
    }

    fn put(&mut self, now: Timestamp, id: SocketId, socket: Socket, context: &mut SocketContext<'_>) {
        let (_, scope) = context.client(&socket.source, socket.netns);
        if let Some((_, evicted)) = self.by_id.insert(id, scope, socket) {
            for mut flow in evicted.flows {
                resolve(&mut flow, &evicted.source, context);
                flow.flush(now, &mut context.flow);
                flow.close(now, None, (None, false), &mut context.flow);
            }
        }
    }

    /// Payload of a socket whose opening was lost: what was sent from a high port to a lower one was asked for here.
    fn adopt(&mut self, now: Timestamp, payload: &Payload, context: &mut SocketContext<'_>) -> bool {
        let (own, peer) = payload.ports;
        let Some(remote) = payload.remote.map(canonical) else { return false };
        let server = self.listening.get(&(payload.cgroup, own, payload.transport)).is_some();
        if payload.direction != Direction::Sent
            || own <= peer
            || server
            || payload.transport == Transport::Other
        {
            return false;
        }
        let source = FlowSource { pid: 0, cgroup: payload.cgroup, uid: None, local: None };
        if source.cgroup == 0 {
            return false;
        }
        self.put(now, payload.socket, Socket::of(source, 0, payload.transport), context);
        self.contact_peer(now, payload.socket, remote, false, context);
        true
    }

    /// Whether a socket only answers this peer: it is a server's, or the peer sent first.
    fn answers(&self, id: SocketId, remote: SocketAddr) -> bool {
        let Some(socket) = self.by_id.get(&id).filter(|s| s.transport == Transport::Udp) else {
            return false;
        };
        if socket.callers.contains(&remote) {
            return true;
        }
        let port = socket.source.local.map_or(0, |local| local.port());
        let key = (socket.source.cgroup, port, Transport::Udp);
        port != 0 && port < remote.port() && self.listening.get(&key).is_some()
    }

    fn contact_peer(
        &mut self,
        now: Timestamp,
        id: SocketId,
        remote: SocketAddr,
        snapshot: bool,
        context: &mut SocketContext<'_>,
    ) {
        let stays_inside = !self.loopback_contacts && is_loopback(remote.ip());
        if stays_inside && remote.port() != DNS_PORT {
            return;
        }
        let Some(socket) = self.by_id.get_mut(&id) else { return };
        if let Some(at) = socket.flows.iter().position(|flow| flow.remote == remote) {
            if socket.transport == Transport::Udp {
                // The flow that was used last is the last.
                let flow = socket.flows.remove(at);
                socket.flows.push(flow);
                if let Some(flow) = socket.flows.last_mut() {
                    flow.sent_again(now, &mut context.flow);
                }
            }
            return;
        }
        if socket.flows.len() >= FLOWS_PER_SOCKET_MAX {
            self.flows_cut += 1;
            let mut oldest = socket.flows.remove(0);
            oldest.flush(now, &mut context.flow);
            oldest.close(now, None, (None, false), &mut context.flow);
        }
        self.serial += 1;
        let from = context.attribution.originator(&socket.source);
        let mut flow = Flow::open(self.serial, now, (socket.transport, remote), from, stays_inside);
        if snapshot {
            flow.already_open();
        }
        let waits = flow.is_waiting() && !stays_inside;
        socket.flows.push(flow);
        if waits {
            self.wait(now, id, self.serial, context);
        }
    }

    fn wait(&mut self, now: Timestamp, id: SocketId, serial: u64, context: &mut SocketContext<'_>) {
        if self.waits.len() >= self.waits_max
            && let Some((_, id, serial)) = self.waits.pop_front()
            && let Some(socket) = self.by_id.get_mut(&id)
            && let Some(flow) = socket.flows.iter_mut().find(|flow| flow.serial == serial)
        {
            self.flows_cut += 1;
            flow.flush(now, &mut context.flow);
        }
        self.waits.push_back((now + WAIT, id, serial));
    }

    fn drop_if_over(&mut self, id: SocketId) {
        let over = |s: &Socket| s.flows.iter().any(Flow::is_closed) && s.flows.iter().all(Flow::is_settled);
        if self.by_id.get(&id).is_some_and(over) {
            self.by_id.remove(&id);
        }
    }
}

impl Socket {
    fn of(source: FlowSource, netns: u64, transport: Transport) -> Self {
        Self { source, netns, transport, flows: Vec::new(), callers: VecDeque::new() }
    }

    fn carries(&self, remote: SocketAddr) -> bool {
        self.flows.iter().any(|flow| flow.remote == remote)
    }

    /// The flow that payload belongs to. Packets may carry another address than the one the program asked for (NAT of
    /// a Service): what is sent then belongs to the flow that was used last, what is received to the only one.
    fn flow_with(&mut self, remote: Option<SocketAddr>, direction: Direction) -> Option<&mut Flow> {
        let at = remote.and_then(|remote| self.flows.iter().position(|flow| flow.remote == remote));
        match at {
            Some(at) => self.flows.get_mut(at),
            None if self.flows.len() == 1 || remote.is_none() || direction == Direction::Sent => {
                self.flows.last_mut()
            }
            None => None,
        }
    }
}

/// Asks again who a flow comes from, if its process or cgroup was not known when it was opened: their records come by
/// another way and may be late.
fn resolve(flow: &mut Flow, source: &FlowSource, context: &mut SocketContext<'_>) {
    if !flow.from.complete && flow.is_waiting() {
        flow.from = context.attribution.originator_again(source);
    }
}
