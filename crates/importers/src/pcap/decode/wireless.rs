//! 802.11: data frames that are not encrypted, behind what the receiver says about how they were received.

use super::{Layer, link, link::Inside};
use crate::PacketReason;

const PRISM_BYTES: usize = 144;
const RADIOTAP_FLAGS: u32 = 2;
const RADIOTAP_TIME: u32 = 1;
const RADIOTAP_MORE: u32 = 1 << 31;
/// What a receiver says of a frame: it filled the header up to words, and the frame was damaged on its way.
const PADDED: u8 = 0x20;
const BAD_CHECKSUM: u8 = 0x40;

/// A frame with nothing before it.
pub(super) fn frame(frame: Layer<'_>) -> Option<Inside<'_>> {
    data(frame, false)
}

/// Behind radiotap's header, of whose fields only the flags are read.
pub(super) fn behind_radiotap(frame: Layer<'_>) -> Option<Inside<'_>> {
    let header = frame.data;
    let [_, _, l0, l1] = *header.first_chunk::<4>()?;
    let present = |at: usize| Some(u32::from_le_bytes(*header.get(at..)?.first_chunk::<4>()?));
    let mut fields = 8;
    let mut last = present(4)?;
    while last & RADIOTAP_MORE != 0 {
        last = present(fields)?;
        fields += 4;
    }
    let mut flags = 0;
    let known = present(4)?;
    if known & RADIOTAP_FLAGS != 0 {
        let time = if known & RADIOTAP_TIME == 0 { fields } else { fields.next_multiple_of(8) + 8 };
        flags = *header.get(time)?;
    }
    if flags & BAD_CHECKSUM != 0 {
        return Some(Inside::Refused(PacketReason::WirelessDamaged));
    }
    data(frame.behind(usize::from(u16::from_le_bytes([l0, l1])))?, flags & PADDED != 0)
}

/// Behind the header of Prism cards, or that of AVS, which some give in its place.
pub(super) fn behind_prism(frame: Layer<'_>) -> Option<Inside<'_>> {
    if frame.data.starts_with(&[0x80, 0x21, 0x10]) {
        return behind_avs(frame);
    }
    data(frame.behind(PRISM_BYTES)?, false)
}

/// Behind AVS's header, which says how long it is.
pub(super) fn behind_avs(frame: Layer<'_>) -> Option<Inside<'_>> {
    let len = u32::from_be_bytes(*frame.data.get(4..)?.first_chunk::<4>()?);
    data(frame.behind(usize::try_from(len).ok()?)?, false)
}

/// Behind PPI's header, which says how long it is and of which link type the rest is.
pub(super) fn behind_ppi(frame: Layer<'_>) -> Option<Inside<'_>> {
    const PPI: u16 = 192;
    let [_, _, l0, l1, link, rest @ ..] = *frame.data.first_chunk::<8>()?;
    let link = u16::from_le_bytes([link, *rest.first()?]);
    if link == PPI {
        return None;
    }
    link::network(link, frame.behind(usize::from(u16::from_le_bytes([l0, l1])))?)
}

/// A frame; `padded`: its header is filled up to a multiple of four bytes.
fn data(frame: Layer<'_>, padded: bool) -> Option<Inside<'_>> {
    const DATA: u8 = 2;
    const BETWEEN_ACCESS_POINTS: u8 = 3;
    const MORE_FRAGMENTS: u8 = 4;
    const PROTECTED: u8 = 0x40;
    const ORDERED: u8 = 0x80;
    let [control, flags] = *frame.data.first_chunk::<2>()?;
    let (kind, subtype) = (control >> 2 & 3, control >> 4);
    // The third bit of the subtype: without data
    if control & 3 != 0 || kind != DATA || subtype & 4 != 0 {
        return Some(Inside::Refused(PacketReason::WirelessControl));
    }
    if flags & PROTECTED != 0 {
        return Some(Inside::Refused(PacketReason::Encrypted));
    }
    let fragment = frame.data.get(22)? & 0x0f;
    if fragment != 0 || flags & MORE_FRAGMENTS != 0 {
        return Some(Inside::Refused(PacketReason::FragmentIncomplete));
    }
    let mut header = if flags & BETWEEN_ACCESS_POINTS == BETWEEN_ACCESS_POINTS { 30 } else { 24 };
    let mut aggregate = false;
    if subtype & 8 != 0 {
        aggregate = frame.data.get(header)? & 0x80 != 0;
        header += if flags & ORDERED == 0 { 2 } else { 6 };
    }
    let inside = frame.behind(if padded { header.next_multiple_of(4) } else { header })?;
    if aggregate { Some(Inside::Refused(PacketReason::WirelessAggregate)) } else { link::llc(inside) }
}
