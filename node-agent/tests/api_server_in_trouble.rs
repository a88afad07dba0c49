//! Answers that a real API server gives only when it is in trouble: it asks for patience, or an object is in the way.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

mod scripted_finding;

use std::sync::Arc;
use std::time::Duration;

use beaconwatch_agent::kube::counters::KubeCounters;
use beaconwatch_agent::kube::findings::FindingWriter;
use beaconwatch_agent::kube::object::Place;
use beaconwatch_agent::kube::spool::{Spool, SpoolLimits};
use beaconwatch_engine::finding::{FindingState, Severity};
use beaconwatch_engine::time::Timestamp;
use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use scripted_finding::finding;
use serde_json::{Value, json};
use tower_test::mock::{Handle, pair};

type Server = Handle<Request<Body>, Response<Body>>;

fn writer() -> (FindingWriter, Server, Arc<KubeCounters>) {
    let (service, server) = pair::<Request<Body>, Response<Body>>();
    let counters = Arc::new(KubeCounters::default());
    let place = Place { node: "node-1".into(), namespace: "beaconwatch".into() };
    let clock = Arc::new(|| Timestamp::from_nanos(1_700_000_200_000_000_000));
    let spool = Spool::in_memory(SpoolLimits::default());
    let client = Client::new(service, "beaconwatch");
    (FindingWriter::with_spool(client, place, clock, Arc::clone(&counters), spool), server, counters)
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
