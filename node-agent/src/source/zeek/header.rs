//! The header of a log, and a line split by it.

use super::Log;
use super::column::{Column, Row};
use crate::source::Reason;
use crate::source::flat_json::{self, Value};

/// What the header lines said so far.
#[derive(Debug)]
pub(super) struct Header {
    log: Option<Log>,
    separator: u8,
    unset: Vec<u8>,
    empty: Vec<u8>,
    /// Per column of the file: which one it is; cut after the last that is used.
    columns: Vec<Option<Column>>,
}

impl Header {
    /// No header yet; `log` where nothing in the file says which it is.
    pub(super) fn of(log: Option<Log>) -> Self {
        let (unset, empty) = (b"-".to_vec(), b"(empty)".to_vec());
        Self { log, separator: b'\t', unset, empty, columns: Vec::new() }
    }

    /// A line that starts with `#`, without it.
    pub(super) fn directive(&mut self, line: &[u8]) {
        let end =
            line.iter().position(|b| matches!(b, b' ' | b'\t') || *b == self.separator).unwrap_or(line.len());
        let (name, rest) = line.split_at_checked(end).unwrap_or((line, &[]));
        let argument = rest.get(1..).unwrap_or_default();
        match name {
            b"separator" => self.separator = separator(argument),
            b"unset_field" => self.unset = argument.to_vec(),
            b"empty_field" => self.empty = argument.to_vec(),
            b"path" => self.log = Log::by_name(argument).or(Some(Log::Other)),
            b"fields" => {
                self.columns = argument.split(|b| *b == self.separator).map(Column::by_name).collect();
                let used = self.columns.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
                self.columns.truncate(used);
            }
            _ => {}
        }
    }

    /// The header names a log of which nothing is used: the file need not be read on.
    pub(super) fn is_of_no_use(&self) -> bool {
        !self.columns.is_empty() && matches!(self.log, Some(Log::Other | Log::X509))
    }

    /// Splits a line into the columns that are used, and says which log it is of.
    pub(super) fn fill<'a>(&self, line: &'a [u8], row: &mut Row<'a>) -> Result<Log, Reason> {
        if line.first() == Some(&b'{') {
            self.fill_from_json(line, row)
        } else {
            self.fill_from_text(line, row)
        }
    }

    fn fill_from_text<'a>(&self, line: &'a [u8], row: &mut Row<'a>) -> Result<Log, Reason> {
        if self.columns.is_empty() {
            // Logs without any column that we know, such as statistics, are not damaged.
            return if self.log == Some(Log::Other) { Ok(Log::Other) } else { Err(Reason::NoHeader) };
        }
        let mut start = 0;
        let mut ends = memchr::memchr_iter(self.separator, line);
        for (index, column) in self.columns.iter().enumerate() {
            let end = match ends.next() {
                Some(end) => end,
                None if index + 1 == self.columns.len() => line.len(),
                None => return Err(Reason::ColumnsMissing),
            };
            if let Some(column) = column
                && let Some(field) = line.get(start..end)
                && field != self.unset
                && field != self.empty
            {
                row.set(*column, field);
            }
            start = end + 1;
        }
        Ok(self.log.unwrap_or(Log::Other))
    }

    fn fill_from_json<'a>(&self, line: &'a [u8], row: &mut Row<'a>) -> Result<Log, Reason> {
        row.json = true;
        let mut inner = None;
        flat_json::scan(line, |key, value| match value {
            Value::Nested(object) if key == b"id" => inner = Some(object),
            Value::Bare(b"null") => {}
            Value::Text(field) | Value::Bare(field) | Value::Nested(field) => {
                if let Some(column) = Column::by_name(key) {
                    row.set(column, field);
                }
            }
        })
        .ok_or(Reason::NotJson)?;
        if let Some(object) = inner {
            flat_json::scan(object, |key, value| {
                if let Some(column) = Column::by_name(key) {
                    row.set(column, value.raw());
                }
            })
            .ok_or(Reason::NotJson)?;
        }
        Ok(match row.get(Column::Path) {
            Some(path) => Log::by_name(path).unwrap_or(Log::Other),
            None => self.log.or_else(|| by_columns(row)).unwrap_or(Log::Other),
        })
    }
}

/// `\x09`, or the character itself.
fn separator(argument: &[u8]) -> u8 {
    let hex = argument.strip_prefix(b"\\x").and_then(|digits| core::str::from_utf8(digits).ok());
    hex.and_then(|digits| u8::from_str_radix(digits, 16).ok())
        .or_else(|| argument.first().copied())
        .unwrap_or(b'\t')
}

/// Which log a JSON row is of, where nothing names it: by a column that only this log has.
fn by_columns(row: &Row<'_>) -> Option<Log> {
    let has = |column| row.get(column).is_some();
    if has(Column::ConnState) {
        Some(Log::Conn)
    } else if has(Column::Query) || has(Column::QTypeName) {
        Some(Log::Dns)
    } else if has(Column::TransDepth) {
        Some(Log::Http)
    } else if has(Column::ServerName) {
        Some(Log::Ssl)
    } else {
        None
    }
}
