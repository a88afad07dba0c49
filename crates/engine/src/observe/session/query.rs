//! DNS questions of a flow that wait for their answers.

use std::net::SocketAddr;
use std::sync::Arc;

use super::originator::Originator;
use crate::observe::contact::{
    self, Bytes, Contact, ContactKind, Destination, NameSource, Naming, Transport,
};
use crate::observe::naming::domain::registered;
use crate::observe::protocol::{AppProtocol, DnsMessage, DnsQuestion};
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

/// What was answered to a question.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub(super) at: Timestamp,
    pub(super) message: &'a DnsMessage,
    /// Its share of the message.
    pub(super) bytes: u32,
}

/// The part of a message that one of several questions is counted with: together they have all of it.
pub(super) fn share(size: u32, index: usize, of: usize) -> u32 {
    let of = u32::try_from(of).unwrap_or(u32::MAX).max(1);
    size / of + if index == 0 { size % of } else { 0 }
}

impl Queries {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A message with questions was sent, of which there are several only where somebody made it so. One that is asked
    /// again while it waits counts once. Returns what had to be given up.
    pub(super) fn asked(&mut self, now: Timestamp, message: &DnsMessage) -> Vec<Query> {
        const QUERY: u8 = 0;
        let mut given_up = Vec::new();
        if message.opcode != QUERY {
            return given_up;
        }
        for (index, question) in message.questions.iter().enumerate() {
            let name = question.name.as_str();
            let again =
                |q: &Query| q.transaction == message.id && q.rr_type == question.kind.0 && *q.name == *name;
            if self.0.iter().any(again) {
                continue;
            }
            if self.0.len() >= WAITING_MAX {
                given_up.push(self.0.remove(0));
            }
            self.0.push(Query {
                transaction: message.id,
                name: Arc::from(name),
                rr_type: question.kind.0,
                start: now,
                bytes: share(message.size, index, message.questions.len()),
            });
        }
        given_up
    }

    /// An answer came. Returns the questions it answers, of those that wait.
    pub(super) fn answered(&mut self, message: &DnsMessage) -> Vec<Query> {
        // Some servers leave the questions out; the transaction then has to do.
        let first = self.0.iter().find(|q| q.transaction == message.id).map(|q| q.start);
        let is_answered = |q: &mut Query| {
            let is_asked =
                |question: &DnsQuestion| *q.name == *question.name.as_str() && q.rr_type == question.kind.0;
            q.transaction == message.id
                && if message.questions.is_empty() {
                    first == Some(q.start)
                } else {
                    message.questions.iter().any(is_asked)
                }
        };
        self.0.extract_if(.., is_answered).collect()
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
        answer: Option<Answer<'_>>,
    ) -> Contact {
        let received = answer.map_or(0, |answer| u64::from(answer.bytes));
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
            kind: ContactKind::DnsQuery(contact::DnsQuestion {
                name: self.name,
                rr_type: self.rr_type,
                rcode: answer.map(|answer| answer.message.rcode),
            }),
            protocol: AppProtocol::Dns,
            naming: Naming::Unknown,
            sni: None,
            ja4: None,
            ja4_odd: None,
            user_agent: None,
            bytes: Some(Bytes { sent: u64::from(self.bytes), received }),
            duration: answer.map(|answer| answer.at.since(self.start)),
        }
    }
}
