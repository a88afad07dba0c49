//! A read buffer of which records are borrowed.

use std::io::{self, Read};

/// Bytes read at once: small enough for the second-level cache.
const READ_BYTES: usize = 256 << 10;

/// Reads ahead in one fixed buffer, which grows only for a record larger than it.
pub(super) struct ReadBuffer {
    reader: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    begin: usize,
    end: usize,
}

impl ReadBuffer {
    pub(super) fn over(reader: Box<dyn Read + Send>) -> Self {
        Self { reader, bytes: vec![0; READ_BYTES], begin: 0, end: 0 }
    }

    /// The next `len` bytes without taking them; fewer at the end of the input.
    pub(super) fn peek(&mut self, len: usize) -> io::Result<&[u8]> {
        let held = self.held(len)?;
        Ok(held.get(..len).unwrap_or(held))
    }

    /// Everything that was read ahead: at least `len` bytes, unless the input ends before.
    #[inline]
    pub(super) fn held(&mut self, len: usize) -> io::Result<&[u8]> {
        if self.end - self.begin < len {
            self.fill(len)?;
        }
        Ok(self.bytes.get(self.begin..self.end).unwrap_or_default())
    }

    /// Bytes that were peeked are done with.
    pub(super) fn consume(&mut self, len: usize) {
        self.begin = self.end.min(self.begin + len);
    }

    /// Takes a record of `record_len` bytes that was peeked; `len` of them from `at` on.
    #[inline]
    pub(super) fn take(&mut self, record_len: usize, at: usize, len: usize) -> &[u8] {
        let begin = self.begin + at;
        self.consume(record_len);
        self.bytes.get(begin..begin + len).unwrap_or_default()
    }

    #[cold]
    fn fill(&mut self, len: usize) -> io::Result<()> {
        self.bytes.copy_within(self.begin..self.end, 0);
        self.end -= self.begin;
        self.begin = 0;
        if self.bytes.len() < len {
            // With room to spare: whoever looks for the next record behind damage asks for each byte again.
            self.bytes.resize(len + READ_BYTES, 0);
        }
        while self.end < len {
            let Some(room) = self.bytes.get_mut(self.end..) else { break };
            match self.reader.read(room) {
                Ok(0) => break,
                Ok(read) => self.end += read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // A compressed file that was cut gives what it holds.
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}
