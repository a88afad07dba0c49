//! One packet, taken apart from the link layer to the transport, through the tunnels on the way.
//!
//! Lengths come from the headers as far as they are believable, and what the file does not hold is a number
//! beside what it does. Checksums are not verified: captures of a sender hold packets before the network card
//! computed them.
//!
//! The modules below call each other in a circle, and have to: a link holds a network, a network a transport, a
//! transport may be a tunnel, and a tunnel holds a link or a network again ([`LAYERS_MAX`] ends it).

mod link;
mod mpls;
mod network;
mod plain;
mod ppp;
mod transport;
mod tunnel;
mod wireless;

use crate::PacketReason;
pub(super) use plain::plain;
pub(super) use transport::sctp_data;

/// An IP packet of the largest length, behind Ethernet.
const PACKET_BYTES_MAX: usize = 0xffff + 40;
/// Headers inside one another that are followed.
const LAYERS_MAX: u8 = 8;

/// What a packet is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Decoded<'a> {
    /// A segment or datagram.
    Segment(Segment<'a>),
    /// A piece of an IP packet.
    Fragment(FragmentKey, FragmentPlace, &'a [u8]),
    /// Neither, nor will it become one.
    Refused(PacketReason),
}

/// A segment or datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    pub(super) addresses: Addresses,
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
    pub(super) transport: SegmentTransport,
    /// Payload as far as the file holds it. SCTP: the chunks.
    pub(super) payload: &'a [u8],
    /// Bytes of payload on the wire.
    pub(super) payload_len: usize,
}

/// Source and destination of an IP packet, as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Addresses {
    V4 { source: u32, destination: u32 },
    V6 { source: u128, destination: u128 },
}

/// Which packet a fragment is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FragmentKey {
    pub(super) addresses: Addresses,
    pub(super) id: u32,
    pub(super) protocol: u8,
}

/// Where a fragment lies in its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FragmentPlace {
    pub(super) id: u32,
    pub(super) offset: usize,
    pub(super) more: bool,
}

/// The transport, with what of its header matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SegmentTransport {
    Tcp { sequence: u32, acknowledged: u32, flags: u8 },
    Udp,
    Sctp,
}

/// TCP flags.
pub(super) const FIN: u8 = 1;
pub(super) const SYN: u8 = 2;
pub(super) const RST: u8 = 4;
pub(super) const ACK: u8 = 16;

/// Bytes of a layer: those the file holds, and how many there were on the wire.
#[derive(Clone, Copy, Debug)]
struct Layer<'a> {
    data: &'a [u8],
    wire_len: usize,
}

impl<'a> Layer<'a> {
    /// Behind `len` bytes of header; `None` when the file does not hold them.
    #[inline]
    fn behind(self, len: usize) -> Option<Self> {
        Some(Self { data: self.data.get(len..)?, wire_len: self.wire_len.checked_sub(len)? })
    }

    /// Not longer than `len` bytes: what is beyond is padding of the link.
    #[inline]
    fn limited_to(self, len: usize) -> Self {
        Self { data: self.data.get(..len).unwrap_or(self.data), wire_len: self.wire_len.min(len) }
    }

    /// A part of a packet, of which only its own headers know how long it was.
    fn of_unknown_len(self) -> Self {
        Self { data: self.data, wire_len: self.wire_len.max(PACKET_BYTES_MAX) }
    }

    #[inline]
    fn u16_at(self, at: usize) -> Option<u16> {
        Some(u16::from_be_bytes(*self.data.get(at..)?.first_chunk::<2>()?))
    }
}

#[cfg(test)]
mod tests;

/// Takes a packet of a link type apart; `None`: its headers are cut or make no sense.
#[inline]
pub(super) fn packet(link: u16, data: &[u8], wire_len: usize) -> Option<Decoded<'_>> {
    link::follow_inside(link::network(link, Layer { data, wire_len })?, LAYERS_MAX)
}

/// Takes the payload of an IP packet apart that was put together from fragments.
pub(super) fn reassembled<'a>(key: &FragmentKey, payload: &'a [u8]) -> Option<Decoded<'a>> {
    let layer = Layer { data: payload, wire_len: payload.len() };
    transport::follow(key.addresses, key.protocol, layer, LAYERS_MAX / 2)
}
