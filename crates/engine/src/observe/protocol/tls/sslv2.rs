//! The ClientHello of old clients, in the form of SSL 2.0, that offers a later version (RFC 5246, E.2).

use crate::observe::protocol::observation::{TlsCarrier, TlsClientHello};
use crate::observe::protocol::reader::Reader;

const CLIENT_HELLO: u8 = 1;

/// Whether bytes begin with such a hello.
pub(super) fn probe(bytes: &[u8]) -> bool {
    let &[high, _, CLIENT_HELLO, 3, 0..=3, c0, c1, s0, s1, h0, h1, ..] = bytes else { return false };
    let [ciphers, session, challenge] = [[c0, c1], [s0, s1], [h0, h1]].map(u16::from_be_bytes);
    high & 0x80 != 0
        && ciphers > 0
        && ciphers % 3 == 0
        && matches!(session, 0 | 16)
        && (16..=32).contains(&challenge)
}

/// Takes such a hello from the front. It has no extensions: neither a name nor a fingerprint.
pub(super) fn take_hello(reader: &mut Reader<'_>) -> Option<TlsClientHello> {
    if !probe(reader.rest()) {
        return None;
    }
    let [high, low] = reader.array()?;
    let (message, whole) = reader.take_up_to(usize::from(u16::from_be_bytes([high & 0x7f, low])));
    let mut message = Reader::over(message);
    message.u8()?;
    Some(TlsClientHello {
        carrier: TlsCarrier::Tcp,
        legacy_version: message.u16()?,
        versions: Vec::new(),
        server_name: None,
        alpn: Vec::new(),
        ech: false,
        ja4: None,
        ja3: None,
        cut: !whole,
    })
}
