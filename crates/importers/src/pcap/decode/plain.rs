//! The commonest packet in one go. Taking it apart layer by layer costs several times as much, most of it for
//! moving what is known from one layer to the next.

use super::{Addresses, Segment, SegmentTransport};

const ETHERNET_HEADER_BYTES: usize = 14;
/// Headers of Ethernet, IPv4 and TCP, none of them with options.
const HEADERS_BYTES: usize = ETHERNET_HEADER_BYTES + 20 + 20;

/// TCP in a whole IPv4 packet without IP options, right behind Ethernet; `None`: any other packet, damaged ones
/// among them, which [`super::packet`] takes apart.
#[inline(always)]
pub(in crate::pcap) fn plain(link: u16, data: &[u8], wire_len: usize) -> Option<Segment<'_>> {
    let header = data.first_chunk::<HEADERS_BYTES>()?;
    let u16_at = |at: [usize; 2]| Some(u16::from_be_bytes([*header.get(at[0])?, *header.get(at[1])?]));
    let u32_at = |at: usize| Some(u32::from_be_bytes(*header.get(at..)?.first_chunk::<4>()?));
    let [ethertype, fragment] = [u16_at([12, 13])?, u16_at([20, 21])? & 0x3fff];
    let is_plain = link == 1 && ethertype == 0x0800 && header[14] == 0x45 && fragment == 0 && header[23] == 6;
    let headers_len = ETHERNET_HEADER_BYTES + 20 + usize::from(header[46] >> 4) * 4;
    if !is_plain || headers_len < HEADERS_BYTES {
        return None;
    }
    // Behind the packet may be padding of the link; segmentation offload leaves the length zero.
    let end = match usize::from(u16_at([16, 17])?) {
        0 => wire_len,
        total => wire_len.min(ETHERNET_HEADER_BYTES + total),
    };
    let payload_len = end.checked_sub(headers_len)?;
    Some(Segment {
        addresses: Addresses::V4 { source: u32_at(26)?, destination: u32_at(30)? },
        source_port: u16_at([34, 35])?,
        destination_port: u16_at([36, 37])?,
        transport: SegmentTransport::Tcp {
            sequence: u32_at(38)?,
            acknowledged: u32_at(42)?,
            flags: header[47],
        },
        payload: data.get(headers_len..end.min(data.len())).unwrap_or_default(),
        payload_len,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Decoded, packet};
    use super::*;

    /// A segment with TCP options and three bytes of payload, behind it the padding of the link.
    const FRAME: [u8; 68] = [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 8, 0, // Ethernet
        0x45, 0, 0, 47, 1, 2, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 192, 0, 2, 1, // IPv4
        0x9c, 0x40, 1, 0xbb, 1, 2, 3, 4, 5, 6, 7, 8, 0x60, 0x18, 1, 0, 0, 0, 0, 0, 1, 1, 1, 0, // TCP
        b'a', b'b', b'c', 0, 0, 0, 0, 0, 0, 0,
    ];

    /// What is taken in one go is what the layers give; says whether it was.
    fn check(link: u16, data: &[u8], wire_len: usize) -> bool {
        let Some(plain) = plain(link, data, wire_len) else { return false };
        let Some(Decoded::Segment(layered)) = packet(link, data, wire_len) else { panic!("not a segment") };
        assert_eq!(format!("{plain:?}"), format!("{layered:?}"), "{data:?}");
        true
    }

    #[test]
    fn a_plain_segment_is_what_the_layers_give() {
        assert!(check(1, &FRAME, FRAME.len()));
        assert_eq!(plain(1, &FRAME, FRAME.len()).unwrap().payload, b"abc");
        for snapped in 0..FRAME.len() {
            assert_eq!(check(1, &FRAME[..snapped], FRAME.len()), snapped >= HEADERS_BYTES);
        }
        for link in [0, 12, 101, 113] {
            assert!(!check(link, &FRAME, FRAME.len()));
        }
    }

    #[test]
    fn every_change_of_a_byte_gives_the_same_both_ways() {
        let mut taken = 0;
        for at in 0..FRAME.len() {
            for byte in 0..=u8::MAX {
                let mut frame = FRAME;
                frame[at] = byte;
                taken += u32::from(check(1, &frame, frame.len()));
                check(1, &frame, 1500);
                check(1, &frame[..60], frame.len());
            }
        }
        assert!(taken > 10_000, "{taken}");
    }
}
