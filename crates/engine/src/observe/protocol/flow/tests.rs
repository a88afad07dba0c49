use Sender::{Originator, Responder};

use super::*;
use crate::observe::protocol::text::Text;
use crate::observe::protocol::{DnsType, ProxyKind, sample};

fn see(carrier: Carrier, port: u16, pushes: &[(Sender, &[u8])]) -> Vec<Observation> {
    let mut parser = FlowParser::open(carrier, port, Detail::Full);
    let mut seen = Vec::new();
    for (sender, bytes) in pushes {
        parser.push(*sender, bytes, false, &mut seen);
    }
    parser.finish(&mut seen);
    assert!(!parser.wants_more());
    seen
}

/// What is seen does not depend on how the stream is cut into pushes.
fn check_every_split(sender: Sender, stream: &[u8]) -> Vec<Observation> {
    let whole = see(Carrier::Stream, 4444, &[(sender, stream)]);
    for at in 1..stream.len() {
        let (first, second) = stream.split_at(at);
        assert_eq!(see(Carrier::Stream, 4444, &[(sender, first), (sender, second)]), whole, "split at {at}");
    }
    let bytes: Vec<(Sender, &[u8])> = stream.chunks(1).map(|byte| (sender, byte)).collect();
    assert_eq!(see(Carrier::Stream, 4444, &bytes), whole, "byte by byte");
    whole
}

/// Bytes of one sender that end early are a result, and never another one than the whole.
fn check_every_cut(stream: &[u8], mut check: impl FnMut(usize, &Observation)) {
    for len in 1..stream.len() {
        let mut parser = FlowParser::open(Carrier::Stream, 443, Detail::Evidence);
        let mut seen = Vec::new();
        parser.push(Originator, &stream[..len], true, &mut seen);
        parser.finish(&mut seen);
        for observation in &seen {
            check(len, observation);
        }
    }
}

fn hello_of(seen: &[Observation]) -> &TlsClientHello {
    let hello =
        seen.iter().find_map(|o| if let Observation::TlsClientHello(hello) = o { Some(hello) } else { None });
    hello.expect("a ClientHello is seen")
}

#[test]
fn a_client_hello_over_several_records_and_segments_has_its_name_and_fingerprint() {
    let stream = sample::records(&sample::client_hello("www.example.com"), 700);
    let seen = check_every_split(Originator, &stream);
    assert_eq!(seen[0], Observation::Recognised(AppProtocol::Tls));
    let hello = hello_of(&seen);
    assert_eq!(hello.server_name.as_ref().map(Text::as_str), Some("www.example.com"));
    assert_eq!(hello.ja4.map(|ja4| ja4.to_string()).as_deref(), Some(sample::JA4));
    assert_eq!(hello.alpn.iter().map(Text::as_str).collect::<Vec<_>>(), ["h2", "http/1.1"]);
    assert!(!hello.cut && !hello.ech);
}

#[test]
fn a_cut_client_hello_is_marked_and_never_fingerprinted() {
    let stream = sample::records(&sample::client_hello("www.example.com"), 16384);
    let mut named = 0;
    check_every_cut(&stream, |len, observation| {
        if let Observation::TlsClientHello(hello) = observation {
            assert!(hello.cut && hello.ja4.is_none(), "cut after {len} bytes");
            let name = hello.server_name.as_ref().map(Text::as_str);
            assert!(matches!(name, None | Some("www.example.com")), "cut after {len} bytes: {name:?}");
            named += u32::from(name.is_some());
        }
    });
    assert!(named > 1000, "the name is seen as soon as it is there");
}

#[test]
fn tls_on_any_port_and_something_else_on_443_are_told() {
    let hello = sample::records(&sample::client_hello("a.example"), 16384);
    assert_eq!(
        see(Carrier::Stream, 8081, &[(Originator, &hello)])[0],
        Observation::Recognised(AppProtocol::Tls)
    );
    let seen = see(Carrier::Stream, 443, &[(Originator, b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09")]);
    assert_eq!(seen, [Observation::Recognised(AppProtocol::Unknown)]);
}

#[test]
fn tls_to_resolvers_is_named_as_encrypted_dns() {
    for (port, name, protocol) in [
        (853, "resolver.example", AppProtocol::Dot),
        (443, "dns.google", AppProtocol::Doh),
        (443, "abc.cloudflare-dns.com", AppProtocol::Doh),
    ] {
        let hello = sample::records(&sample::client_hello(name), 16384);
        let seen = see(Carrier::Stream, port, &[(Originator, &hello)]);
        assert_eq!(seen.last(), Some(&Observation::Recognised(protocol)));
    }
}

#[test]
fn tls_that_begins_late_is_found() {
    let hello = sample::records(&sample::client_hello("db.example"), 16384);
    let greeting = b"\x4a\x00\x00\x00\x0a8.0.36\x00binary";
    let request = b"\x20\x00\x00\x01\x85\xae\xff\x00\x00\x00\x00\x01";
    let pushes: [(Sender, &[u8]); 3] = [(Responder, greeting), (Originator, request), (Originator, &hello)];
    assert!(hello_of(&see(Carrier::Stream, 3306, &pushes)).ja4.is_some());
}

#[test]
fn connect_through_a_proxy_gives_the_asked_name_and_what_is_inside() {
    let hello = sample::records(&sample::client_hello("inside.example"), 16384);
    let request = b"CONNECT inside.example:8443 HTTP/1.1\r\nHost: inside.example:8443\r\n\r\n";
    let pushes: [(Sender, &[u8]); 3] = [
        (Originator, request),
        (Responder, b"HTTP/1.1 200 Connection established\r\n\r\n"),
        (Originator, &hello),
    ];
    let seen = see(Carrier::Stream, 3128, &pushes);
    let target =
        seen.iter().find_map(|o| if let Observation::ProxyTarget(t) = o { Some(t) } else { None }).unwrap();
    assert_eq!(
        (target.via, target.host.as_str(), target.port),
        (ProxyKind::HttpConnect, "inside.example", 8443)
    );
    assert_eq!(hello_of(&seen).server_name.as_ref().map(Text::as_str), Some("inside.example"));
}

#[test]
fn a_dns_response_is_matched_to_its_question() {
    let query = sample::dns_query(7, "www.example.com", 1);
    let response = sample::dns_response(7, "www.example.com", "edge.example.net", [192, 0, 2, 7]);
    for port in [53, 5300] {
        let pushes: [(Sender, &[u8]); 2] = [(Originator, &query), (Responder, &response)];
        let seen = see(Carrier::Datagram, port, &pushes);
        let [Observation::Recognised(AppProtocol::Dns), Observation::Dns(asked), Observation::Dns(answered)] =
            seen.as_slice()
        else {
            panic!("{seen:?}");
        };
        assert!(asked.edns.is_some_and(|edns| edns.dnssec_ok && edns.udp_size == 1232));
        assert_eq!(answered.questions[0].kind, DnsType(1));
        assert_eq!(answered.query_size, Some(u32::try_from(query.len()).unwrap()));
        assert_eq!(answered.records.len(), 2);
        assert!(!answered.cut);
    }
}

#[test]
fn dns_over_tcp_is_the_same_however_it_is_split() {
    let query = sample::dns_query(9, "t.example.com", 16);
    let framed = [&u16::try_from(query.len()).unwrap().to_be_bytes()[..], &query].concat();
    let two = [framed.clone(), framed].concat();
    let seen = check_every_split(Originator, &two);
    assert_eq!(seen.iter().filter(|o| matches!(o, Observation::Dns(_))).count(), 2);
}

#[test]
fn lines_are_labelled_by_the_first_of_them() {
    for (sender, stream, protocol) in [
        (Responder, &b"SSH-2.0-OpenSSH_9.9\r\n"[..], AppProtocol::Ssh),
        (Responder, b"220 mail.example ESMTP Postfix\r\n", AppProtocol::Smtp),
        (Originator, b"EHLO client.example\r\n", AppProtocol::Smtp),
        (Originator, b"ping|STRRAT|1.4|user|host\r\n", AppProtocol::Text),
        (Originator, b"CAP LS 302\r\nNICK a\r\n", AppProtocol::Irc),
        (Originator, b"PASS x\r\nNICK a\r\nUSER a 0 * :b\r\n", AppProtocol::Irc),
        (Originator, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", AppProtocol::Http2),
        (Originator, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", AppProtocol::Http),
        (Originator, b"BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", AppProtocol::Http),
    ] {
        let seen = check_every_split(sender, stream);
        assert_eq!(seen[0], Observation::Recognised(protocol), "{}", String::from_utf8_lossy(stream));
    }
}

#[test]
fn an_idle_parser_is_small() {
    assert!(size_of::<FlowParser>() <= 32, "{}", size_of::<FlowParser>());
}

#[test]
fn what_never_becomes_clear_is_given_up_and_its_memory_freed() {
    let mut parser = FlowParser::open(Carrier::Stream, 80, Detail::Evidence);
    let mut seen = Vec::new();
    for _ in 0..10_000 {
        parser.push(Originator, b"AAAA", false, &mut seen);
    }
    assert!(matches!(parser.state, State::Over));
    assert!(seen.len() <= 2, "{seen:?}");
}
