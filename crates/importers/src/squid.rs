//! Squid's native access log: one line per request, written at its end.
//!
//! `1672843056.956    769 10.0.0.5 TCP_TUNNEL/200 1144 CONNECT www.example.org:443 - HIER_DIRECT/192.0.2.7 -`
//!
//! Where Squid looks into TLS (`ssl_bump`), it writes a CONNECT of its own before the requests inside, or before the
//! tunnel that it became: both are one contact ([`bumped`]).
//!
//! Not in it, so not judged: bytes sent by the client, what happens inside a tunnel, who resolved the name.

use std::net::IpAddr;
use std::path::Path;

use beaconwatch_engine::observe::contact::{Contact, ContactKind, Destination, NameSource, Transport};
use beaconwatch_engine::observe::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;

use super::actors::{Actors, Address};
use super::lines::Lines;
use super::record::{Record, bare_contact};
use super::{Reader, Reason, RejectedRows, value};

mod bumped;

use bumped::{Announced, Part};

/// Reads one file.
#[derive(Debug)]
pub struct SquidReader {
    lines: Lines,
    actors: Actors<Address>,
    announced: Announced,
    rows: u64,
}

impl SquidReader {
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
        Self { lines, actors: Actors::default(), announced: Announced::default(), rows: 0 }
    }
}

impl Reader for SquidReader {
    fn next(&mut self, rejected: &mut RejectedRows) -> Option<(Timestamp, Record)> {
        loop {
            if let Some(contact) = self.announced.overdue() {
                return Some((contact.start, Record::Contact(contact)));
            }
            let place = self.lines.line() + 1;
            let Some(line) = self.lines.next(rejected) else {
                return self.announced.last().map(|contact| (contact.start, Record::Contact(contact)));
            };
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            self.rows += 1;
            match contact(line, &mut self.actors) {
                Ok((part, contact)) => {
                    if let Some(contact) = self.announced.take(part, contact) {
                        return Some((contact.start, Record::Contact(contact)));
                    }
                }
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

fn contact(line: &[u8], actors: &mut Actors<Address>) -> Result<(Part, Box<Contact>), Reason> {
    let mut fields = line.split(|b| *b == b' ').filter(|field| !field.is_empty());
    let mut next = || fields.next().ok_or(Reason::ColumnsMissing);
    let end = value::timestamp(next()?).ok_or(Reason::BadTime)?;
    // Milliseconds; a request that was cut off has a small negative number.
    let duration = core::time::Duration::from_millis(value::unsigned(next()?).unwrap_or(0));
    let client = value::address(next()?).ok_or(Reason::BadAddress)?;
    let (result, _bytes, method, target, _user) = (next()?, next()?, next()?, next()?, next()?);
    let peer = next().unwrap_or_default();
    let status = result.rsplit(|b| *b == b'/').next().and_then(value::unsigned).unwrap_or(0);
    let tunnel = method == b"CONNECT";
    let (host, port) = host_and_port(target, tunnel).ok_or(Reason::BadAddress)?;
    let peer_address = destination_of_peer(peer);
    let named = value::host_name(host).filter(|name| value::address(name.as_bytes()).is_none());
    let address = value::address(host).or(peer_address);
    if named.is_none() && address.is_none() {
        return Err(Reason::BadAddress);
    }
    let start = end - duration;
    let destination = Destination {
        address,
        port,
        transport: Transport::Tcp,
        name_source: named.as_ref().map(|_| NameSource::Proxy),
        name: named,
    };
    let is_denied = result.starts_with(b"TCP_DENIED");
    let kind = ContactKind::Connect { established: Some(!is_denied && !matches!(status, 0 | 502..=504)) };
    let mut contact = bare_contact(start, actors.of_address(client), destination, kind);
    let inside_tls = !tunnel && target.starts_with(b"https://");
    contact.protocol = match (tunnel, port) {
        (false, _) if inside_tls => AppProtocol::Tls,
        (false, _) => AppProtocol::Http,
        // What is inside a tunnel is not known; on this port it is TLS or something that wants to look like it.
        (true, 443) => AppProtocol::Tls,
        (true, _) => AppProtocol::Unknown,
    };
    contact.duration = Some(duration);
    let part = match tunnel {
        true if is_squids_own(result) && status == 200 => Part::Announcement { end },
        true => Part::Tunnel,
        false if inside_tls => Part::Inside,
        false => Part::Plain,
    };
    Ok((part, contact))
}

/// `NONE/200`, `NONE_NONE/200`, `TAG_NONE/200`: of a request that nobody was asked for an answer to.
fn is_squids_own(result: &[u8]) -> bool {
    result.starts_with(b"NONE") || result.starts_with(b"TAG_NONE")
}

/// The address that was connected to, of `HIER_DIRECT/192.0.2.7`. The address of a parent proxy is not that of the
/// destination.
fn destination_of_peer(peer: &[u8]) -> Option<IpAddr> {
    let slash = memchr::memchr(b'/', peer)?;
    let way = peer.get(..slash)?;
    let is_destination =
        way.ends_with(b"DIRECT") || way.ends_with(b"ORIGINAL_DST") || way.ends_with(b"PINNED");
    peer.get(slash + 1..).filter(|_| is_destination).and_then(value::address)
}

/// Host and port of `host:443`, `[v6]:443`, `http://host/path`, `ftp://user@host:2121/`.
fn host_and_port(target: &[u8], tunnel: bool) -> Option<(&[u8], u16)> {
    let text = core::str::from_utf8(target).ok()?;
    let (scheme, rest) = text.split_once("://").unwrap_or((if tunnel { "https" } else { "http" }, text));
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit('@').next()?;
    let default = match scheme {
        "https" => 443,
        "ftp" => 21,
        _ => 80,
    };
    if let Some(inner) = authority.strip_prefix('[') {
        let (host, after) = inner.split_once(']')?;
        let port = after.strip_prefix(':').map_or(Some(default), |port| port.parse().ok())?;
        return Some((host.as_bytes(), port));
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (authority, default),
    };
    (!host.is_empty()).then_some((host.as_bytes(), port))
}

#[cfg(test)]
mod tests;
