//! Throughput of reading logs: rows a second, up to what a row says, for each reader; and of unpacking.
//!
//! The rows are made here: one connection after the other, each of another second, host and port, in the words of each
//! format.

use std::fmt::Write;
use std::hint::black_box;
use std::io::{Read, Write as _};

use beaconwatch_importers::conn_csv::ConnCsvReader;
use beaconwatch_importers::envoy::EnvoyReader;
use beaconwatch_importers::events::EventsReader;
use beaconwatch_importers::hubble::HubbleReader;
use beaconwatch_importers::lines::Lines;
use beaconwatch_importers::squid::SquidReader;
use beaconwatch_importers::stored::Stored;
use beaconwatch_importers::suricata::SuricataReader;
use beaconwatch_importers::vpc_flow::VpcFlowReader;
use beaconwatch_importers::zeek::ZeekReader;
use beaconwatch_importers::{Reader, RejectedRows};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};

const ROWS: u32 = 50_000;
const BEGIN_S: u32 = 1_767_571_200;

/// Rows of one format; in the pattern, `$T` is the time in seconds, `$S` the second of a minute, `$H` a host, `$P` a
/// port, and `$N` the number of the row.
fn rows(head: &str, pattern: &str) -> String {
    let mut text = head.to_owned();
    for number in 0..ROWS {
        let row = pattern
            .replace("$T", &(BEGIN_S + number).to_string())
            .replace("$S", &format!("{:02}", number % 60))
            .replace("$H", &(number % 250).to_string())
            .replace("$P", &(20_000 + number % 40_000).to_string())
            .replace("$N", &number.to_string());
        let _ = writeln!(text, "{row}");
    }
    text
}

/// The text in quotes, as JSON has it inside a string.
fn quoted(row: &str) -> String {
    row.replace('\\', "\\\\").replace('"', "\\\"")
}

const ZEEK_HEAD: &str = "#separator \\x09\n#unset_field\t-\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents\n";
const ZEEK_ROW: &str = "$T.133062\tC$N\t10.0.0.$H\t$P\t203.0.113.9\t443\ttcp\tssl\t0.2\t430\t210\tSF\tT\tF\t0\tShADadFf\t8\t800\t8\t800\t(empty)";
const ZEEK_JSON: &str = r#"{"ts":$T.133062,"uid":"C$N","id.orig_h":"10.0.0.$H","id.orig_p":$P,"id.resp_h":"203.0.113.9","id.resp_p":443,"proto":"tcp","service":"ssl","duration":0.2,"orig_bytes":430,"resp_bytes":210,"conn_state":"SF"}"#;
const EVE_FLOW: &str = r#"{"timestamp":"2026-01-05T00:02:$S.133062+0000","flow_id":$N,"in_iface":"eth0","event_type":"flow","src_ip":"10.0.0.$H","src_port":$P,"dest_ip":"203.0.113.9","dest_port":443,"proto":"TCP","app_proto":"tls","flow":{"pkts_toserver":8,"pkts_toclient":8,"bytes_toserver":830,"bytes_toclient":610,"start":"2026-01-05T00:01:$S.133062+0000","end":"2026-01-05T00:01:$S.333062+0000","age":0,"state":"closed","reason":"timeout","alerted":false},"tcp":{"tcp_flags":"1b","tcp_flags_ts":"1b","tcp_flags_tc":"1b","syn":true,"fin":true,"psh":true,"ack":true,"state":"closed"}}"#;
const EVE_DNS: &str = r#"{"timestamp":"2026-01-05T00:02:$S.133062+0000","flow_id":$N,"event_type":"dns","src_ip":"10.0.0.$H","src_port":$P,"dest_ip":"10.0.0.53","dest_port":53,"proto":"UDP","dns":{"version":3,"type":"response","id":7,"rcode":"NOERROR","queries":[{"rrname":"n$N.vendor.example","rrtype":"A"}],"answers":[{"rrname":"n$N.vendor.example","rrtype":"A","ttl":60,"rdata":"203.0.113.9"}]}}"#;
const ENVOY: &str = r#"{"start_time":"2026-01-05T00:00:$S.689Z","method":"GET","x-envoy-origin-path":"/poll","protocol":"HTTP/1.1","response_code":"200","response_flags":"-","bytes_received":"0","bytes_sent":"508","duration":"12","x-forwarded-for":"10.0.0.$H","user-agent":"agent/1.0",":authority":"hidden.partner.example","upstream_host":"203.0.113.40:443","downstream_local_address":"127.0.0.1:10080","downstream_remote_address":"10.0.0.$H:$P","requested_server_name":"-"}"#;
const SQUID: &str = "$T.644 264 10.0.0.$H TCP_MISS/200 705 GET https://cdn.partner.example/$N - HIER_DIRECT/203.0.113.9 application/json";
const VPC_HEAD: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status tcp-flags\n";
const VPC: &str = "5 123456789012 eni-0a1b 10.0.0.$H 203.0.113.9 $P 443 6 12 1840 $T $T ACCEPT OK 3";
const CSV_HEAD: &str = "ts,duration,src,sport,dst,dport,proto,service,orig_bytes,resp_bytes\n";
const CSV: &str = "$T.5,0.08,10.0.0.$H,$P,203.0.113.9,443,tcp,ssl,1030,20275";
const EVENT: &str = r#"{"time_unix_nano":$T190855899,"event":"connect","node":"n1","k8s.namespace.name":"media","k8s.pod.name":"app-$H","k8s.pod.uid":"uid-$H","k8s.owner.kind":"StatefulSet","k8s.owner.name":"app","container.id":"3eeefafed5a3430faacc690e07c23cff","process.executable.path":"/usr/bin/python3.11","network.transport":"tcp","network.protocol":"tls","destination.address":"203.0.113.9","destination.port":443,"server.name":"api.vendor.example","bytes_sent":224,"bytes_received":841,"duration_nano":135771872}"#;
const HUBBLE: &str = r#"{"flow":{"time":"2026-01-05T00:00:$S.500Z","verdict":"FORWARDED","IP":{"source":"10.0.0.$H","destination":"203.0.113.9"},"l4":{"TCP":{"source_port":$P,"destination_port":443,"flags":{"SYN":true}}},"source":{"namespace":"shop","pod_name":"web-$H","workloads":[{"name":"web","kind":"Deployment"}]},"destination":{"labels":["reserved:world"]},"destination_names":["api.example.com"],"traffic_direction":"EGRESS","is_reply":false}}"#;

fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    text: &str,
    open: impl Fn(Lines) -> Box<dyn Reader>,
) {
    group.throughput(Throughput::Elements(u64::from(ROWS)));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let mut reader = open(Lines::from_bytes(name, text.as_bytes().to_vec()));
            let mut rejected = RejectedRows::default();
            let mut records = 0_u32;
            while let Some(record) = reader.next(&mut rejected) {
                black_box(record);
                records += 1;
            }
            assert!(records >= ROWS, "{name}: {records} of {ROWS}, {rejected:?}");
        });
    });
}

fn logs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("logs");
    group.sample_size(10);
    let zeek = |lines| Box::new(ZeekReader::over(lines, None)) as Box<dyn Reader>;
    let suricata = |lines| Box::new(SuricataReader::over(lines)) as Box<dyn Reader>;
    let wrapped = format!(
        r#"{{"@timestamp":"2026-01-05T00:00:00Z","message":"{}","log":{{"file":{{"path":"/logs/conn.log"}}}}}}"#,
        quoted(ZEEK_JSON)
    );
    let module = r#"{"@timestamp":"2026-01-05T00:00:$S.5Z","event":{"duration":200000000},"source":{"address":"10.0.0.$H","port":$P},"destination":{"address":"203.0.113.9","port":443},"network":{"transport":"tcp","protocol":"ssl"},"zeek":{"session_id":"C$N","connection":{"state":"SF","history":"ShADadFf"}}}"#;
    measure(&mut group, "Zeek, text", &rows(ZEEK_HEAD, ZEEK_ROW), zeek);
    measure(&mut group, "Zeek, JSON", &rows("", ZEEK_JSON), zeek);
    measure(&mut group, "Zeek, JSON in message", &rows("", &wrapped), zeek);
    measure(&mut group, "Zeek, taken apart by Elastic's module", &rows("", module), zeek);
    measure(&mut group, "Suricata, flow", &rows("", EVE_FLOW), suricata);
    measure(&mut group, "Suricata, dns", &rows("", EVE_DNS), suricata);
    measure(&mut group, "Envoy, JSON", &rows("", ENVOY), |lines| Box::new(EnvoyReader::over(lines)));
    measure(&mut group, "Squid", &rows("", SQUID), |lines| Box::new(SquidReader::over(lines)));
    measure(&mut group, "VPC flow logs", &rows(VPC_HEAD, VPC), |lines| Box::new(VpcFlowReader::over(lines)));
    measure(&mut group, "CSV", &rows(CSV_HEAD, CSV), |lines| Box::new(ConnCsvReader::over(lines)));
    measure(&mut group, "events", &rows("", EVENT), |lines| Box::new(EventsReader::over(lines, true)));
    measure(&mut group, "Hubble", &rows("", HUBBLE), |lines| Box::new(HubbleReader::over(lines)));
    group.finish();
}

fn unpacking(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("unpacking");
    group.sample_size(10);
    let text = rows(ZEEK_HEAD, ZEEK_ROW);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let gzip = gzip.write_all(text.as_bytes()).and_then(|()| gzip.finish()).unwrap_or_default();
    let zstd =
        ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    for (name, packed) in [("gzip", gzip), ("zstd", zstd)] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut unpacked = Vec::new();
                let stored = Stored::over(std::io::Cursor::new(packed.clone()));
                let read = stored.and_then(|mut stored| stored.reader.read_to_end(&mut unpacked));
                assert_eq!(read.ok(), Some(text.len()), "{name}");
            });
        });
    }
    group.finish();
}

criterion_group!(benches, logs, unpacking);
criterion_main!(benches);
