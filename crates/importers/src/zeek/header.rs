//! The header of a log, and a line split by it.

use super::Log;
use super::column::{Column, Row};
use crate::Reason;
use crate::flat_json::{self, Value};

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
            fill_from_json(line, row, self.log)
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
        let mut ends = Separators::of(line, self.separator);
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
}

/// Splits a JSON row; `log` where nothing in it says which log it is of.
pub(super) fn fill_from_json<'a>(line: &'a [u8], row: &mut Row<'a>, log: Option<Log>) -> Result<Log, Reason> {
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
        None => log.or_else(|| by_columns(row)).unwrap_or(Log::Other),
    })
}

/// Where the separators of a line are. Fields are a few bytes long, so that a block is looked at as a whole and
/// without a branch: a search that is set up again for each field costs several times as much, and a branch for each
/// few bytes is foretold wrongly most of the time.
struct Separators<'a> {
    rest: &'a [u8],
    separator: u8,
    /// Place behind the last block.
    next: usize,
    /// The separators of the last block that are still to be told, one bit for each byte.
    found: u64,
}

/// Bytes that are looked at together.
const BLOCK_BYTES: usize = 64;

impl<'a> Separators<'a> {
    fn of(line: &'a [u8], separator: u8) -> Self {
        Self { rest: line, separator, next: 0, found: 0 }
    }

    /// Looks at the next block; false at the end of the line.
    fn look(&mut self) -> bool {
        if let Some((block, rest)) = self.rest.split_first_chunk::<BLOCK_BYTES>() {
            (self.found, self.rest) = (places(block, self.separator), rest);
        } else if self.rest.is_empty() {
            return false;
        } else {
            // The last block is filled up with anything but separators.
            let mut block = [!self.separator; BLOCK_BYTES];
            block.iter_mut().zip(self.rest).for_each(|(byte, given)| *byte = *given);
            (self.found, self.rest) = (places(&block, self.separator), &[]);
        }
        self.next += BLOCK_BYTES;
        true
    }
}

impl Iterator for Separators<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            if !self.look() {
                return None;
            }
        }
        let place = self.next - BLOCK_BYTES + self.found.trailing_zeros() as usize;
        self.found &= self.found - 1;
        Some(place)
    }
}

/// One bit for each byte of a block that is a separator.
#[inline]
fn places(block: &[u8; BLOCK_BYTES], separator: u8) -> u64 {
    const LOW: u64 = u64::from_le_bytes([0x7f; 8]);
    // Brings the highest bits of eight bytes together in the uppermost byte.
    const GATHER: u64 = 0x0002_0408_1020_4081;
    let (words, _) = block.as_chunks::<8>();
    words.iter().rev().fold(0, |places, word| {
        let differs = u64::from_le_bytes(*word) ^ u64::from_le_bytes([separator; 8]);
        let found = !((differs & LOW).wrapping_add(LOW) | differs | LOW);
        places << 8 | (found.wrapping_mul(GATHER) >> 56)
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_found_at_every_place() {
        let long: Vec<u8> =
            (0..300_u32).map(|at| if at * at % 7 < 2 { b'\t' } else { at.to_le_bytes()[0] }).collect();
        for line in [
            &b"a\tbcd\t\t\tefghijklmnop\tq\x08\x0a\xff\t\x89\t"[..],
            b"",
            b"\t",
            b"12345678",
            b"1234567\t\t",
            &[b'\t'; 64],
            &[b'a'; 64],
            &long,
        ] {
            let expect: Vec<usize> = memchr::memchr_iter(b'\t', line).collect();
            assert_eq!(Separators::of(line, b'\t').collect::<Vec<_>>(), expect, "{line:?}");
        }
    }
}
