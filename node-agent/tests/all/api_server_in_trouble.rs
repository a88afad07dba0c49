//! Answers that a real API server gives only when it is in trouble: it asks for patience, or an object is in the way.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use beaconwatch_agent::kube::counters::KubeCounters;
use beaconwatch_agent::kube::findings::{FindingWriter, Outgoing};
use beaconwatch_agent::kube::spool::{Spool, SpoolLimits};
use beaconwatch_agent::kube::{KubeOptions, KubeParts, Shared, run};
use beaconwatch_crds::beacon_node::BeaconNodeStatus;
use beaconwatch_engine::assess::finding::{FindingState, Severity};
use beaconwatch_engine::time::Timestamp;
use beaconwatch_report::object::Reporter;
use beaconwatch_skip::skip;

use crate::scripted_finding::finding;
use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tower_test::mock::{Handle, pair};

type Server = Handle<Request<Body>, Response<Body>>;

fn writer() -> (FindingWriter, Server, Arc<KubeCounters>) {
    let (service, server) = pair::<Request<Body>, Response<Body>>();
    let counters = Arc::new(KubeCounters::default());
    let reporter = Reporter { node: "node-1".into(), namespace: "beaconwatch".into() };
    let clock = Arc::new(|| Timestamp::from_nanos(1_700_000_200_000_000_000));
    let spool = Spool::in_memory(SpoolLimits::default());
    let client = Client::new(service, "beaconwatch");
    (FindingWriter::with_spool(client, reporter, clock, Arc::clone(&counters), spool), server, counters)
}

/// A refusal as the API server words it.
fn refusal(code: u16, reason: &str) -> (u16, Value) {
    let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": reason,
        "reason": reason, "code": code });
    (code, status)
}

/// Answers requests by what they ask for until nobody asks any more; what was asked, in order.
async fn answers(
    mut server: Server,
    answer: impl Fn(usize, &Method, &str, &Value) -> (u16, Value),
) -> Vec<String> {
    let mut asked = Vec::new();
    while let Some((request, send)) = server.next_request().await {
        let (parts, body) = request.into_parts();
        let body: Value = serde_json::from_slice(&body.collect_bytes().await.unwrap()).unwrap_or_default();
        let path = parts.uri.path().to_owned();
        let (code, said) = answer(asked.len(), &parts.method, &path, &body);
        asked.push(format!("{} {}", parts.method, path.rsplit('/').next().unwrap()));
        send.send_response(
            Response::builder().status(code).body(said.to_string().into_bytes().into()).unwrap(),
        );
    }
    asked
}

/// Sends until nothing waits.
async fn send_all(mut writer: FindingWriter) {
    for _ in 0..100 {
        let next = writer.send_due().await;
        if writer.waiting() == 0 {
            break;
        }
        tokio::time::sleep_until(next).await;
    }
    assert_eq!(writer.waiting(), 0, "findings still wait");
}

/// The object as it was sent, or nothing there.
fn as_usual(method: &Method, body: &Value) -> (u16, Value) {
    if *method == Method::GET { refusal(404, "NotFound") } else { (200, body.clone()) }
}

#[tokio::test(start_paused = true)]
async fn while_the_api_server_is_busy_findings_wait_and_then_come_once_each() {
    let (mut writer, server, counters) = writer();
    for id in 1..=3 {
        writer.take(&finding(id, FindingState::Opened, Severity::High));
    }
    let began = tokio::time::Instant::now();
    let server = tokio::spawn(answers(server, |asked, method, _, body| {
        if asked < 4 { refusal(429, "TooManyRequests") } else { as_usual(method, body) }
    }));
    send_all(writer).await;
    let asked = server.await.unwrap();
    // Each refusal stops everything for a growing time: nothing else is asked meanwhile.
    assert!(began.elapsed() > Duration::from_secs(2), "{:?}", began.elapsed());
    let of = |method: &str| asked.iter().skip(4).filter(|one| one.starts_with(method)).count();
    assert_eq!((of("PATCH"), of("POST")), (3, 3), "{asked:?}");
    assert_eq!((counters.findings_written.get(), counters.write_failures.get()), (3, 4));
}

#[tokio::test(start_paused = true)]
async fn one_finding_in_conflict_holds_up_no_other() {
    let (mut writer, server, counters) = writer();
    for id in 1..=3 {
        writer.take(&finding(id, FindingState::Opened, Severity::High));
    }
    let server = tokio::spawn(answers(server, |asked, method, _, body| {
        let first = body["where"]["name"] == "host-1.example";
        if first && *method == Method::PATCH && asked < 6 {
            refusal(409, "Conflict")
        } else {
            as_usual(method, body)
        }
    }));
    send_all(writer).await;
    server.await.unwrap();
    assert_eq!((counters.findings_written.get(), counters.write_failures.get()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_finding_that_will_never_be_taken_is_given_up_and_counted() {
    let (mut writer, server, counters) = writer();
    for id in 1..=2 {
        writer.take(&finding(id, FindingState::Opened, Severity::High));
    }
    let server = tokio::spawn(answers(server, |_, method, _, body| {
        let first = body["where"]["name"] == "host-1.example" && *method == Method::PATCH;
        if first { refusal(422, "Invalid") } else { as_usual(method, body) }
    }));
    send_all(writer).await;
    server.await.unwrap();
    assert_eq!((counters.findings_written.get(), counters.findings_refused.get()), (1, 1));
}

/// Longer than anything takes that ends.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that takes every connection and request and never says a word: its address, and the requests.
fn silent_server() -> (String, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (asked, requests) = unbounded_channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let asked = asked.clone();
            std::thread::spawn(move || {
                let lines = BufReader::new(stream).lines().map_while(Result::ok);
                lines.filter(|line| line.ends_with("HTTP/1.1")).try_for_each(|line| asked.send(line))
            });
        }
    });
    (address, requests)
}

async fn asked_for(requests: &mut UnboundedReceiver<String>, what: &str) {
    let asked = async { while !requests.recv().await.unwrap().contains(what) {} };
    tokio::time::timeout(PATIENCE, asked).await.unwrap();
}

/// An empty directory, removed when dropped.
struct Directory(PathBuf);

impl Directory {
    fn empty(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("beaconwatch-trouble-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn findings_in_spool(&self) -> usize {
        Spool::<Outgoing>::open(&self.0.join("spool"), SpoolLimits::default()).unwrap().len()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn an_api_server_that_never_answers_does_not_hold_up_the_end_and_loses_nothing() {
    let directory = Directory::empty("end");
    let (address, mut requests) = silent_server();
    let client = Client::try_from(kube::Config::new(address.parse().unwrap())).unwrap();
    let options = KubeOptions {
        node: "node-1".into(),
        namespace: Some("beaconwatch".into()),
        spool: Some(directory.0.join("spool")),
        report_interval: Duration::from_secs(1),
    };
    let (inputs, _arrivals) = std::sync::mpsc::sync_channel(1024);
    let clock = Arc::new(|| Timestamp::from_nanos(1_700_000_200_000_000_000));
    let parts = KubeParts { inputs, clock, status: Arc::new(BeaconNodeStatus::default) };
    let (findings, incoming) = mpsc::channel(1024);
    let (stop, stopped) = watch::channel(None);
    let task = tokio::spawn(run(client, options, parts, Shared::default(), incoming, stopped));
    findings.send(finding(1, FindingState::Opened, Severity::High)).await.unwrap();
    asked_for(&mut requests, "beaconfindings").await;
    // What is found while that request hangs.
    for id in 2..=5 {
        findings.send(finding(id, FindingState::Opened, Severity::High)).await.unwrap();
    }
    stop.send_replace(Some(Instant::now() + Duration::from_millis(200)));
    tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();
    assert_eq!(directory.findings_in_spool(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_is_tried_again() {
    let (mut writer, mut server, counters) = writer();
    writer.take(&finding(1, FindingState::Opened, Severity::High));
    let server = tokio::spawn(async move {
        // Held, not dropped: whoever asked still waits.
        let held = server.next_request().await.unwrap();
        let asked = answers(server, |_, method, _, body| as_usual(method, body)).await;
        drop(held);
        asked
    });
    send_all(writer).await;
    assert_eq!(server.await.unwrap().len(), 3);
    assert_eq!((counters.findings_written.get(), counters.write_failures.get()), (1, 1));
}

/// The whole agent, where this kernel can be watched.
#[tokio::test]
async fn the_agent_ends_in_order_while_the_api_server_never_answers() {
    const AGENT: &str = env!("CARGO_BIN_EXE_beaconwatch-agent");
    let doctor = Command::new(AGENT).arg("doctor").output().unwrap();
    if !matches!(doctor.status.code(), Some(0 | 3)) {
        return skip("this kernel cannot be watched here");
    }
    let directory = Directory::empty("agent");
    let (address, mut requests) = silent_server();
    let config = directory.0.join("kubeconfig");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: \"{address}\"}}}}]\n\
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
    );
    std::fs::write(&config, text).unwrap();
    let spool = Spool::open(&directory.0.join("spool"), SpoolLimits::default()).unwrap();
    left_behind(spool);
    let mut agent = Command::new(AGENT)
        .args([
            "run",
            "--kubernetes",
            "--node-name",
            "node-1",
            "--output",
            "none",
            "--metrics-addr",
            "127.0.0.1:0",
        ])
        .arg("--state-dir")
        .arg(&directory.0)
        .env("KUBECONFIG", &config)
        .spawn()
        .unwrap();
    let pid = agent.id().to_string();
    let signal = |name: &str| Command::new("kill").args([name, &pid]).status().unwrap();
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || ended.send(agent.wait()));
    asked_for(&mut requests, "beaconfindings").await;
    signal("-TERM");
    let status = tokio::time::timeout(PATIENCE, end).await;
    if status.is_err() {
        signal("-KILL");
    }
    assert_eq!(status.unwrap().unwrap().unwrap().code(), Some(0));
    assert_eq!(directory.findings_in_spool(), 1);
    assert!(directory.0.join("learned.bwck").exists(), "what was learned is saved");
}

/// What an agent that was killed left in its spool.
fn left_behind(spool: Spool<Outgoing>) {
    let (service, _server) = pair::<Request<Body>, Response<Body>>();
    let reporter = Reporter { node: "node-1".into(), namespace: "beaconwatch".into() };
    let clock = Arc::new(|| Timestamp::from_nanos(1_700_000_200_000_000_000));
    let client = Client::new(service, "beaconwatch");
    FindingWriter::with_spool(client, reporter, clock, Arc::default(), spool).take(&finding(
        1,
        FindingState::Opened,
        Severity::High,
    ));
}
