//! Squid's native access log: one line per request, written at its end.
//!
//! `1672843056.956    769 10.0.0.5 TCP_TUNNEL/200 1144 CONNECT www.example.org:443 - HIER_DIRECT/192.0.2.7 -`
//!
//! Not in it, so not judged: bytes sent by the client, what happens inside a tunnel, who resolved the name.

use std::net::IpAddr;
use std::path::Path;

use beaconwatch_engine::contact::{ContactKind, Destination, NameSource, Transport};
use beaconwatch_engine::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;

use super::actors::{Actors, Address};
use super::lines::Lines;
use super::record::{Record, bare_contact};
use super::{Reader, Reason, Refusals, value};

/// Reads one file.
#[derive(Debug)]
pub struct SquidReader {
    lines: Lines,
    actors: Actors<Address>,
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
        Self { lines, actors: Actors::default(), rows: 0 }
    }
}

impl Reader for SquidReader {
    fn next(&mut self, refusals: &mut Refusals) -> Option<(Timestamp, Record)> {
        loop {
            let place = self.lines.line() + 1;
            let line = self.lines.next(refusals)?;
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            self.rows += 1;
            match record(line, &mut self.actors) {
                Ok(record) => return Some(record),
                Err(reason) => refusals.add(reason, self.lines.name(), place),
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

fn record(line: &[u8], actors: &mut Actors<Address>) -> Result<(Timestamp, Record), Reason> {
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
    contact.protocol = match (tunnel, port) {
        (false, _) => AppProtocol::Http,
        // What is inside a tunnel is not known; on this port it is TLS or something that wants to look like it.
        (true, 443) => AppProtocol::Tls,
        (true, _) => AppProtocol::Unknown,
    };
    contact.duration = Some(duration);
    Ok((start, Record::Contact(contact)))
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
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<(Timestamp, Record)>, Refusals) {
        let mut reader = SquidReader::over(Lines::from_bytes("access.log", text.as_bytes().to_vec()));
        let mut refusals = Refusals::default();
        (core::iter::from_fn(|| reader.next(&mut refusals)).collect(), refusals)
    }

    #[test]
    fn a_tunnel_goes_to_the_name_that_was_asked_and_began_before_its_line() {
        let (records, refusals) = read(
            "1672843056.956    769 10.0.0.5 TCP_TUNNEL/200 1144 CONNECT www.example.org:443 - HIER_DIRECT/192.0.2.7 -\n",
        );
        assert_eq!(refusals.total(), 0);
        let [(time, Record::Contact(contact))] = records.as_slice() else { panic!("{records:?}") };
        assert_eq!(time.as_nanos(), 1_672_843_056_187_000_000);
        assert_eq!(contact.destination.name.as_deref(), Some("www.example.org"));
        assert_eq!(contact.destination.address, "192.0.2.7".parse().ok());
        assert_eq!(contact.protocol, AppProtocol::Tls);
    }

    #[test]
    fn addresses_of_both_families_are_read_and_a_parent_is_not_the_destination() {
        let (records, refusals) = read(
            "1672843056.956 61 2001:db8::5 TCP_TUNNEL/200 39 CONNECT [2001:db8::7]:8443 - HIER_DIRECT/2001:db8::7 -\n\
1672843057.956 61 10.0.0.5 TCP_TUNNEL/200 39 CONNECT a.example:443 - FIRSTUP_PARENT/10.9.9.9 -\n\
1672843058.956 0 10.0.0.5 TCP_DENIED/403 39 CONNECT a.example:443 - HIER_NONE/- text/html\n",
        );
        assert_eq!(refusals.total(), 0);
        let [(_, Record::Contact(v6)), (_, Record::Contact(parent)), (_, Record::Contact(denied))] =
            records.as_slice()
        else {
            panic!("{records:?}")
        };
        assert_eq!(v6.actor.address, "2001:db8::5".parse().ok());
        assert_eq!(
            (v6.destination.address, v6.destination.port, v6.destination.name.as_deref()),
            ("2001:db8::7".parse().ok(), 8443, None)
        );
        assert_eq!(
            (parent.destination.address, parent.destination.name.as_deref()),
            (None, Some("a.example"))
        );
        assert_eq!(denied.kind, ContactKind::Connect { established: Some(false) });
    }

    #[test]
    fn requests_denied_and_damaged_lines_are_told_apart() {
        let (records, refusals) = read(
            "1.5 3 10.0.0.5 TCP_MISS/503 3 GET http://a.example:8080/x?y - HIER_NONE/- text/html\n\
x 3 10.0.0.5 TCP_MISS/200 3 GET http://a.example/ - HIER_NONE/- -\n1 3 10.0.0.5\n1 3 host TCP_MISS/200 3 GET http://a/ - - -\n\
2 0 10.0.0.5 NONE_NONE/400 3 - error:invalid-request - HIER_NONE/- -\n",
        );
        let [(_, Record::Contact(contact))] = records.as_slice() else { panic!("{records:?}") };
        assert_eq!(contact.kind, ContactKind::Connect { established: Some(false) });
        assert_eq!(contact.destination.port, 8080);
        let reasons: Vec<_> = refusals.iter().map(|(reason, count, _)| (reason, count)).collect();
        assert_eq!(reasons, [(Reason::ColumnsMissing, 1), (Reason::BadTime, 1), (Reason::BadAddress, 2)]);
    }
}
