//! Lines of a file, plain or gzipped, read in large blocks without copying a line that lies inside one.
//!
//! Bounded: a line longer than [`LINE_BYTES_MAX`] is counted and comes as an empty one, which every reader passes
//! over, so that the next line has its own number and not that of the long one.

use std::io::{Read, Result};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::rejected::{Reason, RejectedRows};
use super::stored::Stored;

/// Longest line that is read; a longer one is refused.
pub const LINE_BYTES_MAX: usize = 1 << 20;

const BLOCK_BYTES: usize = 256 << 10;

/// Reads a file line by line.
pub struct Lines {
    name: Arc<str>,
    inner: Box<dyn Read>,
    stored: Arc<AtomicU64>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    line: u64,
    at_end: bool,
}

impl core::fmt::Debug for Lines {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Lines").field("name", &self.name).field("line", &self.line).finish_non_exhaustive()
    }
}

impl Lines {
    /// Opens a file; gzip is recognised by its first bytes, whatever the name.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or its first bytes cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let Stored { reader, bytes } = Stored::open(path)?;
        Ok(Self::from_parts(path.to_string_lossy().into(), reader, bytes))
    }

    /// Reads from memory; for tests and fuzzing.
    #[must_use]
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Self {
        let inner = Box::new(std::io::Cursor::new(bytes));
        Self::from_parts(name.into(), inner, Arc::default())
    }

    fn from_parts(name: Arc<str>, inner: Box<dyn Read>, stored: Arc<AtomicU64>) -> Self {
        Self { name, inner, stored, buffer: vec![0; BLOCK_BYTES], start: 0, end: 0, line: 0, at_end: false }
    }

    /// Name of the file, as it was given.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Number of the last line, counted from 1.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Bytes of the file read so far, as stored.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.stored.load(Ordering::Relaxed)
    }

    /// The next line without its end; `None` at the end of the file.
    pub fn next(&mut self, rejected: &mut RejectedRows) -> Option<&[u8]> {
        let (from, to) = self.advance(rejected)?;
        let line = self.buffer.get(from..to)?;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// Finds the next line: its range in the buffer.
    fn advance(&mut self, rejected: &mut RejectedRows) -> Option<(usize, usize)> {
        let mut searched = 0;
        let mut skipping = false;
        loop {
            let held = self.buffer.get(self.start..self.end).unwrap_or_default();
            if let Some(at) = held.get(searched..).and_then(|rest| memchr::memchr(b'\n', rest)) {
                let from = self.start;
                let to = from + searched + at;
                self.start = to + 1;
                self.line += 1;
                if skipping {
                    rejected.add(Reason::LineTooLong, &self.name, self.line);
                    return Some((to, to));
                }
                return Some((from, to));
            }
            searched = held.len();
            if searched > LINE_BYTES_MAX {
                (skipping, self.start, searched) = (true, self.end, 0);
            }
            if self.at_end || !self.fill(rejected) {
                self.at_end = true;
                let (from, to) = (self.start, self.end);
                self.start = self.end;
                if skipping {
                    self.line += 1;
                    rejected.add(Reason::LineTooLong, &self.name, self.line);
                    return None;
                }
                if from == to {
                    return None;
                }
                self.line += 1;
                return Some((from, to));
            }
        }
    }

    /// Reads more behind what is held; false at the end.
    fn fill(&mut self, rejected: &mut RejectedRows) -> bool {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let Some(free) = self.buffer.get_mut(self.end..) else { return false };
        loop {
            match self.inner.read(free) {
                Ok(0) => return false,
                Ok(n) => {
                    self.end += n;
                    return true;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let cut = error.kind() == std::io::ErrorKind::UnexpectedEof;
                    let reason = if cut { Reason::Cut } else { Reason::Unreadable };
                    rejected.add(reason, &self.name, self.line + 1);
                    return false;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &[u8], expect: &[&str]) -> RejectedRows {
        let mut rejected = RejectedRows::default();
        let mut lines = Lines::from_bytes("test", input.to_vec());
        let mut seen = Vec::new();
        while let Some(line) = lines.next(&mut rejected) {
            seen.push(String::from_utf8_lossy(line).into_owned());
        }
        assert_eq!(seen, expect);
        rejected
    }

    #[test]
    fn lines_come_without_their_ends() {
        check(b"a\nbc\r\n\nlast", &["a", "bc", "", "last"]);
        check(b"", &[]);
        check(b"\n", &[""]);
    }

    #[test]
    fn a_line_longer_than_a_block_comes_whole() {
        let long = "x".repeat(BLOCK_BYTES + 100);
        check(format!("a\n{long}\nb\n").as_bytes(), &["a", &long, "b"]);
    }

    #[test]
    fn a_line_beyond_the_bound_is_refused_and_comes_empty() {
        let long = "x".repeat(LINE_BYTES_MAX * 3);
        let rejected = check(format!("a\n{long}\nb\n").as_bytes(), &["a", "", "b"]);
        let all: Vec<_> = rejected.iter().map(|(r, n, place)| (r, n, place.line)).collect();
        assert_eq!(all, [(Reason::LineTooLong, 1, 2)]);
        check(format!("a\n{long}").as_bytes(), &["a"]);
    }
}
