//! Suricata's EVE log: flow, dns, tls, http, quic, ssh and smtp events, one JSON object a line, plain or in a
//! shipper's envelope.
//!
//! A flow event is a connection, written at its end with the time of its start. What the events of application
//! protocols say is joined to it by `flow_id`. A look-up has two events or more (the question, and the answer or one
//! event for each record of it), which are put together ([`pending`]). Events of other types are counted by type.

use std::borrow::Cow;
use std::net::IpAddr;
use std::path::Path;

use beaconwatch_engine::time::Timestamp;

use super::actors::{Actors, Address};
use super::lines::Lines;
use super::record::Record;
use super::{Reader, Reason, RejectedRows, envelope};

mod application;
mod dns;
mod event;
mod event_type;
mod flow;
mod pending;

use event::Event;
use event_type::EventType;
use pending::Pending;

/// Reads one file.
#[derive(Debug)]
pub struct SuricataReader {
    lines: Lines,
    joined: Joining,
    rows: u64,
}

/// What is kept from event to event.
#[derive(Debug, Default)]
struct Joining {
    actors: Actors<Address>,
    lookups: Pending,
}

/// What an event came to.
enum Made {
    /// A record.
    Record(Timestamp, Record),
    /// It waits for others, or was added to one that waits.
    Waits,
}

impl SuricataReader {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        Ok(Self::over(Lines::open(path)?))
    }

    /// Reads from lines.
    #[must_use]
    pub fn over(lines: Lines) -> Self {
        Self { lines, joined: Joining::default(), rows: 0 }
    }
}

impl Reader for SuricataReader {
    fn next(&mut self, rejected: &mut RejectedRows) -> Option<(Timestamp, Record)> {
        loop {
            if let Some(ready) = self.joined.lookups.ready() {
                return Some(ready);
            }
            let place = self.lines.line() + 1;
            let Some(line) = self.lines.next(rejected) else { return self.joined.lookups.last() };
            let line = without_cookie(line);
            if line.is_empty() {
                continue;
            }
            self.rows += 1;
            match self.joined.read(line, envelope::ENVELOPES_MAX) {
                Ok(Made::Record(time, record)) => return Some((time, record)),
                Ok(Made::Waits) => {}
                Err(reason) => rejected.add(reason, self.lines.name(), place),
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

/// Without the `@cee: ` that Suricata can be told to write before each event.
fn without_cookie(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"@cee:").unwrap_or(line).trim_ascii()
}

impl Joining {
    fn read(&mut self, line: &[u8], envelopes: usize) -> Result<Made, Reason> {
        let event = Event::of(line).ok_or(Reason::NotJson)?;
        let Some(name) = event.event_type else {
            return match envelope::open(line) {
                Some(opened) if envelopes > 0 => self.read(without_cookie(&opened.row), envelopes - 1),
                Some(_) | None => Err(Reason::UnknownWrapping),
            };
        };
        let one = |(time, record)| Made::Record(time, record);
        match EventType::by_name(name) {
            EventType::Flow => flow::record(&event, &mut self.actors).map(one),
            EventType::Dns => dns::look_up(&event, self),
            EventType::Tls => application::tls(&event).map(one),
            EventType::Quic => application::quic(&event).map(one),
            EventType::Http => application::http(&event, &mut self.actors).map(one),
            EventType::Ssh => application::ssh(&event).map(one),
            EventType::Smtp => application::smtp(&event).map(one),
            EventType::Unused(unused) => Err(Reason::Unused(unused)),
        }
    }
}

/// One end of what an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct End {
    address: IpAddr,
    port: u16,
}

/// Text with its escapes undone.
fn unescaped(text: &[u8]) -> Cow<'_, [u8]> {
    super::flat_json::unescape(text)
}

#[cfg(test)]
mod tests;
