//! TCP, UDP and SCTP, and tunnels at their level.

use super::{Addresses, Decoded, Layer, Segment, SegmentTransport, link, network};

const UDP_HEADER_BYTES: usize = 8;
const TCP_HEADER_BYTES: usize = 20;
const SCTP_HEADER_BYTES: usize = 12;
const GENEVE_PORT: u16 = 6081;
const GTP_USER_PORT: u16 = 2152;
const VXLAN_GPE_PORT: u16 = 4790;
const VXLAN_PORTS: [u16; 2] = [4789, 8472];

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
        4 if layers > 0 => network::ipv4(inside, layers - 1),
        41 if layers > 0 => network::ipv6(inside, layers - 1),
        47 if layers > 0 => gre(inside, layers),
        _ => Some(Decoded::Other),
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
        && let Some(decoded) =
            udp_tunnel(destination_port, payload, layers).or_else(|| udp_tunnel(source_port, payload, layers))
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

/// GENEVE, VXLAN, its generic extension, and GTP-U, when what is inside makes sense.
fn udp_tunnel(port: u16, payload: Layer<'_>, layers: u8) -> Option<Decoded<'_>> {
    let (ethertype, inside) = if port == GENEVE_PORT {
        let [first, flags] = *payload.data.first_chunk::<2>()?;
        let options_len = usize::from(first & 0x3f) * 4;
        if first >> 6 != 0 || flags & 0x3f != 0 {
            return None;
        }
        (payload.u16_at(2)?, payload.behind(8 + options_len)?)
    } else if VXLAN_PORTS.contains(&port)
        && payload.data.first()? & 0xf7 == 0
        && payload.data.first()? & 8 != 0
    {
        (link::ETHERTYPE_BRIDGED, payload.behind(8)?)
    } else if port == VXLAN_GPE_PORT {
        let [flags, _, _, next] = *payload.data.first_chunk::<4>()?;
        if flags & 0xf2 != 0 {
            return None;
        }
        let inside = payload.behind(8)?;
        match next {
            1 | 2 => (link::of_ip_version(inside)?, inside),
            _ => (link::ETHERTYPE_BRIDGED, inside),
        }
    } else if port == GTP_USER_PORT {
        let [first, kind] = *payload.data.first_chunk::<2>()?;
        // Version 1, and a user packet. Any of three flags brings four more bytes.
        if first >> 4 != 3 || kind != 0xff {
            return None;
        }
        let inside = payload.behind(if first & 7 == 0 { 8 } else { 12 })?;
        (link::of_ip_version(inside)?, inside)
    } else {
        return None;
    };
    match link::follow(ethertype, inside, layers - 1) {
        None | Some(Decoded::NotIp) => None,
        decoded @ Some(Decoded::Segment(_) | Decoded::Fragment(..) | Decoded::Other) => decoded,
    }
}

fn gre(inside: Layer<'_>, layers: u8) -> Option<Decoded<'_>> {
    let flags = inside.u16_at(0)?;
    let ethertype = inside.u16_at(2)?;
    let optional = [0x8000, 0x2000, 0x1000].iter().filter(|flag| flags & *flag != 0).count();
    // Version 1 is PPTP.
    let (ethertype, header_len) = match flags & 7 {
        0 => (ethertype, 4 + 4 * optional),
        _ => return Some(Decoded::Other),
    };
    link::follow(ethertype, inside.behind(header_len)?, layers - 1)
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
pub(in crate::source::pcap) fn sctp_data(chunks: &[u8]) -> impl Iterator<Item = &[u8]> {
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
