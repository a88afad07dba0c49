//! AWS VPC flow logs, versions 2 to 5, with the header line that S3 files have, or without one in the default
//! format of version 2. A header line may also be written as the format is given to AWS (`${srcaddr} ${dstaddr} ...`),
//! which is what to put before logs of another format that come without (those of CloudWatch), and each line may begin
//! with the time of delivery, as exports from CloudWatch have it.
//!
//! A record sums up one direction of a flow over one to ten minutes, with times in whole seconds. What that leaves:
//! when connections began (to a second or so), to whom, how much was sent. What cannot be judged: rhythms under
//! a few seconds, what comes back (the other direction is a record of its own), names, and anything inside a
//! connection. A connection that lasts over several records is counted once.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::path::Path;

use beaconwatch_engine::collections::Map;
use beaconwatch_engine::observe::contact::{ContactKind, Transport};
use beaconwatch_engine::time::Timestamp;

use super::actors::{Actors, Address};
use super::lines::Lines;
use super::record::{Record, bare_contact, nameless};
use super::{Reader, Reason, RejectedRows, value};

/// A flow that goes on within this time after its last record is the same connection: twice the longest
/// aggregation interval.
const SAME_CONNECTION_SECS: u64 = 1200;
/// Connections remembered for that.
const CONNECTIONS_MAX: usize = 1 << 18;
/// `tcp-flags`: a SYN without an ACK.
const SYN: u64 = 2;
/// `tcp-flags`: the answer to a SYN.
const SYN_ACK: u64 = 18;

/// Fields that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Source,
    Destination,
    SourcePort,
    DestinationPort,
    Protocol,
    Start,
    End,
    Action,
    Status,
    Flags,
    PacketSource,
    PacketDestination,
}

const FIELDS: usize = 12;

impl Field {
    fn by_name(name: &[u8]) -> Option<Self> {
        let name = name.strip_prefix(b"${").and_then(|name| name.strip_suffix(b"}")).unwrap_or(name);
        Some(match name {
            b"srcaddr" => Self::Source,
            b"dstaddr" => Self::Destination,
            b"srcport" => Self::SourcePort,
            b"dstport" => Self::DestinationPort,
            b"protocol" => Self::Protocol,
            b"start" => Self::Start,
            b"end" => Self::End,
            b"action" => Self::Action,
            b"log-status" => Self::Status,
            b"tcp-flags" => Self::Flags,
            b"pkt-srcaddr" => Self::PacketSource,
            b"pkt-dstaddr" => Self::PacketDestination,
            _ => return None,
        })
    }
}

const DEFAULT_HEADER: &[u8] =
    b"version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status";

/// What tells one connection from another.
type Connection = (IpAddr, u16, IpAddr, u16);

/// Reads one file.
#[derive(Debug)]
pub struct VpcFlowReader {
    lines: Lines,
    columns: Vec<Option<Field>>,
    /// Nothing but the default format of version 2 can be told without a header.
    header_seen: bool,
    actors: Actors<Address>,
    ends: Map<Connection, u64>,
    order: VecDeque<Connection>,
    rows: u64,
}

impl VpcFlowReader {
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
        Self {
            lines,
            columns: columns(DEFAULT_HEADER),
            header_seen: false,
            actors: Actors::default(),
            ends: Map::default(),
            order: VecDeque::new(),
            rows: 0,
        }
    }

    /// Whether a record goes on with a connection that was seen before, or answers it; remembers its end.
    fn goes_on(ends: &mut Map<Connection, u64>, order: &mut VecDeque<Connection>, flow: &Flow) -> bool {
        let near = |end: &u64| flow.start_secs.saturating_sub(*end) <= SAME_CONNECTION_SECS;
        let (source, source_port, destination, port) = flow.connection;
        let opens = flow.flags.is_some_and(|flags| flags & SYN_ACK == SYN);
        if !opens && ends.get(&(destination, port, source, source_port)).is_some_and(near) {
            return true;
        }
        let known = ends.get(&flow.connection).copied();
        ends.insert(flow.connection, flow.end_secs.max(known.unwrap_or_default()));
        if known.is_none() {
            order.push_back(flow.connection);
            if order.len() > CONNECTIONS_MAX
                && let Some(oldest) = order.pop_front()
            {
                ends.remove(&oldest);
            }
        }
        // Both ends of a flow inside the cloud have a record of it, and so do gateways between them: one that begins
        // before the known one's end tells of the same SYN.
        known.is_some_and(|end| if opens { flow.start_secs <= end } else { near(&end) })
    }
}

impl Reader for VpcFlowReader {
    fn next(&mut self, rejected: &mut RejectedRows) -> Option<(Timestamp, Record)> {
        loop {
            let place = self.lines.line() + 1;
            let line = self.lines.next(rejected)?;
            if line.is_empty() {
                continue;
            }
            if line.split(|b| *b == b' ').any(|word| matches!(word, b"srcaddr" | b"${srcaddr}")) {
                self.columns = columns(line);
                self.header_seen = true;
                continue;
            }
            self.rows += 1;
            let line = without_delivery_time(line);
            if !self.header_seen && line.split(|b| *b == b' ').next() != Some(b"2") {
                rejected.add(Reason::NoHeader, self.lines.name(), place);
                continue;
            }
            let flow = match parse(line, &self.columns) {
                Ok(Parsed::Flow(flow)) => flow,
                Ok(Parsed::Lost(time)) => return Some((time, Record::Lost(1))),
                Ok(Parsed::Nothing) => continue,
                Err(reason) => {
                    rejected.add(reason, self.lines.name(), place);
                    continue;
                }
            };
            if !flow.is_call() || Self::goes_on(&mut self.ends, &mut self.order, &flow) {
                continue;
            }
            let start = Timestamp::from_nanos(flow.start_secs.saturating_mul(1_000_000_000));
            let (source, _, destination, port) = flow.connection;
            let kind = ContactKind::Connect { established: flow.established };
            let actor = self.actors.of_address(source);
            let contact = bare_contact(start, actor, nameless(Some(destination), port, flow.transport), kind);
            return Some((start, Record::Contact(contact)));
        }
    }

    fn bytes_read(&self) -> u64 {
        self.lines.bytes_read()
    }

    fn rows_read(&self) -> u64 {
        self.rows
    }
}

/// The line without the time before it that exports from CloudWatch have.
fn without_delivery_time(line: &[u8]) -> &[u8] {
    let Some(end) = memchr::memchr(b' ', line) else { return line };
    let is_time =
        line.get(..end).is_some_and(|word| word.contains(&b'T') && value::timestamp(word).is_some());
    line.get(end + 1..).filter(|_| is_time).unwrap_or(line)
}

fn columns(header: &[u8]) -> Vec<Option<Field>> {
    header.split(|b| *b == b' ').filter(|word| !word.is_empty()).map(Field::by_name).collect()
}

enum Parsed {
    Flow(Flow),
    /// The service skipped records here.
    Lost(Timestamp),
    /// No traffic in the interval.
    Nothing,
}

struct Flow {
    connection: Connection,
    transport: Transport,
    start_secs: u64,
    end_secs: u64,
    established: Option<bool>,
    flags: Option<u64>,
}

impl Flow {
    /// Whether source is the side that called: a SYN says it; without flags the side with the service's port
    /// was called.
    fn is_call(&self) -> bool {
        let (_, source_port, _, destination_port) = self.connection;
        match self.flags {
            Some(flags) if flags & SYN_ACK == SYN_ACK => false,
            Some(flags) if flags & SYN != 0 => true,
            _ => destination_port <= source_port,
        }
    }
}

fn parse(line: &[u8], columns: &[Option<Field>]) -> Result<Parsed, Reason> {
    let mut row: [&[u8]; FIELDS] = [&[]; FIELDS];
    let mut count = 0;
    for (word, field) in line.split(|b| *b == b' ').filter(|word| !word.is_empty()).zip(columns) {
        count += 1;
        if let Some(slot) = field.and_then(|field| row.get_mut(field as usize)).filter(|_| word != b"-") {
            *slot = word;
        }
    }
    if count < columns.len() {
        return Err(Reason::ColumnsMissing);
    }
    let get = |field: Field| row.get(field as usize).copied().filter(|word| !word.is_empty());
    let start_secs = get(Field::Start).and_then(value::unsigned).ok_or(Reason::BadTime)?;
    match get(Field::Status) {
        Some(b"NODATA") => return Ok(Parsed::Nothing),
        Some(b"SKIPDATA") => {
            return Ok(Parsed::Lost(Timestamp::from_nanos(start_secs.saturating_mul(1_000_000_000))));
        }
        _ => {}
    }
    // Behind a NAT gateway or load balancer the packet's own addresses are those of the ends.
    let address = |packet, interface| get(packet).or_else(|| get(interface)).and_then(value::address);
    let source = address(Field::PacketSource, Field::Source).ok_or(Reason::BadAddress)?;
    let destination = address(Field::PacketDestination, Field::Destination).ok_or(Reason::BadAddress)?;
    let transport = match get(Field::Protocol) {
        Some(b"6") => Transport::Tcp,
        Some(b"17") => Transport::Udp,
        _ => Transport::Other,
    };
    let port = |field| get(field).and_then(value::port).ok_or(Reason::BadPort);
    let flags = get(Field::Flags).and_then(value::unsigned).filter(|_| transport == Transport::Tcp);
    let established = match get(Field::Action) {
        Some(b"REJECT") => Some(false),
        // Ingress and egress of an accepted flow say nothing about an answer.
        _ => None,
    };
    Ok(Parsed::Flow(Flow {
        connection: (source, port(Field::SourcePort)?, destination, port(Field::DestinationPort)?),
        transport,
        start_secs,
        end_secs: get(Field::End).and_then(value::unsigned).unwrap_or(start_secs),
        established,
        flags,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<(Timestamp, Record)>, RejectedRows) {
        let mut reader = VpcFlowReader::over(Lines::from_bytes("flow.log", text.as_bytes().to_vec()));
        let mut rejected = RejectedRows::default();
        (core::iter::from_fn(|| reader.next(&mut rejected)).collect(), rejected)
    }

    #[test]
    fn a_call_counts_and_its_answer_does_not() {
        let (records, rejected) = read(
            "2 1 eni-1 10.0.0.5 192.0.2.7 41000 443 6 10 840 1600000000 1600000050 ACCEPT OK\n\
2 1 eni-1 192.0.2.7 10.0.0.5 443 41000 6 10 840 1600000000 1600000050 ACCEPT OK\n\
2 1 eni-1 10.0.0.5 192.0.2.8 41001 443 6 1 40 1600000060 1600000070 REJECT OK\n\
2 1 eni-1 - - - - - - - 1600000060 1600000070 - NODATA\n\
2 1 eni-1 - - - - - - - 1600000060 1600000070 - SKIPDATA\n",
        );
        assert_eq!(rejected.total(), 0);
        let [(_, Record::Contact(first)), (_, Record::Contact(second)), (_, Record::Lost(1))] =
            records.as_slice()
        else {
            panic!("{records:?}")
        };
        assert_eq!(first.destination.port, 443);
        assert_eq!(second.kind, ContactKind::Connect { established: Some(false) });
    }

    #[test]
    fn a_long_connection_is_one_contact_however_many_records_it_has() {
        let row = |start: u64| {
            format!("2 1 eni-1 10.0.0.5 192.0.2.7 41000 443 6 9 8 {start} {} ACCEPT OK\n", start + 60)
        };
        let text: String = (0..20).map(|n| row(1_600_000_000 + n * 60)).collect();
        assert_eq!(read(&text).0.len(), 1);
        // The same ports again after a long pause are another connection.
        assert_eq!(read(&format!("{text}{}", row(1_600_010_000))).0.len(), 2);
    }

    #[test]
    fn later_answers_of_a_long_connection_are_no_calls() {
        let row = |from: &str, to: &str, flags: u64, start: u64| {
            format!("{from} {to} 6 {flags} {start} {} ACCEPT OK\n", start + 60)
        };
        let (client, server) = ("10.0.0.5 41000", "192.0.2.7 50000");
        let mut text =
            "srcaddr srcport dstaddr dstport protocol tcp-flags start end action log-status\n".to_owned();
        text += &row(client, server, 2, 1_600_000_000);
        text += &row(server, client, 18, 1_600_000_000);
        for minute in 1..5 {
            text += &row(client, server, 0, 1_600_000_000 + minute * 60);
            text += &row(server, client, 0, 1_600_000_000 + minute * 60);
        }
        assert_eq!(read(&text).0.len(), 1);
        // The interface of the other end saw the same.
        text += &row(client, server, 2, 1_600_000_001);
        assert_eq!(read(&text).0.len(), 1);
        text += &row(client, server, 2, 1_600_009_000);
        assert_eq!(read(&text).0.len(), 2);
    }

    #[test]
    fn what_no_header_describes_is_refused_as_such() {
        let row = "3 eni-1 10.0.0.5 192.0.2.7 41000 443 6 2 1600000000 1600000050 ACCEPT OK\n";
        let (records, rejected) = read(&row.repeat(3));
        assert_eq!((records.len(), rejected.of(Reason::NoHeader)), (0, 3));
        let format = "${version} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${tcp-flags} \
                      ${start} ${end} ${action} ${log-status}\n";
        let (records, rejected) = read(&format!("{format}{row}"));
        assert_eq!((records.len(), rejected.total()), (1, 0));
    }

    #[test]
    fn an_export_from_cloudwatch_has_the_time_of_delivery_before_each_line() {
        let (records, rejected) = read(
            "2020-09-13T12:27:02.000Z 2 1 eni-1 10.0.0.5 192.0.2.7 41000 443 6 10 840 1600000000 1600000050 ACCEPT OK\n",
        );
        assert_eq!((records.len(), rejected.total()), (1, 0));
    }

    #[test]
    fn a_header_gives_the_order_and_flags_say_who_called() {
        let (records, rejected) = read(
            "version srcaddr dstaddr srcport dstport protocol tcp-flags start end action log-status\n\
5 10.0.0.5 192.0.2.7 400 50000 6 2 1600000000 1600000050 ACCEPT OK\n\
5 192.0.2.7 10.0.0.5 50000 400 6 18 1600000000 1600000050 ACCEPT OK\n\
5 10.0.0.5\n5 10.0.0.5 192.0.2.7 x 50000 6 2 1600000000 1600000050 ACCEPT OK\n",
        );
        assert_eq!(records.len(), 1);
        assert_eq!(rejected.total(), 2);
    }
}
