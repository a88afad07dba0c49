//! IPv4 and IPv6.

use super::{Addresses, Decoded, FragmentKey, FragmentPlace, Layer, transport};

const IPV4_HEADER_BYTES: usize = 20;
const IPV6_HEADER_BYTES: usize = 40;
/// Extension headers of IPv6 that are followed.
const EXTENSIONS_MAX: u8 = 8;

#[inline]
pub(super) fn ipv4(packet: Layer<'_>, layers: u8) -> Option<Decoded<'_>> {
    let header = packet.data.first_chunk::<IPV4_HEADER_BYTES>()?;
    let [first, _, len_high, len_low, id_high, id_low, flags, offset_low, _, protocol, _, _, addresses @ ..] =
        header;
    let [s0, s1, s2, s3, d0, d1, d2, d3] = *addresses;
    let header_len = usize::from(first & 0xf) * 4;
    if first >> 4 != 4 || header_len < IPV4_HEADER_BYTES {
        return None;
    }
    // Segmentation offload leaves the length zero.
    let total = match usize::from(u16::from_be_bytes([*len_high, *len_low])) {
        0 => packet.wire_len,
        total => total,
    };
    let addresses = Addresses::V4 {
        source: u32::from_be_bytes([s0, s1, s2, s3]),
        destination: u32::from_be_bytes([d0, d1, d2, d3]),
    };
    let inside = packet.limited_to(total).behind(header_len)?;
    let offset = usize::from(u16::from_be_bytes([flags & 0x1f, *offset_low])) * 8;
    let more = flags & 0x20 != 0;
    if offset > 0 || more {
        let id = u32::from(u16::from_be_bytes([*id_high, *id_low]));
        let key = FragmentKey { addresses, id, protocol: *protocol };
        return Some(Decoded::Fragment(key, FragmentPlace { id, offset, more }, inside.data));
    }
    transport::follow(addresses, *protocol, inside, layers)
}

pub(super) fn ipv6(packet: Layer<'_>, layers: u8) -> Option<Decoded<'_>> {
    let header = packet.data.first_chunk::<IPV6_HEADER_BYTES>()?;
    let (fixed, addresses) = header.split_first_chunk::<8>()?;
    let [first, _, _, _, len_high, len_low, next, _] = *fixed;
    if first >> 4 != 6 {
        return None;
    }
    let (source, destination) = addresses.split_first_chunk::<16>()?;
    let source = u128::from_be_bytes(*source);
    let destination = u128::from_be_bytes(*destination.first_chunk::<16>()?);
    let addresses = Addresses::V6 { source, destination };
    let mut inside = packet.behind(IPV6_HEADER_BYTES)?;
    // Zero: a jumbo packet, or segmentation offload.
    let payload_len = usize::from(u16::from_be_bytes([len_high, len_low]));
    if payload_len > 0 {
        inside = inside.limited_to(payload_len);
    }
    let mut next = next;
    for _ in 0..EXTENSIONS_MAX {
        match next {
            // Hop-by-hop, routing, destination options, mobility, HIP, shim6
            0 | 43 | 60 | 135 | 139 | 140 => {
                let [kind, len] = *inside.data.first_chunk::<2>()?;
                inside = inside.behind((usize::from(len) + 1) * 8)?;
                next = kind;
            }
            // Authentication header counts in words
            51 => {
                let [kind, len] = *inside.data.first_chunk::<2>()?;
                inside = inside.behind((usize::from(len) + 2) * 4)?;
                next = kind;
            }
            44 => {
                let [kind, _, offset_high, offset_low, id @ ..] = *inside.data.first_chunk::<8>()?;
                let field = u16::from_be_bytes([offset_high, offset_low]);
                inside = inside.behind(8)?;
                next = kind;
                let (offset, more) = (usize::from(field & !7), field & 1 == 1);
                if offset > 0 || more {
                    let id = u32::from_be_bytes(id);
                    let key = FragmentKey { addresses, id, protocol: kind };
                    return Some(Decoded::Fragment(key, FragmentPlace { id, offset, more }, inside.data));
                }
            }
            _ => break,
        }
    }
    transport::follow(addresses, next, inside, layers)
}
