use serde_yaml::from_str;

use super::*;

const POD: &str = "
metadata:
  name: reports-6d9f7-x2x1k
  namespace: payments
  uid: 0B5E
  labels: {tier: backend, pod-template-hash: 6d9f7}
  ownerReferences:
  - {apiVersion: apps/v1, kind: ReplicaSet, name: reports-6d9f7, uid: rs1, controller: true}
spec: {nodeName: node-2, containers: []}
status:
  podIP: 10.1.0.7
  podIPs: [{ip: 10.1.0.7}, {ip: 'fd00::7'}]
  startTime: 1970-01-01T00:01:00Z
  containerStatuses:
  - name: app
    containerID: containerd://c2
    image: ''
    imageID: ''
    ready: true
    restartCount: 1
    lastState: {terminated: {containerID: containerd://c1, exitCode: 0}}
  initContainerStatuses:
  - {name: init, containerID: 'cri-o://i1', image: '', imageID: '', ready: true, restartCount: 0}
";

fn pod(yaml: &str) -> core::Pod {
    from_str(yaml).unwrap()
}

/// What an index tells, in words.
fn announced(index: &mut PodIndex) -> Vec<String> {
    let say = |input| {
        let Input::Workload(change) = input else { panic!("{input:?}") };
        match change {
            WorkloadChange::Applied(pod) => format!(
                "+{} {}/{} {:?} {:?}",
                pod.name, pod.owner.kind, pod.owner.name, pod.replicas, pod.namespace_labels
            ),
            WorkloadChange::Deleted { uid } => format!("-{uid}"),
        }
    };
    index.take_outputs().into_iter().map(say).collect()
}

#[test]
fn a_pod_carries_what_the_engine_asks_for() {
    let found = workload(&pod(POD), Labels::default(), TopOwner::default()).unwrap();
    assert_eq!(&*found.uid, "0b5e");
    assert_eq!(&*found.node, "node-2");
    assert_eq!(found.started, Some(Timestamp::from_nanos(60_000_000_000)));
    assert_eq!(*found.addresses, ["10.1.0.7".parse::<IpAddr>().unwrap(), "fd00::7".parse().unwrap()]);
    let names: Vec<_> = found.containers.iter().map(|(id, name)| format!("{name}={id}")).collect();
    assert_eq!(names, ["init=i1", "app=c2", "app=c1"]);
}

#[test]
fn a_static_pod_carries_the_hash_of_its_configuration() {
    const MIRROR: &str = "metadata:
  annotations: {kubernetes.io/config.hash: F5E0, kubernetes.io/config.mirror: F5E0}
  ownerReferences:
  - {apiVersion: v1, kind: Node, name: node-2, uid: n1, controller: true}";
    let hash = |yaml: &str| {
        workload(&pod(yaml), Labels::default(), TopOwner::default())
            .unwrap()
            .config_hash
            .map(|hash| hash.to_string())
    };
    let owner = "  ownerReferences:
  - {apiVersion: apps/v1, kind: ReplicaSet, name: reports-6d9f7, uid: rs1, controller: true}
";
    let mirror = POD.replace(owner, "").replace("metadata:", MIRROR);
    assert_eq!(hash(&mirror).as_deref(), Some("f5e0"));
    // What anybody may write into a pod is not believed.
    for forged in [
        mirror.replace("name: node-2,", "name: node-3,"),
        mirror.replace("kind: Node", "kind: Deployment"),
        mirror.replace("controller: true", "controller: false"),
        mirror.replace(", kubernetes.io/config.mirror: F5E0", ""),
    ] {
        assert_eq!(hash(&forged), None, "{forged}");
    }
    assert_eq!(hash(POD), None);
}

#[test]
fn a_pod_says_by_which_class_of_runtime_it_is_run() {
    let class = |yaml: &str| {
        workload(&pod(yaml), Labels::default(), TopOwner::default())
            .unwrap()
            .runtime_class
            .map(|class| class.to_string())
    };
    assert_eq!(class(POD), None);
    let sandboxed = POD.replace("{nodeName: node-2,", "{nodeName: node-2, runtimeClassName: kata-qemu,");
    assert_eq!(class(&sandboxed).as_deref(), Some("kata-qemu"));
    assert_eq!(class(&sandboxed.replace("status:", "status:\n  phase: Failed")), None);
}

#[test]
fn an_owner_is_guessed_until_it_is_known() {
    let mut index = PodIndex::default();
    index.pod_event(Event::Apply(pod(POD)));
    assert_eq!(announced(&mut index), ["+reports-6d9f7-x2x1k Deployment/reports None []"]);
    let owner = index.owner_to_ask().unwrap();
    assert_eq!((owner.kind.as_str(), owner.name.as_str()), ("ReplicaSet", "reports-6d9f7"));
    assert_eq!(index.owner_to_ask(), None, "it was asked for");
    let top = TopOwner { kind: "Deployment".into(), name: "reports".into(), replicas: Some(6) };
    index.owner_resolved(&owner, Some(top.clone()));
    assert_eq!(announced(&mut index), ["+reports-6d9f7-x2x1k Deployment/reports Some(6) []"]);
    index.owner_resolved(&owner, Some(top));
    assert!(announced(&mut index).is_empty(), "nothing new, nothing announced");
}

#[test]
fn replicas_are_asked_for_again() {
    let mut index = PodIndex::default();
    index.pod_event(Event::Apply(pod(POD)));
    let owner = index.owner_to_ask().unwrap();
    index.ask_owners_again();
    assert_eq!(index.owner_to_ask(), Some(owner));
    let gone = pod(POD);
    index.pod_event(Event::Delete(gone));
    index.ask_owners_again();
    assert_eq!(index.owner_to_ask(), None, "no pod has it any more");
}

#[test]
fn namespace_labels_may_come_late() {
    let mut index = PodIndex::default();
    index.pod_event(Event::Apply(pod(POD)));
    announced(&mut index);
    let labels = BTreeMap::from([("team".to_owned(), "pay".to_owned())]);
    index.namespace_labels("payments", Some(&labels));
    assert_eq!(announced(&mut index), ["+reports-6d9f7-x2x1k Deployment/reports None [(\"team\", \"pay\")]"]);
    index.namespace_labels("payments", Some(&labels));
    assert!(announced(&mut index).is_empty());
}

#[test]
fn a_watch_that_starts_over_tells_what_is_gone() {
    let mut index = PodIndex::default();
    index.pod_event(Event::Apply(pod(POD)));
    let other = pod(&POD.replace("0B5E", "0B5F").replace("x2x1k", "zzzzz"));
    index.pod_event(Event::Apply(other.clone()));
    announced(&mut index);
    index.pod_event(Event::Init);
    index.pod_event(Event::InitApply(other));
    index.pod_event(Event::InitDone);
    assert_eq!(announced(&mut index), ["-0b5e", "+reports-6d9f7-zzzzz Deployment/reports None []"]);
    assert!(index.is_synced());
}

#[test]
fn kinds_of_owners_are_told_apart() {
    let owned = |kind: &str, name: &str| {
        let yaml =
            POD.replace("kind: ReplicaSet, name: reports-6d9f7", &format!("kind: {kind}, name: {name}"));
        let mut index = PodIndex::default();
        index.pod_event(Event::Apply(pod(&yaml)));
        announced(&mut index).pop().unwrap().split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(owned("Job", "report-28123456"), "CronJob/report");
    assert_eq!(owned("Job", "migrate"), "Job/migrate");
    assert_eq!(owned("StatefulSet", "db"), "StatefulSet/db");
    assert_eq!(owned("DaemonSet", "log"), "DaemonSet/log");
    assert_eq!(owned("Node", "node-2"), "Node/node-2");
    let bare = pod(&POD.replace("controller: true", "controller: false"));
    let mut index = PodIndex::default();
    index.pod_event(Event::Apply(bare));
    assert_eq!(announced(&mut index), ["+reports-6d9f7-x2x1k Pod/reports-6d9f7-x2x1k None []"]);
}
