use beaconwatch_engine::observe::contact::{ContactKind, Transport};
use beaconwatch_engine::observe::protocol::AppProtocol;

use super::*;

fn read(text: &str) -> (Vec<(Timestamp, Record)>, RejectedRows) {
    let mut reader = SuricataReader::over(Lines::from_bytes("eve.json", text.as_bytes().to_vec()));
    let mut rejected = RejectedRows::default();
    (core::iter::from_fn(|| reader.next(&mut rejected)).collect(), rejected)
}

/// One event from 10.0.0.5 port 40000, at so many seconds after ten o'clock.
fn event(at: f64, kind: &str, to: &str, transport: &str, rest: &str) -> String {
    let (address, port) = to.rsplit_once(':').unwrap();
    format!(
        r#"{{"timestamp":"2026-02-03T10:00:{at:09.6}+0000","flow_id":77,"event_type":"{kind}","src_ip":"10.0.0.5","src_port":40000,"dest_ip":"{address}","dest_port":{port},"proto":"{transport}",{rest}}}"#
    ) + "\n"
}

fn flow(to: &str, transport: &str, rest: &str) -> Connection {
    let (records, rejected) = read(&event(50.0, "flow", to, transport, rest));
    assert_eq!(rejected.total(), 0, "{rest}");
    let Ok([(time, Record::Connection { uid, connection, open: false })]) = <[_; 1]>::try_from(records)
    else {
        panic!("{rest}")
    };
    assert_eq!(time, connection.start);
    assert_ne!(uid, 0);
    connection
}

use crate::record::Connection;

const FLOW: &str = r#""app_proto":"tls","flow":{"pkts_toserver":10,"pkts_toclient":8,"bytes_toserver":1540,"bytes_toclient":5432,"start":"2026-02-03T10:00:01.250000+0000","end":"2026-02-03T10:00:03.750000+0000","age":2,"state":"closed"}"#;

#[test]
fn a_flow_is_a_connection_at_its_begin() {
    let connection = flow("192.0.2.7:443", "TCP", FLOW);
    assert_eq!(connection.start.as_nanos(), 1_770_112_801_250_000_000);
    assert_eq!(connection.duration.map(|d| d.as_millis()), Some(2500));
    assert_eq!((connection.address, connection.port), ("192.0.2.7".parse().ok(), 443));
    assert_eq!(connection.protocol, AppProtocol::Tls);
    // Less 54 bytes of headers for each packet.
    assert_eq!(connection.bytes.map(|b| (b.sent, b.received)), Some((1000, 5000)));
    assert_eq!(connection.established, None, "flags were not logged");
}

#[test]
fn whether_the_peer_answered_is_told_by_the_flags() {
    for (flags, established) in [
        (r#""tcp_flags_ts":"1b","tcp_flags_tc":"1b""#, Some(true)),
        (r#""tcp_flags_ts":"02","tcp_flags_tc":"00""#, Some(false)),
        (r#""tcp_flags_ts":"02","tcp_flags_tc":"14""#, Some(false)),
        (r#""tcp_flags_ts":"1a","tcp_flags_tc":"18""#, None),
        (r#""tcp_flags_ts":"18","tcp_flags_tc":"18""#, None),
        (r#""tcp_flags_ts":"zz""#, None),
    ] {
        let connection = flow("192.0.2.7:443", "TCP", &format!(r#"{FLOW},"tcp":{{{flags}}}"#));
        assert_eq!(connection.established, established, "{flags}");
    }
    for (packets, established) in [(0, false), (3, true)] {
        let rest = format!(r#""flow":{{"pkts_toserver":2,"pkts_toclient":{packets},"age":9}}"#);
        let connection = flow("192.0.2.7:123", "UDP", &rest);
        assert_eq!((connection.established, connection.bytes), (Some(established), None));
        assert_eq!(connection.duration.map(|d| d.as_secs()), Some(9));
    }
}

#[test]
fn a_connection_that_was_running_before_is_turned_the_right_way() {
    let running = format!(r#"{FLOW},"tcp":{{"tcp_flags_ts":"18","tcp_flags_tc":"10"}}"#)
        .replace("1540", "5540")
        .replace("5432", "1432");
    let line = event(50.0, "flow", "192.0.2.7:50000", "TCP", &running).replace("40000", "443");
    let (records, _) = read(&line);
    let [(_, Record::Connection { connection, .. })] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((connection.address, connection.port), ("10.0.0.5".parse().ok(), 443));
    assert_eq!(connection.bytes.map(|b| (b.sent, b.received)), Some((1000, 5000)));
}

#[test]
fn protocols_without_ports_and_both_families_are_read() {
    let line = r#"{"timestamp":"2026-02-03T10:00:01+0100","flow_id":1,"event_type":"flow","src_ip":"2001:0db8:0000:0000:0000:0000:0000:0005","dest_ip":"2001:db8::7","proto":"IPv6-ICMP","icmp_type":128,"flow":{"age":1}}"#;
    let (records, rejected) = read(line);
    assert_eq!(rejected.total(), 0);
    let [(time, Record::Connection { connection, .. })] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(time.as_nanos(), 1_770_109_201_000_000_000);
    assert_eq!((connection.transport, connection.port), (Transport::Other, 0));
}

#[test]
fn what_protocols_say_has_the_identity_of_their_flow() {
    let to = "192.0.2.7:443";
    let text = event(1.0, "tls", to, "TCP", r#""tls":{"sni":"A.Example.","ja4":"t13d"}"#)
        + &event(1.0, "tls", to, "TCP", r#""tls":{"version":"TLS 1.3"}"#)
        + &event(1.0, "quic", to, "UDP", r#""quic":{"sni":"q.example","version":"1"}"#)
        + &event(1.0, "ssh", to, "TCP", r#""ssh":{}"#)
        + &event(9.0, "flow", to, "TCP", FLOW);
    let (records, rejected) = read(&text);
    assert_eq!(rejected.total(), 0);
    let mut uids = Vec::new();
    let mut abouts = Vec::new();
    for (_, record) in records {
        if let Record::About { uid, about } = record {
            uids.push(uid);
            abouts.push(about);
        } else if let Record::Connection { uid, .. } = record {
            uids.push(uid);
        } else {
            panic!("{record:?}");
        }
    }
    assert!(uids.iter().all(|uid| *uid == uids[0] && *uid != 0), "{uids:?}");
    assert_eq!((abouts[0].sni.as_deref(), abouts[0].ja4.as_deref()), (Some("a.example"), Some("t13d")));
    assert!(abouts[1].sni_missing && !abouts[0].sni_missing);
    assert_eq!((abouts[2].sni.as_deref(), abouts[2].protocol), (Some("q.example"), AppProtocol::Quic));
    assert_eq!(abouts[3].protocol, AppProtocol::Ssh);
    // The same number between other ends is another flow.
    let (other, _) = read(&event(1.0, "ssh", "192.0.2.8:22", "TCP", r#""ssh":{}"#));
    assert!(matches!(&other[..], [(_, Record::About { uid, .. })] if *uid != uids[0]));
}

#[test]
fn requests_after_the_first_are_bursts() {
    let http = |tx: u32, rest: &str| {
        let rest = format!(
            r#""tx_id":{tx},"http":{{"hostname":"Web.Example:8080","http_user_agent":"a\/1",{rest}}}"#
        );
        event(f64::from(tx) + 1.0, "http", "192.0.2.7:8080", "TCP", &rest)
    };
    let get = r#""http_method":"GET","protocol":"HTTP\/1.1""#;
    let text =
        http(0, get) + &http(1, get) + &http(2, r#""http_method":"CONNECT""#) + &http(0, r#""version":"2""#);
    let (records, _) = read(&text);
    let [
        (_, Record::About { about, .. }),
        (_, second),
        (_, Record::About { about: tunnel, .. }),
        (_, Record::About { about: http2, .. }),
    ] = records.as_slice()
    else {
        panic!("{records:?}")
    };
    assert_eq!((about.http_host.as_deref(), about.user_agent.as_deref()), (Some("web.example"), Some("a/1")));
    assert!(matches!(second, Record::Request { contact, .. } if contact.kind == ContactKind::Burst));
    let asked = tunnel.proxy_target.as_ref().map(|asked| (&*asked.host, asked.port, asked.tunnel));
    assert_eq!(asked, Some(("web.example", 8080, true)));
    assert!(about.proxy_target.is_none());
    assert_eq!(http2.protocol, AppProtocol::Http2);
}

/// Name, type, rcode and answers of each look-up, in order of time; and that each came at its question.
fn look_ups(text: &str) -> Vec<(String, u16, Option<u16>, Vec<String>)> {
    let (mut records, rejected) = read(text);
    assert_eq!(rejected.total(), 0, "{text}");
    records.sort_by_key(|(time, _)| *time);
    let said = |(time, record): &(Timestamp, Record)| {
        let Record::Dns { contact, answers, uid } = record else { panic!("{record:?}") };
        let ContactKind::DnsQuery(question) = &contact.kind else { panic!("{contact:?}") };
        assert_ne!(*uid, 0);
        assert_eq!(contact.start, *time);
        assert_eq!(contact.actor.address, "10.0.0.5".parse().ok());
        assert_eq!(contact.destination.address, "10.0.0.53".parse().ok());
        let answers = answers.addresses.iter().map(|(address, _)| address.to_string()).collect();
        (question.name.to_string(), question.rr_type, question.rcode, answers)
    };
    records.iter().map(said).collect()
}

fn dns(at: f64, rest: &str) -> String {
    event(at, "dns", "10.0.0.53:53", "UDP", &format!(r#""dns":{{{rest}}}"#))
}

/// The same from the server, as versions before 5 have answers.
fn from_server(at: f64, rest: &str) -> String {
    dns(at, rest)
        .replace(r#""src_ip":"10.0.0.5","src_port":40000"#, r#""src_ip":"10.0.0.53","src_port":53"#)
        .replace(r#""dest_ip":"10.0.0.53","dest_port":53"#, r#""dest_ip":"10.0.0.5","dest_port":40000"#)
}

#[test]
fn a_question_and_its_answer_are_one_look_up_in_every_version() {
    let question = r#""type":"query","id":7,"rrname":"A.Example","rrtype":"AAAA","tx_id":0"#;
    let record = |name: &str, kind: &str, data: &str| {
        format!(
            r#""type":"answer","id":7,"rcode":"NOERROR","rrname":"{name}","rrtype":"{kind}","ttl":9,"rdata":"{data}""#
        )
    };
    let version_1 = dns(1.0, question)
        + &from_server(1.1, &record("a.example", "CNAME", "b.example"))
        + &from_server(1.1, &record("b.example", "AAAA", "2001:0db8:0000:0000:0000:0000:0000:0001"))
        + &from_server(1.1, &record("b.example", "AAAA", "2001:db8::2"));
    let answer =
        r#""version":2,"type":"answer","id":7,"rcode":"NOERROR","rrname":"a.example","rrtype":"AAAA""#;
    let detailed = r#""answers":[{"rrname":"a.example","rrtype":"CNAME","rdata":"b.example"},{"rrname":"b.example","rrtype":"AAAA","ttl":9,"rdata":"2001:db8::1"},{"rrname":"b.example","rrtype":"AAAA","rdata":"2001:db8::2"}]"#;
    let grouped = r#""grouped":{"CNAME":["b.example"],"AAAA":["2001:db8::1","2001:db8::2"]}"#;
    let version_3 = |kind: &str, more: &str| {
        format!(
            r#""version":3,"type":"{kind}","id":7,"rcode":"NOERROR","queries":[{{"rrname":"a.example","rrtype":"AAAA"}}]{more}"#
        )
    };
    for text in [
        version_1,
        dns(1.0, question) + &dns(1.1, &format!("{answer},{detailed}")),
        dns(1.0, question) + &from_server(1.1, &format!("{answer},{grouped}")),
        dns(1.0, &version_3("request", ""))
            + &dns(1.1, &version_3("response", &format!(",{detailed},{grouped}"))),
        // Only answers are logged.
        dns(1.0, &format!("{answer},{detailed}")),
        from_server(1.0, &version_3("response", &format!(",{grouped}"))),
    ] {
        let answers = vec!["2001:db8::1".to_owned(), "2001:db8::2".to_owned()];
        assert_eq!(look_ups(&text), [("a.example".to_owned(), 28, Some(0), answers)], "{text}");
    }
}

#[test]
fn look_ups_that_are_not_answered_come_all_the_same() {
    let ask = |at: f64, id: u32| {
        dns(at, &format!(r#""type":"query","id":{id},"rrname":"n{id}.example","rrtype":"TXT""#))
    };
    let refused = dns(
        2.5,
        r#""version":2,"type":"answer","id":2,"rcode":"NXDOMAIN","rrname":"n2.example","rrtype":"TXT""#,
    );
    let text = ask(1.0, 1) + &ask(2.0, 2) + &refused + &ask(30.0, 3) + &ask(31.0, 3);
    let found = look_ups(&text);
    let names: Vec<_> = found.iter().map(|(name, _, rcode, _)| (name.as_str(), *rcode)).collect();
    assert_eq!(
        names,
        [("n1.example", None), ("n2.example", Some(3)), ("n3.example", None), ("n3.example", None)]
    );
    // The first is told when it has waited long enough, not at the end of the log only.
    let mut reader = SuricataReader::over(Lines::from_bytes("eve.json", text.into_bytes()));
    let mut rejected = RejectedRows::default();
    reader.next(&mut rejected).unwrap();
    let first = reader.next(&mut rejected).map(|(time, _)| time.as_nanos());
    assert_eq!(first, Some(1_770_112_801_000_000_000), "after that of n2");
    assert!(reader.rows_read() < 5);
}

#[test]
fn events_that_are_not_used_are_counted_by_their_type() {
    let to = "192.0.2.7:443";
    let text = event(1.0, "alert", to, "TCP", r#""alert":{}"#)
        + &event(1.0, "netflow", to, "TCP", r#""netflow":{}"#)
        + &event(1.0, "alert", to, "TCP", r#""alert":{}"#)
        + &event(1.0, "\u{1b}[31mmade up", to, "TCP", r#""x":{}"#)
        + "{\"timestamp\":\"2026-02-03T10:00:08+0000\",\"event_type\":\"stats\",\"stats\":{}}\n";
    let (records, rejected) = read(&text);
    assert!(records.is_empty());
    let mut found: Vec<_> = rejected.iter().map(|(reason, count, _)| (reason.to_string(), count)).collect();
    found.sort();
    assert_eq!(
        found,
        [
            ("Suricata alert event".to_owned(), 2),
            ("Suricata netflow event".to_owned(), 1),
            ("Suricata other event".to_owned(), 1),
            ("Suricata stats event".to_owned(), 1),
        ]
    );
}

#[test]
fn a_message_without_a_question_is_counted() {
    for rest in [
        r#""version":3,"type":"request","id":7,"queries":[]"#,
        r#""version":3,"type":"request","id":7,"queries":["a.example",7]"#,
        r#""version":3,"type":"response","id":7,"rcode":"NOERROR","queries":[{"rrname":"cut"#,
        r#""version":3,"type":"response","id":7,"rcode":"NOERROR","queries":{}"#,
    ] {
        let (records, rejected) = read(&dns(1.0, rest));
        assert!(records.is_empty(), "{rest}: {records:?}");
        assert_eq!(rejected.total(), 1, "{rest}");
    }
}

#[test]
fn damaged_and_foreign_rows_cost_only_themselves() {
    let good = event(9.0, "flow", "192.0.2.7:443", "TCP", FLOW);
    let text = format!(
        "@cee: {good}{{broken\n{}{}{}{{\"ts\":1.5,\"uid\":\"C\"}}\n{good}",
        good.replace("2026-02-03T10:00:01.25", "x").replace("2026-02-03T10:00:09", "x"),
        good.replace("10.0.0.5", "host"),
        good.replace(":443,", ":-1,"),
    );
    let (records, rejected) = read(&text);
    assert_eq!(records.len(), 2);
    let reasons: Vec<_> = rejected.iter().map(|(reason, count, place)| (reason, count, place.line)).collect();
    for expected in [
        (Reason::NotJson, 1, 2),
        (Reason::BadTime, 1, 3),
        (Reason::BadAddress, 1, 4),
        (Reason::BadPort, 1, 5),
        (Reason::UnknownWrapping, 1, 6),
    ] {
        assert!(reasons.contains(&expected), "{reasons:?}");
    }
}

#[test]
fn events_in_the_envelopes_of_log_shippers_are_read() {
    let row = event(9.0, "flow", "192.0.2.7:443", "TCP", FLOW);
    let text = row.trim_end().replace('"', "\\\"");
    for line in [
        format!(r#"{{"@timestamp":"t","message":"{text}","log":{{"file":{{"path":"/var/log/suricata/eve.json"}}}}}}"#),
        format!(r#"{{"log":"{text}\n","stream":"stdout"}}"#),
        format!(r#"{{"suricata":{{"eve":{}}}}}"#, row.trim_end()),
        r#"{"@timestamp":"2026-02-03T10:00:01.25Z","source":{"address":"10.0.0.5","port":40000},"destination":{"address":"192.0.2.7","port":443},"network":{"transport":"TCP"},"suricata":{"eve":{"event_type":"flow","flow_id":77}}}"#.to_owned(),
    ] {
        let (records, rejected) = read(&line);
        assert_eq!(rejected.total(), 0, "{line}");
        let [(time, Record::Connection { connection, .. })] = records.as_slice() else { panic!("{line}") };
        assert_eq!(time.as_nanos(), 1_770_112_801_250_000_000);
        assert_eq!(connection.port, 443);
    }
}
