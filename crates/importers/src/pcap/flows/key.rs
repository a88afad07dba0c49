//! What tells flows apart, the same for both directions.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::FlowProtocol;
use crate::pcap::decode::{ACK, Addresses, SYN, Segment, SegmentTransport};

/// Both ends in order, and the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FlowKey {
    ends: Ends,
    protocol: FlowProtocol,
}

/// The lower end and the higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// Each as its address, and behind that its port.
    V4([u64; 2]),
    V6([EndV6; 2]),
}

/// Address as two halves, and port: in this order they are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct EndV6 {
    address: [u64; 2],
    port: u16,
}

impl Hash for FlowKey {
    /// In one word of 16 bytes for IPv4: this is the hottest hash of a replay.
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.ends {
            Ends::V4([low, high]) => {
                let low = low | (self.protocol as u64) << 48;
                state.write_u128(u128::from(low) << 64 | u128::from(high));
            }
            Ends::V6(ends) => (ends, self.protocol).hash(state),
        }
    }
}

impl FlowKey {
    /// The key of a segment, and whether its source is the lower end.
    #[inline(always)]
    pub(super) fn of(segment: &Segment<'_>) -> (Self, bool) {
        let protocol = match segment.transport {
            SegmentTransport::Tcp { .. } => FlowProtocol::Tcp,
            SegmentTransport::Udp => FlowProtocol::Udp,
            SegmentTransport::Sctp => FlowProtocol::Sctp,
        };
        let ports = (segment.source_port, segment.destination_port);
        let (ends, source_low) = match segment.addresses {
            Addresses::V4 { source, destination } => of_v4((source, destination), ports),
            Addresses::V6 { source, destination } => of_v6((source, destination), ports),
        };
        (Self { ends, protocol }, source_low)
    }

    pub(super) fn protocol(&self) -> FlowProtocol {
        self.protocol
    }

    /// A flow to a resolver: each of its messages is a question of its own.
    pub(super) fn is_dns(&self) -> bool {
        const DNS_PORT: u16 = 53;
        let (low, high) = self.ends(true);
        low.port() == DNS_PORT || high.port() == DNS_PORT
    }

    /// Originator and responder.
    pub(super) fn ends(&self, originator_low: bool) -> (SocketAddr, SocketAddr) {
        let [low, high] = match self.ends {
            Ends::V4(ends) => ends.map(socket_v4),
            Ends::V6(ends) => ends.map(socket_v6),
        };
        if originator_low { (low, high) } else { (high, low) }
    }
}

#[inline(always)]
fn of_v4(addresses: (u32, u32), ports: (u16, u16)) -> (Ends, bool) {
    let source = u64::from(addresses.0) << 16 | u64::from(ports.0);
    let destination = u64::from(addresses.1) << 16 | u64::from(ports.1);
    (Ends::V4([source.min(destination), source.max(destination)]), source <= destination)
}

fn of_v6(addresses: (u128, u128), ports: (u16, u16)) -> (Ends, bool) {
    if let Some(mapped) = mapped(addresses.0).zip(mapped(addresses.1)) {
        return of_v4(mapped, ports);
    }
    let source = EndV6 { address: halves(addresses.0), port: ports.0 };
    let destination = EndV6 { address: halves(addresses.1), port: ports.1 };
    (Ends::V6([source.min(destination), source.max(destination)]), source <= destination)
}

/// The IPv4 address that is written as an IPv6 address.
fn mapped(address: u128) -> Option<u32> {
    Ipv6Addr::from_bits(address).to_ipv4_mapped().map(Ipv4Addr::to_bits)
}

#[expect(clippy::cast_possible_truncation, reason = "halves are meant")]
fn halves(address: u128) -> [u64; 2] {
    [(address >> 64) as u64, address as u64]
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the port lies in the lowest 16 bits, the address in the next 32"
)]
fn socket_v4(end: u64) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::from_bits((end >> 16) as u32), end as u16))
}

fn socket_v6(EndV6 { address: [high, low], port }: EndV6) -> SocketAddr {
    let v6 = Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low));
    SocketAddr::new(v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4), port)
}

/// Whether the sender of the first packet that is seen opened the flow. When the start was not seen, the
/// lower port is taken for the server's.
pub(super) fn source_is_originator(segment: &Segment<'_>) -> bool {
    let (source, destination) = (segment.source_port, segment.destination_port);
    match segment.transport {
        SegmentTransport::Tcp { flags, .. } if flags & SYN != 0 => flags & ACK == 0,
        SegmentTransport::Tcp { .. } => source >= destination,
        SegmentTransport::Udp | SegmentTransport::Sctp => !(source < 1024 && destination >= 1024),
    }
}
