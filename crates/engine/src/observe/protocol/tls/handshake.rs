//! Handshake messages out of record bodies, or out of the CRYPTO frames of QUIC.

use super::{certificate, client_hello::ClientHello, server_hello};
use crate::observe::protocol::feed::Detail;
use crate::observe::protocol::observation::Observation;
use crate::observe::protocol::observation::TlsCarrier;
use crate::observe::protocol::reader::Reader;

const HEADER_BYTES: usize = 4;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_HELLO_DONE: u8 = 14;
const CLIENT_KEY_EXCHANGE: u8 = 16;
/// Bytes of one unfinished message that are kept; a longer message is read as cut.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// Assembles the handshake messages of one sender.
#[derive(Debug)]
pub(crate) struct Handshake {
    carrier: TlsCarrier,
    /// The message under way, with its header; empty between messages.
    partial: Vec<u8>,
    /// Bytes of the current message that are passed over.
    skip: usize,
    /// From here on only a second ClientHello can be in the clear.
    cipher_changed: bool,
    /// The server asked for another ClientHello: its answer to that is still to come, in the clear.
    retry: bool,
    over: bool,
}

impl Handshake {
    pub(crate) fn start(carrier: TlsCarrier) -> Self {
        Self { carrier, partial: Vec::new(), skip: 0, cipher_changed: false, retry: false, over: false }
    }

    /// Takes bytes that follow those before.
    pub(crate) fn push(&mut self, bytes: &[u8], detail: Detail, seen: &mut Vec<Observation>) {
        let mut reader = Reader::over(bytes);
        while !self.over && !reader.is_empty() {
            let (skipped, _) = reader.take_up_to(self.skip);
            self.skip -= skipped.len();
            if self.skip == 0 && !reader.is_empty() {
                self.push_message(&mut reader, detail, seen);
            }
        }
    }

    fn push_message(&mut self, reader: &mut Reader<'_>, detail: Detail, seen: &mut Vec<Observation>) {
        if self.partial.is_empty() {
            let available = reader.rest();
            let Some((kind, len)) = header(available) else {
                self.keep(reader, HEADER_BYTES);
                return;
            };
            if !self.is_of_interest(kind, len) {
                self.skip = HEADER_BYTES + len;
                self.over |= self.cipher_changed || ends_the_clear(kind);
                return;
            }
            match available.get(HEADER_BYTES..HEADER_BYTES + len) {
                Some(body) => {
                    reader.take(HEADER_BYTES + len);
                    self.read(kind, body, false, detail, seen);
                }
                None => self.keep(reader, HEADER_BYTES + len),
            }
            return;
        }
        let Some((kind, len)) = header(&self.partial) else {
            self.keep(reader, HEADER_BYTES);
            return;
        };
        let whole = HEADER_BYTES + len;
        self.keep(reader, whole.min(MESSAGE_BYTES_MAX));
        if self.partial.len() >= whole.min(MESSAGE_BYTES_MAX) {
            let message = core::mem::take(&mut self.partial);
            self.skip = whole - message.len();
            if self.is_of_interest(kind, len) {
                let body = message.get(HEADER_BYTES..).unwrap_or_default();
                self.read(kind, body, self.skip > 0, detail, seen);
            }
            self.over |= ends_the_clear(kind);
        }
    }

    /// Moves bytes to the message under way until that has `bytes`.
    fn keep(&mut self, reader: &mut Reader<'_>, bytes: usize) {
        let (part, _) = reader.take_up_to(bytes.saturating_sub(self.partial.len()));
        if self.partial.is_empty() {
            self.partial.reserve_exact(bytes.min(4096));
        }
        self.partial.extend_from_slice(part);
    }

    fn is_of_interest(&self, kind: u8, len: usize) -> bool {
        match kind {
            CLIENT_HELLO => (34..1 << 18).contains(&len),
            SERVER_HELLO => !self.cipher_changed && len >= 34,
            CERTIFICATE => !self.cipher_changed,
            _ => false,
        }
    }

    fn read(&mut self, kind: u8, body: &[u8], cut: bool, detail: Detail, seen: &mut Vec<Observation>) {
        match kind {
            CLIENT_HELLO => {
                let hello = ClientHello::read(body, self.carrier);
                seen.extend(hello.map(|h| Observation::TlsClientHello(h.observe(self.carrier, cut, detail))));
            }
            SERVER_HELLO => {
                let hello = server_hello::read(body, self.carrier, detail);
                // A server asks once (RFC 8446, 4.1.4).
                self.retry = !self.retry && hello.as_ref().is_some_and(|hello| hello.retry);
                seen.extend(hello.map(Observation::TlsServerHello));
            }
            CERTIFICATE => {
                seen.extend(certificate::read_leaf(body).map(Observation::TlsCertificate));
            }
            _ => {}
        }
    }

    /// ChangeCipherSpec was sent: what follows is encrypted, but for a second ClientHello of TLS 1.3, and for the
    /// ServerHello that answers it. Between those the message changes nothing (RFC 8446, D.4).
    pub(crate) fn cipher_changed(&mut self) {
        self.cipher_changed |= !self.retry;
    }

    /// What follows is missing: reads the message under way as cut.
    pub(crate) fn lose(&mut self, detail: Detail, seen: &mut Vec<Observation>) {
        self.skip = 0;
        let message = core::mem::take(&mut self.partial);
        if let Some((kind, len)) = header(&message)
            && self.is_of_interest(kind, len)
        {
            self.read(kind, message.get(HEADER_BYTES..).unwrap_or_default(), true, detail, seen);
        }
    }

    /// Nothing in the clear can follow.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }
}

/// Type and length of the message that begins here.
fn header(message: &[u8]) -> Option<(u8, usize)> {
    let mut reader = Reader::over(message);
    let kind = reader.u8()?;
    let len = reader.u24()?;
    Some((kind, usize::try_from(len).ok()?))
}

fn ends_the_clear(kind: u8) -> bool {
    matches!(kind, SERVER_HELLO_DONE | CLIENT_KEY_EXCHANGE)
}
