//! Inner doors for the fuzz targets: what lies behind encryption or framing that a fuzzer does not get through.

use super::feed::Detail;
use super::observation::Observation;
use super::observation::TlsCarrier;
use super::tls::handshake::Handshake;
use super::{dns, quic};

/// Handshake messages as they are in TLS records or in QUIC.
pub fn handshake(bytes: &[u8]) -> Vec<Observation> {
    let mut seen = Vec::new();
    let mut handshake = Handshake::start(TlsCarrier::Quic);
    handshake.push(bytes, Detail::Full, &mut seen);
    handshake.lose(Detail::Full, &mut seen);
    seen
}

/// The decrypted frames of QUIC Initial packets, each behind its length in one byte.
pub fn quic_frames(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut stream = quic::CryptoStream::default();
    while let Some((&len, rest)) = bytes.split_first() {
        let (packet, rest) = rest.split_at_checked(usize::from(len)).unwrap_or((rest, &[]));
        stream.push_frames(packet);
        bytes = rest;
    }
    stream.take_message().or_else(|| stream.take_begin())
}

/// One DNS message.
pub fn dns_message(bytes: &[u8]) -> Option<super::DnsMessage> {
    dns::read(bytes, 0)
}
