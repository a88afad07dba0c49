//! JA4, the TLS client fingerprint, and the texts of JA3 and JA3S.
//!
//! JA4 as published by FoxIO under the BSD 3-clause licence: the TLS client part only; the other methods of
//! that family are under another licence and are not taken. JA3 is left as text: its MD5 is of use only for
//! comparing with other tools, and is computed where they are compared.

use core::fmt::Write;

use sha2::{Digest, Sha256};

use super::client_hello::ClientHello;
use crate::observe::protocol::fingerprint::Ja4;
use crate::observe::protocol::observation::TlsCarrier;
use crate::observe::protocol::reader::u16_values;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Values reserved by RFC 8701, which clients insert at random.
pub(crate) fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

/// The JA4 of a whole ClientHello.
pub(crate) fn fingerprint(hello: &ClientHello<'_>, carrier: TlsCarrier) -> Ja4 {
    let (mut cipher_room, mut extension_room) = (Room::empty(), Room::empty());
    let ciphers = cipher_room.sort_ungreased(u16_values(hello.ciphers));
    let extensions = extension_room.sort_ungreased(hello.extension_kinds());
    let (first, last) = alpn_ends(hello.alpn_names().next());
    let mut out = Ja4Text { text: [b'_'; 36], len: 0 };
    out.put(match carrier {
        TlsCarrier::Tcp => b't',
        TlsCarrier::Quic => b'q',
        TlsCarrier::Dtls => b'd',
    });
    for byte in version_digits(highest_version(hello, carrier)) {
        out.put(*byte);
    }
    out.put(if hello.server_name_offered { b'd' } else { b'i' });
    out.put_count(ciphers.len());
    out.put_count(extensions.len());
    out.put(first);
    out.put(last);
    out.put(b'_');
    out.put_hash(cipher_hash(ciphers));
    out.put(b'_');
    out.put_hash(extension_hash(extensions, hello.signature_algorithms));
    Ja4(out.text)
}

/// Values of a list that a usual client's hello has: more are rare, and cost an allocation.
const VALUES_USUAL: usize = 64;

/// Where a list is sorted.
struct Room {
    usual: [u16; VALUES_USUAL],
    more: Vec<u16>,
}

impl Room {
    fn empty() -> Self {
        Self { usual: [0; VALUES_USUAL], more: Vec::new() }
    }

    fn sort_ungreased(&mut self, values: impl Iterator<Item = u16>) -> &[u16] {
        let mut len = 0;
        for value in values.filter(|value| !is_grease(*value)) {
            if let Some(slot) = self.usual.get_mut(len) {
                *slot = value;
            } else {
                self.more.push(value);
            }
            len += 1;
        }
        let sorted = if self.more.is_empty() {
            self.usual.get_mut(..len).unwrap_or_default()
        } else {
            self.more.extend_from_slice(&self.usual);
            &mut self.more
        };
        sorted.sort_unstable();
        sorted
    }
}

fn highest_version(hello: &ClientHello<'_>, carrier: TlsCarrier) -> u16 {
    let offered = u16_values(hello.versions).filter(|v| !is_grease(*v));
    match carrier {
        // DTLS counts down: 0xfefd is newer than 0xfeff.
        TlsCarrier::Dtls => offered.min(),
        TlsCarrier::Tcp | TlsCarrier::Quic => offered.max(),
    }
    .unwrap_or(hello.legacy_version)
}

fn version_digits(version: u16) -> &'static [u8; 2] {
    match version {
        0x0304 => b"13",
        0x0303 => b"12",
        0x0302 => b"11",
        0x0301 => b"10",
        0x0300 => b"s3",
        0x0002 => b"s2",
        0xfeff => b"d1",
        0xfefd => b"d2",
        0xfefc => b"d3",
        _ => b"00",
    }
}

/// First and last character of the first ALPN name; of its hexadecimal form when they are not alphanumeric.
fn alpn_ends(name: Option<&[u8]>) -> (u8, u8) {
    let (Some(&first), Some(&last)) = (name.and_then(<[u8]>::first), name.and_then(<[u8]>::last)) else {
        return (b'0', b'0');
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return (first, last);
    }
    (hex_digit(first >> 4), hex_digit(last & 0xf))
}

fn hex_digit(nibble: u8) -> u8 {
    HEX.get(usize::from(nibble & 0xf)).copied().unwrap_or(b'0')
}

/// The four digits of a value, computed in one word.
fn hex_word(value: u16) -> [u8; 4] {
    let value = u32::from(value);
    let bytes = (value & 0xff00) << 8 | value & 0xff;
    let nibbles = (bytes & 0x00f0_00f0) << 4 | bytes & 0x000f_000f;
    let letters = (nibbles + 0x0606_0606) >> 4 & 0x0101_0101;
    (nibbles + 0x3030_3030 + letters * 0x27).to_be_bytes()
}

fn cipher_hash(ciphers: &[u16]) -> Option<[u8; 6]> {
    let mut hash = ListHash::start();
    hash.put_list(ciphers.iter().copied());
    (!ciphers.is_empty()).then(|| hash.finish())
}

fn extension_hash(extensions: &[u16], signature_algorithms: &[u8]) -> Option<[u8; 6]> {
    let mut hash = ListHash::start();
    hash.put_list(extensions.iter().copied().filter(|kind| !matches!(kind, 0x0000 | 0x0010)));
    let mut algorithms = u16_values(signature_algorithms).filter(|v| !is_grease(*v)).peekable();
    if algorithms.peek().is_some() {
        hash.put_underscore();
        hash.put_list(algorithms);
    }
    (hash.len > 0 || hash.flushed).then(|| hash.finish())
}

/// SHA-256 over a text that is written in small pieces: collected so that the hash sees whole blocks.
struct ListHash {
    sha: Sha256,
    buffer: [u8; 256],
    len: usize,
    flushed: bool,
}

impl ListHash {
    fn start() -> Self {
        Self { sha: Sha256::new(), buffer: [0; 256], len: 0, flushed: false }
    }

    fn put_list(&mut self, values: impl Iterator<Item = u16>) {
        let mut separated = false;
        for value in values {
            if self.len + 5 > self.buffer.len() {
                self.flush();
            }
            let text = self.buffer.get_mut(self.len..).and_then(<[u8]>::first_chunk_mut::<5>);
            if let Some([a, b, c, d, e]) = text {
                let [w, x, y, z] = hex_word(value);
                if separated {
                    [*a, *b, *c, *d, *e] = [b',', w, x, y, z];
                } else {
                    [*a, *b, *c, *d] = [w, x, y, z];
                }
                self.len += 4 + usize::from(separated);
            }
            separated = true;
        }
    }

    fn put_underscore(&mut self) {
        if self.len == self.buffer.len() {
            self.flush();
        }
        if let Some(slot) = self.buffer.get_mut(self.len) {
            *slot = b'_';
            self.len += 1;
        }
    }

    fn flush(&mut self) {
        self.sha.update(self.buffer.get(..self.len).unwrap_or_default());
        self.len = 0;
        self.flushed = true;
    }

    fn finish(mut self) -> [u8; 6] {
        self.sha.update(self.buffer.get(..self.len).unwrap_or_default());
        let digest: [u8; 32] = self.sha.finalize().into();
        digest.first_chunk().copied().unwrap_or_default()
    }
}

struct Ja4Text {
    text: [u8; 36],
    len: usize,
}

impl Ja4Text {
    fn put(&mut self, byte: u8) {
        if let Some(slot) = self.text.get_mut(self.len) {
            *slot = byte;
            self.len += 1;
        }
    }

    fn put_count(&mut self, count: usize) {
        let count = u8::try_from(count.min(99)).unwrap_or(99);
        self.put(b'0' + count / 10);
        self.put(b'0' + count % 10);
    }

    fn put_hash(&mut self, hash: Option<[u8; 6]>) {
        for byte in hash.unwrap_or_default() {
            self.put(hex_digit(byte >> 4));
            self.put(hex_digit(byte));
        }
    }
}

/// The JA3 text of a whole ClientHello.
pub(crate) fn ja3_text(hello: &ClientHello<'_>) -> Box<str> {
    let mut text = String::with_capacity(256);
    // Writing to a String cannot fail.
    let _ = write!(text, "{}", hello.legacy_version);
    push_decimal(&mut text, u16_values(hello.ciphers).filter(|v| !is_grease(*v)));
    push_decimal(&mut text, hello.extension_kinds().filter(|v| !is_grease(*v)));
    push_decimal(&mut text, u16_values(hello.groups).filter(|v| !is_grease(*v)));
    push_decimal(&mut text, hello.point_formats.iter().map(|v| u16::from(*v)));
    text.into_boxed_str()
}

/// The JA3S text of a ServerHello.
pub(crate) fn ja3s_text(version: u16, cipher: u16, extensions: impl Iterator<Item = u16>) -> Box<str> {
    let mut text = String::with_capacity(64);
    // Writing to a String cannot fail.
    let _ = write!(text, "{version},{cipher}");
    push_decimal(&mut text, extensions);
    text.into_boxed_str()
}

/// A comma, then the values joined by hyphens.
fn push_decimal(text: &mut String, values: impl Iterator<Item = u16>) {
    text.push(',');
    for (index, value) in values.enumerate() {
        if index > 0 {
            text.push('-');
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "{value}");
    }
}
