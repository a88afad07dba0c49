//! Envoy access logs: JSON with the customary keys (Istio's, or those of Envoy Gateway and others, which are named as
//! the headers are), Envoy's default text format, and Istio's text format.
//!
//! The client is `downstream_remote_address` where the log has it, else the first address of `X-Forwarded-For`
//! (Envoy's default format has nothing else); a row without either is refused, since it does not say who calls.
//! Not in it, so not judged: executables, look-ups, TLS fingerprints.

use std::path::Path;
use std::sync::Arc;

use beaconwatch_engine::observe::contact::{Bytes, ContactKind, Destination, NameSource, Transport};
use beaconwatch_engine::observe::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;

use super::actors::{Actors, Address};
use super::flat_json;
use super::lines::Lines;
use super::record::{Record, bare_contact};
use super::{Reader, Reason, RejectedRows, value};

/// Port on which nobody speaks HTTP without TLS.
const HTTPS: u16 = 443;

/// Reads one file.
#[derive(Debug)]
pub struct EnvoyReader {
    lines: Lines,
    actors: Actors<Address>,
    rows: u64,
}

impl EnvoyReader {
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
        Self { lines, actors: Actors::default(), rows: 0 }
    }
}

impl Reader for EnvoyReader {
    fn next(&mut self, rejected: &mut RejectedRows) -> Option<(Timestamp, Record)> {
        loop {
            let place = self.lines.line() + 1;
            let line = self.lines.next(rejected)?;
            if line.is_empty() {
                continue;
            }
            self.rows += 1;
            let row = if line.first() == Some(&b'{') { Row::of_json(line) } else { Row::of_text(line) };
            match row.and_then(|row| record(&row, &mut self.actors)) {
                Ok(record) => return Some(record),
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

/// The fields that are used; empty: not there.
#[derive(Debug, Default)]
struct Row<'a> {
    start: &'a [u8],
    method: &'a [u8],
    protocol: &'a [u8],
    code: &'a [u8],
    flags: &'a [u8],
    received: &'a [u8],
    sent: &'a [u8],
    duration: &'a [u8],
    forwarded_for: &'a [u8],
    user_agent: &'a [u8],
    authority: &'a [u8],
    upstream: &'a [u8],
    downstream_local: &'a [u8],
    downstream_remote: &'a [u8],
    server_name: &'a [u8],
}

impl<'a> Row<'a> {
    fn of_json(line: &'a [u8]) -> Result<Self, Reason> {
        let mut row = Self::default();
        flat_json::scan(line, |key, value| {
            let slot = match key {
                b"start_time" | b"timestamp" | b"@timestamp" => &mut row.start,
                b"method" | b":method" | b":METHOD" => &mut row.method,
                b"protocol" => &mut row.protocol,
                b"response_code" => &mut row.code,
                b"response_flags" => &mut row.flags,
                b"bytes_received" => &mut row.received,
                b"bytes_sent" => &mut row.sent,
                b"duration" => &mut row.duration,
                b"x_forwarded_for" | b"x-forwarded-for" | b"X-FORWARDED-FOR" => &mut row.forwarded_for,
                b"user_agent" | b"user-agent" | b"USER-AGENT" => &mut row.user_agent,
                b"authority" | b":authority" | b":AUTHORITY" => &mut row.authority,
                b"upstream_host" => &mut row.upstream,
                b"downstream_local_address" => &mut row.downstream_local,
                b"downstream_remote_address" => &mut row.downstream_remote,
                b"requested_server_name" => &mut row.server_name,
                _ => return,
            };
            if !matches!(value.raw(), b"-" | b"null") {
                *slot = value.raw();
            }
        })
        .ok_or(Reason::NotJson)?;
        Ok(row)
    }

    fn of_text(line: &'a [u8]) -> Result<Self, Reason> {
        let fields: Vec<&[u8]> = words(line).collect();
        let get = |index: usize| match fields.get(index) {
            Some(&b"-") | None => &[][..],
            Some(field) => field,
        };
        // Istio writes three more fields in the middle, and more at the end.
        let shift = match fields.len() {
            13 => 0,
            22.. => 3,
            _ => return Err(Reason::ColumnsMissing),
        };
        let mut request = get(1).split(|b| *b == b' ');
        let istio = |index| if shift > 0 { get(index) } else { &[] };
        Ok(Self {
            start: get(0),
            method: request.next().unwrap_or_default(),
            protocol: request.next_back().unwrap_or_default(),
            code: get(2),
            flags: get(3),
            received: get(4 + shift),
            sent: get(5 + shift),
            duration: get(6 + shift),
            forwarded_for: get(8 + shift),
            user_agent: get(9 + shift),
            authority: get(11 + shift),
            upstream: get(12 + shift),
            downstream_local: istio(18),
            downstream_remote: istio(19),
            server_name: istio(20),
        })
    }
}

/// Words between spaces; one in quotes or brackets may contain spaces.
fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = line;
    core::iter::from_fn(move || {
        rest = rest.trim_ascii_start();
        let (inner, end) = match rest.first()? {
            b'"' => (rest.get(1..)?, b'"'),
            b'[' => (rest.get(1..)?, b']'),
            _ => (rest, b' '),
        };
        let at = memchr::memchr(end, inner).unwrap_or(inner.len());
        rest = inner.get(at + 1..).unwrap_or_default();
        inner.get(..at)
    })
}

fn record(row: &Row<'_>, actors: &mut Actors<Address>) -> Result<(Timestamp, Record), Reason> {
    let start = value::timestamp(row.start).ok_or(Reason::BadTime)?;
    let forwarded =
        || row.forwarded_for.split(|b| *b == b',').next().map(<[u8]>::trim_ascii).and_then(value::address);
    let client =
        value::address_and_port(row.downstream_remote).map(|(address, _)| address).or_else(forwarded);
    let actor = actors.of_address(client.ok_or(Reason::BadAddress)?);
    let sni = value::host_name(row.server_name);
    let asked = value::host_name(row.authority).map(value::without_port);
    let is_name = |name: &Arc<str>| value::address(name.as_bytes()).is_none();
    let tunnel = row.method == b"CONNECT";
    let (name, name_source) = match (asked.filter(is_name), sni.clone().filter(is_name)) {
        (Some(name), _) if tunnel => (Some(name), Some(NameSource::Proxy)),
        (Some(name), _) => (Some(name), Some(NameSource::HttpHost)),
        (None, Some(name)) => (Some(name), Some(NameSource::Sni)),
        (None, None) => (None, None),
    };
    let peer =
        value::address_and_port(row.upstream).or_else(|| value::address_and_port(row.downstream_local));
    if name.is_none() && peer.is_none() {
        return Err(Reason::BadAddress);
    }
    let port = peer.and_then(|(_, port)| port).unwrap_or(if tunnel { 443 } else { 80 });
    let address = peer.map(|(address, _)| address);
    let destination = Destination { address, port, transport: Transport::Tcp, name, name_source };
    let failed = row.flags.split(|b| *b == b',').any(|flag| matches!(flag, b"UF" | b"UH" | b"NR" | b"DF"));
    let kind = ContactKind::Connect { established: Some(!failed && row.code != b"503") };
    let mut contact = bare_contact(start, actor, destination, kind);
    contact.protocol = spoken(row.protocol, tunnel || (row.protocol.is_empty() && sni.is_some()), port);
    contact.sni = sni;
    if !row.user_agent.is_empty() {
        contact.user_agent = Some(value::printable(&flat_json::unescape(row.user_agent)).into());
    }
    // What Envoy received from downstream is what the client sent.
    let bytes = value::unsigned(row.received).zip(value::unsigned(row.sent));
    contact.bytes = bytes.map(|(sent, received)| Bytes { sent, received });
    contact.duration = value::unsigned(row.duration).map(core::time::Duration::from_millis);
    Ok((start, Record::Contact(contact)))
}

/// What is spoken with the destination. The log names what the client spoke with Envoy, which puts TLS around it where
/// the upstream wants that, and never hands HTTP/3 on as it came.
fn spoken(protocol: &[u8], tls: bool, port: u16) -> AppProtocol {
    match protocol {
        _ if tls => AppProtocol::Tls,
        b"HTTP/1.0" | b"HTTP/1.1" | b"HTTP/2" | b"HTTP/3" if port == HTTPS => AppProtocol::Tls,
        b"HTTP/2" => AppProtocol::Http2,
        b"HTTP/1.0" | b"HTTP/1.1" | b"HTTP/3" => AppProtocol::Http,
        _ => AppProtocol::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<(Timestamp, Record)>, RejectedRows) {
        let mut reader = EnvoyReader::over(Lines::from_bytes("access.log", text.as_bytes().to_vec()));
        let mut rejected = RejectedRows::default();
        (core::iter::from_fn(|| reader.next(&mut rejected)).collect(), rejected)
    }

    #[test]
    fn the_default_text_format_is_read() {
        let (records, rejected) = read(
            "[2026-04-15T20:17:00.310Z] \"POST /api/v1/locations HTTP/2\" 204 - 154 0 226 100 \"10.0.35.28\" \"nsq2http\" \"cc21d9b0\" \"locations.example:8080\" \"tcp://10.0.2.1:80\"\n",
        );
        assert_eq!(rejected.total(), 0);
        let [(_, Record::Contact(contact))] = records.as_slice() else { panic!("{records:?}") };
        assert_eq!(contact.actor.address, "10.0.35.28".parse().ok());
        assert_eq!(contact.destination.name.as_deref(), Some("locations.example"));
        assert_eq!(contact.destination.port, 80);
        assert_eq!(contact.bytes.map(|b| (b.sent, b.received)), Some((154, 0)));
        assert_eq!(contact.user_agent.as_deref(), Some("nsq2http"));
    }

    #[test]
    fn json_and_the_longer_text_format_say_the_same() {
        let (records, rejected) = read(concat!(
            r#"{"start_time":"2026-04-15T20:17:00.310Z","method":null,"protocol":null,"response_code":0,"response_flags":"UF","bytes_received":5,"bytes_sent":6,"duration":7,"authority":null,"upstream_host":"192.0.2.7:443","downstream_local_address":"192.0.2.7:443","downstream_remote_address":"10.0.0.5:41000","requested_server_name":"a.example"}"#,
            "\n",
            r#"[2026-04-15T20:17:00.310Z] "- - -" 0 UF - - "-" 5 6 7 - "-" "-" "-" "-" "192.0.2.7:443" outbound - 192.0.2.7:443 10.0.0.5:41000 a.example -"#,
            "\n"
        ));
        assert_eq!(rejected.total(), 0);
        assert_eq!(records.len(), 2);
        for (_, record) in &records {
            let Record::Contact(contact) = record else { panic!("{record:?}") };
            assert_eq!(contact.destination.name.as_deref(), Some("a.example"));
            assert_eq!(contact.destination.port, 443);
            assert_eq!(contact.kind, ContactKind::Connect { established: Some(false) });
        }
    }

    #[test]
    fn keys_that_are_named_as_headers_are_read() {
        let (records, rejected) = read(concat!(
            r#"{"start_time":"2026-02-01T10:00:00.250Z","method":"POST","x-envoy-origin-path":"/v1","protocol":"HTTP/2","response_code":"204","response_flags":"-","bytes_received":"96","bytes_sent":"0","duration":"31","x-forwarded-for":"10.8.0.3,10.0.0.1","user-agent":"sync\/2.4","":"",":authority":"api.partner.example","upstream_host":"198.51.100.20:443","downstream_local_address":"127.0.0.1:10443","downstream_remote_address":"10.8.0.3:40110","requested_server_name":"-"}"#,
            "\n"
        ));
        assert_eq!(rejected.total(), 0);
        let [(_, Record::Contact(contact))] = records.as_slice() else { panic!("{records:?}") };
        assert_eq!(contact.actor.address, "10.8.0.3".parse().ok());
        assert_eq!(contact.destination.name.as_deref(), Some("api.partner.example"));
        assert_eq!(contact.destination.port, 443);
        assert_eq!(contact.user_agent.as_deref(), Some("sync/2.4"));
        assert_eq!(contact.bytes.map(|b| (b.sent, b.received)), Some((96, 0)));
    }

    #[test]
    fn a_request_to_an_upstream_that_wants_tls_is_tls_there() {
        for (client, upstream, spoken) in [
            ("HTTP/1.1", "198.51.100.20:443", AppProtocol::Tls),
            ("HTTP/2", "198.51.100.20:443", AppProtocol::Tls),
            ("HTTP/3", "198.51.100.20:443", AppProtocol::Tls),
            ("HTTP/1.1", "10.0.2.1:8080", AppProtocol::Http),
            ("HTTP/2", "10.0.2.1:8080", AppProtocol::Http2),
            ("HTTP/3", "10.0.2.1:8080", AppProtocol::Http),
        ] {
            let row = format!(
                "[2026-04-15T20:17:00.310Z] \"POST /v1 {client}\" 204 - 154 0 226 100 \"10.0.35.28\" \"a/1\" \"i\" \
                 \"api.example\" \"{upstream}\"\n"
            );
            let (records, _) = read(&row);
            let [(_, Record::Contact(contact))] = records.as_slice() else { panic!("{records:?}") };
            assert_eq!(contact.protocol, spoken, "{row}");
        }
    }

    #[test]
    fn a_row_that_does_not_say_who_called_is_refused() {
        let (records, rejected) = read(
            "[2026-04-15T20:17:00Z] \"GET / HTTP/1.1\" 200 - 0 1 2 3 \"-\" \"-\" \"-\" \"a\" \"10.0.0.1:80\"\nnonsense\n{\n",
        );
        assert_eq!(records.len(), 0);
        assert_eq!(rejected.total(), 3);
    }
}
