//! QUIC: the Initial packets, whose keys follow from the connection id, give the ClientHello and ServerHello.
//!
//! It must not know anything behind the Initial packets: from there on only the ends can read.

mod crypto_stream;
mod keys;
mod packet;
mod version;

pub(crate) use crypto_stream::CryptoStream;
use keys::{InitialKeys, Side};
use packet::Initial;

use super::feed::{Detail, Sender};
use super::observation::Observation;
use super::observation::{QuicInitial, TlsCarrier};
use super::reader::Reader;
use super::tls::handshake::Handshake;

/// Datagrams that are looked at per sender; a handshake has a handful.
const DATAGRAMS_MAX: u8 = 64;

/// What the first datagram looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QuicProbe {
    /// IETF QUIC with this version in an Initial packet.
    Initial(u32),
    /// Another long header of a known version, or Google's QUIC: named, not parsed.
    Other,
    No,
}

/// Whether a datagram begins with a long header of a version that is known.
pub(crate) fn probe(datagram: &[u8]) -> QuicProbe {
    if packet::is_google_quic(datagram) {
        return QuicProbe::Other;
    }
    let mut reader = Reader::over(datagram);
    let (Some(first), Some(version)) = (reader.u8(), reader.u32()) else { return QuicProbe::No };
    if first & 0xc0 != 0xc0 || packet::connection_ids(&mut reader).is_none() {
        return QuicProbe::No;
    }
    match version::version_parameters(version) {
        Some(parameters) if packet::is_initial(first, parameters) && datagram.len() >= 64 => {
            QuicProbe::Initial(version)
        }
        Some(_) => QuicProbe::Other,
        None => QuicProbe::No,
    }
}

/// The QUIC parser of a flow.
#[derive(Debug, Default)]
pub(crate) struct QuicFlow {
    keys: Option<InitialKeys>,
    /// Version and connection id of the client from which the keys follow.
    opened_by: (u32, Vec<u8>),
    originator: Half,
    responder: Half,
    announced: bool,
}

#[derive(Debug, Default)]
struct Half {
    stream: CryptoStream,
    datagrams: u8,
}

impl QuicFlow {
    pub(crate) fn push(
        &mut self,
        sender: Sender,
        datagram: &[u8],
        detail: Detail,
        seen: &mut Vec<Observation>,
    ) {
        let half = self.half(sender);
        half.datagrams = half.datagrams.saturating_add(1);
        if half.is_over() {
            return;
        }
        let mut reader = Reader::over(datagram);
        while let Some(initial) = packet::next_initial(&mut reader) {
            self.push_initial(sender, &initial, detail, seen);
        }
    }

    fn push_initial(
        &mut self,
        sender: Sender,
        initial: &Initial<'_>,
        detail: Detail,
        seen: &mut Vec<Observation>,
    ) {
        let Some(plain) = self.decrypt(sender, initial) else { return };
        if !self.announced {
            self.announced = true;
            seen.push(Observation::QuicInitial(QuicInitial { version: initial.version }));
        }
        let half = self.half(sender);
        half.stream.push_frames(&plain);
        if let Some(message) = half.stream.take_message() {
            Handshake::start(TlsCarrier::Quic).push(&message, detail, seen);
        }
    }

    /// Opens a packet with the keys at hand; a client that was sent a Retry, and each new connection of the
    /// flow, derives new ones from the id it then uses.
    fn decrypt(&mut self, sender: Sender, initial: &Initial<'_>) -> Option<Vec<u8>> {
        let side = match sender {
            Sender::Originator => Side::Client,
            Sender::Responder => Side::Server,
        };
        if let Some(keys) = &self.keys
            && let Some(plain) = keys.of(side).open(initial)
        {
            return Some(plain);
        }
        if side == Side::Server || self.opened_by == (initial.version, initial.destination_id.to_vec()) {
            return None;
        }
        let choices = [version::version_parameters(initial.version), version::second_choice(initial.version)];
        let (keys, plain) = choices.into_iter().flatten().find_map(|version| {
            let keys = InitialKeys::derive(version, initial.destination_id)?;
            let plain = keys.of(side).open(initial)?;
            Some((keys, plain))
        })?;
        self.keys = Some(keys);
        self.opened_by = (initial.version, initial.destination_id.to_vec());
        self.originator.stream = CryptoStream::default();
        self.responder.stream = CryptoStream::default();
        Some(plain)
    }

    fn half(&mut self, sender: Sender) -> &mut Half {
        match sender {
            Sender::Originator => &mut self.originator,
            Sender::Responder => &mut self.responder,
        }
    }

    /// Says what is left of a ClientHello that will not be completed.
    pub(crate) fn finish(&mut self, detail: Detail, seen: &mut Vec<Observation>) {
        for half in [&mut self.originator, &mut self.responder] {
            if let Some(begin) = half.stream.take_begin() {
                let mut handshake = Handshake::start(TlsCarrier::Quic);
                handshake.push(&begin, detail, seen);
                handshake.lose(detail, seen);
            }
        }
    }

    pub(crate) fn wants_more(&self) -> bool {
        !(self.originator.is_over() && self.responder.is_over())
    }
}

impl Half {
    fn is_over(&self) -> bool {
        self.datagrams >= DATAGRAMS_MAX
    }
}

#[cfg(test)]
mod tests;
