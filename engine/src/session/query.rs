//! DNS questions of a flow that wait for their answers.

use std::net::SocketAddr;
use std::sync::Arc;

use super::attribution::Originator;
use crate::contact::{Bytes, Contact, ContactKind, Destination, DnsQuestion, NameSource, Naming, Transport};
use crate::naming::domain::registered;
use crate::protocol::{AppProtocol, DnsMessage};
use crate::time::Timestamp;

/// Questions of one flow that wait at once; the oldest is given up for a further one.
const WAITING_MAX: usize = 32;

/// Questions that wait, oldest first.
#[derive(Debug, Default)]
pub(super) struct Queries(Vec<Query>);

/// One question.
#[derive(Debug)]
pub(super) struct Query {
    transaction: u16,
    name: Arc<str>,
    rr_type: u16,
    start: Timestamp,
    bytes: u32,
}

impl Queries {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A question was asked; asked again while it waits, it counts once. Returns what had to be given up.
    pub(super) fn asked(&mut self, now: Timestamp, message: &DnsMessage) -> Vec<Query> {
        const QUERY: u8 = 0;
        let Some(question) = message.questions.first().filter(|_| message.opcode == QUERY) else {
            return Vec::new();
        };
        let name = question.name.as_str();
        let again =
            |q: &Query| q.transaction == message.id && q.rr_type == question.kind.0 && *q.name == *name;
        if self.0.iter().any(again) {
            return Vec::new();
        }
        let excess = (self.0.len() + 1).saturating_sub(WAITING_MAX);
        let given_up = self.0.drain(..excess).collect();
        self.0.push(Query {
            transaction: message.id,
            name: Arc::from(name),
            rr_type: question.kind.0,
            start: now,
            bytes: message.size,
        });
        given_up
    }

    /// An answer came. Returns the question it answers, if that waits.
    pub(super) fn answered(&mut self, message: &DnsMessage) -> Option<Query> {
        // Some servers leave the question out; the transaction then has to do.
        let question = message.questions.first();
        let at = self.0.iter().position(|q| {
            q.transaction == message.id
                && question.is_none_or(|asked| *q.name == *asked.name.as_str() && q.rr_type == asked.kind.0)
        })?;
        Some(self.0.remove(at))
    }

    /// Takes out what was asked at `time` or before.
    pub(super) fn older_than(&mut self, time: Timestamp) -> Vec<Query> {
        let count = self.0.iter().take_while(|query| query.start <= time).count();
        self.0.drain(..count).collect()
    }
}

impl Query {
    /// The contact: to the registered domain, by way of a resolver.
    pub(super) fn into_contact(
        self,
        from: &Originator,
        (resolver, transport): (SocketAddr, Transport),
        answer: Option<(Timestamp, &DnsMessage)>,
    ) -> Contact {
        let received = answer.map_or(0, |(_, message)| u64::from(message.size));
        Contact {
            id: 0,
            start: self.start,
            actor: Arc::clone(&from.actor),
            actor_key: from.key,
            destination: Destination {
                address: Some(resolver.ip()),
                port: resolver.port(),
                transport,
                name: Some(Arc::from(registered(&self.name))),
                name_source: Some(NameSource::Dns),
            },
            kind: ContactKind::DnsQuery(DnsQuestion {
                name: self.name,
                rr_type: self.rr_type,
                rcode: answer.map(|(_, message)| message.rcode),
            }),
            protocol: AppProtocol::Dns,
            naming: Naming::Unknown,
            sni: None,
            ja4: None,
            ja4_odd: None,
            user_agent: None,
            bytes: Some(Bytes { sent: u64::from(self.bytes), received }),
            duration: answer.map(|(now, _)| now.since(self.start)),
        }
    }
}
