//! Link layers, and what lies between them and IP.

use super::{Decoded, Layer, network};

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_VLAN: [u16; 3] = [0x8100, 0x88a8, 0x9100];
const ETHERTYPE_MPLS: u16 = 0x8847;
const ETHERTYPE_PPPOE: u16 = 0x8864;
/// Ethernet inside a tunnel.
pub(super) const ETHERTYPE_BRIDGED: u16 = 0x6558;
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;

/// The EtherType of what a frame carries, and that.
#[inline]
pub(super) fn network(link: u16, frame: Layer<'_>) -> Option<(u16, Layer<'_>)> {
    match link {
        // Ethernet
        1 => Some((frame.u16_at(12)?, frame.behind(14)?)),
        // BSD loopback: an address family in the byte order of the host; OpenBSD's in network order
        0 | 108 => {
            let inside = frame.behind(4)?;
            Some((of_ip_version(inside)?, inside))
        }
        // PPP, with and without its HDLC header
        9 | 50 => {
            let frame = if frame.data.starts_with(&[0xff, 0x03]) { frame.behind(2)? } else { frame };
            of_ppp(frame)
        }
        // PPPoE
        51 => of_ppp(frame.behind(6)?),
        // Raw IP, of which several numbers are in use; 228 and 229 are raw IPv4 and IPv6
        12 | 14 | 101 | 228 | 229 => Some((of_ip_version(frame)?, frame)),
        // Linux cooked, versions 1 and 2
        113 => Some((frame.u16_at(14)?, frame.behind(16)?)),
        276 => Some((frame.u16_at(0)?, frame.behind(20)?)),
        _ => None,
    }
}

pub(super) fn of_ip_version(packet: Layer<'_>) -> Option<u16> {
    match packet.data.first()? >> 4 {
        4 => Some(ETHERTYPE_IPV4),
        6 => Some(ETHERTYPE_IPV6),
        _ => None,
    }
}

fn of_ppp(frame: Layer<'_>) -> Option<(u16, Layer<'_>)> {
    // The first byte of the protocol may be left out when it is zero.
    let (protocol, header) = match frame.data.first()? {
        odd if odd & 1 == 1 => (u16::from(*odd), 1),
        _ => (frame.u16_at(0)?, 2),
    };
    let inside = frame.behind(header)?;
    match protocol {
        PPP_IPV4 => Some((ETHERTYPE_IPV4, inside)),
        PPP_IPV6 => Some((ETHERTYPE_IPV6, inside)),
        _ => None,
    }
}

/// Goes on with what an EtherType says.
pub(super) fn follow(mut ethertype: u16, mut inside: Layer<'_>, layers: u8) -> Option<Decoded<'_>> {
    for layers in (0..layers).rev() {
        match ethertype {
            ETHERTYPE_IPV4 => return network::ipv4(inside, layers),
            ETHERTYPE_IPV6 => return network::ipv6(inside, layers),
            _ => match between(ethertype, inside) {
                Some(next) => (ethertype, inside) = next,
                None => return Some(Decoded::NotIp),
            },
        }
    }
    None
}

/// Tags and labels between Ethernet and IP.
fn between(ethertype: u16, inside: Layer<'_>) -> Option<(u16, Layer<'_>)> {
    match ethertype {
        _ if ETHERTYPE_VLAN.contains(&ethertype) => Some((inside.u16_at(2)?, inside.behind(4)?)),
        ETHERTYPE_PPPOE => of_ppp(inside.behind(6)?),
        ETHERTYPE_BRIDGED => network(1, inside),
        ETHERTYPE_MPLS => {
            let mut inside = inside;
            loop {
                let last = inside.data.get(2)? & 1 == 1;
                inside = inside.behind(4)?;
                if last {
                    return Some((of_ip_version(inside)?, inside));
                }
            }
        }
        _ => None,
    }
}
