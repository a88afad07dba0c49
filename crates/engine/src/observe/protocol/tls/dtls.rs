//! DTLS: records in datagrams, handshake messages in fragments.

use super::{client_hello::ClientHello, server_hello};
use crate::observe::protocol::feed::{Detail, Sender};
use crate::observe::protocol::observation::Observation;
use crate::observe::protocol::observation::TlsCarrier;
use crate::observe::protocol::reader::Reader;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
/// Largest ClientHello that is put together from fragments.
const MESSAGE_BYTES_MAX: usize = 16 << 10;

/// Whether a datagram begins with a DTLS handshake record.
pub(crate) fn probe(datagram: &[u8]) -> bool {
    let mut reader = Reader::over(datagram);
    let (Some(kind), Some(version)) = (reader.u8(), reader.u16()) else { return false };
    let Some(len) = reader.take(8).and_then(|_| reader.u16()) else { return false };
    kind == HANDSHAKE
        && matches!(version, 0xfeff | 0xfefd | 0x0100)
        && usize::from(len) >= 12
        && matches!(reader.u8(), Some(0..=4 | 11..=16 | 20))
}

/// The DTLS parser of a flow.
#[derive(Debug, Default)]
pub(crate) struct DtlsFlow {
    originator: Fragments,
    responder: Fragments,
}

/// The message under way of one sender, filled from its begin.
#[derive(Debug, Default)]
struct Fragments {
    kind: u8,
    sequence: u16,
    message: Vec<u8>,
}

impl DtlsFlow {
    pub(crate) fn push(
        &mut self,
        sender: Sender,
        datagram: &[u8],
        detail: Detail,
        seen: &mut Vec<Observation>,
    ) {
        let fragments = match sender {
            Sender::Originator => &mut self.originator,
            Sender::Responder => &mut self.responder,
        };
        let mut reader = Reader::over(datagram);
        while let Some(record) = next_clear_handshake(&mut reader) {
            let mut messages = Reader::over(record);
            while fragments.push(&mut messages, detail, seen).is_some() {}
        }
    }
}

/// The body of the next handshake record of epoch 0; later epochs are encrypted.
fn next_clear_handshake<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    loop {
        let kind = reader.u8()?;
        let _version = reader.u16()?;
        let epoch = reader.u16()?;
        reader.take(6)?;
        let len = reader.u16()?;
        let (body, _) = reader.take_up_to(usize::from(len));
        if kind == HANDSHAKE && epoch == 0 {
            return Some(body);
        }
    }
}

impl Fragments {
    fn push(&mut self, reader: &mut Reader<'_>, detail: Detail, seen: &mut Vec<Observation>) -> Option<()> {
        let kind = reader.u8()?;
        let len = usize::try_from(reader.u24()?).ok()?;
        let sequence = reader.u16()?;
        let offset = usize::try_from(reader.u24()?).ok()?;
        let fragment_len = usize::try_from(reader.u24()?).ok()?;
        let fragment = reader.take(fragment_len)?;
        if !matches!(kind, CLIENT_HELLO | SERVER_HELLO) || len > MESSAGE_BYTES_MAX {
            return Some(());
        }
        if offset == 0 && fragment.len() == len {
            read(kind, fragment, detail, seen);
            return Some(());
        }
        if offset == 0 {
            *self = Self { kind, sequence, message: Vec::with_capacity(len) };
        }
        // Fragments out of order are not waited for: the peer repeats its flight.
        if self.kind == kind && self.sequence == sequence && self.message.len() == offset {
            self.message.extend_from_slice(fragment);
            if self.message.len() == len {
                read(kind, &core::mem::take(&mut self.message), detail, seen);
            }
        }
        Some(())
    }
}

fn read(kind: u8, body: &[u8], detail: Detail, seen: &mut Vec<Observation>) {
    if kind == CLIENT_HELLO {
        let hello = ClientHello::read(body, TlsCarrier::Dtls);
        seen.extend(hello.map(|h| Observation::TlsClientHello(h.observe(TlsCarrier::Dtls, false, detail))));
    } else {
        let hello = server_hello::read(body, TlsCarrier::Dtls, detail);
        seen.extend(hello.map(Observation::TlsServerHello));
    }
}
