//! TCP, UDP and SCTP, and what else lies right behind IP.

use super::{Addresses, Decoded, Layer, Segment, SegmentTransport, link, mpls, network, tunnel};
use crate::PacketReason;

const UDP_HEADER_BYTES: usize = 8;
const TCP_HEADER_BYTES: usize = 20;
const SCTP_HEADER_BYTES: usize = 12;

/// Goes on with what an IP protocol number says.
#[inline]
pub(super) fn follow<'a>(
    addresses: Addresses,
    protocol: u8,
    inside: Layer<'a>,
    layers: u8,
) -> Option<Decoded<'a>> {
    match protocol {
        6 => tcp(addresses, inside),
        17 => udp(addresses, inside, layers),
        132 => sctp(addresses, inside),
        4 | 41 | 47 | 51 | 97 | 137 if layers == 0 => Some(Decoded::Refused(PacketReason::LayersTooMany)),
        4 => network::ipv4(inside, layers - 1),
        41 => network::ipv6(inside, layers - 1),
        47 => tunnel::gre(inside, layers),
        // Authentication header: its length counts in words
        51 => {
            let [next, words] = *inside.data.first_chunk::<2>()?;
            follow(addresses, next, inside.behind((usize::from(words) + 2) * 4)?, layers - 1)
        }
        // EtherIP, MPLS
        97 => link::follow_inside(link::ethernet(inside.behind(2)?)?, layers - 1),
        137 => link::follow_inside(mpls::inside(inside)?, layers - 1),
        number => Some(Decoded::Refused(PacketReason::IpProtocol(number))),
    }
}

#[inline]
fn tcp<'a>(addresses: Addresses, inside: Layer<'a>) -> Option<Decoded<'a>> {
    let header = inside.data.first_chunk::<TCP_HEADER_BYTES>()?;
    let [sp0, sp1, dp0, dp1, s0, s1, s2, s3, a0, a1, a2, a3, offset, flags, ..] = *header;
    let header_len = usize::from(offset >> 4) * 4;
    if header_len < TCP_HEADER_BYTES {
        return None;
    }
    Some(Decoded::Segment(Segment {
        addresses,
        source_port: u16::from_be_bytes([sp0, sp1]),
        destination_port: u16::from_be_bytes([dp0, dp1]),
        transport: SegmentTransport::Tcp {
            sequence: u32::from_be_bytes([s0, s1, s2, s3]),
            acknowledged: u32::from_be_bytes([a0, a1, a2, a3]),
            flags,
        },
        // Options may be cut off by the snap length.
        payload: inside.data.get(header_len..).unwrap_or_default(),
        payload_len: inside.wire_len.checked_sub(header_len)?,
    }))
}

fn udp<'a>(addresses: Addresses, inside: Layer<'a>, layers: u8) -> Option<Decoded<'a>> {
    let (source_port, destination_port) = (inside.u16_at(0)?, inside.u16_at(2)?);
    let len = usize::from(inside.u16_at(4)?);
    let payload = match len {
        0..UDP_HEADER_BYTES => inside,
        len => inside.limited_to(len),
    }
    .behind(UDP_HEADER_BYTES)?;
    if layers > 0
        && let Some(decoded) = tunnel::of_datagram(destination_port, payload, layers)
            .or_else(|| tunnel::of_datagram(source_port, payload, layers))
    {
        return Some(decoded);
    }
    Some(Decoded::Segment(Segment {
        addresses,
        source_port,
        destination_port,
        transport: SegmentTransport::Udp,
        payload: payload.data,
        payload_len: payload.wire_len,
    }))
}

fn sctp<'a>(addresses: Addresses, inside: Layer<'a>) -> Option<Decoded<'a>> {
    let chunks = inside.behind(SCTP_HEADER_BYTES)?;
    Some(Decoded::Segment(Segment {
        addresses,
        source_port: inside.u16_at(0)?,
        destination_port: inside.u16_at(2)?,
        transport: SegmentTransport::Sctp,
        payload: chunks.data,
        payload_len: chunks.wire_len,
    }))
}

/// The user data in the chunks of an SCTP packet, in the order sent.
pub(in crate::pcap) fn sctp_data(chunks: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = chunks;
    std::iter::from_fn(move || {
        loop {
            let [kind, _, len_high, len_low] = *rest.first_chunk::<4>()?;
            let len = usize::from(u16::from_be_bytes([len_high, len_low])).max(4);
            let chunk = rest.get(..len).unwrap_or(rest);
            rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
            // DATA: type 0, with 12 more bytes of header
            if kind == 0 {
                return chunk.get(16..);
            }
        }
    })
}
