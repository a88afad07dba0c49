//! MPLS: what lies behind the labels, which nothing says but the bytes themselves.

use super::{Layer, link, link::Inside};
use crate::PacketReason;

/// Labels on top of one another that are followed.
const LABELS_MAX: u8 = 16;
const CONTROL_WORD_BYTES: usize = 4;

/// What lies behind the stack of labels; `None`: it is cut, or has no end.
pub(super) fn inside(mut stack: Layer<'_>) -> Option<Inside<'_>> {
    for _ in 0..LABELS_MAX {
        let last = stack.data.get(2)? & 1 == 1;
        stack = stack.behind(4)?;
        if last {
            return behind_labels(stack);
        }
    }
    Some(Inside::Refused(PacketReason::LayersTooMany))
}

/// IP, or a wire that carries Ethernet (RFC 4448): with a control word, which begins with four zero bits, or without
/// one, where an address begins that may look like either.
fn behind_labels(packet: Layer<'_>) -> Option<Inside<'_>> {
    let first = packet.data.first()? >> 4;
    if matches!(first, 4 | 6) && (link::is_plausible_ip(packet) || !link::is_plausible_ethernet(packet)) {
        return link::of_ip(packet);
    }
    if first == 0
        && let Some(frame) =
            packet.behind(CONTROL_WORD_BYTES).filter(|frame| link::is_plausible_ethernet(*frame))
    {
        return link::ethernet(frame);
    }
    if link::is_plausible_ethernet(packet) {
        return link::ethernet(packet);
    }
    Some(Inside::Refused(match first {
        // An associated channel (RFC 4385): whether the wire is up
        1 => PacketReason::LinkControl,
        _ => PacketReason::MplsContent,
    }))
}
