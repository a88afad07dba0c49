//! PPP: which protocol a frame carries.

use super::{Layer, link, link::Inside};
use crate::PacketReason;

const IPV4: u16 = 0x0021;
const IPV6: u16 = 0x0057;
const MPLS: u16 = 0x0281;
const ETHERTYPE_MPLS: u16 = 0x8847;
/// Compressed, and with MPPE encrypted.
const COMPRESSED: [u16; 2] = [0x00fb, 0x00fd];
/// Negotiation of the link and of what it carries.
const CONTROL_FIRST: u16 = 0x4000;

/// With or without the header of HDLC, in the place of whose address a direction may stand.
pub(super) fn framed(frame: Layer<'_>) -> Option<Inside<'_>> {
    let headed = matches!(frame.data, [0xff | 0 | 1, 3, ..]);
    of_protocol(if headed { frame.behind(2)? } else { frame })
}

/// By the protocol field, of which the first byte may be left out when it is zero.
pub(super) fn of_protocol(frame: Layer<'_>) -> Option<Inside<'_>> {
    let (protocol, header) = match frame.data.first()? {
        odd if odd & 1 == 1 => (u16::from(*odd), 1),
        _ => (frame.u16_at(0)?, 2),
    };
    let inside = frame.behind(header)?;
    Some(match protocol {
        IPV4 => Inside::Typed(link::ETHERTYPE_IPV4, inside),
        IPV6 => Inside::Typed(link::ETHERTYPE_IPV6, inside),
        MPLS => Inside::Typed(ETHERTYPE_MPLS, inside),
        _ if COMPRESSED.contains(&protocol) => Inside::Refused(PacketReason::Encrypted),
        CONTROL_FIRST.. => Inside::Refused(PacketReason::LinkControl),
        protocol => Inside::Refused(PacketReason::PppProtocol(protocol)),
    })
}
