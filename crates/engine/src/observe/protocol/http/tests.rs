use Sender::{Originator, Responder};

use super::*;

fn see(pushes: &[(Sender, &[u8])]) -> Vec<Observation> {
    let mut http = HttpStream::default();
    let mut seen = Vec::new();
    for (sender, bytes) in pushes {
        assert_eq!(http.push(*sender, bytes, false, &mut seen), Outcome::Went);
    }
    http.finish(&mut seen);
    seen
}

fn targets(seen: &[Observation]) -> Vec<&str> {
    seen.iter()
        .filter_map(|o| if let Observation::HttpRequest(r) = o { Some(r.target.as_str()) } else { None })
        .collect()
}

#[test]
fn bodies_are_passed_over_whatever_they_look_like() {
    let stream = b"POST /1 HTTP/1.1\r\nContent-Length: 18\r\n\r\nGET /no HTTP/1.1\r\n\
        POST /2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nGET /\r\n0\r\nTrailer: x\r\n\r\n\
        GET /3 HTTP/1.1\r\n\r\n";
    for at in 0..stream.len() {
        let (first, second) = stream.split_at(at);
        let seen = see(&[(Originator, first), (Originator, second)]);
        assert_eq!(targets(&seen), ["/1", "/2", "/3"], "split at {at}");
    }
}

#[test]
fn a_mangled_request_line_still_says_what_it_holds() {
    for (line, expect) in [
        ("GET /a HTTP/1.1", "GET /a HTTP/1.1"),
        ("GET  /a  HTTP/1.1", "GET /a HTTP/1.1"),
        ("GET\t/a\tHTTP/1.1", "GET /a HTTP/1.1"),
        (" GET /a HTTP/1.1 ", "GET /a HTTP/1.1"),
        ("\r\n\r\nGET /a HTTP/1.1", "GET /a HTTP/1.1"),
        ("GET /a b HTTP/1.1", "GET /a b HTTP/1.1"),
        ("get /a http/1.1", "get /a http/1.1"),
        ("GET /a HTTP/9.9", "GET /a HTTP/9.9"),
        ("GET /a HTTPS/1.1", "GET /a HTTPS/1.1"),
        ("GET /a", "GET /a "),
        ("FOO a HTTP/1.1", "FOO a HTTP/1.1"),
        ("GET HTTP/1.1", "GET  HTTP/1.1"),
    ] {
        let stream = format!("{line}\r\nHost: h\r\n\r\n");
        assert_eq!(probe(stream.as_bytes()), Probe::Yes, "{line:?}");
        for at in 0..stream.len() {
            let (first, second) = stream.as_bytes().split_at(at);
            assert_ne!(probe(first), Probe::No, "{line:?} {at}");
            let seen = see(&[(Originator, first), (Originator, second)]);
            let [Observation::HttpRequest(request)] = seen.as_slice() else { panic!("{line:?}: {seen:?}") };
            let read = [&request.method, &request.target, &request.version]
                .map(crate::observe::protocol::Text::as_str);
            assert_eq!(read.join(" "), expect, "{line:?} {at}");
            assert_eq!(request.host.as_ref().map(crate::observe::protocol::Text::as_str), Some("h"));
        }
    }
    for line in
        ["get key\r\n", "hello world\r\n", "GET\r\n", "OPTIONS rtsp://a RTSP/1.0\r\n", "\r\n\r\n.\r\n"]
    {
        assert_eq!(probe(line.as_bytes()), Probe::No, "{line:?}");
    }
}

#[test]
fn responses_without_body_are_told_by_their_requests() {
    let seen = see(&[
        (Originator, b"HEAD / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
        (Responder, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
        (Responder, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
    ]);
    let codes =
        seen.iter().filter_map(|o| if let Observation::HttpResponse(r) = o { Some(r.status) } else { None });
    assert_eq!(codes.collect::<Vec<_>>(), [100, 200, 404]);
}

#[test]
fn after_a_gap_the_next_head_is_found_again() {
    let mut http = HttpStream::default();
    let mut seen = Vec::new();
    http.push(Originator, b"GET /1 HTTP/1.1\r\nHost: a\r\nCook", true, &mut seen);
    http.push(Originator, b"rest of something\r\n\r\n", false, &mut seen);
    http.push(Originator, b"GET /2 HTTP/1.1\r\n\r\n", false, &mut seen);
    assert_eq!(targets(&seen), ["/1", "/2"]);
    let Observation::HttpRequest(first) = &seen[0] else { panic!("{seen:?}") };
    assert!(first.cut && first.host.as_ref().is_some_and(|host| host.as_str() == "a"));
}

#[test]
fn a_gap_of_known_size_inside_a_body_costs_nothing() {
    let mut http = HttpStream::default();
    let mut seen = Vec::new();
    http.push(Originator, b"POST /1 HTTP/1.1\r\nContent-Length: 100\r\n\r\n12345", false, &mut seen);
    http.skip(Originator, 90, &mut seen);
    http.push(Originator, b"12345GET /2 HTTP/1.1\r\n\r\n", false, &mut seen);
    assert_eq!(targets(&seen), ["/1", "/2"]);
}

#[test]
fn a_head_that_never_ends_is_read_as_cut_and_dropped() {
    let mut http = HttpStream::default();
    let mut seen = Vec::new();
    http.push(Originator, b"GET /1 HTTP/1.1\r\n", false, &mut seen);
    for _ in 0..HEAD_BYTES_MAX {
        http.push(Originator, b"X-Header: 12345\r\n", false, &mut seen);
        assert!(http.originator.head.len() < HEAD_BYTES_MAX + 64);
    }
    assert_eq!(targets(&seen), ["/1"]);
}

#[test]
fn an_authority_has_a_host_and_maybe_a_port() {
    for (text, expect) in [
        ("c2.example:8443", Some(("c2.example", 8443))),
        ("c2.example", Some(("c2.example", 443))),
        ("me@[2001:db8::1]:80", Some(("2001:db8::1", 80))),
        ("[2001:db8::1]", Some(("2001:db8::1", 443))),
        ("", None),
        (":443", None),
    ] {
        assert_eq!(host_and_port(text, 443), expect);
    }
}
