//! What a look at a large cluster takes: 500 policies on 5,000 nodes, 2,000 workloads of three pods, and what a node's
//! report takes when it arrives. `cargo bench -p beaconwatch-operator`.

#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up ends here")]

use std::hint::black_box;
use std::time::Duration;

use beaconwatch_crds::{BeaconNode, BeaconPolicy, ClusterBeaconPolicy};
use beaconwatch_engine::time::Timestamp;
use beaconwatch_operator::cluster::{AgentPods, Change, Cluster};
use criterion::{Criterion, criterion_group, criterion_main};
use k8s_openapi::api::core::v1::Pod;
use kube::core::DeserializeGuard;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const NODES: usize = 5000;
const NAMESPACES: usize = 245;
/// Two in each namespace, and ten for all.
const POLICIES: usize = 2 * NAMESPACES + 10;
const WORKLOADS: usize = 2000;
const REPLICAS: usize = 3;
const NOW: Timestamp = Timestamp::from_nanos(1_800_000_000_000_000_000);
const STALE: Duration = Duration::from_secs(90);

fn object<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

fn guarded<K: DeserializeOwned>(value: Value) -> Change<DeserializeGuard<K>> {
    Change::Applied(DeserializeGuard(Ok(object(value))))
}

/// Namespace, if it has one, and name of a policy.
fn policy(number: usize) -> (Option<String>, String) {
    let namespace = (number < 2 * NAMESPACES).then(|| format!("namespace-{}", number / 2));
    (namespace, format!("policy-{number}"))
}

/// A report; nodes before `behind` run an earlier generation of the first policy.
fn report(node: usize, behind: usize, second: usize) -> Change<DeserializeGuard<BeaconNode>> {
    let policies: Vec<Value> = (0..POLICIES)
        .map(|number| {
            let (namespace, name) = policy(number);
            let generation = if number == 0 && node < behind { 1 } else { 2 };
            let used = json!([{ "name": "mirror", "lastUsed": "2026-01-01T00:00:00Z" }]);
            let used = if number % 50 == 0 { used } else { json!([]) };
            json!({ "namespace": namespace, "name": name, "generation": generation, "exceptionsUsed": used })
        })
        .collect();
    guarded(json!({
        "apiVersion": "beaconwatch.io/v1alpha1", "kind": "BeaconNode",
        "metadata": { "name": format!("node-{node:05}") }, "spec": {},
        "status": { "policyCount": POLICIES, "policies": policies,
            "reported": format!("2026-01-01T00:00:{second:02}Z"),
            "connectionsPerSecond": 0, "conversations": 0, "lost": 0 },
    }))
}

fn cluster(behind: usize) -> Cluster {
    let mut cluster = Cluster::with_agents(AgentPods::of_chart("beaconwatch"));
    for number in 0..POLICIES {
        let (namespace, name) = policy(number);
        let metadata = json!({ "name": name, "namespace": namespace, "generation": 2 });
        if namespace.is_some() {
            cluster.policy::<BeaconPolicy>(guarded(json!({
                "apiVersion": "beaconwatch.io/v1alpha1", "kind": "BeaconPolicy",
                "metadata": metadata, "spec": {},
            })));
        } else {
            cluster.policy::<ClusterBeaconPolicy>(guarded(json!({
                "apiVersion": "beaconwatch.io/v1alpha1", "kind": "ClusterBeaconPolicy",
                "metadata": metadata, "spec": {},
            })));
        }
    }
    for node in 0..NODES {
        cluster.node(Change::Applied(object(json!({
            "apiVersion": "v1", "kind": "Node", "metadata": { "name": format!("node-{node:05}") },
        }))));
        cluster.report(report(node, behind, 0), NOW);
    }
    for number in 0..WORKLOADS * REPLICAS {
        let workload = number / REPLICAS;
        cluster.pod(Change::Applied(object::<Pod>(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": format!("workload-{workload}-{number}"),
                "namespace": format!("namespace-{}", workload % NAMESPACES),
                "labels": { "app": format!("workload-{workload}") },
            },
            "spec": { "containers": [{ "name": "app", "image": "app" }] },
        }))));
    }
    cluster
}

fn look(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("look");
    group.sample_size(10);
    for (name, behind) in [("all nodes up to date", 0), ("a policy on half of the nodes", NODES / 2)] {
        let mut cluster = cluster(behind);
        assert_eq!(cluster.rollouts(NOW, STALE).len(), POLICIES);
        group.bench_function(name, |bencher| bencher.iter(|| black_box(cluster.rollouts(NOW, STALE))));
    }
    group.finish();
}

fn arrival(criterion: &mut Criterion) {
    let mut cluster = cluster(0);
    let mut second = 0;
    criterion.bench_function("report arrives", |bencher| {
        bencher.iter_batched(
            || {
                second = (second + 1) % 60;
                report(0, 0, second)
            },
            |report| cluster.report(report, NOW),
            criterion::BatchSize::LargeInput,
        );
    });
}

criterion_group!(benches, look, arrival);
criterion_main!(benches);
