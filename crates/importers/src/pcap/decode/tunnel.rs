//! Tunnels: in IP (GRE and what it carries, ERSPAN among it) and in UDP.
//!
//! A mirror's tunnel is not the traffic that is looked at, whatever it carries: only what is inside is told.

use super::link::{self, Inside};
use super::{Decoded, Layer, ppp, wireless};
use crate::PacketReason;

const GENEVE_PORT: u16 = 6081;
const GTP_USER_PORT: u16 = 2152;
const VXLAN_GPE_PORT: u16 = 4790;
const VXLAN_PORTS: [u16; 2] = [4789, 8472];
const TZSP_PORT: u16 = 37008;

const GRE_CHECKSUM: u16 = 0x8000;
const GRE_ROUTING: u16 = 0x4000;
const GRE_KEY: u16 = 0x2000;
const GRE_SEQUENCE: u16 = 0x1000;
/// PPTP's: whether a sequence number is acknowledged.
const GRE_ACKNOWLEDGED: u16 = 0x0080;
const GRE_ERSPAN: u16 = 0x88be;
const GRE_ERSPAN_III: u16 = 0x22eb;
const GRE_PPP: u16 = 0x880b;
/// A keepalive of Cisco's routers, and the resolution protocol of its tunnels.
const GRE_CONTROL: [u16; 2] = [0, 0x2001];

/// GRE: version 0, or PPTP's version 1.
pub(super) fn gre(packet: Layer<'_>, layers: u8) -> Option<Decoded<'_>> {
    let (flags, protocol) = (packet.u16_at(0)?, packet.u16_at(2)?);
    match flags & 7 {
        0 => {}
        1 if protocol == GRE_PPP => return link::follow_inside(pptp(packet, flags)?, layers - 1),
        _ => return None,
    }
    if flags & GRE_ROUTING != 0 {
        return Some(Decoded::Refused(PacketReason::GreRoutes));
    }
    let optional = [GRE_CHECKSUM, GRE_KEY, GRE_SEQUENCE].iter().filter(|flag| flags & *flag != 0).count();
    let inside = packet.behind(4 + 4 * optional)?;
    let inside = match protocol {
        GRE_ERSPAN => erspan(inside, flags & GRE_SEQUENCE != 0)?,
        GRE_ERSPAN_III => erspan_iii(inside)?,
        _ if GRE_CONTROL.contains(&protocol) => Inside::Refused(PacketReason::LinkControl),
        protocol => Inside::Typed(protocol, inside),
    };
    link::follow_inside(inside, layers - 1)
}

/// PPP in GRE (RFC 2637). Without a sequence number there is nothing but an acknowledgement.
fn pptp(packet: Layer<'_>, flags: u16) -> Option<Inside<'_>> {
    if flags & GRE_SEQUENCE == 0 {
        return Some(Inside::Refused(PacketReason::LinkControl));
    }
    let len = usize::from(packet.u16_at(4)?);
    let header = if flags & GRE_ACKNOWLEDGED == 0 { 12 } else { 16 };
    ppp::framed(packet.behind(header)?.limited_to(len))
}

/// ERSPAN type II has a sequence number in GRE and a header of its own, type I neither. Some send one of the two.
fn erspan(inside: Layer<'_>, sequence: bool) -> Option<Inside<'_>> {
    const TYPE_II_BYTES: usize = 8;
    if inside.wire_len == 0 {
        return Some(Inside::Refused(PacketReason::LinkControl));
    }
    let of_type_ii = inside.data.first()? >> 4 == 1;
    let bare = !of_type_ii || !sequence && link::is_plausible_ethernet(inside);
    if bare {
        return link::ethernet(inside);
    }
    // The mirror may cut what it sends: then the header inside knows how long it was.
    const TRUNCATED: u8 = 4;
    let cut = inside.data.get(2)? & TRUNCATED != 0;
    let frame = inside.behind(TYPE_II_BYTES)?;
    link::ethernet(if cut { frame.of_unknown_len() } else { frame })
}

/// ERSPAN type III: an Ethernet frame, or an IP packet, behind one or two headers.
fn erspan_iii(inside: Layer<'_>) -> Option<Inside<'_>> {
    const HEADER_BYTES: usize = 12;
    const PLATFORM_BYTES: usize = 8;
    const TRUNCATED: u8 = 4;
    const FRAME_IP: u8 = 2;
    if inside.wire_len == 0 {
        return Some(Inside::Refused(PacketReason::LinkControl));
    }
    let header = inside.data.first_chunk::<HEADER_BYTES>()?;
    let [_, _, cut, _, _, _, _, _, _, _, kind, options] = *header;
    let with_platform = options & 1 != 0;
    let frame = inside.behind(HEADER_BYTES + if with_platform { PLATFORM_BYTES } else { 0 })?;
    let frame = if cut & TRUNCATED != 0 { frame.of_unknown_len() } else { frame };
    if kind >> 2 & 0x1f == FRAME_IP { link::of_ip(frame) } else { link::ethernet(frame) }
}

/// What a datagram to or from such a port carries; `None`: it is no tunnel after all, or nothing that can be told.
pub(super) fn of_datagram(port: u16, payload: Layer<'_>, layers: u8) -> Option<Decoded<'_>> {
    let inside = match port {
        GENEVE_PORT => geneve(payload)?,
        _ if VXLAN_PORTS.contains(&port) => vxlan(payload)?,
        VXLAN_GPE_PORT => vxlan_gpe(payload)?,
        GTP_USER_PORT => gtp(payload)?,
        TZSP_PORT => tzsp(payload)?,
        _ => return None,
    };
    match (link::follow_inside(inside, layers - 1), inside) {
        // The capture kept too little of it; a tunnel it is all the same.
        (None, Inside::Typed(_, inside)) if inside.data.len() < inside.wire_len => {
            Some(Decoded::Refused(PacketReason::HeadersCut))
        }
        (decoded, _) => decoded.filter(is_certain),
    }
}

/// Whether what was found inside speaks for a tunnel. Any datagram may go to such a port.
fn is_certain(decoded: &Decoded<'_>) -> bool {
    match decoded {
        Decoded::Segment(_) | Decoded::Fragment(..) => true,
        Decoded::Refused(reason) => !matches!(
            reason,
            PacketReason::EtherType(_) | PacketReason::LinkType(_) | PacketReason::MplsContent
        ),
    }
}

fn geneve(payload: Layer<'_>) -> Option<Inside<'_>> {
    let [first, flags] = *payload.data.first_chunk::<2>()?;
    let options_len = usize::from(first & 0x3f) * 4;
    if first >> 6 != 0 || flags & 0x3f != 0 {
        return None;
    }
    Some(Inside::Typed(payload.u16_at(2)?, payload.behind(8 + options_len)?))
}

fn vxlan(payload: Layer<'_>) -> Option<Inside<'_>> {
    let flags = payload.data.first()?;
    if flags & 0xf7 != 0 || flags & 8 == 0 {
        return None;
    }
    link::ethernet(payload.behind(8)?)
}

fn vxlan_gpe(payload: Layer<'_>) -> Option<Inside<'_>> {
    let [flags, _, _, next] = *payload.data.first_chunk::<4>()?;
    if flags & 0xf2 != 0 {
        return None;
    }
    let inside = payload.behind(8)?;
    match next {
        1 | 2 => link::of_ip(inside),
        _ => link::ethernet(inside),
    }
}

fn gtp(payload: Layer<'_>) -> Option<Inside<'_>> {
    let [first, kind] = *payload.data.first_chunk::<2>()?;
    // Version 1, and a user packet. Any of three flags brings four more bytes.
    if first >> 4 != 3 || kind != 0xff {
        return None;
    }
    link::of_ip(payload.behind(if first & 7 == 0 { 8 } else { 12 })?)
}

/// TZSP: a frame behind tagged fields.
fn tzsp(payload: Layer<'_>) -> Option<Inside<'_>> {
    const HEADER_BYTES: usize = 4;
    const TAG_PADDING: u8 = 0;
    const TAG_END: u8 = 1;
    let [version, kind, protocol @ ..] = *payload.data.first_chunk::<HEADER_BYTES>()?;
    match (version, kind) {
        // A packet that was received, or is to be sent
        (1, 0 | 1) => {}
        // Settings, keepalive, opening of a port
        (1, 3..=5) => return Some(Inside::Refused(PacketReason::LinkControl)),
        _ => return None,
    }
    let mut at = HEADER_BYTES;
    loop {
        match *payload.data.get(at)? {
            TAG_PADDING => at += 1,
            TAG_END => break,
            _ => at += 2 + usize::from(*payload.data.get(at + 1)?),
        }
    }
    let frame = payload.behind(at + 1)?;
    match u16::from_be_bytes(protocol) {
        0x01 => link::ethernet(frame),
        0x12 => wireless::frame(frame),
        0x77 => wireless::behind_prism(frame),
        0x7f => wireless::behind_avs(frame),
        _ => None,
    }
}
