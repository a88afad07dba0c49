//! The sinks that need no network, the queue before each, and the metrics page.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use beaconwatch_agent::sink::metrics::{METRICS, MetricsServer, ProcessUsage, Source, text};
use beaconwatch_agent::sink::queue::Batch;
use beaconwatch_agent::sink::{Queue, SinkName, SinkOptions, Sinks};
use beaconwatch_agent::status::{AgentStatus, HookStatus, StatusBoard};
use beaconwatch_engine::assess::finding::{Finding, FindingState};
use beaconwatch_engine::input::LossPlace;
use beaconwatch_engine::time::Timestamp;
use beaconwatch_skip::skip;
use tokio::runtime::Runtime;

fn in_state(state: FindingState) -> Arc<Finding> {
    Arc::new(Finding { state, ..crate::example::finding() })
}

fn scratch(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("beaconwatch-sinks-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

#[test]
fn a_full_queue_drops_the_oldest_update_first() {
    let queue = Queue::bounded(SinkName::File, 3);
    for state in [FindingState::Opened, FindingState::Updated, FindingState::Closed, FindingState::Opened] {
        queue.put(in_state(state));
    }
    queue.put(in_state(FindingState::Closed));
    let Batch::Findings(findings) = queue.take(9, Duration::ZERO) else { panic!("findings") };
    let states: Vec<FindingState> = findings.iter().map(|finding| finding.state).collect();
    assert_eq!(states, [FindingState::Closed, FindingState::Opened, FindingState::Closed]);
    assert_eq!((queue.counters().lost, queue.counters().waiting), (2, 3));
    // While all of it is being delivered there is no place.
    queue.put(in_state(FindingState::Opened));
    assert_eq!((queue.counters().lost, queue.counters().waiting), (3, 3));
    queue.delivered(3);
    assert_eq!((queue.counters().delivered, queue.counters().waiting), (3, 0));
}

#[test]
fn a_sink_that_nobody_empties_does_not_stall_the_line() {
    let mut sinks = Sinks::default();
    let _stuck = sinks.attach(SinkName::Otlp, 100);
    let begun = Instant::now();
    for _ in 0..10_000 {
        sinks.send(crate::example::finding());
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let counters = sinks.shutdown(Duration::from_millis(100))[0];
    assert_eq!((counters.lost, counters.delivered), (10_000, 0));
}

#[test]
fn lines_are_appended_and_follow_rotation() {
    let runtime = Runtime::new().unwrap();
    let directory = scratch("rotation");
    let file = directory.join("findings.jsonl");
    let options = SinkOptions { file: Some(file.clone()), ..SinkOptions::default() };
    let sinks = Sinks::start(&options, runtime.handle()).unwrap();
    let view = sinks.view();
    sinks.send(crate::example::finding());
    wait(|| view.counters()[0].delivered == 1);
    std::fs::rename(&file, directory.join("findings.1")).unwrap();
    sinks.send(crate::example::finding());
    wait(|| view.counters()[0].delivered == 2);
    assert_eq!(sinks.shutdown(Duration::from_secs(5))[0].lost, 0);
    for name in ["findings.1", "findings.jsonl"] {
        let text = std::fs::read_to_string(directory.join(name)).unwrap();
        assert_eq!(text.lines().count(), 1);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["finding.id"], "00000000000000007c1f9a0400000001");
    }
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_full_disk_is_counted_and_does_not_hold_up_the_end() {
    let runtime = Runtime::new().unwrap();
    let options = SinkOptions { file: Some("/dev/full".into()), ..SinkOptions::default() };
    let sinks = Sinks::start(&options, runtime.handle()).unwrap();
    let view = sinks.view();
    sinks.send(crate::example::finding());
    wait(|| view.counters()[0].failures > 0);
    assert_eq!(view.counters()[0].waiting, 1);
    let begun = Instant::now();
    let counters = sinks.shutdown(Duration::from_millis(300))[0];
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!((counters.delivered, counters.lost), (0, 1));
}

#[test]
fn a_file_that_cannot_be_written_keeps_the_agent_from_starting() {
    let runtime = Runtime::new().unwrap();
    let options = SinkOptions { file: Some("/nonexistent/findings".into()), ..SinkOptions::default() };
    let error = Sinks::start(&options, runtime.handle()).unwrap_err();
    assert_eq!(error.to_string(), "cannot write findings to /nonexistent/findings");
}

fn status() -> AgentStatus {
    let hook =
        |name, attached| HookStatus { name, attached, runs: 7, run_time_ns: 900, ..HookStatus::default() };
    AgentStatus {
        started: Timestamp::from_secs_f64(1.8e9),
        taken: Timestamp::from_secs_f64(1.8e9 + 60.0),
        engine_time: Timestamp::from_secs_f64(1.8e9 + 59.5),
        losses: vec![(LossPlace::FlowRing, 3)],
        hooks: vec![hook("exec", true), hook("packet_egress", false)],
        ..AgentStatus::default()
    }
}

fn get(server: &MetricsServer, path: &str) -> (String, String) {
    let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[test]
fn metrics_and_health_are_served() {
    let runtime = Runtime::new().unwrap();
    let mut sinks = Sinks::default();
    let _waiting = sinks.attach(SinkName::Otlp, 10);
    sinks.send(crate::example::finding());
    let board = StatusBoard::default();
    let now = || Timestamp::from_secs_f64(1.8e9 + 61.0);
    let address = "127.0.0.1:0".parse().unwrap();
    let server = MetricsServer::start(address, board.clone(), sinks.view(), now, runtime.handle()).unwrap();
    assert_eq!(get(&server, "/readyz").0, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(get(&server, "/healthz").0, "HTTP/1.1 200 OK");
    board.publish(status());
    assert_eq!(get(&server, "/readyz").0, "HTTP/1.1 200 OK");
    let (head, page) = get(&server, "/metrics");
    assert_eq!(head, "HTTP/1.1 200 OK");
    for line in [
        "beaconwatch_agent_lost_total{place=\"flow_ring\"} 3",
        "beaconwatch_agent_hook_attached{hook=\"packet_egress\"} 0",
        "beaconwatch_agent_engine_lag_seconds 0.5",
        "beaconwatch_agent_sink_waiting{sink=\"otlp\"} 1",
        "beaconwatch_agent_findings_total{kind=\"beacon\",severity=\"high\",state=\"opened\"} 1",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
    }
    // A loop that stands still is not alive.
    let stale = AgentStatus { taken: Timestamp::from_secs_f64(1.8e9 - 3600.0), ..status() };
    board.publish(stale);
    assert_eq!(get(&server, "/healthz").0, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(get(&server, "/elsewhere").0, "HTTP/1.1 404 Not Found");
}

#[test]
fn an_address_in_use_is_named() {
    let runtime = Runtime::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let board = StatusBoard::default();
    let view = Sinks::default().view();
    let error = MetricsServer::start(address, board, view, || Timestamp::ZERO, runtime.handle()).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot serve metrics on {address}"));
}

#[test]
fn every_metric_is_on_the_page_once() {
    let view = Sinks::default().view();
    let page = text(&Source { status: &status(), sinks: &view, process: ProcessUsage::read() });
    for metric in METRICS {
        let kind = format!("# TYPE {} {}\n", metric.name, metric.kind.as_str());
        assert_eq!(page.matches(&kind).count(), 1, "{}", metric.name);
    }
}

#[test]
fn promtool_has_nothing_to_say_about_the_page() {
    let Some(promtool) = promtool() else {
        return skip("no promtool (package prometheus)");
    };
    let mut sinks = Sinks::default();
    let _waiting = sinks.attach(SinkName::Otlp, 10);
    sinks.send(crate::example::finding());
    let page = text(&Source { status: &status(), sinks: &sinks.view(), process: ProcessUsage::read() });
    let mut check = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    check.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = check.wait_with_output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.trim().is_empty(), "{said}\n{page}");
}

/// On the path, or where the project keeps its tools.
fn promtool() -> Option<PathBuf> {
    let cached = std::env::var_os("HOME")
        .map(|home| PathBuf::from(home).join(".cache/beaconwatch/tools/prometheus/promtool"));
    let on_path = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>())
        .map(|directory| directory.join("promtool"));
    on_path.chain(cached).find(|file| file.is_file())
}

fn wait(mut until: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if until() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited for too long");
}
