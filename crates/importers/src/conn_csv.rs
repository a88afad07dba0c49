//! Connections as CSV: the import for whatever can be written as a table.
//!
//! The first line names the columns. Needed: `ts`, `src`, `dst`, `dport`; used when there: `duration`, `proto`,
//! `service`, `orig_bytes`, `resp_bytes`, `name` (of the destination), `established`. An empty field is unknown.

use std::path::Path;

use beaconwatch_engine::observe::contact::{Bytes, Transport};
use beaconwatch_engine::time::Timestamp;

use super::actors::{Actors, Address};
use super::lines::Lines;
use super::record::{Connection, Record};
use super::{Reader, Reason, RejectedRows, value};

/// Which column a field belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Ts,
    Src,
    Dst,
    DstPort,
    Duration,
    Proto,
    Service,
    Sent,
    Received,
    Name,
    Established,
}

const COLUMNS: usize = 11;

impl Column {
    fn by_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"ts" | b"time" => Self::Ts,
            b"src" => Self::Src,
            b"dst" => Self::Dst,
            b"dport" => Self::DstPort,
            b"duration" => Self::Duration,
            b"proto" => Self::Proto,
            b"service" => Self::Service,
            b"orig_bytes" => Self::Sent,
            b"resp_bytes" => Self::Received,
            b"name" => Self::Name,
            b"established" => Self::Established,
            _ => return None,
        })
    }
}

/// Reads one file.
#[derive(Debug)]
pub struct ConnCsvReader {
    lines: Lines,
    columns: Option<Vec<Option<Column>>>,
    actors: Actors<Address>,
    rows: u64,
}

impl ConnCsvReader {
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
        Self { lines, columns: None, actors: Actors::default(), rows: 0 }
    }
}

impl Reader for ConnCsvReader {
    fn next(&mut self, rejected: &mut RejectedRows) -> Option<(Timestamp, Record)> {
        loop {
            let line = self.lines.line() + 1;
            let text = self.lines.next(rejected)?;
            if text.is_empty() {
                continue;
            }
            let Some(columns) = &self.columns else {
                let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
                self.columns = Some(fields(text).map(Column::by_name).collect());
                continue;
            };
            self.rows += 1;
            match record(text, columns, &mut self.actors) {
                Ok(record) => return Some(record),
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

fn record(
    text: &[u8],
    columns: &[Option<Column>],
    actors: &mut Actors<Address>,
) -> Result<(Timestamp, Record), Reason> {
    let mut row: [&[u8]; COLUMNS] = [&[]; COLUMNS];
    let mut count = 0;
    for (field, column) in fields(text).zip(columns) {
        count += 1;
        if let Some(slot) = column.and_then(|column| row.get_mut(column as usize)) {
            *slot = field;
        }
    }
    if count < columns.len() {
        return Err(Reason::ColumnsMissing);
    }
    let get = |column: Column| row.get(column as usize).copied().filter(|field| !field.is_empty());
    let start = get(Column::Ts).and_then(value::timestamp).ok_or(Reason::BadTime)?;
    let actor = actors.of_address(get(Column::Src).and_then(value::address).ok_or(Reason::BadAddress)?);
    let address = get(Column::Dst).and_then(value::address);
    let name = get(Column::Name).and_then(value::host_name);
    if address.is_none() && name.is_none() {
        return Err(Reason::BadAddress);
    }
    let transport = get(Column::Proto).map_or(Transport::Tcp, value::transport);
    let port = match transport {
        Transport::Other => 0,
        Transport::Tcp | Transport::Udp => {
            get(Column::DstPort).and_then(value::port).ok_or(Reason::BadPort)?
        }
    };
    let number = |column| get(column).and_then(value::unsigned);
    let bytes = number(Column::Sent).zip(number(Column::Received));
    let connection = Connection {
        start,
        actor,
        address,
        name,
        port,
        transport,
        protocol: get(Column::Service).map(value::app_protocol).unwrap_or_default(),
        established: get(Column::Established).and_then(boolean),
        bytes: bytes.map(|(sent, received)| Bytes { sent, received }),
        duration: get(Column::Duration).and_then(value::duration),
    };
    Ok((start, Record::Connection { uid: 0, connection, open: false }))
}

fn boolean(text: &[u8]) -> Option<bool> {
    match text {
        b"true" | b"T" | b"1" => Some(true),
        b"false" | b"F" | b"0" => Some(false),
        _ => None,
    }
}

/// Fields between commas; one in quotes may contain commas (a quote inside a quoted field ends it).
pub(crate) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    core::iter::from_fn(move || {
        let text = rest?;
        if let Some(quoted) = text.strip_prefix(b"\"") {
            let end = memchr::memchr(b'"', quoted).unwrap_or(quoted.len());
            rest = quoted.get(end + 1..).and_then(|after| after.strip_prefix(b","));
            return quoted.get(..end);
        }
        let end = memchr::memchr(b',', text);
        rest = end.and_then(|end| text.get(end + 1..));
        text.get(..end.unwrap_or(text.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<(Timestamp, Record)>, RejectedRows) {
        let mut reader = ConnCsvReader::over(Lines::from_bytes("test.csv", text.as_bytes().to_vec()));
        let mut rejected = RejectedRows::default();
        let mut records = Vec::new();
        while let Some(record) = reader.next(&mut rejected) {
            records.push(record);
        }
        (records, rejected)
    }

    const HEAD: &str = "ts,duration,src,sport,dst,dport,proto,service,orig_bytes,resp_bytes\n";

    #[test]
    fn a_row_with_a_quoted_list_and_unknown_fields_is_read() {
        let (records, rejected) = read(&format!("{HEAD}1.5,,10.0.0.1,5,10.0.0.2,3128,tcp,\"http,ssl\",,\n"));
        assert_eq!(rejected.total(), 0);
        let [(_, Record::Connection { connection, .. })] = records.as_slice() else { panic!("{records:?}") };
        assert_eq!(connection.protocol, beaconwatch_engine::observe::protocol::AppProtocol::Tls);
        assert_eq!((connection.bytes, connection.duration), (None, None));
        assert_eq!(connection.port, 3128);
    }

    #[test]
    fn damaged_rows_cost_only_themselves() {
        let (records, rejected) = read(&format!(
            "{HEAD}x,,10.0.0.1,5,10.0.0.2,80,tcp,,,\n1,2\n1,,10.0.0.1,5,,80,tcp,,,\n1,,10.0.0.1,5,10.0.0.2,80000,tcp,,,\n2,,10.0.0.1,5,10.0.0.2,80,tcp,,,\n"
        ));
        assert_eq!((records.len(), rejected.total()), (1, 4));
    }
}
