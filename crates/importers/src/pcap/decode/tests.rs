use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;

const ETHERNET: u16 = 1;
const RAW: u16 = 101;
const TCP: &str = "10.0.0.5:40000 > 192.0.2.7:443 hello";

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let header = [0x45, 0, high, low, 0, 7, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 5, 192, 0, 2, 7];
    [&header[..], payload].concat()
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let addresses = [Ipv6Addr::from_bits(5).octets(), Ipv6Addr::from_bits(7).octets()].concat();
    [&[0x60, 0, 0, 0, high, low, next, 64][..], &addresses, payload].concat()
}

/// The packet that is inside of everything here: `TCP`.
fn tcp() -> Vec<u8> {
    let ports = [40_000_u16.to_be_bytes(), 443_u16.to_be_bytes()].concat();
    ipv4(6, &[&ports[..], &[0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 1, 0, 0, 0, 0, 0], b"hello"].concat())
}

fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + payload.len()).unwrap().to_be_bytes();
    let header = [50_000_u16.to_be_bytes(), port.to_be_bytes(), len, [0, 0]].concat();
    ipv4(17, &[&header[..], payload].concat())
}

fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    ethernet_to([2, 0, 0, 0, 0, 1], ethertype, payload)
}

fn ethernet_to(to: [u8; 6], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&to[..], &[2, 0, 0, 0, 0, 2], &ethertype.to_be_bytes(), payload].concat()
}

fn framed() -> Vec<u8> {
    ethernet(0x0800, &tcp())
}

fn gre(flags: u16, protocol: u16, rest: &[&[u8]]) -> Vec<u8> {
    ipv4(47, &[&flags.to_be_bytes()[..], &protocol.to_be_bytes(), &rest.concat()].concat())
}

/// What a packet is, in words.
fn said(link: u16, data: &[u8], wire_len: usize) -> String {
    match packet(link, data, wire_len) {
        None => "malformed".to_owned(),
        Some(Decoded::Refused(reason)) => reason.to_string(),
        Some(Decoded::Fragment(..)) => "fragment".to_owned(),
        Some(Decoded::Segment(Segment { addresses, source_port, destination_port, payload, .. })) => {
            let (source, destination) = match addresses {
                Addresses::V4 { source, destination } => {
                    (Ipv4Addr::from(source).to_string(), Ipv4Addr::from(destination).to_string())
                }
                Addresses::V6 { source, destination } => {
                    (Ipv6Addr::from(source).to_string(), Ipv6Addr::from(destination).to_string())
                }
            };
            let payload = String::from_utf8_lossy(payload);
            format!("{source}:{source_port} > {destination}:{destination_port} {payload}")
        }
    }
}

#[track_caller]
fn check(link: u16, data: &[u8], expect: &str) {
    assert_eq!(said(link, data, data.len()), expect);
}

#[test]
fn link_layers_carry_ip_or_are_refused_by_name() {
    let packet = tcp();
    for (link, head) in [
        (1, &ethernet(0x0800, &[])[..]),
        (0, &[2, 0, 0, 0]),
        (9, &[0xff, 3, 0, 0x21]),
        (166, &[1, 3, 0, 0x21]),
        (104, &[0x0f, 0, 8, 0]),
        (RAW, &[]),
        (109, &[0; 12]),
        (113, &[0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0]),
        (117, &[[61].as_slice(), &[0; 63]].concat()),
        (276, &[8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0]),
    ] {
        check(link, &[head, &packet].concat(), TCP);
    }
    check(197, &packet, "link type ERF is not supported");
    check(300, &packet, "link type 300 is not supported");
}

#[test]
fn between_ethernet_and_ip_lie_tags_and_sessions() {
    let packet = tcp();
    let len = u16::try_from(packet.len() + 2).unwrap().to_be_bytes();
    for (ethertype, head) in [
        (0x8100, &[0, 5, 8, 0][..]),
        (0x88a8, &[0, 5, 0x81, 0, 0, 6, 8, 0]),
        (0x8864, &[0x11, 0, 0, 1, len[0], len[1], 0, 0x21]),
        (0x88e5, &[0, 0, 0, 0, 0, 1, 8, 0]),
        (0x88e7, &[&[0, 0, 0, 9][..], &ethernet(0x0800, &[])].concat()),
    ] {
        check(ETHERNET, &ethernet(ethertype, &[head, &packet].concat()), TCP);
    }
    // 802.3 with SNAP, and without: its type is its length.
    let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &packet].concat();
    check(ETHERNET, &ethernet(u16::try_from(snap.len()).unwrap(), &snap), TCP);
    check(ETHERNET, &ethernet(38, &[0x42; 38]), "802.2 LLC (spanning tree and the like)");
    check(ETHERNET, &ethernet(0x0806, &[0; 28]), "ARP");
    check(ETHERNET, &ethernet(0x88cc, &[0; 28]), "LLDP, which is not IP");
    check(ETHERNET, &ethernet(0x1234, &[0; 28]), "EtherType 0x1234, which is not IP");
    check(ETHERNET, &ethernet(0x8863, &[0; 28]), "link or tunnel control without content");
    check(ETHERNET, &ethernet(0x88e5, &[0x2c; 40]), "encrypted below IP (WPA, MACsec, MPPE)");
    let deep = [&[0, 5, 0x81, 0].repeat(8)[..], &[0, 5, 8, 0], &packet].concat();
    check(ETHERNET, &ethernet(0x8100, &deep), "too many headers inside one another");
}

#[test]
fn what_has_no_connections_and_what_is_not_supported_are_told_apart() {
    check(RAW, &ipv4(1, &[8, 0, 0, 0]), "ICMP, which has no connections");
    check(RAW, &ipv6(58, &[128, 0, 0, 0]), "ICMPv6, which has no connections");
    check(RAW, &ipv4(50, &[0; 40]), "ESP, which is encrypted (IP protocol 50) is not supported");
    check(RAW, &ipv4(200, &[0; 40]), "IP protocol 200 is not supported");
    check(RAW, &ipv4(51, &[&[6, 4, 0, 0][..], &[0; 20], &tcp()[20..]].concat()), TCP);
    check(RAW, &[0x41; 40], "malformed");
}

#[test]
fn a_mirror_in_gre_is_what_it_carries() {
    const TYPE_II: [u8; 8] = [0x10, 5, 0, 7, 0, 0, 0, 1];
    const TYPE_III: [u8; 12] = [0x20, 5, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0];
    let frame = framed();
    check(RAW, &gre(0, 0x88be, &[&frame]), TCP);
    check(RAW, &gre(0x1000, 0x88be, &[&[0, 0, 0, 9], &TYPE_II, &frame]), TCP);
    check(RAW, &gre(0, 0x88be, &[&TYPE_II, &frame]), TCP);
    check(RAW, &gre(0x1000, 0x22eb, &[&[0, 0, 0, 9], &TYPE_III, &frame]), TCP);
    let mut with_platform = TYPE_III;
    with_platform[11] = 1;
    check(RAW, &gre(0x1000, 0x22eb, &[&[0, 0, 0, 9], &with_platform, &[0; 8], &frame]), TCP);
    let mut of_ip = TYPE_III;
    of_ip[10] = 2 << 2;
    check(RAW, &gre(0x1000, 0x22eb, &[&[0, 0, 0, 9], &of_ip, &tcp()]), TCP);
    check(RAW, &gre(0x1000, 0x88be, &[&[0, 0, 0, 9], &TYPE_II, &ethernet(0x0806, &[0; 28])]), "ARP");
    check(RAW, &gre(0, 0x88be, &[]), "link or tunnel control without content");
    // Over IPv6, and in the VLAN of the mirror.
    let outer = ipv6(47, &gre(0x1000, 0x88be, &[&[0, 0, 0, 9], &TYPE_II, &frame])[20..]);
    check(ETHERNET, &ethernet(0x8100, &[&[0, 5, 0x86, 0xdd], &outer[..]].concat()), TCP);
}

#[test]
fn what_a_mirror_cut_has_the_length_that_its_own_header_says() {
    let mut cut = framed();
    cut.truncate(cut.len() - 3);
    let data = gre(0x1000, 0x88be, &[&[0, 0, 0, 9], &[0x10, 5, 4, 7, 0, 0, 0, 1], &cut]);
    let Some(Decoded::Segment(segment)) = packet(RAW, &data, data.len()) else { panic!("no segment") };
    assert_eq!((segment.payload, segment.payload_len), (&b"he"[..], 5));
}

#[test]
fn ppp_in_gre_is_followed_and_its_acknowledgements_are_not() {
    let packet = [&[0xff, 3, 0, 0x21][..], &tcp()].concat();
    let len = u16::try_from(packet.len()).unwrap().to_be_bytes();
    check(RAW, &gre(0x3001, 0x880b, &[&len, &[0, 7], &[0, 0, 0, 1], &packet]), TCP);
    check(RAW, &gre(0x3081, 0x880b, &[&len, &[0, 7], &[0, 0, 0, 1], &[0, 0, 0, 1], &packet]), TCP);
    // Address and the zero of the protocol are often left out.
    let short = [&[0x21][..], &tcp()].concat();
    check(RAW, &gre(0x3001, 0x880b, &[&len, &[0, 7], &[0, 0, 0, 1], &short]), TCP);
    check(RAW, &gre(0x2081, 0x880b, &[&[0, 0, 0, 7, 0, 0, 0, 1]]), "link or tunnel control without content");
    let refused = |protocol: [u8; 2]| {
        let frame = [&[0xff, 3][..], &protocol, &[0; 8]].concat();
        said(RAW, &gre(0x3001, 0x880b, &[&[0, 12, 0, 7, 0, 0, 0, 1], &frame]), 200)
    };
    assert_eq!(refused([0xc0, 0x21]), "link or tunnel control without content");
    assert_eq!(refused([0x00, 0xfd]), "encrypted below IP (WPA, MACsec, MPPE)");
    assert_eq!(refused([0x00, 0x3d]), "PPP protocol 0x003d is not supported");
    assert_eq!(refused([0x00, 0x2b]), "PPP protocol 0x002b is not supported");
}

#[test]
fn behind_mpls_labels_lies_ip_or_a_wire_of_ethernet() {
    const LABELS: [u8; 8] = [0, 1, 0, 64, 0, 2, 1, 64];
    let mpls = |inside: &[u8]| ethernet(0x8847, &[&LABELS, inside].concat());
    let frame = framed();
    check(ETHERNET, &mpls(&tcp()), TCP);
    check(ETHERNET, &mpls(&frame), TCP);
    check(ETHERNET, &mpls(&[&[0, 0, 0, 9], &frame[..]].concat()), TCP);
    check(ETHERNET, &mpls(&[&[0; 4], &frame[..]].concat()), TCP);
    // Addresses that look like the first byte of IPv4, of IPv6 and of a control word.
    for first in [0x44, 0x60, 0x00, 0x10] {
        let frame = ethernet_to([first, 1, 2, 3, 4, 5], 0x0800, &tcp());
        check(ETHERNET, &mpls(&frame), TCP);
        check(ETHERNET, &mpls(&[&[0; 4], &frame[..]].concat()), TCP);
    }
    check(ETHERNET, &mpls(&[0x10; 20]), "link or tunnel control without content");
    check(ETHERNET, &mpls(&[0x77; 20]), "content of an MPLS label is neither IP nor Ethernet");
    check(ETHERNET, &ethernet(0x8847, &[0; 100]), "too many headers inside one another");
}

#[test]
fn mirrors_in_datagrams_are_what_they_carry_and_other_datagrams_are_themselves() {
    let frame = framed();
    let tzsp = |kind: u8, protocol: u8, rest: &[u8]| {
        udp(37_008, &[&[1, kind, 0, protocol, 0, 10, 1, 0xab, 1], rest].concat())
    };
    check(RAW, &tzsp(0, 1, &frame), TCP);
    check(RAW, &tzsp(1, 1, &frame), TCP);
    check(RAW, &tzsp(0, 0x12, &wireless(0x08, 0, &tcp())), TCP);
    check(RAW, &tzsp(0, 1, &ethernet(0x0806, &[0; 28])), "ARP");
    check(RAW, &tzsp(4, 0, &[]), "link or tunnel control without content");
    check(RAW, &udp(37_008, b"hi"), "10.0.0.5:50000 > 192.0.2.7:37008 hi");
    let vxlan = |inside: &[u8]| udp(4789, &[&[8, 0, 0, 0, 0, 0, 5, 0], inside].concat());
    check(RAW, &vxlan(&frame), TCP);
    check(RAW, &vxlan(&ethernet(0x0806, &[0; 28])), "ARP");
    check(RAW, &udp(4789, b"hello"), "10.0.0.5:50000 > 192.0.2.7:4789 hello");
    // Only the outer headers and the first of the inner ones were kept: the tunnel is no flow of its own.
    let cut = vxlan(&frame);
    let cut_said = said(RAW, &cut[..60], cut.len());
    assert_eq!(cut_said, "headers cut: the capture kept too few bytes of the packet");
}

/// A data frame of 802.11.
fn wireless(control: u8, flags: u8, packet: &[u8]) -> Vec<u8> {
    let quality: &[u8] = if control & 0x80 == 0 { &[] } else { &[0, 0] };
    let head = [&[control, flags, 0, 0][..], &[2; 18], &[0x10, 0], quality].concat();
    [&head[..], &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], packet].concat()
}

#[test]
fn wireless_frames_that_are_not_encrypted_are_read_and_the_others_are_told_by_kind() {
    let packet = tcp();
    check(105, &wireless(0x08, 1, &packet), TCP);
    check(105, &wireless(0x88, 2, &packet), TCP);
    let radiotap = |flags: u8, frame: &[u8]| [&[0, 0, 9, 0, 2, 0, 0, 0, flags], frame].concat();
    check(127, &radiotap(0x10, &wireless(0x88, 1, &packet)), TCP);
    // A clock before the flags, and a second word that says what there is.
    let long = [&[0, 0, 33, 0, 3, 0, 0, 0x80, 0, 0, 0, 0][..], &[0; 12], &[0x10], &[0; 8]].concat();
    check(127, &[&long[..], &wireless(0x08, 1, &packet)].concat(), TCP);
    // The header is filled up to a word.
    let mut padded = wireless(0x88, 1, &packet);
    padded.splice(26..26, [0, 0]);
    check(127, &radiotap(0x20, &padded), TCP);
    check(192, &[&[0, 0, 8, 0, 105, 0, 0, 0], &wireless(0x08, 1, &packet)[..]].concat(), TCP);
    check(119, &[&[0; 144], &wireless(0x08, 1, &packet)[..]].concat(), TCP);
    check(
        163,
        &[&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64][..], &[0; 56], &wireless(0x08, 1, &packet)].concat(),
        TCP,
    );
    check(127, &radiotap(0, &wireless(0x08, 0x41, &packet)), "encrypted below IP (WPA, MACsec, MPPE)");
    check(127, &radiotap(0, &wireless(0x80, 0, &packet)), "wireless management or control frame");
    check(127, &radiotap(0, &wireless(0x48, 1, &packet)), "wireless management or control frame");
    check(127, &radiotap(0x50, &wireless(0x08, 1, &packet)), "wireless frame that was damaged on its way");
    check(105, &wireless(0x08, 4, &packet), "fragment of a packet that is not complete");
    let mut aggregate = wireless(0x88, 1, &packet);
    aggregate[24] = 0x80;
    check(105, &aggregate, "aggregate of wireless frames (A-MSDU), which is not supported");
}

#[test]
fn a_packet_that_the_firewall_logged_is_read_in_either_byte_order() {
    let packet = tcp();
    let log = |ethertype: u16, big_endian: bool| {
        let number = |n: usize| {
            let n = u16::try_from(n).unwrap();
            if big_endian { n.to_be_bytes() } else { n.to_le_bytes() }
        };
        let attribute = |kind: usize, value: &[u8]| {
            let mut bytes = [&number(4 + value.len())[..], &number(kind), value].concat();
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes
        };
        let [high, low] = ethertype.to_be_bytes();
        let attributes = [attribute(1, &[high, low, 1, 0]), attribute(10, b"in\0"), attribute(9, &packet)];
        [&[2, 0, 0, 5][..], &attributes.concat()].concat()
    };
    for ethertype in [0x0800, 0] {
        check(239, &log(ethertype, false), TCP);
        check(239, &log(ethertype, true), TCP);
    }
    check(239, &log(0x0806, false), "ARP");
    check(239, &[2, 0, 0, 5, 8, 0, 10, 0, b'a', 0, 0, 0], "link or tunnel control without content");
}
