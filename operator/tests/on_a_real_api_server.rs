//! The operator on a real API server: from nothing installed to policies with a status, through a restart of the
//! API server and a change of the leader.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails here")]

mod api_server;

use std::time::Duration;

use api_server::{ApiServer, eventually};
use beaconwatch_crds::beacon_finding::{Behavior, Severity, State, Term};
use beaconwatch_crds::policy_rules::Mode;
use beaconwatch_crds::policy_status::PolicyStatus;
use beaconwatch_crds::{BeaconFinding, BeaconNode, BeaconPolicy, ClusterBeaconPolicy};
use beaconwatch_operator::app::run_with;
use beaconwatch_operator::apply_crds::apply_crds;
use beaconwatch_operator::args::Args;
use beaconwatch_operator::leader::LeaseTimes;
use clap::Parser;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// One replica of the operator in this process.
struct Operator {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    address: std::net::SocketAddr,
}

impl Operator {
    async fn start(server: &ApiServer, identity: &str, more: &[&str]) -> Self {
        let arguments = ["beaconwatch-operator", "--namespace=beaconwatch", "--identity", identity];
        let args = Args::parse_from(arguments.iter().chain(more));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let times = LeaseTimes {
            duration: Duration::from_secs(8),
            renew_deadline: Duration::from_secs(6),
            retry: Duration::from_millis(300),
        };
        let task = tokio::spawn(run_with(args, server.client(), listener, times, stopped));
        Self { stop, task, address }
    }

    /// Ends as SIGTERM would.
    async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
    }

    /// Ends as SIGKILL would.
    fn kill(self) {
        self.task.abort();
    }

    async fn get(&self, path: &str) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

fn policy(name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "beaconwatch.io/v1alpha1", "kind": "BeaconPolicy",
        "metadata": { "name": name, "namespace": "payments" }, "spec": spec,
    })
}

fn pod(name: &str, labels: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": "payments", "labels": labels },
        "spec": { "nodeName": "node-1", "containers": [{ "name": "app", "image": "app" }] },
    })
}

fn node(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name } })
}

fn report(node: &str, policies: Value) -> Value {
    json!({
        "apiVersion": "beaconwatch.io/v1alpha1", "kind": "BeaconNode", "metadata": { "name": node }, "spec": {},
        "status": { "policyCount": 1, "policies": policies, "reported": "2026-01-01T00:00:00Z",
            "connectionsPerSecond": 0, "conversations": 0, "lost": 0 },
    })
}

fn on_node(name: &str, generation: i64) -> Value {
    json!({ "namespace": "payments", "name": name, "generation": generation })
}

/// `type=status/reason: message` of a condition.
fn said(status: &PolicyStatus, kind: &str) -> String {
    let condition = status.conditions.iter().find(|condition| condition.type_ == kind);
    condition.map_or_else(|| "absent".into(), |c| format!("{}/{}: {}", c.status, c.reason, c.message))
}

/// The status of a policy, once it says what is expected.
async fn status_with(server: &ApiServer, name: &str, expect: impl Fn(&PolicyStatus) -> bool) -> PolicyStatus {
    let policies: Api<BeaconPolicy> = Api::namespaced(server.client(), "payments");
    let last = std::sync::Mutex::new(String::new());
    let what = format!("the status of {name}");
    eventually(&what, async || {
        let policy = policies.get(name).await.ok()?;
        let status = policy.status?;
        let current = status.observed_generation == policy.metadata.generation;
        let text = format!("{status:#?}");
        if *last.lock().unwrap() != text {
            eprintln!("{name}: {text}");
            *last.lock().unwrap() = text;
        }
        (current && expect(&status)).then_some(status)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd and kube-apiserver: make e2e"]
async fn policies_have_a_status_that_follows_the_cluster() {
    let mut server = ApiServer::start("operator-life").await;
    // The operator is there before its definitions.
    let operator = Operator::start(&server, "one", &[]).await;
    server
        .apply(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "beaconwatch" } }))
        .await;
    eventually("readiness", async || operator.get("/readyz").await.contains("200 OK").then_some(())).await;
    server.install_definitions().await;
    server.apply(node("node-1")).await;
    server.apply(node("node-2")).await;
    server.apply(pod("backend-1", json!({ "tier": "backend" }))).await;
    server.apply(pod("front-1", json!({ "tier": "front" }))).await;
    let selector = json!({ "workloads": { "selector": { "matchLabels": { "tier": "backend" } } } });
    server.apply(policy("payments", selector)).await;
    server.apply(report("node-1", json!([on_node("payments", 1)]))).await;
    server.apply(report("node-2", json!([]))).await;

    let status = status_with(&server, "payments", |status| {
        status.programmed.as_deref() == Some("1/2") && status.pods_selected == Some(1)
    })
    .await;
    assert_eq!(said(&status, "Accepted"), "True/Accepted: the policy is valid");
    assert_eq!(
        said(&status, "Programmed"),
        "False/NodesBehind: 1 of 2 nodes run generation 1; node-2: its agent has not taken the policy yet"
    );
    assert_eq!(said(&status, "SelectsWorkloads"), "True/Selected: selects 1 pods, governs 1 of them");
    assert_eq!(status.behind[0].node, "node-2");

    server.apply(report("node-2", json!([on_node("payments", 1)]))).await;
    status_with(&server, "payments", |status| said(status, "Programmed").starts_with("True/Programmed"))
        .await;

    selections_are_distinguished(&server).await;
    exceptions_expire(&server).await;
    one_that_cannot_be_read_stops_nothing(&server).await;
    after_a_restart_of_the_api_server_it_goes_on(&mut server).await;
    findings_are_aged_out(&server).await;

    let metrics = operator.get("/metrics").await;
    assert!(metrics.contains("\nbeaconwatch_operator_leading 1\n"), "{metrics}");
    assert!(metrics.contains("beaconwatch_operator_watch_errors_total"), "{metrics}");
    let events: Api<Event> = Api::namespaced(server.client(), "payments");
    let events = events.list(&ListParams::default()).await.unwrap();
    let reasons: Vec<_> = events.iter().filter_map(|event| event.reason.as_deref()).collect();
    for reason in ["Programmed", "NothingSelected", "Overridden", "Expired"] {
        assert!(reasons.contains(&reason), "{reason} in {reasons:?}");
    }
    operator.stop().await;
    silent_nodes_are_marked(&server).await;
    let leases: Api<Lease> = Api::namespaced(server.client(), "beaconwatch");
    let lease = leases.get("beaconwatch-operator").await.unwrap();
    assert_eq!(lease.spec.unwrap().holder_identity.as_deref(), Some(""), "the lease was let go");
}

/// Nobody has reported for a second; the mark itself is no report.
async fn silent_nodes_are_marked(server: &ApiServer) {
    let operator = Operator::start(server, "two", &["--node-stale-seconds=1"]).await;
    let nodes: Api<BeaconNode> = Api::all(server.client());
    eventually("the mark", async || {
        let status = nodes.get("node-1").await.ok()?.status?;
        let ready = status.conditions.into_iter().find(|condition| condition.type_ == "Ready")?;
        let said = (ready.status.as_str(), ready.reason.as_str());
        (said == ("Unknown", "AgentSilent") && ready.message.contains("silent since 2026")).then_some(())
    })
    .await;
    operator.stop().await;
}

async fn selections_are_distinguished(server: &ApiServer) {
    let nothing = json!({ "workloads": { "selector": { "matchLabels": { "tier": "bakcend" } } } });
    server.apply(policy("typo", nothing)).await;
    let status = status_with(server, "typo", |status| said(status, "SelectsWorkloads") != "absent").await;
    assert_eq!(said(&status, "SelectsWorkloads"), "False/NothingSelected: no pod matches spec.workloads");

    let same = json!({ "workloads": { "selector": { "matchLabels": { "tier": "backend" } } } });
    server.apply(policy("younger", same)).await;
    let status = status_with(server, "younger", |status| status.pods_selected == Some(1)).await;
    assert_eq!(
        said(&status, "SelectsWorkloads"),
        "False/Overridden: all 1 pods are governed by BeaconPolicy payments/payments"
    );

    server
        .apply(json!({
            "apiVersion": "beaconwatch.io/v1alpha1", "kind": "ClusterBeaconPolicy",
            "metadata": { "name": "all" }, "spec": {},
        }))
        .await;
    let policies: Api<ClusterBeaconPolicy> = Api::all(server.client());
    let status = eventually("the status of the cluster policy", async || {
        policies.get("all").await.ok()?.status.filter(|status| status.pods_selected == Some(2))
    })
    .await;
    assert_eq!(status.pods_governed, Some(1), "the pod of the front tier");
    assert!(status.overlaps.iter().any(|other| other.name == "payments" && other.governs && other.pods == 1));
}

async fn exceptions_expire(server: &ApiServer) {
    let exception = |name: &str, expires: &str| json!({ "name": name, "reason": "r", "expires": expires, "match": { "ports": [443] } });
    let exceptions = [exception("old", "2020-01-01T00:00:00Z"), exception("new", "2120-01-01T00:00:00Z")];
    server.apply(policy("payments", json!({ "exceptions": exceptions }))).await;
    let status = status_with(server, "payments", |status| status.exceptions.len() == 2).await;
    assert_eq!(said(&status, "ExceptionsCurrent"), "False/Expired: expired, so they no longer hold: old");
    assert!(said(&status, "Programmed").starts_with("False/NodesBehind"), "the new generation is on no node");

    let everything =
        json!([{ "name": "all", "reason": "r", "match": { "destinations": ["0.0.0.0/0", "::/0"] } }]);
    server.apply(policy("payments", json!({ "exceptions": everything }))).await;
    let broad = |status: &PolicyStatus| said(status, "ExceptionsCurrent").starts_with("False/TooBroad");
    let status = status_with(server, "payments", broad).await;
    assert!(said(&status, "ExceptionsCurrent").ends_with("all (every IPv4 address and every IPv6 address)"));
}

/// An older operator's object, or a newer one's: its kind is served, its shape is not ours.
async fn one_that_cannot_be_read_stops_nothing(server: &ApiServer) {
    loosen(server, "beaconpolicies.beaconwatch.io").await;
    server.apply(policy("strange", json!({ "mode": { "of": "another version" } }))).await;
    let policies: Api<kube::core::DynamicObject> = {
        let kind = kube::core::GroupVersionKind::gvk("beaconwatch.io", "v1alpha1", "BeaconPolicy");
        let resource = kube::core::ApiResource::from_gvk_with_plural(&kind, "beaconpolicies");
        Api::namespaced_with(server.client(), "payments", &resource)
    };
    eventually("the status of what cannot be read", async || {
        let object = policies.get("strange").await.ok()?;
        let conditions = object.data["status"]["conditions"].as_array()?.clone();
        conditions.iter().any(|c| c["type"] == "Accepted" && c["reason"] == "Unreadable").then_some(())
    })
    .await;
    server.apply(policy("after", json!({}))).await;
    status_with(server, "after", |status| said(status, "Accepted").starts_with("True")).await;
}

/// Lets a kind hold anything.
async fn loosen(server: &ApiServer, name: &str) {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
    let definitions: Api<CustomResourceDefinition> = Api::all(server.client());
    let mut definition = definitions.get(name).await.unwrap();
    for version in &mut definition.spec.versions {
        let loose = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        let schema = version.schema.as_mut().unwrap();
        schema.open_api_v3_schema = Some(serde_json::from_value(loose).unwrap());
    }
    definitions.replace(name, &kube::api::PostParams::default(), &definition).await.unwrap();
}

async fn after_a_restart_of_the_api_server_it_goes_on(server: &mut ApiServer) {
    server.stop_server();
    // Longer than the lease: leadership is lost, and has to be won again.
    tokio::time::sleep(Duration::from_secs(9)).await;
    server.start_server();
    server.wait_until_ready().await;
    server.apply(policy("payments", json!({ "mode": "Observe" }))).await;
    status_with(server, "payments", |status| status.observed_generation == Some(4)).await;
}

/// A finding from before identities were specified stays while its agent may go on with it, and no longer.
async fn old_names_are_closed_and_removed(server: &ApiServer, mut old: Value) {
    let findings: Api<BeaconFinding> = Api::namespaced(server.client(), "payments");
    old["state"] = "Opened".into();
    old["who"] = json!({ "node": "node-1" });
    // As agents of 0.1.0 write it: the term is named otherwise today.
    old["why"] = json!([{ "term": "who", "level": "image", "bits": -2.0, "sentence": "as it was" }]);
    // Held by a finalizer, so that its last state can be read.
    old["metadata"]["finalizers"] = json!(["beaconwatch.io/test"]);
    let mut new = old.clone();
    new["metadata"] = json!({
        "name": "reports-0123456789abcdef0123456789abcdef", "namespace": "payments",
        "labels": { "beaconwatch.io/identities": "1" },
    });
    server.apply(old).await;
    server.apply(new).await;
    // All three findings were looked at, and the agent still writes under old names.
    status_with(server, "payments", |status| status.findings == Some(3)).await;
    let held = findings.get("reports-0123456789").await.unwrap();
    assert_eq!((held.spec.state.as_str(), held.metadata.deletion_timestamp), ("Opened", None));

    let mut upgraded = report("node-1", json!([on_node("payments", 1)]));
    upgraded["status"]["agent"] = json!({ "version": "2", "kernel": "6", "identities": 1 });
    server.apply(upgraded).await;
    let closed = eventually("the finding under an old name to be removed", async || {
        findings.get("reports-0123456789").await.ok().filter(|old| old.metadata.deletion_timestamp.is_some())
    })
    .await;
    assert_eq!(closed.spec.state, State::Closed);
    assert_eq!(closed.spec.why[0].term, Term::Executable);
    let release = json!({ "metadata": { "finalizers": null } });
    let patch = kube::api::Patch::Merge(release);
    findings.patch("reports-0123456789", &kube::api::PatchParams::default(), &patch).await.unwrap();
    let held = findings.get("reports-0123456789abcdef0123456789abcdef").await.unwrap();
    assert_eq!((held.spec.state.as_str(), held.metadata.deletion_timestamp), ("Opened", None));
    findings.delete(&held.metadata.name.unwrap(), &kube::api::DeleteParams::default()).await.unwrap();
    status_with(server, "payments", |status| status.findings == Some(1)).await;
}

async fn findings_are_aged_out(server: &ApiServer) {
    let finding = |name: &str, last: &str| {
        let mut finding = BeaconFinding::default();
        finding.spec.behavior = Behavior::Beacon.into();
        finding.spec.state = State::Opened.into();
        finding.spec.severity = Severity::High.into();
        finding.spec.policy.mode = Mode::Alert.into();
        finding.spec.policy.name = "payments".into();
        finding.spec.policy.namespace = Some("payments".into());
        finding.spec.when.first.0 = "2020-01-01T00:00:00Z".into();
        finding.spec.when.last.0 = last.into();
        let mut object = serde_json::to_value(&finding).unwrap();
        object["apiVersion"] = "beaconwatch.io/v1alpha1".into();
        object["kind"] = "BeaconFinding".into();
        object["metadata"] = json!({ "name": name, "namespace": "payments" });
        object
    };
    server.apply(finding("old", "2020-01-02T00:00:00Z")).await;
    server.apply(finding("young", &jiff::Timestamp::now().to_string())).await;
    let findings: Api<BeaconFinding> = Api::namespaced(server.client(), "payments");
    eventually("the old finding to go", async || findings.get_opt("old").await.ok()?.is_none().then_some(()))
        .await;
    assert!(findings.get_opt("young").await.unwrap().is_some());
    status_with(server, "payments", |status| status.findings == Some(1)).await;
    let old = finding("reports-0123456789", &jiff::Timestamp::now().to_string());
    old_names_are_closed_and_removed(server, old).await;

    let nodes: Api<k8s_openapi::api::core::v1::Node> = Api::all(server.client());
    nodes.delete("node-2", &kube::api::DeleteParams::default()).await.unwrap();
    let reports: Api<BeaconNode> = Api::all(server.client());
    eventually("the report of a node that is gone to go", async || {
        reports.get_opt("node-2").await.ok()?.is_none().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd and kube-apiserver: make e2e"]
async fn when_the_leader_dies_another_replica_goes_on() {
    let server = ApiServer::start("operator-lead").await;
    apply_crds(server.client()).await.unwrap();
    apply_crds(server.client()).await.unwrap();
    server
        .apply(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "beaconwatch" } }))
        .await;
    let first = Operator::start(&server, "first", &[]).await;
    let leads = async |operator: &Operator| {
        operator.get("/metrics").await.contains("\nbeaconwatch_operator_leading 1\n").then_some(())
    };
    eventually("the first to lead", async || leads(&first).await).await;
    let second = Operator::start(&server, "second", &[]).await;
    server.apply(policy("one", json!({}))).await;
    status_with(&server, "one", |_| true).await;
    if leads(&second).await.is_some() {
        // On a machine so busy that the first could not renew in time, it has stepped down before.
        assert!(leads(&first).await.is_none(), "one leads at a time");
    }
    first.kill();
    server.apply(policy("two", json!({}))).await;
    status_with(&server, "two", |_| true).await;
    eventually("the second to lead", async || leads(&second).await).await;
    second.stop().await;
}
