//! What a look at the cluster says of policies: nodes that run them, pods that they cover.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

use std::collections::BTreeMap;
use std::time::Duration;

use beaconwatch_crds::{BeaconNode, BeaconPolicy, ClusterBeaconPolicy};
use beaconwatch_engine::assess::policy::PolicyId;
use beaconwatch_engine::time::Timestamp;
use beaconwatch_operator::cluster::rollout::{LISTED_MAX, Rollout, Rollouts};
use beaconwatch_operator::cluster::{AgentPods, Change, Cluster};
use k8s_openapi::api::core::v1::Pod;
use kube::core::DeserializeGuard;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const STALE: Duration = Duration::from_secs(90);

fn at(second: u64) -> Timestamp {
    Timestamp::from_nanos((1_000_000 + second) * 1_000_000_000)
}

fn applied<K: DeserializeOwned>(value: Value) -> Change<K> {
    Change::Applied(serde_json::from_value(value).unwrap())
}

fn gone<K>(namespace: &str, name: &str) -> Change<K> {
    Change::Deleted((namespace.to_owned(), name.to_owned()))
}

fn id(namespace: Option<&str>, name: &str) -> PolicyId {
    PolicyId { namespace: namespace.map(Into::into), name: name.into() }
}

/// A cluster under test.
struct Scene(Cluster);

impl Scene {
    fn empty() -> Self {
        Self(Cluster::with_agents(AgentPods::of_chart("beaconwatch")))
    }

    fn policy(&mut self, name: &str, generation: i64, spec: Value) {
        self.0.policy::<BeaconPolicy>(applied(json!({
            "apiVersion": "beaconwatch.io/v1alpha1", "kind": "BeaconPolicy",
            "metadata": { "name": name, "namespace": "shop", "generation": generation }, "spec": spec,
        })));
    }

    fn cluster_policy(&mut self, name: &str, spec: Value) {
        self.0.policy::<ClusterBeaconPolicy>(applied(json!({
            "apiVersion": "beaconwatch.io/v1alpha1", "kind": "ClusterBeaconPolicy",
            "metadata": { "name": name, "generation": 1 }, "spec": spec,
        })));
    }

    fn node(&mut self, name: &str) {
        self.0.node(applied(json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name } })));
    }

    fn report(&mut self, node: &str, policies: Value, now: Timestamp) {
        let reported = format!("1970-01-12T13:46:40.{:09}Z", now.as_nanos() % 1_000_000_007);
        self.0.report(
            applied(json!({
                "apiVersion": "beaconwatch.io/v1alpha1", "kind": "BeaconNode", "metadata": { "name": node },
                "spec": {}, "status": { "policies": policies, "reported": reported },
            })),
            now,
        );
    }

    fn pod(&mut self, namespace: &str, name: &str, labels: Value, status: Value) {
        self.0.pod(applied::<Pod>(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": name, "namespace": namespace, "labels": labels },
            "spec": { "nodeName": name, "containers": [{ "name": "app" }] }, "status": status,
        })));
    }

    fn look(&mut self, second: u64) -> Rollouts {
        self.0.rollouts(at(second), STALE)
    }

    fn rollout(&mut self, name: &str) -> Rollout {
        self.look(0).remove(&id(Some("shop"), name)).unwrap()
    }
}

/// `node@generation: reason` of each node that is listed as behind.
fn behind(rollout: &Rollout) -> Vec<String> {
    let said = rollout
        .first_behind
        .iter()
        .map(|behind| format!("{}@{}: {}", behind.node, behind.generation.unwrap_or(0), behind.reason));
    said.collect()
}

#[test]
fn each_node_that_does_not_run_a_policy_says_why() {
    let mut scene = Scene::empty();
    scene.policy("a", 2, json!({}));
    for node in ["old", "runs", "silent", "unknown", "without", "wrong", "unreadable"] {
        scene.node(node);
    }
    let on_node = |generation: i64, error: Value| json!([{ "namespace": "shop", "name": "a", "generation": generation, "error": error }]);
    scene.report("silent", on_node(2, Value::Null), Timestamp::ZERO);
    scene.report("old", on_node(1, Value::Null), at(0));
    scene.report("runs", on_node(2, Value::Null), at(0));
    scene.report("without", json!([{ "name": "a", "generation": 2 }]), at(0));
    scene.report("wrong", on_node(1, json!("field x is wrong")), at(0));
    scene.report("no-such-node", on_node(2, Value::Null), at(0));
    let unreadable: DeserializeGuard<BeaconNode> = serde_json::from_value(json!({
        "apiVersion": "beaconwatch.io/v1alpha1", "kind": "BeaconNode",
        "metadata": { "name": "unreadable" }, "spec": {}, "status": 7,
    }))
    .unwrap();
    scene.0.report(Change::Applied(unreadable), at(0));
    let labels = json!({ "app.kubernetes.io/name": "beaconwatch", "app.kubernetes.io/component": "agent" });
    let waits = json!({ "containerStatuses": [{ "name": "app", "ready": false, "restartCount": 0, "image": "",
        "imageID": "", "state": { "waiting": { "reason": "ImagePullBackOff" } } }] });
    scene.pod("beaconwatch", "pulls", labels.clone(), waits);
    scene.pod("beaconwatch", "starts", labels.clone(), Value::Null);
    scene.pod("beaconwatch", "runs", labels, Value::Null);

    let rollout = scene.rollout("a");
    assert_eq!((rollout.nodes_programmed, rollout.nodes_behind), (1, 7));
    assert_eq!(
        behind(&rollout),
        [
            "old@1: its agent has not taken the change yet",
            "pulls@0: its agent does not start: ImagePullBackOff",
            "silent@0: its agent is silent since 1970-01-12T13:46:40.000000000Z",
            "starts@0: its agent has not reported yet",
            "unreadable@0: its report cannot be read",
            "without@0: its agent has not taken the policy yet",
            "wrong@1: field x is wrong",
        ]
    );
}

#[test]
fn many_nodes_behind_are_counted_and_the_first_are_listed() {
    let mut scene = Scene::empty();
    scene.policy("a", 1, json!({}));
    for number in (0..100).rev() {
        let node = format!("node-{number:02}");
        scene.node(&node);
        scene.report(&node, json!([]), at(0));
    }
    let rollout = scene.rollout("a");
    assert_eq!((rollout.nodes_behind, rollout.first_behind.len()), (100, LISTED_MAX));
    assert_eq!(rollout.first_behind[31].node, "node-31");
}

#[test]
fn an_exception_was_used_last_where_it_was_used_last() {
    let mut scene = Scene::empty();
    scene.policy("a", 1, json!({}));
    let used = |time: &str| {
        let used = json!([{ "name": "mirror", "lastUsed": time }]);
        json!([{ "namespace": "shop", "name": "a", "generation": 1, "exceptionsUsed": used }])
    };
    for (node, time) in [("x", "1970-01-01T00:00:05Z"), ("y", "1970-01-01T00:00:09Z"), ("z", "soon")] {
        scene.node(node);
        scene.report(node, used(time), at(0));
    }
    let uses = scene.rollout("a").exceptions_used;
    assert_eq!(uses, BTreeMap::from([("mirror".to_owned(), Timestamp::from_nanos(9_000_000_000))]));
}

#[test]
fn what_a_policy_covers_follows_policies_pods_and_namespaces() {
    let mut scene = Scene::empty();
    scene.policy("a", 1, json!({}));
    scene.pod("shop", "one", json!({ "tier": "front" }), Value::Null);
    let covers = |scene: &mut Scene, name: &str| {
        let rollout = scene.look(0).remove(&id(Some("shop").filter(|_| name != "all"), name)).unwrap();
        let overlaps = rollout.coverage.overlaps.iter().map(|other| format!("{} {}", other.name, other.pods));
        (rollout.coverage.selected, rollout.coverage.governed, overlaps.collect::<Vec<_>>())
    };
    assert_eq!(covers(&mut scene, "a"), (1, 1, vec![]));
    scene.pod("shop", "two", json!({ "tier": "back" }), Value::Null);
    assert_eq!(covers(&mut scene, "a"), (2, 2, vec![]), "a pod came");
    scene.policy("a", 2, json!({ "workloads": { "selector": { "matchLabels": { "tier": "back" } } } }));
    assert_eq!(covers(&mut scene, "a"), (1, 1, vec![]), "the policy changed");
    scene.pod("shop", "two", json!({ "tier": "back" }), json!({ "phase": "Succeeded" }));
    assert_eq!(covers(&mut scene, "a"), (0, 0, vec![]), "a pod ended");
    scene.pod("shop", "two", json!({ "tier": "back" }), Value::Null);

    let environment = json!({ "workloads": { "namespaceSelector": { "matchLabels": { "env": "live" } } } });
    scene.cluster_policy("all", environment);
    assert_eq!(covers(&mut scene, "all"), (0, 0, vec![]));
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop", "labels": { "env": "live" } },
    });
    scene.0.namespace(applied(namespace));
    assert_eq!(covers(&mut scene, "all"), (2, 1, vec!["a 1".to_owned()]), "the namespace got a label");
    assert_eq!(covers(&mut scene, "a"), (1, 1, vec!["all 1".to_owned()]));
    scene.0.policy::<BeaconPolicy>(gone("shop", "a"));
    assert_eq!(covers(&mut scene, "all"), (2, 2, vec![]), "the other policy went");
    scene.0.pod(gone("shop", "one"));
    assert_eq!(covers(&mut scene, "all"), (1, 1, vec![]), "a pod went");
    scene.0.namespace(gone("", "shop"));
    assert_eq!(covers(&mut scene, "all"), (0, 0, vec![]), "the namespace went");
}

/// What the reports say of a policy, looked up one by one.
fn by_hand(
    reports: &BTreeMap<String, BTreeMap<String, i64>>,
    policy: &str,
    generation: i64,
) -> (usize, Vec<String>) {
    let runs = |held: &BTreeMap<String, i64>| held.get(policy) == Some(&generation);
    let behind = reports.iter().filter(|(_, held)| !runs(held)).map(|(node, _)| node.clone());
    (reports.values().filter(|held| runs(held)).count(), behind.take(LISTED_MAX).collect())
}

#[test]
fn after_any_changes_a_look_says_what_the_reports_say() {
    let mut scene = Scene::empty();
    let (mut reports, mut policies) = (BTreeMap::new(), BTreeMap::new());
    let mut state = 1_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for step in 0..400 {
        let (node, policy) = (format!("node-{}", random(50)), format!("policy-{}", random(12)));
        match random(8) {
            0 => {
                let generation = 1 + i64::try_from(random(3)).unwrap();
                scene.policy(&policy, generation, json!({}));
                policies.insert(policy, generation);
            }
            1 if random(3) == 0 => {
                scene.0.policy::<BeaconPolicy>(gone("shop", &policy));
                policies.remove(&policy);
            }
            2 if random(3) == 0 => {
                scene.0.report(gone("", &node), at(step));
                reports.remove(&node);
            }
            _ => {
                let held: BTreeMap<String, i64> = (0..random(12))
                    .map(|_| (format!("policy-{}", random(14)), 1 + i64::try_from(random(3)).unwrap()))
                    .collect();
                let on_node = held.iter().map(|(name, generation)| {
                    json!({ "namespace": "shop", "name": name, "generation": generation })
                });
                scene.node(&node);
                scene.report(&node, on_node.collect(), at(0));
                reports.insert(node, held);
            }
        }
        let looked = scene.look(0);
        assert_eq!(looked.len(), policies.len(), "step {step}");
        for (name, generation) in &policies {
            let rollout = &looked[&id(Some("shop"), name)];
            let behind: Vec<_> = rollout.first_behind.iter().map(|behind| behind.node.clone()).collect();
            let expected = by_hand(&reports, name, *generation);
            assert_eq!((rollout.nodes_programmed, behind), expected, "step {step}, {name}");
            assert_eq!(rollout.nodes(), reports.len(), "step {step}, {name}");
        }
    }
}
