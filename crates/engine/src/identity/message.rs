//! The bytes that an identity is a hash of.
//!
//! ```text
//! message = "bwid" version:u8 domain:u8 field*
//! field   = 00                        nothing is known here
//!         | 01 length:u32 bytes       text
//!         | 02 u64                    number
//!         | 03 4 bytes                IPv4 address, also one that was mapped into IPv6
//!         | 04 16 bytes               IPv6 address
//!         | 05 16 bytes               an identity
//!         | 06 u8                     one of a closed set, by the code that is given to it here
//!         | 07 u16                    port
//! ```
//!
//! Numbers are big-endian. Each field says what it is and how long, so two lists of fields never make the same bytes.

use core::net::IpAddr;

use super::Id;

/// Changes with the meaning of any message: identities of two versions are never equal.
pub const VERSION: u8 = 1;
const MAGIC: [u8; 4] = *b"bwid";
/// Longer messages, such as those with long names, are put on the heap.
const INLINE: usize = 120;

/// A message while it is written.
pub(super) struct Message {
    inline: [u8; INLINE],
    length: usize,
    /// The whole message, once it is longer than what fits in place.
    spilled: Vec<u8>,
}

impl Message {
    /// An empty message of a domain.
    #[inline]
    pub(super) fn of(domain: u8) -> Self {
        let mut message = Self { inline: [0; INLINE], length: 0, spilled: Vec::new() };
        message.put(MAGIC);
        message.put([VERSION, domain]);
        message
    }

    #[inline]
    pub(super) fn nothing(&mut self) {
        self.put([0]);
    }

    #[inline]
    pub(super) fn text(&mut self, text: &str) {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.put([1]);
        self.put(length.to_be_bytes());
        self.put_slice(text.as_bytes());
    }

    #[inline]
    pub(super) fn number(&mut self, number: u64) {
        self.put([2]);
        self.put(number.to_be_bytes());
    }

    #[inline]
    pub(super) fn address(&mut self, address: Option<IpAddr>) {
        match address.map(|address| address.to_canonical()) {
            None => self.nothing(),
            Some(IpAddr::V4(v4)) => {
                self.put([3]);
                self.put(v4.octets());
            }
            Some(IpAddr::V6(v6)) => {
                self.put([4]);
                self.put(v6.octets());
            }
        }
    }

    #[inline]
    pub(super) fn identity(&mut self, id: Option<Id>) {
        match id {
            None => self.nothing(),
            Some(id) => {
                self.put([5]);
                self.put(id.to_bytes());
            }
        }
    }

    #[inline]
    pub(super) fn code(&mut self, code: u8) {
        self.put([6, code]);
    }

    #[inline]
    pub(super) fn port(&mut self, port: u16) {
        self.put([7]);
        self.put(port.to_be_bytes());
    }

    /// The message.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        if self.spilled.is_empty() {
            self.inline.get(..self.length).unwrap_or_default()
        } else {
            &self.spilled
        }
    }

    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.put_slice(&bytes);
    }

    #[inline]
    fn put_slice(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(room) = self.inline.get_mut(self.length..end) {
            room.copy_from_slice(bytes);
        } else {
            self.spill(bytes);
        }
        self.length = end;
    }

    #[cold]
    fn spill(&mut self, bytes: &[u8]) {
        if self.spilled.is_empty() {
            self.spilled.extend_from_slice(self.inline.get(..self.length).unwrap_or_default());
        }
        self.spilled.extend_from_slice(bytes);
    }
}
