//! One flow: what an actor's socket exchanges with one peer. It waits for a name, becomes a contact, then a burst for each time
//! it wakes up, and has its bytes shared out among them.

mod share;

use core::time::Duration;
use std::net::SocketAddr;
use std::sync::Arc;

use share::{Ending, Share};

use super::context::FlowContext;
use super::flow_metadata::FlowMetadata;
use super::originator::Originator;
use super::output::SessionOutput;
use super::query::{Answer, Queries, Query, share};
use crate::observe::contact::{
    BURST_PAUSE, Bytes, Contact, ContactKind, Destination, NameSource, Naming, Transport,
};
use crate::observe::event::{Direction, Payload};
use crate::observe::naming;
use crate::observe::protocol::{self, AppProtocol, Carrier, Detail, DnsMessage, FlowParser, Observation};
use crate::time::Timestamp;

/// How long a flow waits for its name, and a question for its answer.
pub(super) const WAIT: Duration = Duration::from_secs(2);
/// Pieces of payload after which an unrecognised flow is given up.
const PUSHES_MAX: u16 = 64;

/// One flow.
#[derive(Debug)]
pub(super) struct Flow {
    /// Of all flows, for the queue of those that wait.
    pub(super) serial: u64,
    pub(super) remote: SocketAddr,
    pub(super) start: Timestamp,
    pub(super) from: Originator,
    transport: Transport,
    stage: Stage,
    /// Only its DNS questions are contacts (a resolver on loopback).
    questions_only: bool,
    parser: Option<Box<FlowParser>>,
    pushes: u16,
    metadata: FlowMetadata,
    /// The name that was looked up for it, once a contact was delivered: a connection stays with where it was opened to.
    looked_up: Option<Arc<str>>,
    queries: Queries,
    /// The contact that what is moved now belongs to.
    current: Share,
    /// Id of the connect contact; 0: there is none.
    connect_id: u64,
    /// What belongs to the connect contact, once a burst has followed.
    connect_bytes: Bytes,
    /// Payload that passed by.
    counted: Bytes,
    established: Option<bool>,
    last_sent: Timestamp,
    /// Totals at the close, when that came while the flow still waited.
    closed: Option<(Timestamp, Bytes)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// For a name.
    Waiting,
    /// As a contact; or known from before the start, which is none.
    Delivered,
    /// Its questions are the contacts.
    Dns,
}

impl Flow {
    pub(super) fn open(
        serial: u64,
        now: Timestamp,
        (transport, remote): (Transport, SocketAddr),
        from: Originator,
        questions_only: bool,
    ) -> Self {
        Self {
            serial,
            remote,
            start: now,
            from,
            transport,
            stage: Stage::Waiting,
            questions_only,
            parser: None,
            pushes: 0,
            metadata: FlowMetadata::default(),
            looked_up: None,
            queries: Queries::default(),
            current: Share { id: 0, start: now, base: Bytes::default() },
            connect_id: 0,
            connect_bytes: Bytes::default(),
            counted: Bytes::default(),
            established: None,
            last_sent: now,
            closed: None,
        }
    }

    /// Its beginning was not seen, or passed on what another program asked for: it is no contact, but its bursts are.
    pub(super) fn already_open(&mut self) {
        self.stage = if self.questions_only { self.stage } else { Stage::Delivered };
        self.established = Some(true);
    }

    /// Nothing is held back any more.
    pub(super) fn is_settled(&self) -> bool {
        self.queries.is_empty() && (self.stage != Stage::Waiting || self.questions_only)
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.stage == Stage::Waiting
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// Payload of either direction. Returns whether a question was asked, which now waits for its answer.
    pub(super) fn payload(
        &mut self,
        now: Timestamp,
        payload: &Payload,
        context: &mut FlowContext<'_>,
    ) -> bool {
        let direction = match payload.direction {
            Direction::Sent => {
                self.counted.sent += u64::from(payload.wire_len);
                self.last_sent = now;
                protocol::Sender::Originator
            }
            Direction::Received => {
                self.counted.received += u64::from(payload.wire_len);
                self.established = Some(true);
                protocol::Sender::Responder
            }
        };
        let exhausted = self.pushes > 0 && self.parser.is_none();
        if exhausted {
            return false;
        }
        self.pushes = self.pushes.saturating_add(1);
        let carrier = if self.transport == Transport::Udp { Carrier::Datagram } else { Carrier::Stream };
        let port = self.remote.port();
        let parser =
            self.parser.get_or_insert_with(|| Box::new(FlowParser::open(carrier, port, Detail::Evidence)));
        let mut seen = core::mem::take(context.scratch);
        if payload.gap_before {
            parser.push(direction, &[], true, &mut seen);
        }
        let missing = (payload.bytes.len() as u64) < u64::from(payload.wire_len);
        parser.push(direction, &payload.bytes, missing, &mut seen);
        let mut done = !parser.wants_more();
        self.metadata.protocol = parser.protocol();
        if done {
            self.parser = None;
        }
        let (asked, named) = self.read(now, payload.direction, seen, context);
        done |= named;
        if done && self.stage == Stage::Waiting {
            self.deliver(now, context);
        }
        let idle = self.stage == Stage::Delivered && self.metadata.protocol != AppProtocol::Dns;
        if (idle && done) || self.pushes >= PUSHES_MAX && self.stage != Stage::Dns {
            self.parser = None;
        }
        asked
    }

    /// Takes what the parser saw, and gives its memory back. Returns whether a question was asked, and whether
    /// nothing better is to be expected soon.
    fn read(
        &mut self,
        now: Timestamp,
        direction: Direction,
        mut seen: Vec<Observation>,
        context: &mut FlowContext<'_>,
    ) -> (bool, bool) {
        let (mut asked, mut named) = (false, false);
        for observation in seen.drain(..) {
            if let Observation::Dns(message) = &observation {
                asked |= self.dns(now, direction, message, context);
            }
            named |= self.metadata.take(&observation);
        }
        *context.scratch = seen;
        (asked, named)
    }

    fn dns(
        &mut self,
        now: Timestamp,
        direction: Direction,
        message: &DnsMessage,
        context: &mut FlowContext<'_>,
    ) -> bool {
        if self.stage == Stage::Waiting {
            self.stage = Stage::Dns;
        }
        match (direction, message.response) {
            (Direction::Sent, false) => {
                for query in self.queries.asked(now, message) {
                    self.deliver_query(query, None, context);
                }
                true
            }
            (Direction::Received, true) => {
                context.look_ups.learn_message(now, self.from.client.key, message);
                let answered = self.queries.answered(message);
                let count = answered.len();
                for (index, query) in answered.into_iter().enumerate() {
                    let bytes = share(message.size, index, count);
                    self.deliver_query(query, Some(Answer { at: now, message, bytes }), context);
                }
                false
            }
            (Direction::Sent, true) | (Direction::Received, false) => false,
        }
    }

    /// What has waited long enough is delivered as it is.
    pub(super) fn due(&mut self, now: Timestamp, context: &mut FlowContext<'_>) {
        for query in self.queries.older_than(now - WAIT) {
            self.deliver_query(query, None, context);
        }
        if self.stage == Stage::Waiting && self.start + WAIT <= now {
            self.cut_hello(now, context);
            self.deliver(now, context);
        }
    }

    /// A ClientHello that is longer than what is reported of a flow still has a name.
    fn cut_hello(&mut self, now: Timestamp, context: &mut FlowContext<'_>) {
        let Some(parser) = &mut self.parser else { return };
        let mut seen = core::mem::take(context.scratch);
        parser.cut_hello(&mut seen);
        self.metadata.protocol = parser.protocol();
        self.read(now, Direction::Sent, seen, context);
    }

    /// Everything that waits is delivered now.
    pub(super) fn flush(&mut self, now: Timestamp, context: &mut FlowContext<'_>) {
        for query in self.queries.older_than(Timestamp::MAX) {
            self.deliver_query(query, None, context);
        }
        if self.stage == Stage::Waiting {
            self.cut_hello(now, context);
            self.deliver(now, context);
        }
    }

    /// The flow woke up. `totals`: what was moved before, if known from elsewhere. The same waking may be reported twice
    /// (by the datagram's address and by the pause before it).
    pub(super) fn burst(&mut self, now: Timestamp, totals: Option<Bytes>, context: &mut FlowContext<'_>) {
        self.last_sent = now;
        let reported = now.since(self.current.start) < BURST_PAUSE;
        if reported || self.stage == Stage::Dns || self.questions_only || self.is_closed() {
            return;
        }
        if self.stage == Stage::Waiting {
            self.deliver(now, context);
        }
        let totals = totals.unwrap_or(self.counted);
        self.end_share(now, totals, Ending::Woke, context);
        let id = context.next_id();
        self.current = Share { id, start: now, base: totals };
        let contact = self.contact(id, now, ContactKind::Burst, now, context);
        context.out.push(SessionOutput::Contact(Box::new(contact)));
    }

    /// The flow woke up to pass on what another program asked for: that one's contact, and none of its own.
    pub(super) fn passed_on(&mut self, now: Timestamp, totals: Option<Bytes>, context: &mut FlowContext<'_>) {
        self.last_sent = now;
        let totals = totals.unwrap_or(self.counted);
        self.end_share(now, totals, Ending::Woke, context);
        self.current = Share { id: 0, start: now, base: totals };
    }

    /// The program sent to the same peer again: a burst, if it had paused.
    pub(super) fn sent_again(&mut self, now: Timestamp, context: &mut FlowContext<'_>) {
        if now.since(self.last_sent) >= BURST_PAUSE {
            self.burst(now, None, context);
        } else {
            self.last_sent = now;
        }
    }

    /// Totals of the socket, if they are this flow's alone.
    pub(super) fn close(
        &mut self,
        now: Timestamp,
        totals: Option<Bytes>,
        (established, provisional): (Option<bool>, bool),
        context: &mut FlowContext<'_>,
    ) {
        if self.is_closed() {
            return;
        }
        self.established = established.or(self.established);
        let totals = totals.unwrap_or(self.counted);
        if self.stage == Stage::Waiting {
            if provisional {
                return;
            }
            // The payload may be on its way yet: the kernel reports it through another ring.
            if totals.sent > 0 && self.counted.sent == 0 {
                self.closed = Some((now, totals));
                return;
            }
            self.finish_parsing(now, context);
            if self.stage == Stage::Waiting {
                self.deliver(now, context);
            }
        }
        if !provisional && !self.queries.is_empty() {
            self.closed = Some((now, totals));
        }
        let ending = if provisional { Ending::Closing } else { Ending::Closed };
        self.end_share(now, totals, ending, context);
    }

    fn finish_parsing(&mut self, now: Timestamp, context: &mut FlowContext<'_>) {
        let Some(mut parser) = self.parser.take() else { return };
        let mut seen = core::mem::take(context.scratch);
        parser.finish(&mut seen);
        self.metadata.protocol = parser.protocol();
        self.read(now, Direction::Sent, seen, context);
    }

    fn deliver(&mut self, now: Timestamp, context: &mut FlowContext<'_>) {
        if self.questions_only {
            return;
        }
        self.stage = Stage::Delivered;
        let id = context.next_id();
        self.connect_id = id;
        self.current = Share { id, start: self.start, base: Bytes::default() };
        let kind = ContactKind::Connect { established: self.established };
        let contact = self.contact(id, self.start, kind, now, context);
        context.out.push(SessionOutput::Contact(Box::new(contact)));
        if let Some((closed, totals)) = self.closed {
            self.end_share(closed, totals, Ending::Closed, context);
        }
    }

    fn deliver_query(&self, query: Query, answer: Option<Answer<'_>>, context: &mut FlowContext<'_>) {
        let contact = query.into_contact(&self.from, (self.remote, self.transport), answer);
        context.out.push(SessionOutput::Contact(Box::new(contact)));
    }

    fn contact(
        &mut self,
        id: u64,
        start: Timestamp,
        kind: ContactKind,
        now: Timestamp,
        context: &mut FlowContext<'_>,
    ) -> Contact {
        let (destination, naming) = self.name(now, context);
        Contact {
            id,
            start,
            actor: Arc::clone(&self.from.actor),
            actor_key: self.from.key,
            destination,
            kind,
            protocol: self.metadata.indicated().protocol(self.metadata.protocol),
            naming,
            sni: self.metadata.sni.clone(),
            ja4: self.metadata.ja4.clone(),
            ja4_odd: None,
            user_agent: self.metadata.user_agent.clone(),
            bytes: None,
            duration: None,
        }
    }

    fn name(&mut self, now: Timestamp, context: &mut FlowContext<'_>) -> (Destination, Naming) {
        let (address, port, transport) = (Some(self.remote.ip()), self.remote.port(), self.transport);
        let to = Destination { address, port, transport, name: None, name_source: None };
        let indicated = self.metadata.indicated();
        let named = context.look_ups.name((now, self.start), self.from.client, to.clone(), &indicated);
        let is_looked_up = named.0.name_source == Some(NameSource::Dns);
        let says_nothing = !is_looked_up || indicated.sni.is_none() && indicated.host.is_none();
        match &self.looked_up {
            Some(name) if says_nothing && indicated.proxy.is_none() => {
                naming::name_from_log(to, &indicated, Some(name), false)
            }
            Some(_) | None => {
                self.looked_up = named.0.name.clone().filter(|_| is_looked_up);
                named
            }
        }
    }
}
