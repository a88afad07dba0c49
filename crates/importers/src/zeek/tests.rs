use beaconwatch_engine::observe::contact::{ContactKind, Transport};
use beaconwatch_engine::observe::naming::Asked;

use super::*;

fn read(log: Option<Log>, text: &str) -> (Vec<(Timestamp, Record)>, RejectedRows) {
    let mut reader = ZeekReader::over(Lines::from_bytes("test.log", text.as_bytes().to_vec()), log);
    let mut rejected = RejectedRows::default();
    let mut records = Vec::new();
    while let Some(record) = reader.next(&mut rejected) {
        records.push(record);
    }
    (records, rejected)
}

fn reasons(rejected: &RejectedRows) -> Vec<(Reason, u64, u64)> {
    rejected.iter().map(|(reason, count, place)| (reason, count, place.line)).collect()
}

const CONN: &str = "#separator \\x09\n#set_separator\t,\n#unset_field\t-\n#path\tconn\n\
#fields\t_node_name\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\n";

#[test]
fn a_connection_row_is_read_by_the_names_of_its_columns() {
    let (records, rejected) =
        read(None, &format!("{CONN}w1\t15.5\tCx\t10.0.0.1\t5\t192.0.2.7\t443\ttcp\tssl\t1.25\t10\t20\tSF\n"));
    assert_eq!(rejected.total(), 0);
    let [(time, Record::Connection { connection, open: false, .. })] = records.as_slice() else {
        panic!("{records:?}")
    };
    assert_eq!(time.as_nanos(), 15_500_000_000);
    assert_eq!(connection.port, 443);
    assert_eq!(connection.established, Some(true));
    assert_eq!(connection.bytes.map(|b| (b.sent, b.received)), Some((10, 20)));
}

#[test]
fn unset_fields_are_unknown_not_zero() {
    let (records, _) =
        read(None, &format!("{CONN}w1\t15.5\tCx\tfe80::1\t135\tff02::1\t136\ticmp\t-\t-\t-\t-\tOTH\n"));
    let [(_, Record::Connection { connection, .. })] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((connection.bytes, connection.duration), (None, None));
    assert_eq!((connection.transport, connection.port), (Transport::Other, 0));
}

#[test]
fn damaged_rows_cost_only_themselves() {
    let good = "w\t1\tC\t10.0.0.1\t5\t10.0.0.2\t80\ttcp\t-\t-\t-\t-\tS0\n";
    let text = format!(
        "w\t1\n{CONN}{good}w\tx\tC\t10.0.0.1\t5\t10.0.0.2\t80\ttcp\t-\t-\t-\t-\tS0\nw\t1\tC\n\
w\t1\tC\t10.0.0\t5\t10.0.0.2\t80\ttcp\t-\t-\t-\t-\tS0\n{{broken\n{good}"
    );
    let (records, rejected) = read(None, &text);
    assert_eq!(records.len(), 2);
    assert_eq!(
        reasons(&rejected),
        [
            (Reason::NoHeader, 1, 1),
            (Reason::ColumnsMissing, 1, 9),
            (Reason::NotJson, 1, 11),
            (Reason::BadTime, 1, 8),
            (Reason::BadAddress, 1, 10)
        ]
    );
}

#[test]
fn json_rows_are_read_with_dotted_underscored_and_inner_keys() {
    for ids in [
        r#""id.orig_h":"10.0.0.1","id.orig_p":1,"id.resp_h":"10.0.0.2","id.resp_p":443"#,
        r#""id_orig_h":"10.0.0.1","id_orig_p":1,"id_resp_h":"10.0.0.2","id_resp_p":443"#,
        r#""id":{"orig_h":"10.0.0.1","orig_p":1,"resp_h":"10.0.0.2","resp_p":443}"#,
    ] {
        let line = format!(r#"{{"ts":1.5,"uid":"C1",{ids},"proto":"tcp","conn_state":"REJ"}}"#);
        let (records, rejected) = read(None, &line);
        assert_eq!(rejected.total(), 0, "{ids}");
        let [(_, Record::Connection { connection, .. })] = records.as_slice() else { panic!("{records:?}") };
        assert_eq!(connection.established, Some(false));
    }
}

#[test]
fn a_question_comes_with_the_addresses_it_was_answered() {
    let line = r#"{"_path":"dns","ts":"2020-01-01T00:00:00Z","uid":"C1","id.orig_h":"10.0.0.1","id.resp_h":"10.0.0.53","id.resp_p":53,"proto":"udp","query":"WWW.Example.com","qtype":28,"rcode":0,"answers":["cdn.example.net","2001:db8::1"],"TTLs":[60.0,300.0]}"#;
    let (records, _) = read(None, line);
    let [(_, Record::Dns { contact, answers, .. })] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(answers.addresses, [("2001:db8::1".parse().unwrap(), 300)]);
    assert_eq!(answers.aliases, ["cdn.example.net".into()]);
    let ContactKind::DnsQuery(question) = &contact.kind else { panic!("{contact:?}") };
    assert_eq!((question.name.as_ref(), question.rr_type, question.rcode), ("www.example.com", 28, Some(0)));
}

#[test]
fn a_name_asked_of_a_proxy_is_told_from_a_host_header() {
    let head = "#path\thttp\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\ttrans_depth\tmethod\thost\n";
    let rows = "1\tC\t10.0.0.1\t5\t10.0.0.2\t3128\t1\tCONNECT\twww.example.org:443\n\
2\tD\t10.0.0.1\t6\t10.0.0.2\t80\t1\tGET\tweb.example.org\n3\tD\t10.0.0.1\t6\t10.0.0.2\t80\t2\tGET\tweb.example.org\n";
    let (records, _) = read(None, &format!("{head}{rows}"));
    let [(_, Record::About { about: first, .. }), (_, Record::About { about: second, .. }), (_, third)] =
        records.as_slice()
    else {
        panic!("{records:?}")
    };
    let asked = Asked { host: "www.example.org".into(), port: 443, tunnel: true };
    assert_eq!(first.proxy_target, Some(asked));
    assert_eq!(second.http_host.as_deref(), Some("web.example.org"));
    assert!(matches!(third, Record::Request { .. }), "{third:?}");
}

#[test]
fn the_target_of_a_request_says_what_was_asked_of_a_proxy() {
    let head = "#path\thttp\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\ttrans_depth\tmethod\thost\turi\n";
    for (row, target, host) in [
        ("CONNECT\t-\twww.example.org:8443", Some(("www.example.org", 8443)), None),
        (
            "GET\tWeb.example.org\thttp://Web.example.org:81/a?b",
            Some(("web.example.org", 81)),
            Some("web.example.org"),
        ),
        ("GET\tweb.example.org\t/a?u=http://b.example/", None, Some("web.example.org")),
    ] {
        let (records, _) = read(None, &format!("{head}1\tC\t10.0.0.1\t5\t10.0.0.2\t3128\t1\t{row}\n"));
        let [(_, Record::About { about, .. })] = records.as_slice() else { panic!("{records:?}") };
        let tunnel = row.starts_with("CONNECT");
        let target = target.map(|(name, port)| Asked { host: name.into(), port, tunnel });
        assert_eq!(about.proxy_target, target, "{row}");
        assert_eq!((about.http_host.as_deref(), about.sni_missing), (host, false), "{row}");
    }
}

#[test]
fn a_handshake_before_tls_1_3_has_no_outer_name() {
    let head =
        "#path\tssl\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tversion\tserver_name\n";
    for (version, ech) in [("TLSv12", Some(false)), ("TLSv13", None), ("-", None)] {
        let (records, _) =
            read(None, &format!("{head}1\tC\t10.0.0.1\t5\t10.0.0.2\t443\t{version}\ta.example\n"));
        let [(_, Record::About { about, .. })] = records.as_slice() else { panic!("{records:?}") };
        assert_eq!(about.ech, ech, "{version}");
    }
}

#[test]
fn logs_that_are_not_used_are_counted_not_refused() {
    let (records, rejected) = read(None, "#path\tnotice\n#fields\tts\tnote\n1\tx\n");
    assert_eq!((records.len(), rejected.total()), (0, 0));
}

#[test]
fn times_in_milliseconds_and_of_the_calendar_are_read() {
    for ts in
        ["1767571204133", "\"2026-01-05T00:00:04.133Z\"", "1767571204.133", "\"2026-01-05T00:00:04.133000Z\""]
    {
        let line = format!(
            r#"{{"ts":{ts},"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":1,"id.resp_h":"10.0.0.2","id.resp_p":443,"proto":"tcp","duration":1.5,"conn_state":"SF"}}"#
        );
        let (records, rejected) = read(None, &line);
        assert_eq!(rejected.total(), 0, "{ts}");
        let [(time, Record::Connection { connection, .. })] = records.as_slice() else {
            panic!("{records:?}")
        };
        assert_eq!(time.as_nanos(), 1_767_571_204_133_000_000, "{ts}");
        assert_eq!(connection.duration.map(|d| d.as_millis()), Some(1500));
    }
}

#[test]
fn rows_in_the_envelopes_of_log_shippers_are_read() {
    let row = r#"{\"ts\":1.5,\"uid\":\"C1\",\"id.orig_h\":\"10.0.0.1\",\"id.orig_p\":1,\"id.resp_h\":\"10.0.0.2\",\"id.resp_p\":443,\"proto\":\"tcp\"}"#;
    for envelope in [
        r#"{"@timestamp":"t","host":{"name":"x"},"message":"ROW","log":{"file":{"path":"/logs/conn.log"}}}"#,
        r#"{"file":"C:\\zeek\\conn.log","message":"ROW"}"#,
        r#"{"path":"conn.00:00:00-01:00:00.log","log":"ROW\n"}"#,
        r#"{"_source":{"event":{"original":"ROW"},"log":{"file":{"path":"conn.log"}}}}"#,
    ] {
        let (records, rejected) = read(None, &envelope.replace("ROW", row));
        assert_eq!(rejected.total(), 0, "{envelope}");
        assert!(matches!(records.as_slice(), [(_, Record::Connection { .. })]), "{envelope} {records:?}");
    }
    // Which log, told by its columns; and logs that are not used.
    let (records, _) = read(None, r#"{"log":"{\"ts\":1.5,\"uid\":\"C1\",\"server_name\":\"a.example\"}"}"#);
    assert!(matches!(records.as_slice(), [(_, Record::About { .. })]), "{records:?}");
    let (records, rejected) = read(None, r#"{"message":"{\"ts\":1.5,\"note\":\"x\"}","file":"notice.log"}"#);
    assert_eq!((records.len(), rejected.total()), (0, 0));
}

#[test]
fn what_is_wrapped_otherwise_is_refused() {
    let inner = r#"{\"ts\":1.5}"#;
    let deep = (0..4).fold(String::from(r#"{"ts":1.5}"#), |row, _| format!("{{\"json\":{row}}}"));
    for line in [
        format!(r#"{{"payload":"{inner}"}}"#),
        r#"{"message":"1.5\tC1\t10.0.0.1\t1"}"#.to_owned(),
        r#"{"host":"x","service":"y"}"#.to_owned(),
        deep,
    ] {
        let (records, rejected) = read(None, &line);
        assert_eq!((records.len(), reasons(&rejected)), (0, vec![(Reason::UnknownWrapping, 1, 1)]), "{line}");
    }
}
