//! Link layers, and what lies between them and IP.

use super::{Decoded, Layer, mpls, network, ppp, wireless};
use crate::PacketReason;

pub(super) const ETHERTYPE_IPV4: u16 = 0x0800;
pub(super) const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_ARP: [u16; 2] = [0x0806, 0x8035];
const ETHERTYPE_VLAN: [u16; 4] = [0x8100, 0x88a8, 0x9100, 0x9200];
const ETHERTYPE_MPLS: [u16; 2] = [0x8847, 0x8848];
const ETHERTYPE_PPP: u16 = 0x880b;
const ETHERTYPE_PPPOE_DISCOVERY: u16 = 0x8863;
const ETHERTYPE_PPPOE: u16 = 0x8864;
const ETHERTYPE_MACSEC: u16 = 0x88e5;
/// Ethernet inside a provider's Ethernet (802.1ah).
const ETHERTYPE_BACKBONE: u16 = 0x88e7;
/// Ethernet inside a tunnel.
pub(super) const ETHERTYPE_BRIDGED: u16 = 0x6558;
/// Below are lengths of 802.3 frames, not types.
const ETHERTYPE_MIN: u16 = 0x0600;

/// What lies inside a layer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Inside<'a> {
    /// What its type says, which goes on.
    Typed(u16, Layer<'a>),
    /// Nothing that goes on.
    Refused(PacketReason),
}

/// What a frame of a link type carries; `None`: it is cut, or makes no sense.
#[inline]
pub(super) fn network(link: u16, frame: Layer<'_>) -> Option<Inside<'_>> {
    match link {
        // Ethernet
        1 => ethernet(frame),
        // BSD loopback: an address family in the byte order of the host; OpenBSD's in network order
        0 | 108 => of_ip(frame.behind(4)?),
        // PPP, with and without its HDLC header; with the direction in its place; PPPoE
        9 | 50 | 166 => ppp::framed(frame),
        51 => ppp::of_protocol(frame.behind(6)?),
        // Raw IP, of which several numbers are in use; 228 and 229 are raw IPv4 and IPv6
        12 | 14 | 101 | 228 | 229 => of_ip(frame),
        // HDLC of Cisco
        104 => typed(frame.u16_at(2)?, frame.behind(4)?),
        // 802.11, bare and behind what the receiver says about it
        105 => wireless::frame(frame),
        119 => wireless::behind_prism(frame),
        127 => wireless::behind_radiotap(frame),
        163 => wireless::behind_avs(frame),
        192 => wireless::behind_ppi(frame),
        // Linux cooked, versions 1 and 2
        113 => cooked(frame.u16_at(14)?, frame.behind(16)?),
        276 => cooked(frame.u16_at(0)?, frame.behind(20)?),
        // IPsec before encryption and after; packets of OpenBSD's firewall
        109 => of_ip(frame.behind(12)?),
        117 => of_ip(frame.behind(usize::from(*frame.data.first()?).next_multiple_of(4))?),
        239 => nflog(frame),
        _ => Some(Inside::Refused(PacketReason::LinkType(link))),
    }
}

/// Ethernet, or 802.3 with LLC.
#[inline]
pub(super) fn ethernet(frame: Layer<'_>) -> Option<Inside<'_>> {
    typed(frame.u16_at(12)?, frame.behind(14)?)
}

/// What a type or, below the types, a length says of what is behind it.
#[inline]
fn typed(ethertype: u16, inside: Layer<'_>) -> Option<Inside<'_>> {
    if ethertype >= ETHERTYPE_MIN {
        return Some(Inside::Typed(ethertype, inside));
    }
    llc(inside.limited_to(usize::from(ethertype)))
}

/// 802.2: with SNAP a type follows.
pub(super) fn llc(frame: Layer<'_>) -> Option<Inside<'_>> {
    match frame.data {
        [0xaa, 0xaa, 3, 0, 0, 0 | 0xf8, ..] => Some(Inside::Typed(frame.u16_at(6)?, frame.behind(8)?)),
        // IP without SNAP, as few systems send it
        [6, 6, 3, ..] => of_ip(frame.behind(3)?),
        // An organisation's own types: discovery of neighbours, mostly
        [_, ..] => Some(Inside::Refused(PacketReason::Llc)),
        [] => None,
    }
}

/// Types of Linux's cooked header: below those of Ethernet its own.
fn cooked(ethertype: u16, inside: Layer<'_>) -> Option<Inside<'_>> {
    match ethertype {
        ETHERTYPE_MIN.. => Some(Inside::Typed(ethertype, inside)),
        4 => llc(inside),
        _ => Some(Inside::Refused(PacketReason::EtherType(ethertype))),
    }
}

/// By the version of IP; `None`: it is no IP.
pub(super) fn of_ip(packet: Layer<'_>) -> Option<Inside<'_>> {
    match packet.data.first()? >> 4 {
        4 => Some(Inside::Typed(ETHERTYPE_IPV4, packet)),
        6 => Some(Inside::Typed(ETHERTYPE_IPV6, packet)),
        _ => None,
    }
}

/// Linux's netfilter log: attributes in the byte order of the host; one of them is the packet.
fn nflog(frame: Layer<'_>) -> Option<Inside<'_>> {
    let attributes = frame.data.get(4..)?;
    let orders = [u16::from_le_bytes, u16::from_be_bytes];
    let read = |order: fn([u8; 2]) -> u16| nflog_packet(attributes, order);
    match orders.into_iter().find_map(read) {
        // The kernel says how much of the packet it hands over, and the packet's own header how long it was.
        Some((ethertype, packet)) => {
            let packet = Layer { data: packet, wire_len: packet.len() }.of_unknown_len();
            if ethertype >= ETHERTYPE_MIN { Some(Inside::Typed(ethertype, packet)) } else { of_ip(packet) }
        }
        // An entry without its packet
        None => Some(Inside::Refused(PacketReason::LinkControl)),
    }
}

/// The EtherType that the netfilter log knows, or 0, and the packet.
fn nflog_packet(attributes: &[u8], number: fn([u8; 2]) -> u16) -> Option<(u16, &[u8])> {
    const PACKET_HEADER: u16 = 1;
    const PAYLOAD: u16 = 9;
    let (mut rest, mut ethertype) = (attributes, 0);
    loop {
        let [l0, l1, k0, k1] = *rest.first_chunk::<4>()?;
        let len = usize::from(number([l0, l1])).max(4);
        let value = rest.get(4..len).or_else(|| rest.get(4..))?;
        match (number([k0, k1]), value) {
            // In network order, as in the frame
            (PACKET_HEADER, [high, low, ..]) => ethertype = u16::from_be_bytes([*high, *low]),
            (PAYLOAD, packet) => return Some((ethertype, packet)),
            _ => {}
        }
        rest = rest.get(len.next_multiple_of(4)..)?;
    }
}

/// Goes on with what an EtherType says.
pub(super) fn follow(mut ethertype: u16, mut inside: Layer<'_>, layers: u8) -> Option<Decoded<'_>> {
    for layers in (0..layers).rev() {
        match ethertype {
            ETHERTYPE_IPV4 => return network::ipv4(inside, layers),
            ETHERTYPE_IPV6 => return network::ipv6(inside, layers),
            _ => match between(ethertype, inside)? {
                Inside::Typed(next, behind) => (ethertype, inside) = (next, behind),
                Inside::Refused(reason) => return Some(Decoded::Refused(reason)),
            },
        }
    }
    Some(Decoded::Refused(PacketReason::LayersTooMany))
}

/// Goes on with what is inside.
#[inline]
pub(super) fn follow_inside(inside: Inside<'_>, layers: u8) -> Option<Decoded<'_>> {
    match inside {
        Inside::Typed(ethertype, inside) => follow(ethertype, inside, layers),
        Inside::Refused(reason) => Some(Decoded::Refused(reason)),
    }
}

/// Tags, labels and sessions between Ethernet and IP.
fn between(ethertype: u16, inside: Layer<'_>) -> Option<Inside<'_>> {
    match ethertype {
        _ if ETHERTYPE_VLAN.contains(&ethertype) => typed(inside.u16_at(2)?, inside.behind(4)?),
        _ if ETHERTYPE_MPLS.contains(&ethertype) => mpls::inside(inside),
        _ if ETHERTYPE_ARP.contains(&ethertype) => Some(Inside::Refused(PacketReason::Arp)),
        ETHERTYPE_PPP => ppp::framed(inside),
        ETHERTYPE_PPPOE => pppoe(inside),
        ETHERTYPE_PPPOE_DISCOVERY => Some(Inside::Refused(PacketReason::LinkControl)),
        ETHERTYPE_BRIDGED => ethernet(inside),
        ETHERTYPE_BACKBONE => ethernet(inside.behind(4)?),
        ETHERTYPE_MACSEC => macsec(inside),
        ethertype => Some(Inside::Refused(PacketReason::EtherType(ethertype))),
    }
}

/// A session of PPPoE: behind its length, which some leave zero, the frame.
fn pppoe(inside: Layer<'_>) -> Option<Inside<'_>> {
    let frame = inside.behind(6)?;
    ppp::of_protocol(match usize::from(inside.u16_at(4)?) {
        0 => frame,
        len => frame.limited_to(len),
    })
}

/// MACsec that only proves where a frame is from leaves it readable.
fn macsec(inside: Layer<'_>) -> Option<Inside<'_>> {
    const ENCRYPTED: u8 = 0x0c;
    const WITH_CHANNEL: u8 = 0x20;
    let control = *inside.data.first()?;
    if control & ENCRYPTED != 0 {
        return Some(Inside::Refused(PacketReason::Encrypted));
    }
    let header = if control & WITH_CHANNEL == 0 { 6 } else { 14 };
    typed(inside.u16_at(header)?, inside.behind(header + 2)?)
}

/// Whether this may well be an Ethernet frame: what follows its type fits to it.
pub(super) fn is_plausible_ethernet(frame: Layer<'_>) -> bool {
    let Some(Inside::Typed(ethertype, inside)) = ethernet(frame) else {
        // A length, that must be within the frame.
        let len = frame.u16_at(12).map(usize::from);
        return len
            .is_some_and(|len| (3..usize::from(ETHERTYPE_MIN)).contains(&len) && len + 14 <= frame.wire_len);
    };
    match ethertype {
        ETHERTYPE_IPV4 | ETHERTYPE_IPV6 => is_plausible_ip(inside),
        0x0806 => inside.data.starts_with(&[0, 1, 8, 0, 6, 4]),
        0x888e | 0x88cc | 0x8809 => true,
        _ => {
            ETHERTYPE_VLAN.contains(&ethertype)
                || ETHERTYPE_MPLS.contains(&ethertype)
                || [ETHERTYPE_PPPOE, ETHERTYPE_PPPOE_DISCOVERY, ETHERTYPE_MACSEC].contains(&ethertype)
        }
    }
}

/// Whether this may well be an IP packet: its header says a length that is there.
pub(super) fn is_plausible_ip(packet: Layer<'_>) -> bool {
    let header = |at: usize| packet.u16_at(at).map(usize::from);
    match packet.data.first() {
        Some(0x45..=0x4f) => header(2).is_some_and(|len| len == 0 || (20..=packet.wire_len).contains(&len)),
        Some(0x60..=0x6f) => header(4).is_some_and(|len| len + 40 <= packet.wire_len),
        _ => false,
    }
}
