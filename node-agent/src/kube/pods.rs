//! Pods of this node as the engine wants them: one watch with a field selector on the node, joined with the
//! labels of their namespaces and with their top owner.
//!
//! A pod is announced as soon as it is seen, with what is known by then; it is announced again when its owner
//! or its namespace's labels are known better. A watch that starts over tells apart what is gone meanwhile.
//!
//! RBAC: `pods`: list, watch; `namespaces`: list, watch (cluster-wide; the API server cannot restrict a watch
//! to a node by RBAC, so the field selector is what keeps other nodes' pods out).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use beaconwatch_engine::actor::{Owner, Pod};
use beaconwatch_engine::input::{Input, WorkloadChange};
use beaconwatch_engine::time::Timestamp;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::runtime::watcher::Event;

use super::listing::Listing;
use super::owners::{OwnerRef, Owners, TopOwner};

/// Labels, sorted by key.
pub type Labels = Arc<[(Box<str>, Box<str>)]>;

/// What is known of this node's pods, and what is to be announced. No client and no await in here.
#[derive(Debug, Default)]
pub struct PodIndex {
    pods: Listing<String, core::Pod>,
    namespaces: BTreeMap<String, Labels>,
    owners: Owners,
    outputs: Vec<Input>,
}

impl PodIndex {
    /// Takes an event of the pod watch.
    pub fn pod_event(&mut self, event: Event<core::Pod>) {
        match event {
            Event::Apply(pod) => {
                let Some(uid) = pod.metadata.uid.clone() else { return };
                self.announce(&pod);
                self.pods.apply(uid, pod);
            }
            Event::Delete(pod) => {
                if let Some(uid) = pod.metadata.uid {
                    self.pods.delete(&uid);
                    self.outputs.push(deleted(&uid));
                }
            }
            Event::Init => self.pods.begin(),
            Event::InitApply(pod) => {
                if let Some(uid) = pod.metadata.uid.clone() {
                    self.pods.list(uid, pod);
                }
            }
            Event::InitDone => {
                self.outputs.extend(self.pods.finish().keys().map(|uid| deleted(uid)));
                self.announce_where(|_| true);
            }
        }
    }

    /// Takes the labels of a namespace (new, or changed), and announces its pods again.
    pub fn namespace_labels(&mut self, namespace: &str, labels: Option<&BTreeMap<String, String>>) {
        let labels = sorted(labels);
        if self.namespaces.get(namespace) == Some(&labels) {
            return;
        }
        self.namespaces.insert(namespace.to_owned(), labels);
        self.announce_where(|pod| pod.metadata.namespace.as_deref() == Some(namespace));
    }

    /// Forgets a namespace.
    pub fn namespace_deleted(&mut self, namespace: &str) {
        self.namespaces.remove(namespace);
    }

    /// Takes the answer to an owner that was asked for, and announces its pods again; `None`: it is gone.
    pub fn owner_resolved(&mut self, owner: &OwnerRef, top: Option<TopOwner>) {
        if self.owners.resolve(owner, top) {
            self.announce_where(|pod| OwnerRef::of_pod(pod).as_ref() == Some(owner));
        }
    }

    /// An owner that was asked for could not be read: it is to be asked for again.
    pub fn owner_failed(&mut self, owner: &OwnerRef) {
        self.owners.fail(owner);
    }

    /// Owners are to be asked for again, since their replicas change.
    pub fn ask_owners_again(&mut self) {
        let used = self.pods.held().values().filter_map(OwnerRef::of_pod).collect();
        self.owners.ask_again(&used);
    }

    /// An owner that is not known yet and was not asked for; it counts as asked for now.
    pub fn owner_to_ask(&mut self) -> Option<OwnerRef> {
        self.owners.next_unknown()
    }

    /// Inputs for the engine, in order.
    pub fn take_outputs(&mut self) -> Vec<Input> {
        std::mem::take(&mut self.outputs)
    }

    /// The pods were listed at least once.
    #[must_use]
    pub const fn is_synced(&self) -> bool {
        self.pods.is_complete()
    }

    /// Number of pods of this node.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pods.held().len()
    }

    /// No pods.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pods.held().is_empty()
    }

    fn announce_where(&mut self, select: impl Fn(&core::Pod) -> bool) {
        let pods = std::mem::take(&mut self.pods);
        for pod in pods.held().values().filter(|pod| select(pod)) {
            self.announce(pod);
        }
        self.pods = pods;
    }

    fn announce(&mut self, pod: &core::Pod) {
        let top = self.owners.of_pod(pod);
        let labels = pod.metadata.namespace.as_deref().and_then(|name| self.namespaces.get(name)).cloned();
        if let Some(pod) = workload(pod, labels.unwrap_or_default(), top) {
            self.outputs.push(Input::Workload(WorkloadChange::Applied(Arc::new(pod))));
        }
    }
}

/// A pod of the API as the engine has it; `None` if it lacks what every stored pod has.
#[must_use]
pub fn workload(pod: &core::Pod, namespace_labels: Labels, top: TopOwner) -> Option<Pod> {
    let meta = &pod.metadata;
    let spec = pod.spec.as_ref()?;
    let host_network = spec.host_network.unwrap_or(false);
    Some(Pod {
        uid: meta.uid.as_deref()?.to_lowercase().into(),
        name: meta.name.as_deref()?.into(),
        namespace: meta.namespace.as_deref()?.into(),
        labels: sorted(meta.labels.as_ref()),
        namespace_labels,
        node: spec.node_name.as_deref().unwrap_or_default().into(),
        owner: Owner { kind: top.kind.into(), name: top.name.into() },
        replicas: top.replicas,
        started: pod.status.as_ref().and_then(|status| status.start_time.as_ref()).map(timestamp),
        addresses: addresses(pod),
        host_network,
        containers: containers(pod),
        config_hash: config_hash(pod),
        runtime_class: spec.runtime_class_name.as_deref().filter(|_| !has_ended(pod)).map(Into::into),
    })
}

fn has_ended(pod: &core::Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// Of a static pod: what its cgroups carry instead of the uid that the API server gave to the kubelet's copy of it.
/// Only the kubelet makes such copies: one that the pod's own node does not own is none.
fn config_hash(pod: &core::Pod) -> Option<Arc<str>> {
    const MIRROR: &str = "kubernetes.io/config.mirror";
    const HASH: &str = "kubernetes.io/config.hash";
    let annotations = pod.metadata.annotations.as_ref().filter(|all| all.contains_key(MIRROR))?;
    let node = pod.spec.as_ref()?.node_name.as_deref()?;
    let mut owners = pod.metadata.owner_references.iter().flatten();
    let by_node = owners.any(|o| o.kind == "Node" && o.controller == Some(true) && o.name == node);
    annotations.get(HASH).filter(|_| by_node).map(|hash| hash.to_lowercase().into())
}

fn addresses(pod: &core::Pod) -> Arc<[IpAddr]> {
    let Some(status) = pod.status.as_ref() else { return Arc::default() };
    let listed = status.pod_ips.iter().flatten().map(|ip| ip.ip.as_str());
    let mut addresses: Vec<IpAddr> =
        listed.chain(status.pod_ip.as_deref()).filter_map(|ip| ip.parse().ok()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.into()
}

/// Ids and names of all containers, also of init containers and of a container's instance before the last
/// restart: its flows may still be judged.
fn containers(pod: &core::Pod) -> Arc<[(Arc<str>, Box<str>)]> {
    let Some(status) = pod.status.as_ref() else { return Arc::default() };
    let statuses = [
        status.init_container_statuses.as_ref(),
        status.container_statuses.as_ref(),
        status.ephemeral_container_statuses.as_ref(),
    ];
    let mut containers = Vec::new();
    for container in statuses.into_iter().flatten().flatten() {
        let ended = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        let ids = [container.container_id.as_deref(), ended.and_then(|end| end.container_id.as_deref())];
        for id in ids.into_iter().flatten().filter_map(bare_id) {
            containers.push((id.into(), container.name.as_str().into()));
        }
    }
    containers.into()
}

/// `containerd://ID` without the runtime's name.
fn bare_id(id: &str) -> Option<&str> {
    let id = id.split_once("://").map_or(id, |(_, id)| id);
    Some(id).filter(|id| !id.is_empty())
}

fn deleted(uid: &str) -> Input {
    Input::Workload(WorkloadChange::Deleted { uid: uid.to_lowercase().into() })
}

fn sorted(labels: Option<&BTreeMap<String, String>>) -> Labels {
    labels.into_iter().flatten().map(|(k, v)| (k.as_str().into(), v.as_str().into())).collect()
}

fn timestamp(time: &Time) -> Timestamp {
    Timestamp::from_nanos(u64::try_from(time.0.as_nanosecond()).unwrap_or(0))
}

#[cfg(test)]
mod tests;
