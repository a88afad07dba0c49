//! Answers that a real API server gives only when it is in trouble.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

use std::sync::Arc;

use beaconwatch_crds::BeaconPolicy;
use beaconwatch_engine::assess::policy::PolicyId;
use beaconwatch_operator::beacon_policy::{Context, reconcile, retry};
use beaconwatch_operator::cluster::rollout::{Rollout, Rollouts};
use beaconwatch_operator::metrics::Metrics;
use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower_test::mock::{Handle, pair};

/// Refuses the first writes of a status with `code`; how many were asked for in all.
async fn refuse_first(mut server: Handle<Request<Body>, Response<Body>>, refused: u32, code: u16) -> u32 {
    let mut writes = 0;
    while let Some((request, send)) = server.next_request().await {
        let (parts, body) = request.into_parts();
        let mut said: Value =
            serde_json::from_slice(&body.collect_bytes().await.unwrap()).unwrap_or_default();
        let mut status = 200;
        if parts.method == Method::PATCH && parts.uri.path().ends_with("/status") {
            writes += 1;
            let object = said.as_object_mut().unwrap();
            object.insert("metadata".into(), json!({ "name": "payments", "namespace": "payments" }));
            object.insert("spec".into(), json!({}));
            if writes <= refused {
                status = code;
                said = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code });
            }
        }
        send.send_response(
            Response::builder().status(status).body(said.to_string().into_bytes().into()).unwrap(),
        );
    }
    writes
}

/// Delays between tries until the status is written.
async fn delays(refused: u32, code: u16) -> (Vec<Action>, u32) {
    let (service, server) = pair::<Request<Body>, Response<Body>>();
    let server = tokio::spawn(refuse_first(server, refused, code));
    let id = PolicyId { namespace: Some("payments".into()), name: "payments".into() };
    let rollout = Rollout { generation: 1, ..Rollout::default() };
    let (_standings, rollouts) = watch::channel(Arc::new(Rollouts::from([(id, rollout)])));
    let context = Arc::new(Context {
        client: Client::new(service, "beaconwatch"),
        instance: "one".into(),
        rollouts,
        metrics: Arc::new(Metrics::default()),
        failures: std::sync::Mutex::default(),
    });
    let policy: DeserializeGuard<BeaconPolicy> = serde_json::from_value(json!({
        "apiVersion": "beaconwatch.io/v1alpha1", "kind": "BeaconPolicy", "spec": {},
        "metadata": { "name": "payments", "namespace": "payments", "generation": 1 },
    }))
    .unwrap();
    let policy = Arc::new(policy);
    let mut delays = Vec::new();
    while let Err(error) = reconcile(Arc::clone(&policy), Arc::clone(&context)).await {
        delays.push(retry(Arc::clone(&policy), &error, Arc::clone(&context)));
        assert!(delays.len() < 20, "it never gets through");
    }
    assert!(context.failures.lock().unwrap().is_empty(), "a success resets the count");
    drop(context);
    (delays, server.await.unwrap())
}

fn milliseconds(all: &[u64]) -> Vec<Action> {
    all.iter().map(|ms| Action::requeue(std::time::Duration::from_millis(*ms))).collect()
}

#[tokio::test]
async fn a_status_is_written_again_after_growing_delays_while_the_api_server_asks_for_patience() {
    assert_eq!(delays(4, 429).await, (milliseconds(&[250, 500, 1000, 2000]), 5));
}

#[tokio::test]
async fn a_conflict_or_a_failure_of_the_api_server_is_tried_again() {
    assert_eq!(delays(1, 409).await, (milliseconds(&[250]), 2));
    assert_eq!(delays(2, 500).await, (milliseconds(&[250, 500]), 3));
}

#[tokio::test]
async fn a_policy_that_is_gone_meanwhile_is_no_failure() {
    assert_eq!(delays(1, 404).await, (vec![], 1));
}
