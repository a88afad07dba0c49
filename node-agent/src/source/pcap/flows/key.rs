//! What tells flows apart, the same for both directions.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::FlowProtocol;
use crate::source::pcap::decode::{ACK, SYN, Segment, SegmentTransport};

/// Both ends in order, and the transport. IPv4 addresses are kept as mapped ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FlowKey {
    low: u128,
    high: u128,
    low_port: u16,
    high_port: u16,
    protocol: u16,
}

impl FlowKey {
    /// A flow to a resolver: each of its messages is a question of its own.
    pub(super) fn is_dns(&self) -> bool {
        const DNS_PORT: u16 = 53;
        self.low_port == DNS_PORT || self.high_port == DNS_PORT
    }
}

impl Hash for FlowKey {
    /// In three words, not five: this is the hottest hash of a replay.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.low);
        state.write_u128(self.high);
        let ports = u64::from(self.low_port) << 32 | u64::from(self.high_port) << 16;
        state.write_u64(ports | u64::from(self.protocol));
    }
}

impl FlowKey {
    /// The key of a segment, and whether its source is the lower end.
    pub(super) fn of(segment: &Segment<'_>) -> (Self, bool) {
        let source = (number(segment.source), segment.source_port);
        let destination = (number(segment.destination), segment.destination_port);
        let protocol = match segment.transport {
            SegmentTransport::Tcp { .. } => 6,
            SegmentTransport::Udp => 17,
            SegmentTransport::Sctp => 132,
        };
        let source_low = source <= destination;
        let ((low, low_port), (high, high_port)) =
            if source_low { (source, destination) } else { (destination, source) };
        (Self { low, high, low_port, high_port, protocol }, source_low)
    }

    pub(super) fn protocol(&self) -> FlowProtocol {
        match self.protocol {
            6 => FlowProtocol::Tcp,
            17 => FlowProtocol::Udp,
            _ => FlowProtocol::Sctp,
        }
    }

    /// Originator and responder.
    pub(super) fn ends(&self, originator_low: bool) -> (SocketAddr, SocketAddr) {
        let (low, high) = (address(self.low, self.low_port), address(self.high, self.high_port));
        if originator_low { (low, high) } else { (high, low) }
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => 0xffff_0000_0000 | u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn address(number: u128, port: u16) -> SocketAddr {
    let v6 = Ipv6Addr::from(number);
    SocketAddr::new(v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4), port)
}

/// Whether the sender of the first packet that is seen opened the flow. When the begin was not seen, the
/// lower port is taken for the server's.
pub(super) fn source_is_originator(segment: &Segment<'_>) -> bool {
    let (source, destination) = (segment.source_port, segment.destination_port);
    match segment.transport {
        SegmentTransport::Tcp { flags, .. } if flags & SYN != 0 => flags & ACK == 0,
        SegmentTransport::Tcp { .. } => source >= destination,
        SegmentTransport::Udp | SegmentTransport::Sctp => !(source < 1024 && destination >= 1024),
    }
}
