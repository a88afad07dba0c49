//! Why a packet of a capture was not used.

use core::fmt;

use super::Effect;

/// Why a packet was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PacketReason {
    /// A link type (`LINKTYPE_` number) that is not read.
    LinkType(u16),
    /// Link types beyond those that are told apart.
    FurtherLinkTypes,
    /// The bytes between packets make no sense, or the packet belongs to an interface that the file does not describe.
    DamagedRecord,
    /// The capture kept too few bytes of the packet for its headers.
    HeadersCut,
    /// Headers that contradict themselves.
    HeadersMalformed,
    /// More headers inside one another than are followed.
    LayersTooMany,
    /// A fragment of a packet of which not all came, or not in time.
    FragmentIncomplete,
    /// Encrypted below IP: WPA, MACsec.
    Encrypted,
    /// Anything but IP and Ethernet behind MPLS labels.
    MplsContent,
    /// GRE with source routes.
    GreRoutes,
    /// A PPP protocol that carries something and is not read, by its number.
    PppProtocol(u16),
    /// PPP protocols beyond those that are told apart.
    FurtherPppProtocols,
    /// A wireless frame that was damaged on its way, as the receiver says.
    WirelessDamaged,
    /// Several packets in one wireless frame (A-MSDU).
    WirelessAggregate,
    /// An IP protocol by its number, which is neither TCP, UDP, SCTP nor a tunnel that is followed.
    IpProtocol(u8),
    /// IP protocols beyond those that are told apart.
    FurtherIpProtocols,
    /// ARP and RARP.
    Arp,
    /// 802.2 LLC without SNAP: spanning tree, IS-IS, NetBIOS of old.
    Llc,
    /// Management and control frames of a wireless network.
    WirelessControl,
    /// What keeps a link or a tunnel up: PPP and PPPoE negotiation, keepalives, acknowledgements without content.
    LinkControl,
    /// Another EtherType (or PPP protocol that has one) by its number.
    EtherType(u16),
    /// EtherTypes beyond those that are told apart.
    FurtherEtherTypes,
    /// A time a year away from those before and after it: it was given that of the packet before.
    TimeRaised,
}

impl PacketReason {
    /// What it says about the capture.
    #[must_use]
    pub const fn effect(self) -> Effect {
        match self {
            Self::LinkType(_)
            | Self::FurtherLinkTypes
            | Self::DamagedRecord
            | Self::HeadersCut
            | Self::HeadersMalformed
            | Self::LayersTooMany
            | Self::FragmentIncomplete
            | Self::Encrypted
            | Self::MplsContent
            | Self::GreRoutes
            | Self::PppProtocol(_)
            | Self::FurtherPppProtocols
            | Self::WirelessDamaged
            | Self::WirelessAggregate
            | Self::FurtherIpProtocols => Effect::NotUnderstood,
            Self::IpProtocol(number) if !has_no_connections(number) => Effect::NotUnderstood,
            Self::IpProtocol(_)
            | Self::Arp
            | Self::Llc
            | Self::WirelessControl
            | Self::LinkControl
            | Self::EtherType(_)
            | Self::FurtherEtherTypes => Effect::NoConnection,
            Self::TimeRaised => Effect::Changed,
        }
    }

    /// The reason without the number that it came with.
    #[must_use]
    pub const fn without_number(self) -> Self {
        match self {
            Self::LinkType(_) => Self::FurtherLinkTypes,
            Self::IpProtocol(_) => Self::FurtherIpProtocols,
            Self::EtherType(_) => Self::FurtherEtherTypes,
            Self::PppProtocol(_) => Self::FurtherPppProtocols,
            Self::FurtherLinkTypes
            | Self::DamagedRecord
            | Self::HeadersCut
            | Self::HeadersMalformed
            | Self::LayersTooMany
            | Self::FragmentIncomplete
            | Self::Encrypted
            | Self::MplsContent
            | Self::GreRoutes
            | Self::FurtherPppProtocols
            | Self::WirelessDamaged
            | Self::WirelessAggregate
            | Self::FurtherIpProtocols
            | Self::Arp
            | Self::Llc
            | Self::WirelessControl
            | Self::LinkControl
            | Self::FurtherEtherTypes
            | Self::TimeRaised => self,
        }
    }
}

impl fmt::Display for PacketReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::LinkType(number) => {
                return match link_type_name(number) {
                    Some(name) => write!(f, "link type {name} is not supported"),
                    None => write!(f, "link type {number} is not supported"),
                };
            }
            Self::IpProtocol(number) => {
                return match (ip_protocol_name(number), has_no_connections(number)) {
                    (Some(name), true) => write!(f, "{name}, which has no connections"),
                    (Some(name), false) => write!(f, "{name} (IP protocol {number}) is not supported"),
                    (None, _) => write!(f, "IP protocol {number} is not supported"),
                };
            }
            Self::EtherType(number) => {
                return match ether_type_name(number) {
                    Some(name) => write!(f, "{name}, which is not IP"),
                    None => write!(f, "EtherType {number:#06x}, which is not IP"),
                };
            }
            Self::PppProtocol(number) => return write!(f, "PPP protocol {number:#06x} is not supported"),
            Self::FurtherLinkTypes => "further link types, which are not supported",
            Self::FurtherIpProtocols => "further IP protocols, which are not supported",
            Self::FurtherEtherTypes => "further EtherTypes, which are not IP",
            Self::DamagedRecord => "damaged record of the capture file",
            Self::HeadersCut => "headers cut: the capture kept too few bytes of the packet",
            Self::HeadersMalformed => "malformed headers",
            Self::LayersTooMany => "too many headers inside one another",
            Self::FragmentIncomplete => "fragment of a packet that is not complete",
            Self::Encrypted => "encrypted below IP (WPA, MACsec, MPPE)",
            Self::MplsContent => "content of an MPLS label is neither IP nor Ethernet",
            Self::GreRoutes => "GRE with source routes is not supported",
            Self::FurtherPppProtocols => "further PPP protocols, which are not supported",
            Self::WirelessDamaged => "wireless frame that was damaged on its way",
            Self::WirelessAggregate => "aggregate of wireless frames (A-MSDU), which is not supported",
            Self::Arp => "ARP",
            Self::Llc => "802.2 LLC (spanning tree and the like)",
            Self::WirelessControl => "wireless management or control frame",
            Self::LinkControl => "link or tunnel control without content",
            Self::TimeRaised => "time a year away from those beside it; it has that of the packet before",
        })
    }
}

/// Protocols between hosts and routers that nobody opens a connection with.
const fn has_no_connections(number: u8) -> bool {
    matches!(number, 1 | 2 | 3 | 9 | 46 | 58 | 59 | 88 | 89 | 103 | 112 | 113)
}

/// Names of the IP protocols that captures commonly have.
const fn ip_protocol_name(number: u8) -> Option<&'static str> {
    Some(match number {
        1 => "ICMP",
        2 => "IGMP",
        3 => "GGP",
        9 => "IGRP",
        33 => "DCCP",
        46 => "RSVP",
        50 => "ESP, which is encrypted",
        58 => "ICMPv6",
        59 => "IPv6 without a next header",
        88 => "EIGRP",
        89 => "OSPF",
        94 => "IPIP of another kind",
        97 => "EtherIP",
        103 => "PIM",
        108 => "IPComp",
        112 => "VRRP",
        113 => "PGM",
        115 => "L2TPv3",
        136 => "UDP-Lite",
        _ => return None,
    })
}

/// Names of the EtherTypes that captures commonly have.
const fn ether_type_name(number: u16) -> Option<&'static str> {
    Some(match number {
        0x0842 => "Wake-on-LAN",
        0x22f3 => "TRILL",
        0x6002 => "DEC MOP",
        0x809b => "AppleTalk",
        0x80f3 => "AppleTalk ARP",
        0x8137 => "IPX",
        0x8808 => "Ethernet flow control",
        0x8809 => "LACP",
        0x888e => "EAPOL",
        0x8892 => "PROFINET",
        0x88a4 => "EtherCAT",
        0x88b8..=0x88ba => "IEC 61850",
        0x88cc => "LLDP",
        0x88e1 => "HomePlug",
        0x88f7 => "PTP",
        0x8902 => "CFM",
        0x8906 => "FCoE",
        0x893a => "IEEE 1905",
        0x9000 => "Ethernet loopback test",
        _ => return None,
    })
}

/// Names of link types, as tcpdump has them.
const fn link_type_name(number: u16) -> Option<&'static str> {
    Some(match number {
        3 => "AX.25",
        6 => "Token Ring",
        7 => "ARCNET",
        8 => "SLIP",
        10 => "FDDI",
        100 => "ATM (RFC 1483)",
        105 => "802.11",
        107 => "Frame Relay",
        109 => "ENC (IPsec)",
        114 => "LocalTalk",
        117 => "PFLOG",
        119 => "802.11 with Prism header",
        122 => "IP over Fibre Channel",
        123 => "ATM (SunATM)",
        127 => "802.11 with radiotap header",
        129 => "ARCNET (Linux)",
        138 => "IP over FireWire",
        140 => "MTP2",
        141 => "MTP3",
        147..=162 => "USER (private use)",
        163 => "802.11 with AVS header",
        165 => "BACnet MS/TP",
        187 | 201 => "Bluetooth HCI",
        189 | 220 | 249 => "USB",
        192 => "PPI",
        195 | 215 | 230 | 283 => "802.15.4",
        197 => "ERF",
        203 => "LAPD",
        210 => "FlexRay",
        212 => "LIN",
        226 => "Solaris IPNET",
        227 => "CAN bus",
        239 => "NFLOG",
        240 | 241 => "netANALYZER",
        247 => "InfiniBand",
        250 | 251 | 256 | 272 => "Bluetooth Low Energy",
        252 => "Wireshark's exported PDUs",
        253 => "Netlink",
        254 | 255 => "Bluetooth monitor",
        271 => "vSocket",
        _ => return None,
    })
}
