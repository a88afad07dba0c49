//! Logs of other programs, as they are found: in their directories, in the envelopes of log shippers, compressed, cut.

use std::fmt::Write as _;
use std::io::Write as _;

use crate::directory::Directory;
use crate::program::replay;

/// Records whatever opened a gate.
const POLICY: &str = "apiVersion: beaconwatch.io/v1alpha1\nkind: ClusterBeaconPolicy\nmetadata: {name: all}\n\
spec: {mode: Observe, thresholds: {record: -100}}\n";

/// Findings as they were closed, and the summary.
fn told(option: &str, path: &str) -> (Vec<serde_json::Value>, String) {
    let dir = Directory::of(&format!("policy{}", path.replace('/', "-")));
    let policy = dir.file("all.yaml", POLICY);
    let output = replay(&["--policy", &policy, option, path, "--output", "jsonl"]);
    let summary = output.stderr;
    assert!(output.success, "{summary}");
    let mut findings: Vec<serde_json::Value> =
        output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    findings.retain(|finding| finding["finding.state"] == "closed");
    (findings, summary)
}

/// 200 calls a minute apart, each jittered by a few seconds, as rows made by `row` from the number and the time in
/// milliseconds.
fn calls(row: impl Fn(u64, u64) -> String) -> String {
    let mut text = String::new();
    for number in 0..200_u64 {
        let at_ms = 1_770_112_860_000 + number * 60_000 + number * number * 37 % 3000;
        let _ = writeln!(text, "{}", row(number, at_ms));
    }
    text
}

fn conn_json(number: u64, at: &str) -> String {
    format!(
        r#"{{"ts":{at},"uid":"C{number}","id.orig_h":"10.0.0.5","id.orig_p":{},"id.resp_h":"203.0.113.9","id.resp_p":443,"proto":"tcp","service":"ssl","duration":0.25,"orig_bytes":430,"resp_bytes":210,"conn_state":"SF"}}"#,
        40_000 + number
    )
}

fn in_millis(number: u64, at_ms: u64) -> String {
    conn_json(number, &at_ms.to_string())
}

fn calendar(at_ms: u64) -> String {
    let secs = at_ms / 1000 - 1_770_112_800;
    let (hour, minute, second) = (10 + secs / 3600, secs / 60 % 60, secs % 60);
    format!("2026-02-03T{hour:02}:{minute:02}:{second:02}.{:03}000+0000", at_ms % 1000)
}

/// The one finding of an input of which every row was used.
fn one(option: &str, path: &str, rows: u64) -> serde_json::Value {
    let (findings, summary) = told(option, path);
    assert_eq!(findings.len(), 1, "{path}: {findings:?}\n{summary}");
    assert!(summary.contains(&format!("read {rows} rows")) && summary.contains(" 0 refused"), "{summary}");
    findings.into_iter().next().unwrap()
}

/// A JSON row as text inside another.
fn quoted(row: &str) -> String {
    row.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Why a file of which nothing can be used is refused.
fn refused(option: &str, path: &str) -> String {
    let output = replay(&[option, path]);
    assert!(!output.success, "{}", output.stderr);
    output.stderr
}

#[test]
fn zeek_times_in_milliseconds_and_of_the_calendar_are_used() {
    let dir = Directory::of("times");
    let millis = dir.file("conn.log", calls(in_millis));
    assert_eq!(one("--zeek", &millis, 200)["server.port"], 443);
    let iso = dir.file("iso/conn.log", calls(|n, at| conn_json(n, &format!("\"{}\"", calendar(at)))));
    assert_eq!(one("--zeek", &iso, 200)["kind"], "beacon");
}

#[test]
fn zeek_rows_in_the_envelope_of_a_shipper_are_used() {
    let dir = Directory::of("shipped");
    let message = |row: &str| {
        format!(
            r#"{{"@timestamp":"2026-02-03T12:00:00Z","message":"{}","log":{{"file":{{"path":"/logs/conn.log"}}}}}}"#,
            quoted(row)
        )
    };
    let filebeat = dir.file("shipped.ndjson", calls(|n, at| message(&in_millis(n, at))));
    one("--zeek", &filebeat, 200);
    let log = |row: &str| format!(r#"{{"date":1.5,"log":"{}\n"}}"#, quoted(row));
    let fluent_bit = dir.file("all.json", calls(|n, at| log(&in_millis(n, at))));
    one("--zeek", &fluent_bit, 200);
}

#[test]
fn rows_that_say_nothing_are_refused_in_words_that_help() {
    let dir = Directory::of("refused");
    let unknown =
        dir.file("conn.log", calls(|n, at| format!(r#"{{"payload":"{}"}}"#, quoted(&in_millis(n, at)))));
    let said = refused("--zeek", &unknown);
    assert!(said.contains("message, log, event.original"), "{said}");
    let no_header = dir.file(
        "plain/conn.log",
        calls(|n, at| {
            format!(
                "{}.000000\tC{n:06}\t10.0.0.5\t40000\t203.0.113.9\t443\ttcp\tssl\t0.2\t430\t210\tSF",
                at / 1000
            )
        }),
    );
    let said = refused("--zeek", &no_header);
    assert!(said.contains("#fields") && !said.contains("another program"), "{said}");
}

#[test]
fn zstd_is_read_and_what_is_before_a_cut_is_used_and_the_cut_is_told() {
    let dir = Directory::of("packed");
    let log = calls(in_millis);
    let half = log.len() / 2 / 100 * 100;
    let (first, second) = log.as_bytes().split_at(half);
    let level = || ruzstd::encoding::CompressionLevel::Fastest;
    let mut zstd = ruzstd::encoding::compress_to_vec(first, level());
    // A frame that is to be skipped, and a second one with content.
    zstd.extend(b"\x53\x2a\x4d\x18\x03\0\0\0xyz");
    zstd.extend(ruzstd::encoding::compress_to_vec(second, level()));
    one("--zeek", &dir.file("conn.log.zst", &zstd), 200);

    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(log.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    for (name, packed) in [("cut.log.gz", gzip), ("cut.log.zst", zstd)] {
        let cut = dir.file(name, packed.get(..packed.len() * 3 / 4).unwrap());
        let (findings, summary) = told("--zeek", &cut);
        assert_eq!(findings.len(), 1, "{name}: {summary}");
        assert!(summary.contains("the file was cut"), "{name}: {summary}");
        assert!(!summary.contains("read 200 rows"), "{name}: {summary}");
    }
    let damaged = [&zstd_of(&log)[..400], &[0xff; 400], &zstd_of(&log)[800..]].concat();
    let output = replay(&["--zeek", &dir.file("damaged.log.zst", damaged)]);
    let said = output.stderr;
    assert!(said.contains("cannot be read on") && !said.contains("was cut"), "{said}");
}

fn zstd_of(text: &str) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest)
}

/// One event of Suricata: the flow with this number, at this time.
fn eve(number: u64, at_ms: u64, kind: &str, rest: &str) -> String {
    let (to, port, transport) =
        if kind == "dns" { ("10.0.0.53", 53, "UDP") } else { ("203.0.113.9", 443, "TCP") };
    format!(
        r#"{{"timestamp":"{}","flow_id":{},"event_type":"{kind}","src_ip":"10.0.0.5","src_port":{},"dest_ip":"{to}","dest_port":{port},"proto":"{transport}",{rest}}}"#,
        calendar(at_ms),
        if kind == "dns" { number + 5000 } else { number },
        20_000 + number
    )
}

#[test]
fn a_directory_of_suricata_is_read_and_joined_by_flow() {
    let dir = Directory::of("suricata");
    let flow = |n: u64, at: u64| {
        let rest = format!(
            r#""app_proto":"tls","flow":{{"pkts_toserver":8,"pkts_toclient":8,"bytes_toserver":862,"bytes_toclient":642,"start":"{}","end":"{}"}}"#,
            calendar(at),
            calendar(at + 300)
        );
        eve(n, at + 61_000, "flow", &rest)
    };
    let tls = |n, at| eve(n, at + 40, "tls", r#""tls":{"sni":"sync.vendor.example","version":"TLS 1.3"}"#);
    let asked = |n, at| {
        eve(
            n,
            at - 30,
            "dns",
            r#""dns":{"version":2,"type":"query","id":9,"rrname":"sync.vendor.example","rrtype":"A"}"#,
        )
    };
    let answered = |n, at| {
        eve(
            n,
            at - 10,
            "dns",
            r#""dns":{"version":2,"type":"answer","id":9,"rcode":"NOERROR","rrname":"sync.vendor.example","rrtype":"A","grouped":{"A":["203.0.113.9"]}}"#,
        )
    };
    let log = calls(|n, at| [asked(n, at), answered(n, at), tls(n, at), flow(n, at)].join("\n"));
    let stats = "{\"timestamp\":\"2026-02-03T11:00:00+0000\",\"event_type\":\"stats\",\"stats\":{}}\n";
    dir.file("log/eve.json", format!("{log}{stats}{stats}"));
    dir.file("log/suricata.log", "3/2/2026 -- 10:00:00 - <Notice> - all threads initialized\n");
    dir.file("log/fast.log", "nothing of use\n");
    let (findings, summary) = told("--suricata", dir.0.join("log").to_str().unwrap());
    let beacons: Vec<_> = findings.iter().filter(|finding| finding["kind"] == "beacon").collect();
    let [beacon] = beacons.as_slice() else { panic!("{findings:?}\n{summary}") };
    assert_eq!(beacon["server.name"], "sync.vendor.example");
    assert_eq!(beacon["server.name_source"], "dns");
    assert_eq!(beacon["tls.client.server_name"], "sync.vendor.example");
    assert_eq!(beacon["check_ins"], 200, "{beacon}");
    assert!(summary.contains("not about connections 2: Suricata stats event"), "{summary}");
    assert!(summary.contains("read 802 rows"), "{summary}");
    // With the wrong option, the right one is told.
    let wrong = refused("--zeek", dir.0.join("log/eve.json").to_str().unwrap());
    assert!(wrong.contains("--suricata"), "{wrong}");
    dir.file("empty/fast.log", "x\n");
    assert!(refused("--suricata", dir.0.join("empty").to_str().unwrap()).contains("no EVE log"));
}

#[test]
fn envoy_gateway_names_its_keys_as_the_headers_are() {
    let dir = Directory::of("gateway");
    let log = dir.file(
        "access.jsonl",
        calls(|_, at| {
            let at = calendar(at).replace("+0000", "Z");
            format!(
                r#"{{"start_time":"{at}","method":"GET","protocol":"HTTP/1.1","response_code":"200","response_flags":"-","bytes_received":"0","bytes_sent":"508","duration":"12","x-forwarded-for":"10.1.4.12","user-agent":"sync/2","":"",":authority":"api.vendor.example","upstream_host":"203.0.113.40:443","downstream_remote_address":"10.1.4.12:53826","requested_server_name":"-"}}"#
            )
        }),
    );
    let finding = one("--envoy", &log, 200);
    assert_eq!(
        (&finding["server.name"], &finding["source.address"]),
        (&"api.vendor.example".into(), &"10.1.4.12".into())
    );
}

#[test]
fn what_squid_announces_and_what_follows_are_one_conversation() {
    let dir = Directory::of("bumped");
    let log = dir.file(
        "access.log",
        calls(|_, at| {
            let line = |at_ms: u64, rest: &str| format!("{}.{:03} {rest}", at_ms / 1000, at_ms % 1000);
            let own = line(at, "0 10.0.0.5 NONE_NONE/200 0 CONNECT 203.0.113.9:443 - HIER_NONE/- -");
            let inside = line(at + 300, "264 10.0.0.5 TCP_MISS/200 705 GET https://cdn.vendor.example/get - HIER_DIRECT/203.0.113.9 -");
            format!("{own}\n{inside}")
        }),
    );
    let finding = one("--squid", &log, 400);
    assert_eq!((&finding["server.name"], &finding["check_ins"]), (&"cdn.vendor.example".into(), &200.into()));
}

#[test]
fn a_conversation_is_found_by_any_name_and_address_that_it_had() {
    let dir = Directory::of("found");
    let policy = dir.file("all.yaml", POLICY);
    let events = dir.file(
        "flows.jsonl",
        calls(|n, at| {
            let address = if n % 2 == 0 { "203.0.113.9" } else { "203.0.113.10" };
            let sni = if n % 50 == 7 { "front.vendor.example" } else { "cdn.vendor.example" };
            format!(
                r#"{{"time_unix_nano":{at}000000,"event":"connect","node":"n1","k8s.namespace.name":"shop","k8s.pod.name":"web-0","k8s.pod.uid":"u1","k8s.owner.kind":"StatefulSet","k8s.owner.name":"web","container.id":"c1","process.executable.path":"/usr/bin/curl","process.executable.origin":"image","network.transport":"tcp","network.protocol":"tls","destination.address":"{address}","destination.port":{},"server.name":"cdn.vendor.example","tls.sni":"{sni}","bytes_sent":224,"bytes_received":841,"duration_nano":135771872}}"#,
                if n % 3 == 0 { 443 } else { 8443 }
            )
        }),
    );
    let explain = |source: &str, destination: &str| {
        replay(&["--events", &events, "--policy", &policy, "--explain", source, destination]).stdout
    };
    for (source, destination) in [
        ("curl", "cdn.vendor.example:443"),
        ("/usr/bin/curl", "203.0.113.9:443"),
        ("shop/web", "203.0.113.10:443"),
    ] {
        let said = explain(source, destination);
        assert!(
            said.starts_with("shop/web-0 /usr/bin/curl -> cdn.vendor.example ("),
            "{source} {destination}: {said}"
        );
        assert!(said.contains("  also     ") && !said.contains("conversations fit"), "{said}");
    }
    let several = explain("curl", "front.vendor.example");
    assert!(several.starts_with("2 conversations fit:\n  1. shop/web-0 /usr/bin/curl -> "), "{several}");
    assert!(several.contains("  also     front.vendor.example, "), "{several}");
    assert!(explain("wget", "cdn.vendor.example").contains("No such conversation"));
}
