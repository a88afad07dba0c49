//! Zeek logs: conn, open_conn, dns, http, ssl, quic, irc, ssh, x509; tab-separated or JSON, compressed or not.
//!
//! Columns are taken by name from the `#fields` header, so that added ones (`_node_name`, labels) and their
//! order do not matter. JSON keys may have dots, underscores (`id_orig_h`) or an inner object, and a JSON row may be in
//! the envelope of a log shipper.

use std::net::IpAddr;
use std::path::Path;

use beaconwatch_engine::collections::hash_of;
use beaconwatch_engine::time::Timestamp;

use super::actors::{Actors, Address};
use super::lines::Lines;
use super::record::{Record, Uid};
use super::{Reader, Reason, RejectedRows, envelope};

mod application;
mod column;
mod conn;
mod dns;
mod header;

use column::{Column, Row};
use header::Header;

/// Which log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Log {
    /// `conn`: one row per connection, written at its end.
    Conn,
    /// `open_conn`: connections that are still open, written every hour.
    OpenConn,
    /// `dns`.
    Dns,
    /// `http`: one row per request.
    Http,
    /// `ssl`.
    Ssl,
    /// `quic`.
    Quic,
    /// `irc`.
    Irc,
    /// `ssh`.
    Ssh,
    /// `x509`: certificates. They are read and say nothing about who calls whom.
    X509,
    /// Any other: its rows are counted and not used.
    Other,
}

impl Log {
    /// By the name that stands in `#path`, `_path`, `@stream`, or (up to the first dot) in the file's name.
    #[must_use]
    pub fn by_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"conn" => Self::Conn,
            b"open_conn" => Self::OpenConn,
            b"dns" => Self::Dns,
            b"http" => Self::Http,
            b"ssl" | b"tls" => Self::Ssl,
            b"quic" => Self::Quic,
            b"irc" => Self::Irc,
            b"ssh" => Self::Ssh,
            b"x509" => Self::X509,
            _ => return None,
        })
    }

    /// By the file's name, where nothing inside says it: `conn.log.gz`, `HOST_conn.log`, `labeled-conn.log`.
    fn by_file(path: &Path) -> Option<Self> {
        Self::by_file_name(&path.file_name()?.to_string_lossy())
    }

    /// By the path of a file as a shipper has it, of whatever system.
    fn by_shipped_path(path: &[u8]) -> Option<Self> {
        let name = path.rsplit(|byte| matches!(byte, b'/' | b'\\')).next()?;
        Self::by_file_name(&String::from_utf8_lossy(name))
    }

    fn by_file_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let stem = name.split('.').next()?;
        if stem.ends_with("open_conn") {
            return Some(Self::OpenConn);
        }
        let word = stem.rsplit(['_', '-']).next()?;
        Self::by_name(word.as_bytes())
    }
}

/// Reads one log file.
#[derive(Debug)]
pub struct ZeekReader {
    lines: Lines,
    header: Header,
    actors: Actors<Address>,
    rows: u64,
    other_rows: u64,
}

impl ZeekReader {
    /// Opens a log; which one it is, is told by its header, its rows, or its name.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        Ok(Self::over(Lines::open(path)?, Log::by_file(path)))
    }

    /// Reads from lines; `log` where nothing inside tells.
    #[must_use]
    pub fn over(lines: Lines, log: Option<Log>) -> Self {
        Self { lines, header: Header::of(log), actors: Actors::default(), rows: 0, other_rows: 0 }
    }

    /// Rows of logs that are not used.
    #[must_use]
    pub fn other_rows(&self) -> u64 {
        self.other_rows
    }
}

impl Reader for ZeekReader {
    fn next(&mut self, rejected: &mut RejectedRows) -> Option<(Timestamp, Record)> {
        loop {
            let place = self.lines.line() + 1;
            let line = self.lines.next(rejected)?;
            if let [b'#', directive @ ..] = line {
                self.header.directive(directive);
                continue;
            }
            if line.is_empty() {
                continue;
            }
            if self.header.is_of_no_use() {
                return None;
            }
            self.rows += 1;
            let mut row = Row::default();
            let made = match self.header.fill(line, &mut row) {
                Ok(_) if !row.is_zeeks() => unwrapped(line, &mut self.actors, envelope::ENVELOPES_MAX),
                Ok(log) => record(log, &row, &mut self.actors),
                Err(reason) => Err(reason),
            };
            match made {
                Ok(Some(record)) => return Some(record),
                Ok(None) => self.other_rows += 1,
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

/// What a row says; `None`: nothing that is used.
#[inline]
fn record(
    log: Log,
    row: &Row<'_>,
    actors: &mut Actors<Address>,
) -> Result<Option<(Timestamp, Record)>, Reason> {
    match log {
        Log::Conn => conn::record(row, actors, false).map(Some),
        Log::OpenConn => conn::record(row, actors, true).map(Some),
        Log::Dns => dns::record(row, actors).map(Some),
        Log::Http => application::http(row, actors).map(Some),
        Log::Ssl => application::ssl(row).map(Some),
        Log::Quic => application::quic(row).map(Some),
        Log::Irc => application::irc(row).map(Some),
        Log::Ssh => application::ssh(row).map(Some),
        Log::X509 | Log::Other => Ok(None),
    }
}

/// What the row in the envelope of a log shipper says.
#[cold]
fn unwrapped(
    line: &[u8],
    actors: &mut Actors<Address>,
    envelopes: usize,
) -> Result<Option<(Timestamp, Record)>, Reason> {
    let opened = envelope::open(line).filter(|_| envelopes > 0).ok_or(Reason::UnknownWrapping)?;
    let log = opened.path.as_deref().and_then(Log::by_shipped_path);
    let inner = opened.row.trim_ascii();
    let mut row = Row::default();
    let log = header::fill_from_json(inner, &mut row, log)?;
    if row.is_zeeks() { record(log, &row, actors) } else { unwrapped(inner, actors, envelopes - 1) }
}

/// Time and uid, which every log has.
fn time_and_uid(row: &Row<'_>) -> Result<(Timestamp, Uid), Reason> {
    let time = row.get(Column::Ts).and_then(super::value::timestamp).ok_or(Reason::BadTime)?;
    Ok((time, row.get(Column::Uid).map_or(0, |uid| hash_of(&uid))))
}

/// An address that must be there.
fn address(row: &Row<'_>, column: Column) -> Result<IpAddr, Reason> {
    row.get(column).and_then(super::value::address).ok_or(Reason::BadAddress)
}

#[cfg(test)]
mod tests;
