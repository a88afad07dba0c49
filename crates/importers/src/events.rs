//! Events as JSON lines: our import format, so that any flow log can be converted. Described field by field in
//! `docs/import-format.md`.
//!
//! With it come two further files: pods (who runs what) and a baseline (what was known before the start).

use std::path::Path;
use std::sync::Arc;

use beaconwatch_engine::actor::{Actor, ActorKey};
use beaconwatch_engine::collections::{Map, Set};
use beaconwatch_engine::input::WorkloadChange;
use beaconwatch_engine::observe::contact::{
    Bytes, Contact, ContactKind, DnsQuestion, NameSource, Naming, Transport,
};
use beaconwatch_engine::observe::naming::{self, Indicated, domain};
use beaconwatch_engine::observe::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;

use super::actors::{Actors, SeededHash};
use super::lines::Lines;
use super::record::{Record, nameless};
use super::{Reader, Reason, RejectedRows, value};

mod actor;
mod row;
mod workload;

use row::{Field, Row};
pub use workload::{read_baseline, read_pods};

/// Texts that are shared instead of copied; beyond, all are forgotten.
const TEXTS_MAX: usize = 1 << 16;

/// Reads one file of events.
#[derive(Debug)]
pub struct EventsReader {
    lines: Lines,
    rows: u64,
    hash: SeededHash,
    actors: Actors<u64>,
    names: Map<Box<[u8]>, Option<Arc<str>>>,
    domains: Map<Arc<str>, Arc<str>>,
    announce_pods: bool,
    announced: Set<u64>,
    waiting: Option<(Timestamp, Record)>,
}

impl EventsReader {
    /// Opens a file. `announce_pods`: tell the engine of each pod when its first event comes (without a file of
    /// pods nobody else does).
    ///
    /// # Errors
    ///
    /// When the file cannot be opened.
    pub fn open(path: &Path, announce_pods: bool) -> std::io::Result<Self> {
        Ok(Self::over(Lines::open(path)?, announce_pods))
    }

    /// Reads from lines.
    #[must_use]
    pub fn over(lines: Lines, announce_pods: bool) -> Self {
        Self {
            lines,
            rows: 0,
            hash: SeededHash::default(),
            actors: Actors::default(),
            names: Map::default(),
            domains: Map::default(),
            announce_pods,
            announced: Set::default(),
            waiting: None,
        }
    }
}

impl Reader for EventsReader {
    fn next(&mut self, rejected: &mut RejectedRows) -> Option<(Timestamp, Record)> {
        if let Some(waiting) = self.waiting.take() {
            return Some(waiting);
        }
        loop {
            let line = self.lines.line() + 1;
            let text = self.lines.next(rejected)?;
            if text.is_empty() {
                continue;
            }
            self.rows += 1;
            let Some(row) = Row::parse(text) else {
                rejected.add(Reason::NotJson, self.lines.name(), line);
                continue;
            };
            let mut texts = Texts { names: &mut self.names, domains: &mut self.domains };
            match contact(&row, &self.hash, &mut self.actors, &mut texts) {
                Ok(contact) => {
                    let event = (contact.start, Record::Contact(Box::new(contact)));
                    let is_new = self.announce_pods
                        && row
                            .get(Field::PodUid)
                            .is_some_and(|uid| self.announced.insert(self.hash.of(&uid)));
                    let Some(pod) = is_new.then(|| workload::of_event(&row)).flatten() else {
                        return Some(event);
                    };
                    let announcement = (event.0, Record::Workload(WorkloadChange::Applied(pod)));
                    self.waiting = Some(event);
                    return Some(announcement);
                }
                Err(reason) => rejected.add(reason, self.lines.name(), line),
            }
        }
    }

    fn bytes_read(&self) -> u64 {
        self.lines.bytes_read()
    }

    fn rows_read(&self) -> u64 {
        self.rows
    }
}

/// Names that were read before, shared.
struct Texts<'a> {
    names: &'a mut Map<Box<[u8]>, Option<Arc<str>>>,
    domains: &'a mut Map<Arc<str>, Arc<str>>,
}

impl Texts<'_> {
    fn name(&mut self, row: &Row<'_>, field: Field) -> Option<Arc<str>> {
        let raw = row.get(field)?;
        if let Some(name) = self.names.get(raw) {
            return name.clone();
        }
        if self.names.len() >= TEXTS_MAX {
            self.names.clear();
        }
        let name = row.text(field).as_deref().and_then(value::host_name);
        self.names.insert(raw.into(), name.clone());
        name
    }

    fn domain(&mut self, name: &Arc<str>) -> Arc<str> {
        if let Some(domain) = self.domains.get(name) {
            return Arc::clone(domain);
        }
        if self.domains.len() >= TEXTS_MAX {
            self.domains.clear();
        }
        let domain = Arc::from(domain::registered(name));
        self.domains.insert(Arc::clone(name), Arc::clone(&domain));
        domain
    }
}

fn contact(
    row: &Row<'_>,
    hash: &SeededHash,
    actors: &mut Actors<u64>,
    texts: &mut Texts<'_>,
) -> Result<Contact, Reason> {
    let start = row.get(Field::Time).and_then(value::unsigned).ok_or(Reason::BadTime)?;
    let (actor, actor_key): (Arc<Actor>, ActorKey) =
        actors.get(actor::key(row, hash), || actor::of_event(row));
    let transport = row.get(Field::Transport).map_or(Transport::Tcp, value::transport);
    let port = match transport {
        Transport::Other => 0,
        Transport::Tcp | Transport::Udp => {
            row.get(Field::DestinationPort).and_then(value::port).ok_or(Reason::BadPort)?
        }
    };
    let to = nameless(row.get(Field::DestinationAddress).and_then(value::address), port, transport);
    let protocol = row.get(Field::Protocol).map(value::app_protocol).unwrap_or_default();
    let server_name = texts.name(row, Field::ServerName);
    let sni = texts.name(row, Field::Sni);
    // A log that does not know names at all has no server names either.
    let nameless = protocol == AppProtocol::Tls && sni.is_none() && server_name.is_some();
    let indicated = Indicated { sni: sni.as_ref(), nameless, ..Indicated::default() };
    let (mut destination, mut naming) =
        naming::name_from_log(to, &indicated, server_name.as_ref(), row.has_naming());
    let kind = match row.get(Field::Event) {
        Some(b"connect") => {
            ContactKind::Connect { established: row.get(Field::Established).and_then(boolean) }
        }
        Some(b"burst") => ContactKind::Burst,
        Some(b"dns_query") => {
            let name = texts.name(row, Field::QuestionName).ok_or(Reason::ColumnsMissing)?;
            destination.name = Some(texts.domain(&name));
            destination.name_source = Some(NameSource::Dns);
            naming = Naming::Unknown;
            ContactKind::DnsQuery(question(row, name))
        }
        _ => return Err(Reason::UnknownKind),
    };
    if destination.address.is_none() && destination.name.is_none() {
        return Err(Reason::BadAddress);
    }
    let number = |field| row.get(field).and_then(value::unsigned);
    let bytes = number(Field::BytesSent).zip(number(Field::BytesReceived));
    Ok(Contact {
        id: 0,
        start: Timestamp::from_nanos(start),
        actor,
        actor_key,
        destination,
        kind,
        protocol,
        naming,
        sni,
        ja4: row.text(Field::Ja4).map(|text| value::printable(&text).into()),
        ja4_odd: (protocol == AppProtocol::Tls).then(|| row.get(Field::Ja4Odd).and_then(boolean)).flatten(),
        user_agent: row.text(Field::UserAgent).map(|text| value::printable(&text).into()),
        bytes: bytes.map(|(sent, received)| Bytes { sent, received }),
        duration: number(Field::Duration).map(core::time::Duration::from_nanos),
    })
}

fn question(row: &Row<'_>, name: Arc<str>) -> DnsQuestion {
    let rr_type = row.get(Field::QuestionType).map_or(0, value::rr_type);
    let rcode = row.get(Field::ResponseCode).and_then(|code| match code {
        b"NOERROR" => Some(0),
        b"FORMERR" => Some(1),
        b"SERVFAIL" => Some(2),
        b"NXDOMAIN" => Some(3),
        b"REFUSED" => Some(5),
        number => value::port(number),
    });
    DnsQuestion { name, rr_type, rcode }
}

fn boolean(text: &[u8]) -> Option<bool> {
    match text {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
