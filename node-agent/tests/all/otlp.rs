//! The OpenTelemetry sink against a real receiver: what arrives, and what is counted when it does not.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use beaconwatch_agent::sink::otlp::{Protocol, Settings};
use beaconwatch_agent::sink::{SinkCounters, SinkOptions, Sinks};

use crate::collector::{Answer, Collector, text_of};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use tokio::runtime::Handle;

fn settings(address: SocketAddr, grpc: bool) -> Settings {
    Settings {
        protocol: if grpc { Protocol::Grpc } else { Protocol::Http },
        base: Some(format!("http://{address}")),
        headers: "authorization=Bearer%20t0ken".into(),
        timeout: Duration::from_secs(5),
        node_name: Some("node-2".into()),
        ..Settings::default()
    }
}

fn start(settings: Settings) -> Sinks {
    let options = SinkOptions { otlp: Some(settings), ..SinkOptions::default() };
    Sinks::start(&options, &Handle::current()).unwrap()
}

fn send(sinks: &Sinks, summary: &str) {
    let mut finding = crate::example::finding();
    finding.summary = summary.into();
    sinks.send(finding);
}

async fn stop(sinks: Sinks, deadline: Duration) -> SinkCounters {
    tokio::task::spawn_blocking(move || sinks.shutdown(deadline)[0]).await.unwrap()
}

fn attribute<'a>(record: &'a LogRecord, name: &str) -> &'a Value {
    let found = record.attributes.iter().find(|attribute| attribute.key == name);
    found.and_then(|one| one.value.as_ref()?.value.as_ref()).unwrap_or_else(|| panic!("no attribute {name}"))
}

fn text(value: &str) -> Value {
    Value::StringValue(value.into())
}

/// Everything that is promised about one record.
fn check_record(record: &LogRecord) {
    assert_eq!(record.event_name, "beaconwatch.finding");
    assert_eq!(text_of(record), crate::example::finding().summary);
    assert_eq!((record.severity_number, record.severity_text.as_str()), (17, "ERROR"));
    assert_eq!(record.time_unix_nano, 1_800_002_588_000_000_000);
    assert_eq!(*attribute(record, "k8s.pod.name"), text("reports-6d9f7-x2x1k"));
    assert_eq!(*attribute(record, "k8s.deployment.name"), text("reports"));
    assert_eq!(*attribute(record, "server.address"), text("cdn-sync.example"));
    assert_eq!(*attribute(record, "destination.port"), Value::IntValue(443));
    assert_eq!(*attribute(record, "beaconwatch.finding.id"), text("00000000000000007c1f9a0400000001"));
    assert_eq!(*attribute(record, "beaconwatch.score"), Value::DoubleValue(12.4));
    let Value::ArrayValue(evidence) = attribute(record, "beaconwatch.evidence") else { panic!("a list") };
    let Some(Value::KvlistValue(item)) = &evidence.values[0].value else { panic!("a structured item") };
    let keys: Vec<&str> = item.values.iter().map(|pair| pair.key.as_str()).collect();
    assert_eq!(keys, ["term", "level", "bits", "sentence"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_arrives_by_grpc_and_by_http_with_headers_and_compression() {
    for (grpc, compression) in [(true, ""), (true, "gzip"), (false, ""), (false, "gzip")] {
        let collector = Collector::start(grpc, false).await;
        let sinks = start(Settings { compression: compression.into(), ..settings(collector.address, grpc) });
        sinks.send(crate::example::finding());
        check_record(&collector.records(1).await[0]);
        assert_eq!(collector.header("authorization").as_deref(), Some("Bearer t0ken"));
        assert_eq!(collector.resource("k8s.node.name").as_deref(), Some("node-2"));
        assert_eq!(collector.resource("service.name").as_deref(), Some("beaconwatch-agent"));
        let counters = stop(sinks, Duration::from_secs(5)).await;
        assert_eq!((counters.delivered, counters.lost, counters.failures), (1, 0, 0), "grpc {grpc}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_trusts_the_given_root_and_nothing_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls/ca.pem");
    for grpc in [true, false] {
        let collector = Collector::start(grpc, true).await;
        let base = Some(format!("https://localhost:{}", collector.address.port()));
        let mut trusting = Settings { base, ..settings(collector.address, grpc) };
        let distrusting = start(trusting.clone());
        distrusting.send(crate::example::finding());
        trusting.tls.certificate = Some(root.clone());
        let sinks = start(trusting);
        sinks.send(crate::example::finding());
        assert_eq!(collector.records(1).await.len(), 1);
        assert_eq!(stop(sinks, Duration::from_secs(5)).await.delivered, 1);
        let counters = stop(distrusting, Duration::from_millis(300)).await;
        assert_eq!((counters.delivered, counters.lost), (0, 1), "grpc {grpc}");
        assert!(counters.failures > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_loses_nothing_and_doubles_nothing() {
    for grpc in [true, false] {
        // A port that nobody listens on until the outage is over.
        let address = Collector::start(grpc, false).await.address;
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_ne!(address, free);
        let sinks = start(settings(free, grpc));
        for number in 0..500 {
            send(&sinks, &format!("finding {number}"));
        }
        let view = sinks.view();
        wait(|| view.counters()[0].failures > 0).await;
        assert_eq!(view.counters()[0].waiting, 500);
        let collector = Collector::start_on(free, grpc, false).await;
        collector.answer(&[Answer::Unavailable, Answer::Unavailable]);
        let records = collector.records(500).await;
        let mut summaries: Vec<String> = records.iter().map(text_of).collect();
        assert_eq!(summaries.len(), 500);
        assert_eq!(summaries[0], "finding 0");
        summaries.sort();
        summaries.dedup();
        assert_eq!(summaries.len(), 500, "each once");
        let counters = stop(sinks, Duration::from_secs(5)).await;
        assert_eq!((counters.delivered, counters.lost, counters.waiting), (500, 0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_finding_that_is_not_understood_does_not_take_the_others_with_it() {
    for grpc in [true, false] {
        let collector = Collector::start(grpc, false).await;
        collector.refuse("finding 7");
        // The first answer makes the rest gather into one batch.
        collector.answer(&[Answer::Unavailable]);
        let sinks = start(settings(collector.address, grpc));
        for number in 0..20 {
            send(&sinks, &format!("finding {number}"));
        }
        assert_eq!(collector.records(19).await.len(), 19);
        let counters = stop(sinks, Duration::from_secs(5)).await;
        assert_eq!((counters.delivered, counters.lost), (19, 1), "grpc {grpc}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_collector_says_it_dropped_counts_as_lost() {
    let collector = Collector::start(true, false).await;
    collector.answer(&[Answer::Partly(1)]);
    let sinks = start(settings(collector.address, true));
    send(&sinks, "too old");
    collector.records(1).await;
    let counters = stop(sinks, Duration::from_secs(5)).await;
    assert_eq!((counters.delivered, counters.lost), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_collector_neither_stalls_the_line_nor_the_end() {
    // It accepts connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let sinks = start(settings(silent.local_addr().unwrap(), true));
    let begun = Instant::now();
    for _ in 0..10_000 {
        sinks.send(crate::example::finding());
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let begun = Instant::now();
    let counters = stop(sinks, Duration::from_millis(500)).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!((counters.delivered, counters.lost, counters.waiting), (0, 10_000, 0));
}

async fn wait(mut until: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if until() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("waited for too long");
}
