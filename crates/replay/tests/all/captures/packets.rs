//! Captures made here: the same connections, wrapped in everything that may lie around them.

/// Connections of one capture, one a minute.
pub(crate) const CONNECTIONS: u16 = 20;
/// Packets of each.
pub(crate) const PACKETS_EACH: u64 = 6;

/// A way to carry IP packets: its name, the link type of the capture, and what is put around each packet.
pub(crate) struct Wrap {
    pub(crate) name: &'static str,
    pub(crate) link: u32,
    pub(crate) around: fn(&[u8]) -> Vec<u8>,
}

/// Every way that is read.
pub(crate) const WRAPS: &[Wrap] = &[
    Wrap { name: "ethernet", link: 1, around: |ip| ethernet(0x0800, ip) },
    Wrap { name: "raw", link: 101, around: <[u8]>::to_vec },
    Wrap { name: "erspan-1", link: 1, around: |ip| mirrored(0, 0x88be, &[], ip) },
    Wrap { name: "erspan-2", link: 1, around: |ip| mirrored(0x1000, 0x88be, &ERSPAN_II, ip) },
    Wrap { name: "erspan-3", link: 1, around: |ip| mirrored(0x1000, 0x22eb, &ERSPAN_III, ip) },
    Wrap { name: "nflog", link: 239, around: nflog },
    Wrap { name: "mpls", link: 1, around: |ip| ethernet(0x8847, &[&LABEL, ip].concat()) },
    Wrap { name: "mpls-wire", link: 1, around: |ip| pseudowire(&[], ip) },
    Wrap { name: "mpls-wire-control-word", link: 1, around: |ip| pseudowire(&[0, 0, 0, 9], ip) },
    Wrap { name: "pptp", link: 1, around: pptp },
    Wrap { name: "tzsp", link: 1, around: tzsp },
    Wrap { name: "vxlan", link: 1, around: vxlan },
    Wrap { name: "radiotap", link: 127, around: |ip| wireless(1, ip) },
];

const ERSPAN_II: [u8; 12] = [0, 0, 0, 9, 0x10, 5, 0, 7, 0, 0, 0, 1];
const ERSPAN_III: [u8; 16] = [0, 0, 0, 9, 0x20, 5, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0];
const LABEL: [u8; 4] = [0, 1, 1, 64];

/// A pcap of these packets, each with its time in milliseconds.
pub(crate) fn pcap(link: u32, packets: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    for field in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, link] {
        file.extend(field.to_le_bytes());
    }
    for (millis, packet) in packets {
        let len = u32::try_from(packet.len()).unwrap();
        let secs = 1_700_000_000 + u32::try_from(millis / 1000).unwrap();
        for field in [secs, u32::try_from(millis % 1000 * 1000).unwrap(), len, len] {
            file.extend(field.to_le_bytes());
        }
        file.extend(packet);
    }
    file
}

/// A capture of [`CONNECTIONS`] connections of 10.0.0.5 to 192.0.2.7:443, wrapped.
pub(crate) fn connections(wrap: &Wrap) -> Vec<u8> {
    let packets: Vec<(u64, Vec<u8>)> =
        (0..CONNECTIONS).flat_map(connection).map(|(time, ip)| (time, (wrap.around)(&ip))).collect();
    pcap(wrap.link, &packets)
}

fn connection(number: u16) -> Vec<(u64, Vec<u8>)> {
    let begin = u64::from(number) * 60_000;
    let tcp = |sent: bool, sequence: u32, acknowledged: u32, flags: u8, payload: &[u8]| {
        let ports = if sent { [40_000 + number, 443] } else { [443, 40_000 + number] };
        let numbers = [sequence.to_be_bytes(), acknowledged.to_be_bytes()].concat();
        let segment =
            [&ports.map(u16::to_be_bytes).concat()[..], &numbers, &[0x50, flags, 1, 0, 0, 0, 0, 0], payload];
        let (source, destination) = if sent { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
        ipv4(6, source, destination, &segment.concat())
    };
    vec![
        (begin, tcp(true, 100, 0, 2, b"")),
        (begin + 1, tcp(false, 500, 101, 0x12, b"")),
        (begin + 2, tcp(true, 101, 501, 0x10, b"")),
        (begin + 3, tcp(true, 101, 501, 0x18, b"hello")),
        (begin + 4, tcp(false, 501, 106, 0x18, b"there")),
        (begin + 5, tcp(true, 106, 506, 0x11, b"")),
    ]
}

const CLIENT: [u8; 4] = [10, 0, 0, 5];
const SERVER: [u8; 4] = [192, 0, 2, 7];
/// Who mirrors, and who is sent the mirror.
const MIRROR: [[u8; 4]; 2] = [[172, 16, 0, 1], [172, 16, 0, 2]];

pub(crate) fn ipv4(protocol: u8, source: [u8; 4], destination: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let head = [0x45, 0, high, low, 0, 7, 0, 0, 64, protocol, 0, 0];
    [&head[..], &source, &destination, payload].concat()
}

pub(crate) fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2][..], &ethertype.to_be_bytes(), payload].concat()
}

/// What a mirror or a tunnel sends, in Ethernet.
fn tunnel(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &ipv4(protocol, MIRROR[0], MIRROR[1], payload))
}

fn mirrored(flags: u16, protocol: u16, head: &[u8], ip: &[u8]) -> Vec<u8> {
    let gre = [flags.to_be_bytes(), protocol.to_be_bytes()].concat();
    tunnel(47, &[&gre, head, &ethernet(0x0800, ip)].concat())
}

fn pseudowire(control_word: &[u8], ip: &[u8]) -> Vec<u8> {
    ethernet(0x8847, &[&LABEL, control_word, &ethernet(0x0800, ip)].concat())
}

fn pptp(ip: &[u8]) -> Vec<u8> {
    let frame = [&[0xff, 3, 0, 0x21], ip].concat();
    let len = u16::try_from(frame.len()).unwrap().to_be_bytes();
    tunnel(47, &[&[0x30, 1, 0x88, 0x0b, len[0], len[1], 0, 7, 0, 0, 0, 1], &frame[..]].concat())
}

fn datagram(port: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + payload.len()).unwrap();
    tunnel(17, &[&[50_000, port, len, 0].map(u16::to_be_bytes).concat(), payload].concat())
}

fn tzsp(ip: &[u8]) -> Vec<u8> {
    datagram(37_008, &[&[1, 0, 0, 1, 1], &ethernet(0x0800, ip)[..]].concat())
}

fn vxlan(ip: &[u8]) -> Vec<u8> {
    datagram(4789, &[&[8, 0, 0, 0, 0, 0, 5, 0], &ethernet(0x0800, ip)[..]].concat())
}

fn nflog(ip: &[u8]) -> Vec<u8> {
    let len = u16::try_from(4 + ip.len()).unwrap().to_le_bytes();
    [&[2, 0, 0, 5, 8, 0, 1, 0, 8, 0, 1, 0, len[0], len[1], 9, 0], ip].concat()
}

/// A data frame with these flags, behind radiotap's header.
pub(crate) fn wireless(flags: u8, ip: &[u8]) -> Vec<u8> {
    let head = [&[0, 0, 9, 0, 2, 0, 0, 0, 0][..], &[0x88, flags, 0, 0], &[2; 18], &[0x10, 0, 0, 0]].concat();
    [&head[..], &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], ip].concat()
}
