//! TLS over a stream: records, handshake messages over several records and segments, what they say in the clear.
//!
//! It must not know what is inside the encryption, nor guess: a message that is cut is marked as cut, and has
//! no fingerprint.

mod certificate;
pub(crate) mod client_hello;
pub(crate) mod handshake;
mod ja4;
mod server_hello;

pub(crate) mod dtls;
mod sslv2;

use handshake::Handshake;

use super::feed::{Detail, Sender};
use super::observation::Observation;
use super::observation::TlsCarrier;
use super::probe::Probe;
use super::reader::Reader;

const RECORD_HEADER_BYTES: usize = 5;
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const HEARTBEAT: u8 = 24;
/// Largest record body that occurs: 2^14 and what old ciphers and compression add.
const RECORD_BYTES_MAX: usize = (1 << 14) + 2048;

/// Whether `bytes` begin with a handshake record that holds a ClientHello or ServerHello, or an alert.
pub(crate) fn probe(bytes: &[u8]) -> Probe {
    if sslv2::probe(bytes) {
        return Probe::Yes;
    }
    let mut reader = Reader::over(bytes);
    let (Some(kind), major, minor, len) = (reader.u8(), reader.u8(), reader.u8(), reader.u16()) else {
        return Probe::Maybe;
    };
    if kind != HANDSHAKE && kind != ALERT || major.is_some_and(|m| m != 3) || minor.is_some_and(|m| m > 4) {
        return Probe::No;
    }
    if kind == ALERT {
        return match len {
            // A clear alert is two bytes: level 1 or 2, and a description.
            Some(2) if bytes.len() == 7 && matches!(bytes.get(5), Some(1 | 2)) => Probe::Yes,
            Some(_) if bytes.len() >= 7 => Probe::No,
            Some(_) | None => Probe::Maybe,
        };
    }
    match len.map(usize::from) {
        Some(len) if !(4..=RECORD_BYTES_MAX).contains(&len) => return Probe::No,
        Some(_) | None => {}
    }
    match (reader.u8(), reader.u8()) {
        (None, _) | (_, None) => Probe::Maybe,
        (Some(1 | 2), Some(length_high)) if length_high <= 2 => Probe::Yes,
        (Some(_), Some(_)) => Probe::No,
    }
}

/// The TLS parser of a flow.
#[derive(Debug)]
pub(crate) struct TlsStream {
    originator: Half,
    responder: Half,
}

impl TlsStream {
    pub(crate) fn start() -> Self {
        Self { originator: Half::start(), responder: Half::start() }
    }

    pub(crate) fn push(
        &mut self,
        sender: Sender,
        bytes: &[u8],
        missing: bool,
        detail: Detail,
        seen: &mut Vec<Observation>,
    ) {
        let half = self.half(sender);
        half.push(bytes, detail, seen);
        if missing {
            half.lose(detail, seen);
        }
    }

    /// Says what is left of messages that will not be completed.
    pub(crate) fn finish(&mut self, detail: Detail, seen: &mut Vec<Observation>) {
        self.originator.lose(detail, seen);
        self.responder.lose(detail, seen);
    }

    pub(crate) fn wants_more(&self) -> bool {
        !(self.originator.over && self.responder.over)
    }

    fn half(&mut self, sender: Sender) -> &mut Half {
        match sender {
            Sender::Originator => &mut self.originator,
            Sender::Responder => &mut self.responder,
        }
    }
}

/// One sender.
#[derive(Debug)]
struct Half {
    /// A record header that is not complete yet.
    header: [u8; RECORD_HEADER_BYTES],
    header_len: u8,
    /// Type of the current record, and how much of its body is still to come.
    record_kind: u8,
    record_left: u16,
    handshake: Handshake,
    begun: bool,
    /// The clear part is over, or the bytes make no sense: the rest is ignored.
    over: bool,
}

impl Half {
    fn start() -> Self {
        Self {
            header: [0; RECORD_HEADER_BYTES],
            header_len: 0,
            record_kind: 0,
            record_left: 0,
            handshake: Handshake::start(TlsCarrier::Tcp),
            begun: false,
            over: false,
        }
    }

    fn push(&mut self, bytes: &[u8], detail: Detail, seen: &mut Vec<Observation>) {
        let mut reader = Reader::over(bytes);
        if !self.begun {
            self.begun = true;
            seen.extend(sslv2::take_hello(&mut reader).map(Observation::TlsClientHello));
        }
        while !self.over && !reader.is_empty() {
            if self.record_left == 0 && !self.read_header(&mut reader) {
                continue;
            }
            let (body, _) = reader.take_up_to(usize::from(self.record_left));
            self.record_left -= u16::try_from(body.len()).unwrap_or(self.record_left);
            if self.record_kind == HANDSHAKE {
                self.handshake.push(body, detail, seen);
                self.over |= self.handshake.is_over();
            }
        }
    }

    /// Reads on in the record header; true when a record body follows.
    fn read_header(&mut self, reader: &mut Reader<'_>) -> bool {
        let wanted = RECORD_HEADER_BYTES - usize::from(self.header_len);
        let (part, whole) = reader.take_up_to(wanted);
        let slots = self.header.iter_mut().skip(usize::from(self.header_len));
        for (slot, byte) in slots.zip(part) {
            *slot = *byte;
        }
        if !whole {
            self.header_len += u8::try_from(part.len()).unwrap_or_default();
            return false;
        }
        self.header_len = 0;
        let [kind, major, _, len_high, len_low] = self.header;
        self.record_kind = kind;
        self.record_left = u16::from_be_bytes([len_high, len_low]);
        match kind {
            HANDSHAKE | ALERT | HEARTBEAT => {}
            CHANGE_CIPHER_SPEC => self.handshake.cipher_changed(),
            _ => self.over = true,
        }
        self.over |=
            kind == APPLICATION_DATA || major != 3 || usize::from(self.record_left) > RECORD_BYTES_MAX;
        !self.over && self.record_left > 0
    }

    /// The bytes that follow are missing: the message under way is cut, and the next push begins again.
    fn lose(&mut self, detail: Detail, seen: &mut Vec<Observation>) {
        self.handshake.lose(detail, seen);
        self.header_len = 0;
        self.record_left = 0;
    }
}

#[cfg(test)]
mod tests;
