//! Messages of our own making, for tests.

/// Ciphers and extensions of the example in the JA4 specification.
const CIPHERS: [u16; 16] = [
    0x2a2a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c,
    0x009d, 0x002f, 0x0035,
];
const SIGNATURE_ALGORITHMS: [u16; 8] = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];
/// The JA4 that the specification gives for them.
pub(crate) const JA4: &str = "t13d1516h2_8daaf6152771_e5627efa2ab1";

fn u16_list(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_be_bytes()).collect()
}

fn with_u16_len(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &with_u16_len(data)].concat()
}

/// A ClientHello message with its handshake header, for `name`.
pub(crate) fn client_hello(name: &str) -> Vec<u8> {
    let host = [&[0][..], &with_u16_len(name.as_bytes())].concat();
    let algorithms = with_u16_len(&u16_list(&SIGNATURE_ALGORITHMS));
    let versions = [&[6][..], &u16_list(&[0x7a7a, 0x0304, 0x0303])].concat();
    let mut extensions = Vec::new();
    for (kind, data) in [
        (0x4a4a, &[][..]),
        (0x0000, &with_u16_len(&host)),
        (0x0017, &[]),
        (0xff01, &[0]),
        (0x000a, &with_u16_len(&u16_list(&[0x9a9a, 0x11ec, 0x001d, 0x0017]))),
        (0x000b, &[1, 0]),
        (0x0023, &[]),
        (0x0010, &with_u16_len(b"\x02h2\x08http/1.1")),
        (0x0005, &[1, 0, 0, 0, 0]),
        (0x000d, &algorithms),
        (0x0012, &[]),
        (0x0033, &[0; 1300]),
        (0x002d, &[1, 1]),
        (0x002b, &versions),
        (0x001b, &[2, 0, 2]),
        (0x4469, &[0, 3, 2, b'h', b'2']),
        (0x0015, &[0; 40]),
    ] {
        extensions.extend(extension(kind, data));
    }
    let body = [
        &[3, 3][..],
        &[7; 32],
        &[32],
        &[9; 32],
        &with_u16_len(&u16_list(&CIPHERS)),
        &[1, 0],
        &with_u16_len(&extensions),
    ]
    .concat();
    handshake(1, &body)
}

/// A ServerHello message that chooses TLS 1.2 and `h2`.
pub(crate) fn server_hello() -> Vec<u8> {
    let extensions = extension(0x0010, &with_u16_len(b"\x02h2"));
    let body = [&[3, 3][..], &[5; 32], &[0], &[0xc0, 0x2f], &[0], &with_u16_len(&extensions)].concat();
    handshake(2, &body)
}

/// A handshake message with its header.
pub(crate) fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind][..], &len[1..], body].concat()
}

/// Records of at most `bytes` of a handshake each.
pub(crate) fn records(handshake: &[u8], bytes: usize) -> Vec<u8> {
    handshake.chunks(bytes).flat_map(|part| [&[22, 3, 1][..], &with_u16_len(part)].concat()).collect()
}

/// A DNS name on the wire.
pub(crate) fn dns_name(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut wire: Vec<u8> =
        labels.flat_map(|l| [&[u8::try_from(l.len()).unwrap()][..], l.as_bytes()].concat()).collect();
    wire.push(0);
    wire
}

/// A DNS query with an EDNS record.
pub(crate) fn dns_query(id: u16, name: &str, kind: u16) -> Vec<u8> {
    [
        &id.to_be_bytes()[..],
        &[1, 0, 0, 1, 0, 0, 0, 0, 0, 1],
        &dns_name(name),
        &kind.to_be_bytes(),
        &[0, 1],
        &[0, 0, 41, 4, 0xd0, 0, 0, 0x80, 0, 0, 0],
    ]
    .concat()
}

/// The response to it: an alias, and an address of that.
pub(crate) fn dns_response(id: u16, name: &str, alias: &str, address: [u8; 4]) -> Vec<u8> {
    let alias = dns_name(alias);
    [
        &id.to_be_bytes()[..],
        &[0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0],
        &dns_name(name),
        &[0, 1, 0, 1],
        &[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60],
        &with_u16_len(&alias),
        &alias,
        &[0, 1, 0, 1, 0, 0, 0, 30, 0, 4],
        &address,
    ]
    .concat()
}
