//! DNS events, of all versions of the format.
//!
//! Version 1 writes an event for the question and one for each record of the answer; version 2 one for the question
//! and one for the answer; version 3 the same with the questions in a list, and `request` and `response` for `query`
//! and `answer`. Before Suricata 5 an answer has the server as its source.

use std::sync::Arc;

use beaconwatch_engine::observe::contact::DnsQuestion;

use super::event::Event;
use super::pending::{Key, LookUp};
use super::{End, Joining, Made, unescaped};
use crate::flat_json::{self, Value};
use crate::record::Answers;
use crate::{Reason, value};

/// Answers that are taken of one event.
const ANSWERS_MAX: usize = 32;
/// Questions that are taken of one event.
const QUESTIONS_MAX: usize = 64;

/// What the `dns` object says.
#[derive(Debug, Default)]
struct Message<'a> {
    answer: bool,
    id: &'a [u8],
    tx_id: &'a [u8],
    rcode: &'a [u8],
    name: &'a [u8],
    rr_type: &'a [u8],
    /// The one record that the event is about, of version 1.
    data: Option<&'a [u8]>,
    ttl: &'a [u8],
    questions: &'a [u8],
    answers: &'a [u8],
    grouped: &'a [u8],
    version: u64,
}

/// A question, or what was answered to one.
pub(super) fn look_up(event: &Event<'_>, joined: &mut Joining) -> Result<Made, Reason> {
    let message = Message::of(event.dns).ok_or(Reason::NotJson)?;
    let time = event.time()?;
    let ends = event.ends()?;
    let uid = event.uid(ends);
    let (client, server) = if message.answer { ends_of_answer(ends) } else { ends };
    let id = if message.id.is_empty() { message.tx_id } else { message.id };
    let key = Key::of(client, server, id);
    joined.lookups.come_to(time);
    // Where only answers are logged, the answer names its question.
    if !message.answer || !joined.lookups.knows(key) {
        let questions = message.questions();
        if questions.is_empty() {
            return Err(Reason::ColumnsMissing);
        }
        for question in questions {
            let actor = joined.actors.of_address(client.address);
            let transport = event.transport();
            joined.lookups.ask(key, LookUp { uid, time, actor, server, transport, question });
        }
    }
    if message.answer {
        joined.lookups.answer(key, time, rcode(message.rcode), message.answered(event.resolved));
        if message.is_whole() {
            joined.lookups.finish(key);
        }
    }
    Ok(Made::Waits)
}

/// Client and server of an answer: old versions have them the other way round.
fn ends_of_answer((source, destination): (End, End)) -> (End, End) {
    const SERVICES: [u16; 4] = [53, 853, 5353, 443];
    let (from_service, to_service) = (SERVICES.contains(&source.port), SERVICES.contains(&destination.port));
    let backwards = if from_service == to_service { source.port < destination.port } else { from_service };
    if backwards { (destination, source) } else { (source, destination) }
}

impl<'a> Message<'a> {
    fn of(object: &'a [u8]) -> Option<Self> {
        let mut message = Self::default();
        flat_json::scan(object, |key, value| {
            let raw = value.raw();
            match (key, value) {
                (b"type", _) => message.answer = matches!(raw, b"answer" | b"response"),
                (b"id", _) => message.id = raw,
                (b"tx_id", _) => message.tx_id = raw,
                (b"rcode", _) => message.rcode = raw,
                (b"rrname", _) => message.name = raw,
                (b"rrtype", _) => message.rr_type = raw,
                (b"rdata", Value::Text(data)) => message.data = Some(data),
                (b"ttl", _) => message.ttl = raw,
                (b"queries" | b"query", Value::Nested(list)) => message.questions = list,
                (b"answers", Value::Nested(list)) => message.answers = list,
                (b"grouped", Value::Nested(groups)) => message.grouped = groups,
                (b"version", _) => message.version = value::unsigned(raw).unwrap_or(0),
                _ => {}
            }
        })?;
        Some(message)
    }

    /// No further event is about this answer.
    fn is_whole(&self) -> bool {
        self.version >= 2 || !self.answers.is_empty() || !self.grouped.is_empty()
    }

    fn questions(&self) -> Vec<DnsQuestion> {
        let question = |name: &[u8], rr_type: &[u8]| DnsQuestion {
            name: value::host_name(&unescaped(name)).unwrap_or_else(|| Arc::from(".")),
            rr_type: value::rr_type(rr_type),
            rcode: None,
        };
        if self.questions.is_empty() {
            return vec![question(self.name, self.rr_type)];
        }
        let objects = flat_json::items(self.questions).filter_map(|item| match item {
            Value::Nested(object) => Some(object),
            Value::Text(_) | Value::Bare(_) => None,
        });
        let member = |object, name| flat_json::member(object, name).map_or(&[][..], Value::raw);
        objects
            .map(|object| question(member(object, b"rrname"), member(object, b"rrtype")))
            .take(QUESTIONS_MAX)
            .collect()
    }

    /// Addresses and names among the answers, from whichever form the event has.
    fn answered(&self, resolved: &[u8]) -> Answers {
        let mut found = Answers::default();
        if let Some(data) = self.data {
            add(&mut found, data, self.rr_type, self.ttl);
        }
        for item in flat_json::items(self.answers) {
            let Value::Nested(object) = item else { continue };
            let member = |name| flat_json::member(object, name).map_or(&[][..], Value::raw);
            add(&mut found, member(b"rdata"), member(b"rrtype"), member(b"ttl"));
        }
        let _ = flat_json::scan(self.grouped, |key, value| {
            if let (b"A" | b"AAAA" | b"CNAME", Value::Nested(list)) = (key, value) {
                flat_json::items(list).for_each(|item| add(&mut found, item.raw(), key, b""));
            }
        });
        flat_json::items(resolved).for_each(|item| add(&mut found, item.raw(), b"A", b""));
        found
    }
}

/// Adds a record, once; other types than these name nothing.
fn add(found: &mut Answers, data: &[u8], rr_type: &[u8], ttl: &[u8]) {
    match rr_type {
        b"A" | b"AAAA" => {
            if let Some(address) = value::address(data)
                && found.addresses.len() < ANSWERS_MAX
                && !found.addresses.iter().any(|(known, _)| *known == address)
            {
                let secs = value::unsigned(ttl).and_then(|secs| u32::try_from(secs).ok());
                found.addresses.push((address, secs.unwrap_or(0)));
            }
        }
        b"CNAME" => {
            if let Some(name) = value::host_name(&unescaped(data))
                && found.aliases.len() < ANSWERS_MAX
                && !found.aliases.contains(&name)
            {
                found.aliases.push(name);
            }
        }
        _ => {}
    }
}

/// By the name that RFC 2929 gives, or as a number.
fn rcode(name: &[u8]) -> Option<u16> {
    Some(match name {
        b"NOERROR" => 0,
        b"FORMERR" => 1,
        b"SERVFAIL" => 2,
        b"NXDOMAIN" => 3,
        b"NOTIMP" => 4,
        b"REFUSED" => 5,
        b"YXDOMAIN" => 6,
        b"YXRRSET" => 7,
        b"NXRRSET" => 8,
        b"NOTAUTH" => 9,
        b"NOTZONE" => 10,
        number => return value::port(number),
    })
}
