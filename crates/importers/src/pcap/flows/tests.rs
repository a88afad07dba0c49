use std::net::SocketAddr;

use super::*;

const SYN_ACK: u8 = SYN | ACK;
const CLIENT: [u8; 4] = [10, 0, 0, 1];
const SERVER: [u8; 4] = [192, 0, 2, 1];

/// An IPv4 packet of raw link type.
fn ipv4(source: [u8; 4], destination: [u8; 4], protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let place = fragment.to_be_bytes();
    [
        &[0x45, 0, total[0], total[1], 0, 7, place[0], place[1], 64, protocol, 0, 0][..],
        &source,
        &destination,
        payload,
    ]
    .concat()
}

/// A segment of the client (or of the server) of one connection.
fn tcp(from_client: bool, sequence: u32, acknowledged: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let (ports, source, destination) =
        if from_client { ([40_000_u16, 443], CLIENT, SERVER) } else { ([443, 40_000], SERVER, CLIENT) };
    let segment = [
        &ports[0].to_be_bytes()[..],
        &ports[1].to_be_bytes(),
        &sequence.to_be_bytes(),
        &acknowledged.to_be_bytes(),
        &[0x50, flags, 0xff, 0xff, 0, 0, 0, 0],
        payload,
    ]
    .concat();
    ipv4(source, destination, 6, 0, &segment)
}

fn udp(payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + payload.len()).unwrap().to_be_bytes();
    [&40_000_u16.to_be_bytes()[..], &5000_u16.to_be_bytes(), &len, &[0, 0], payload].concat()
}

/// What the table says, as text: one line per event.
fn events(packets: &[(u64, Vec<u8>)]) -> Vec<String> {
    let mut table = FlowTable::with_payload(PayloadLimit::ALL);
    let mut said = Vec::new();
    let mut sink = |event: FlowEvent<'_>| said.push(line(&event));
    for (number, (millis, data)) in (1..).zip(packets) {
        let time = Timestamp::from_nanos(millis * 1_000_000);
        table.push(&Packet { number, time, link: 101, wire_len: data.len(), data }, &mut sink);
    }
    table.finish(&mut sink);
    said
}

fn line(event: &FlowEvent<'_>) -> String {
    match event {
        FlowEvent::Opened(opened) => {
            format!("open {} {} {:?}", opened.originator, opened.responder, opened.begun)
        }
        FlowEvent::Payload(payload) => {
            let bytes = String::from_utf8_lossy(payload.bytes);
            let gap =
                if payload.gap_before > 0 { format!(" gap {}", payload.gap_before) } else { String::new() };
            format!("{:?} {bytes}/{}{gap}", payload.side, payload.wire_len)
        }
        FlowEvent::Burst { totals, .. } => format!("burst after {}", totals.originator_bytes),
        FlowEvent::Closed(closed) => {
            let totals = closed.totals;
            format!("close {}/{} {:?}", totals.originator_bytes, totals.responder_bytes, closed.answered)
        }
    }
}

fn client_open() -> Vec<(u64, Vec<u8>)> {
    vec![
        (0, tcp(true, 100, 0, SYN, b"")),
        (1, tcp(false, 500, 101, SYN_ACK, b"")),
        (2, tcp(true, 101, 501, ACK, b"")),
    ]
}

#[test]
fn segments_out_of_order_come_in_order_and_only_once() {
    let mut packets = client_open();
    packets.extend([
        (3, tcp(true, 104, 501, ACK, b"def")),
        (4, tcp(true, 101, 501, ACK, b"abc")),
        (5, tcp(true, 101, 501, ACK, b"abcd")),
        (6, tcp(true, 106, 501, ACK, b"fg")),
    ]);
    let expect = [
        "open 10.0.0.1:40000 192.0.2.1:443 true",
        "Originator abc/3",
        "Originator def/3",
        "Originator g/1",
        "close 7/0 Some(true)",
    ];
    assert_eq!(events(&packets), expect);
}

#[test]
fn what_was_acknowledged_but_not_captured_is_a_gap() {
    let mut packets = client_open();
    packets.extend([(3, tcp(true, 111, 501, ACK, b"late")), (4, tcp(false, 501, 115, ACK, b"ok"))]);
    let said = events(&packets);
    assert_eq!(&said[1..3], ["Originator late/4 gap 10", "Responder ok/2"]);
}

#[test]
fn a_gap_that_nobody_confirms_is_given_up_at_the_end() {
    let mut packets = client_open();
    packets.push((3, tcp(true, 111, 501, ACK, b"late")));
    assert_eq!(events(&packets)[1..], ["Originator late/4 gap 10", "close 4/0 Some(true)"]);
}

#[test]
fn sending_after_a_pause_is_a_burst() {
    let mut packets = client_open();
    packets.extend([
        (10, tcp(true, 101, 501, ACK, b"one")),
        (60, tcp(false, 501, 104, ACK, b"yes")),
        (5_060, tcp(true, 104, 504, ACK, b"two")),
        (5_070, tcp(true, 107, 504, ACK, b"more")),
    ]);
    let said = events(&packets);
    assert_eq!(said.iter().filter(|line| line.starts_with("burst")).collect::<Vec<_>>(), ["burst after 3"]);
}

#[test]
fn a_repeated_syn_is_one_attempt_and_another_number_another() {
    let syn = |millis, sequence| (millis, tcp(true, sequence, 0, SYN, b""));
    let said = events(&[syn(0, 100), syn(1000, 100), syn(9000, 7777)]);
    assert_eq!(said.iter().filter(|line| line.starts_with("open")).count(), 2);
    assert_eq!(said.iter().filter(|line| *line == "close 0/0 Some(false)").count(), 2);
}

#[test]
fn a_flow_of_which_the_begin_is_missing_has_the_lower_port_as_server() {
    let said = events(&[(0, tcp(false, 500, 101, ACK, b"data"))]);
    assert_eq!(said, ["open 10.0.0.1:40000 192.0.2.1:443 false", "Responder data/4", "close 0/4 None"]);
}

#[test]
fn a_datagram_flow_that_is_silent_is_closed() {
    let packet = ipv4(CLIENT, SERVER, 17, 0, &udp(b"hi"));
    let said = events(&[(0, packet.clone()), (301_000, packet)]);
    assert_eq!(said.iter().filter(|line| *line == "close 2/0 Some(false)").count(), 2, "{said:?}");
}

#[test]
fn fragments_are_joined() {
    let whole = udp(b"0123456789abcdefghij");
    let packets =
        [(0, ipv4(CLIENT, SERVER, 17, 2, &whole[16..])), (1, ipv4(CLIENT, SERVER, 17, 0x2000, &whole[..16]))];
    assert_eq!(events(&packets)[1], "Originator 0123456789abcdefghij/20");
}

#[test]
fn snapped_packets_keep_their_length() {
    let mut table = FlowTable::with_payload(PayloadLimit::ALL);
    let data = tcp(true, 101, 501, ACK, b"0123456789");
    let mut said = Vec::new();
    let packet = Packet {
        number: 1,
        time: Timestamp::ZERO,
        link: 101,
        wire_len: data.len(),
        data: data.get(..data.len() - 6).unwrap(),
    };
    table.push(&packet, &mut |event| said.push(line(&event)));
    assert_eq!(said[1], "Originator 0123/10");
}

#[test]
fn the_payload_limit_holds_per_direction() {
    let limit = PayloadLimit { packets: 2, originator_bytes: 3, responder_bytes: 2 };
    let mut table = FlowTable::with_payload(limit);
    let mut said = Vec::new();
    let asked = (0..5_u32).map(|number| tcp(true, 101 + 4 * number, 501, ACK, b"abcd"));
    let answered = core::iter::once(tcp(false, 501, 121, ACK, b"wxyz"));
    for (number, data) in asked.chain(answered).enumerate() {
        let time = Timestamp::from_nanos(number as u64);
        let packet = Packet { number: 1, time, link: 101, wire_len: data.len(), data: &data };
        table.push(&packet, &mut |event| said.push(line(&event)));
    }
    table.finish(&mut |event| said.push(line(&event)));
    let expect = ["Originator abc/4", "Originator abc/4", "Responder wx/4", "close 20/4 None"];
    assert_eq!(said[1..], expect);
}

#[test]
fn of_dns_every_message_is_seen_despite_the_limit() {
    let seen = |port: u16| {
        let mut table =
            FlowTable::with_payload(PayloadLimit { packets: 2, originator_bytes: 9, responder_bytes: 9 });
        let mut seen = 0;
        for number in 0..5_u64 {
            let mut datagram = udp(b"question");
            datagram[2..4].copy_from_slice(&port.to_be_bytes());
            let data = ipv4([10, 0, 0, 1], [10, 0, 0, 2], 17, 0, &datagram);
            let packet = Packet {
                number,
                time: Timestamp::from_nanos(number),
                link: 101,
                wire_len: data.len(),
                data: &data,
            };
            table.push(&packet, &mut |event| seen += u32::from(matches!(event, FlowEvent::Payload(_))));
        }
        seen
    };
    assert_eq!((seen(53), seen(5000)), (5, 2));
}

#[test]
fn tags_and_tunnels_are_looked_through() {
    let inner = ipv4(CLIENT, SERVER, 17, 0, &udp(b"in"));
    let ethernet = |tags: &[u8], payload: &[u8]| [&[2; 12][..], tags, payload].concat();
    let vxlan = [&[8, 0, 0, 0, 0, 0, 1, 0][..], &ethernet(&[8, 0], &inner)].concat();
    let len = u16::try_from(8 + vxlan.len()).unwrap().to_be_bytes();
    let outer = [&[0xc0, 0, 0x12, 0xb5][..], &len, &[0, 0], &vxlan].concat();
    let gre = [&[0, 0, 8, 0][..], &inner].concat();
    for (link, data) in [
        (1, ethernet(&[0x81, 0, 0, 5, 8, 0], &inner)),
        (1, ethernet(&[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0], &inner)),
        (1, ethernet(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 0, 0, 0x21], &inner)),
        (1, ethernet(&[0x88, 0x47, 0, 1, 0x01, 64], &inner)),
        (113, [&[0; 14][..], &[8, 0], &inner].concat()),
        (276, [&[8, 0][..], &[0; 18], &inner].concat()),
        (0, [&[2, 0, 0, 0][..], &inner].concat()),
        (9, [&[0xff, 3, 0, 0x21][..], &inner].concat()),
        (101, ipv4([1; 4], [2; 4], 4, 0, &inner)),
        (101, ipv4([1; 4], [2; 4], 47, 0, &gre)),
        (101, ipv4([1; 4], [2; 4], 17, 0, &outer)),
    ] {
        let mut table = FlowTable::with_payload(PayloadLimit::ALL);
        let mut opened = None;
        let packet = Packet { number: 1, time: Timestamp::ZERO, link, wire_len: data.len(), data: &data };
        table.push(&packet, &mut |event| {
            if let FlowEvent::Opened(flow) = event {
                opened = Some((flow.originator, flow.responder));
            }
        });
        let expect = (SocketAddr::from((CLIENT, 40_000)), SocketAddr::from((SERVER, 5000)));
        assert_eq!(opened, Some(expect), "link {link}: {data:02x?}");
    }
}
