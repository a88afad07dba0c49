//! Packets as the cgroup hooks show them: from the IP header on. Finding the payload, and copying its beginning.

use core::mem::MaybeUninit;

use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::helpers::generated::bpf_skb_load_bytes;
use node_agent_common::event::{Kind, PAYLOAD_RECEIVED_MAX, PAYLOAD_SENT_MAX, Payload, family, transport};
use node_agent_common::map::SocketState;

use crate::emit::{fill_header, reserve, submit};
use crate::kernel::from_one_to;
use crate::maps::PAYLOADS;
use crate::socket::field;

/// IPv6 extension headers that are skipped.
const EXTENSIONS_MAX: u32 = 6;

/// Where the parts of a packet are.
#[derive(Clone, Copy)]
pub(crate) struct Packet {
    pub(crate) family: u8,
    /// Offset of the peer's address.
    pub(crate) remote_at: u32,
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
    /// TCP sequence number of the first byte of payload.
    pub(crate) sequence: u32,
    pub(crate) payload_at: u32,
    pub(crate) payload_len: u32,
}

/// Reads the headers; `None` for what is no first fragment of the wanted transport.
#[inline(always)]
pub(crate) unsafe fn parse(skb: *mut __sk_buff, wanted: u8, received: bool) -> Option<Packet> {
    // SAFETY: the helper checks the bounds.
    unsafe {
        let ip: [u8; 20] = bytes(skb, 0)?;
        let (family_number, remote_at, transport_at) = if ip[0] >> 4 == 4 {
            if ip[9] != wanted || (ip[6] & 0x1f) | ip[7] != 0 {
                return None;
            }
            (family::INET, if received { 12 } else { 16 }, u32::from(ip[0] & 15) * 4)
        } else {
            let at = skip_extensions(skb, ip[6], wanted)?;
            (family::INET6, if received { 8 } else { 24 }, at)
        };
        let ports: [u8; 8] = bytes(skb, transport_at)?;
        let mut sequence = 0;
        let mut header_len = 8;
        if wanted == transport::TCP {
            sequence = u32::from_be_bytes([ports[4], ports[5], ports[6], ports[7]]);
            let rest: [u8; 2] = bytes(skb, transport_at + 12)?;
            header_len = u32::from(rest[0] >> 4) * 4;
            // A SYN takes one number itself (data in it: TCP Fast Open).
            sequence = sequence.wrapping_add(u32::from(rest[1] >> 1 & 1));
        }
        let payload_at = transport_at + header_len;
        Some(Packet {
            family: family_number,
            remote_at,
            source_port: u16::from_be_bytes([ports[0], ports[1]]),
            destination_port: u16::from_be_bytes([ports[2], ports[3]]),
            sequence,
            payload_at,
            payload_len: field!((*skb).len).saturating_sub(payload_at),
        })
    }
}

/// Offset of the transport header behind IPv6 extension headers (RFC 8200).
#[inline(always)]
unsafe fn skip_extensions(skb: *mut __sk_buff, first: u8, wanted: u8) -> Option<u32> {
    let mut next = first;
    let mut at = 40_u32;
    let mut count = 0;
    while count < EXTENSIONS_MAX {
        count += 1;
        if next == wanted {
            return Some(at);
        }
        // SAFETY: the helper checks the bounds.
        let head: [u8; 4] = unsafe { bytes(skb, at)? };
        match next {
            // Hop-by-hop, routing, destination options: length in units of eight, without the first.
            0 | 43 | 60 => at += (u32::from(head[1]) + 1) * 8,
            // Fragment: only the first has the transport header.
            44 => {
                if u16::from_be_bytes([head[2], head[3]]) & 0xfff8 != 0 {
                    return None;
                }
                at += 8;
            }
            // Authentication: in units of four, without the first two.
            51 => at += (u32::from(head[1]) + 2) * 4,
            _ => return None,
        }
        next = head[0];
    }
    None
}

#[inline(always)]
unsafe fn bytes<const N: usize>(skb: *mut __sk_buff, at: u32) -> Option<[u8; N]> {
    let mut to = MaybeUninit::<[u8; N]>::uninit();
    // SAFETY: the helper writes all N bytes or fails.
    unsafe {
        if bpf_skb_load_bytes(skb.cast(), at, to.as_mut_ptr().cast(), N as u32) != 0 {
            return None;
        }
        Some(to.assume_init())
    }
}

#[repr(C)]
struct Sized<const N: usize> {
    record: Payload,
    data: [u8; N],
}

/// Emits the beginning of the payload; returns how much of it went out. Takes the smallest of four sizes, since a
/// ring reservation must be of a size that the verifier knows.
#[inline(always)]
pub(crate) unsafe fn emit(
    skb: *mut __sk_buff,
    state: *const SocketState,
    packet: &Packet,
    received: bool,
    gap_before: bool,
) -> u32 {
    // SAFETY: see `emit_sized`.
    unsafe {
        if packet.payload_len <= 256 {
            emit_sized::<256>(skb, state, packet, received, gap_before)
        } else if packet.payload_len <= 768 {
            emit_sized::<768>(skb, state, packet, received, gap_before)
        } else if received || packet.payload_len <= PAYLOAD_RECEIVED_MAX as u32 {
            emit_sized::<PAYLOAD_RECEIVED_MAX>(skb, state, packet, received, gap_before)
        } else {
            emit_sized::<PAYLOAD_SENT_MAX>(skb, state, packet, received, gap_before)
        }
    }
}

/// Bytes of payload that went out; 0 if the ring is full.
#[inline(always)]
unsafe fn emit_sized<const N: usize>(
    skb: *mut __sk_buff,
    state: *const SocketState,
    packet: &Packet,
    received: bool,
    gap_before: bool,
) -> u32 {
    let place: *mut Sized<N> = reserve(&PAYLOADS, Kind::Payload);
    if place.is_null() {
        return 0;
    }
    // SAFETY: the record is ours until it is submitted; the length is bounded for the verifier.
    unsafe {
        let record = &raw mut (*place).record;
        let wanted = match N {
            256 => from_one_to::<256>(u64::from(packet.payload_len)),
            768 => from_one_to::<768>(u64::from(packet.payload_len)),
            PAYLOAD_RECEIVED_MAX => {
                from_one_to::<{ PAYLOAD_RECEIVED_MAX as i32 }>(u64::from(packet.payload_len))
            }
            _ => from_one_to::<{ PAYLOAD_SENT_MAX as i32 }>(u64::from(packet.payload_len)),
        } as u32;
        let mut copied = 0;
        if bpf_skb_load_bytes(skb.cast(), packet.payload_at, (&raw mut (*place).data).cast(), wanted) == 0 {
            copied = wanted;
        }
        let address = (&raw mut (*record).remote).cast::<u64>();
        *address = 0;
        *address.add(1) = 0;
        if packet.family == family::INET {
            bpf_skb_load_bytes(skb.cast(), packet.remote_at, address.cast(), 4);
        } else {
            bpf_skb_load_bytes(skb.cast(), packet.remote_at, address.cast(), 16);
        }
        let len = size_of::<Payload>() as u32 + copied;
        fill_header(&raw mut (*record).header, Kind::Payload, (*state).cgroup, len);
        (*record).socket = (*state).cookie;
        (*record).wire_len = packet.payload_len;
        (*record).data_len = copied;
        (*record).local_port = if received { packet.destination_port } else { packet.source_port };
        (*record).remote_port = if received { packet.source_port } else { packet.destination_port };
        (*record).family = packet.family;
        (*record).transport = (*state).transport;
        (*record).received = u8::from(received);
        (*record).gap_before = u8::from(gap_before);
        submit(&PAYLOADS, place);
        copied
    }
}
