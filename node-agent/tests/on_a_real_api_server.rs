//! The agent's side of Kubernetes on a real API server: what it hears, what it reports, and that findings come
//! through an outage and a kill once each.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

#[path = "../../operator/tests/api_server/mod.rs"]
mod api_server;
mod scripted_finding;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use api_server::{ApiServer, eventually};
use beaconwatch_agent::kube::{KubeOptions, KubeParts, Shared, run};
use beaconwatch_agent::queue::{Arrival, InputSender};
use beaconwatch_crds::beacon_node::BeaconNodeStatus;
use beaconwatch_crds::{BeaconFinding, BeaconNode};
use beaconwatch_engine::assess::finding::{Finding, FindingState, Severity};
use beaconwatch_engine::input::{Input, WorkloadChange};
use beaconwatch_engine::time::Timestamp;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use scripted_finding::finding;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// The cluster's side of an agent, in this process.
struct Agent {
    findings: mpsc::Sender<Finding>,
    shared: Shared,
    stop: watch::Sender<Option<Instant>>,
    task: JoinHandle<()>,
    inputs: Receiver<Arrival>,
}

/// An empty directory for the spool, removed when dropped.
struct SpoolDirectory(PathBuf);

impl SpoolDirectory {
    fn empty(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("beaconwatch-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for SpoolDirectory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn now() -> Timestamp {
    Timestamp::from_nanos(u64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap())
}

impl Agent {
    fn start(server: &ApiServer, spool: &SpoolDirectory) -> Self {
        let (inputs, received): (InputSender, _) = std::sync::mpsc::sync_channel(1024);
        let (findings, incoming) = mpsc::channel(1024);
        let (stop, stopped) = watch::channel(None);
        let options = KubeOptions {
            node: "node-1".into(),
            namespace: Some("beaconwatch".into()),
            spool: Some(spool.0.clone()),
            report_interval: Duration::from_secs(1),
        };
        let parts = KubeParts { inputs, clock: Arc::new(now), status: Arc::new(BeaconNodeStatus::default) };
        let shared = Shared::default();
        let task = tokio::spawn(run(server.client(), options, parts, shared.clone(), incoming, stopped));
        Self { findings, shared, stop, task, inputs: received }
    }

    /// Ends as SIGKILL would.
    async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    async fn stop(self) {
        self.stop.send_replace(Some(Instant::now() + Duration::from_secs(30)));
        self.task.await.unwrap();
    }

    async fn find(&self, id: u64, state: FindingState, severity: Severity) {
        self.findings.send(finding(id, state, severity)).await.unwrap();
    }
}

async fn findings(server: &ApiServer) -> Vec<BeaconFinding> {
    let api: Api<BeaconFinding> = Api::namespaced(server.client(), "payments");
    api.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default()
}

/// Notes of Events with a reason, on the pod.
async fn told(server: &ApiServer, reason: &str) -> usize {
    let api: Api<Event> = Api::namespaced(server.client(), "payments");
    let events = api.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default();
    let of_pod = |event: &&Event| {
        event.regarding.as_ref().is_some_and(|pod| pod.name.as_deref() == Some("reports-1"))
            && event.reporting_instance.as_deref() == Some("node-1")
    };
    events.iter().filter(of_pod).filter(|event| event.reason.as_deref() == Some(reason)).count()
}

fn policy(name: &str, threshold: f32) -> serde_json::Value {
    json!({
        "apiVersion": "beaconwatch.io/v1alpha1", "kind": "ClusterBeaconPolicy",
        "metadata": { "name": name }, "spec": { "thresholds": { "record": threshold } },
    })
}

fn pod(name: &str, node: &str) -> serde_json::Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": "payments", "labels": { "pod-template-hash": "6d9f7" },
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "reports-6d9f7", "uid": "rs", "controller": true,
            }],
        },
        "spec": { "nodeName": node, "containers": [{ "name": "app", "image": "app" }] },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd and kube-apiserver: make e2e"]
async fn it_hears_of_its_own_pods_and_reports_its_policies() {
    let server = ApiServer::start("agent-hears").await;
    let spool = SpoolDirectory::empty("agent-hears");
    // The agent is there before the definitions.
    let agent = Agent::start(&server, &spool);
    eventually("a watch to fail", async || (agent.shared.counters.watch_failures.get() > 0).then_some(()))
        .await;
    server.install_definitions().await;
    server.apply(pod("own", "node-1")).await;
    server.apply(pod("other", "node-2")).await;
    server.apply(policy("all", 4.0)).await;
    let (mut pods, mut policies) = (Vec::new(), 0);
    let deadline = Instant::now() + api_server::PATIENCE;
    while (pods.is_empty() || policies == 0) && Instant::now() < deadline {
        match agent.inputs.try_recv().map(Arrival::into_parts) {
            Ok((_, Input::Workload(WorkloadChange::Applied(pod)))) => pods.push(pod),
            Ok((_, Input::Policies(set))) => policies = policies.max(set.policies.len()),
            Ok(_) => {}
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    assert!(pods.iter().all(|pod| &*pod.name == "own"), "only pods of its node");
    let last = pods.last().unwrap();
    assert_eq!((&*last.owner.kind, &*last.owner.name), ("Deployment", "reports"));
    assert_eq!(policies, 1);
    let nodes: Api<BeaconNode> = Api::all(server.client());
    eventually("the report to name the policy", async || {
        let status = nodes.get_opt("node-1").await.ok()??.status?;
        (status.policy_count == 1 && status.policies.first()?.generation == 1).then_some(())
    })
    .await;
    server.apply(policy("all", 5.0)).await;
    eventually("the report to follow the policy", async || {
        let status = nodes.get_opt("node-1").await.ok()??.status?;
        (status.policies.first()?.generation == 2).then_some(())
    })
    .await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd and kube-apiserver: make e2e"]
async fn findings_come_through_an_outage_and_a_kill_once_each() {
    let mut server = ApiServer::start("agent-outage").await;
    let spool = SpoolDirectory::empty("agent-outage");
    server.install_definitions().await;
    server
        .apply(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "payments" } }))
        .await;
    let agent = Agent::start(&server, &spool);
    agent.find(1, FindingState::Opened, Severity::Medium).await;
    eventually("the first finding", async || (findings(&server).await.len() == 1).then_some(())).await;
    eventually("its Event", async || (told(&server, "BeaconDetected").await == 1).then_some(())).await;

    server.stop_server();
    agent.find(1, FindingState::Updated, Severity::High).await;
    for id in 2..=5 {
        agent.find(id, FindingState::Opened, Severity::High).await;
    }
    eventually("five in the spool", async || (agent.shared.counters.spool_entries.get() == 5).then_some(()))
        .await;
    agent.kill().await;

    let agent = Agent::start(&server, &spool);
    agent.find(6, FindingState::Opened, Severity::High).await;
    eventually("a write to fail", async || (agent.shared.counters.write_failures.get() > 0).then_some(()))
        .await;
    server.start_server();
    server.wait_until_ready().await;
    eventually("six findings", async || (findings(&server).await.len() == 6).then_some(())).await;
    eventually("an empty spool", async || (agent.shared.counters.spool_entries.get() == 0).then_some(()))
        .await;
    assert_eq!(told(&server, "BeaconDetected").await, 6, "one each");
    assert_eq!(told(&server, "BeaconSeverityRaised").await, 1);
    agent.kill().await;

    // The engine starts over after a restart: the same behaviour is opened again, in the same row, untold.
    let agent = Agent::start(&server, &spool);
    agent.find(1, FindingState::Opened, Severity::High).await;
    eventually("it to be written", async || {
        (agent.shared.counters.findings_written.get() == 1).then_some(())
    })
    .await;
    let held = findings(&server).await;
    assert_eq!(held.len(), 6);
    assert!(held.iter().any(|finding| finding.spec.when.check_ins == 10), "counts add up");
    assert_eq!(told(&server, "BeaconDetected").await, 6);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd and kube-apiserver: make e2e"]
async fn five_hundred_findings_on_a_pod_are_at_most_twenty_five_events() {
    let server = ApiServer::start("agent-flood").await;
    let spool = SpoolDirectory::empty("agent-flood");
    server.install_definitions().await;
    server
        .apply(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "payments" } }))
        .await;
    let agent = Agent::start(&server, &spool);
    for id in 0..500 {
        agent.find(id, FindingState::Opened, Severity::High).await;
    }
    eventually("all findings", async || (findings(&server).await.len() == 500).then_some(())).await;
    eventually("the summary", async || (told(&server, "BeaconFindingsSummarized").await == 1).then_some(()))
        .await;
    assert_eq!(told(&server, "BeaconDetected").await, 24);
    assert_eq!(agent.shared.counters.events_suppressed.get(), 476);
    assert!(findings(&server).await.iter().all(|finding| finding.name_any().starts_with("reports-")));
    agent.stop().await;
}
