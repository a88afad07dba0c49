//! Pods and their containers: from an actor to its pod, looked up late, since a pod may be announced after its
//! traffic.

use std::net::IpAddr;
use std::sync::Arc;

use crate::actor::{Actor, ContainerId, Pod};
use crate::collections::{Map, hash_of};
use crate::input::WorkloadChange;

/// Known pods, bounded.
#[derive(Debug, Default)]
pub struct Workloads {
    pods: Map<Arc<str>, Arc<Pod>>,
    by_container: Map<ContainerId, Arc<str>>,
    by_address: Map<IpAddr, Arc<str>>,
    /// Pods held per namespace and owner.
    siblings: Map<u64, u32>,
    changes: u32,
    refused: u64,
}

impl Workloads {
    /// A number that differs whenever a pod came, changed or went.
    #[must_use]
    pub fn changes(&self) -> u32 {
        self.changes
    }

    /// Pods of the same owner that are held, that is, whose traffic can be seen here.
    #[must_use]
    pub fn siblings(&self, pod: &Pod) -> u32 {
        self.siblings.get(&owner_hash(pod)).copied().unwrap_or_default()
    }

    /// Takes a change; beyond `pods_max` a new pod is refused and counted.
    pub fn handle(&mut self, change: WorkloadChange, pods_max: usize) {
        self.changes = self.changes.wrapping_add(1);
        match change {
            WorkloadChange::Applied(pod) => self.apply(pod, pods_max),
            WorkloadChange::Deleted { uid } => self.delete(&uid),
        }
    }

    /// The pod of an actor: by pod uid, else by container id, else by source address.
    #[must_use]
    pub fn pod_of(&self, actor: &Actor) -> Option<&Arc<Pod>> {
        let by_uid = actor.pod_uid.as_ref();
        let by_container = || actor.container.as_ref().and_then(|id| self.by_container.get(id));
        let by_address = || actor.address.as_ref().and_then(|ip| self.by_address.get(ip));
        by_uid.or_else(by_container).or_else(by_address).and_then(|uid| self.pods.get(uid))
    }

    /// Pods held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pods.len()
    }

    /// No pods.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pods.is_empty()
    }

    /// Pods refused since the table was full.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn apply(&mut self, pod: Arc<Pod>, pods_max: usize) {
        let uid = Arc::clone(&pod.uid);
        if !self.pods.contains_key(&uid) && self.pods.len() >= pods_max {
            self.refused += 1;
            return;
        }
        self.delete(&uid);
        *self.siblings.entry(owner_hash(&pod)).or_default() += 1;
        for (container, _) in pod.containers.iter() {
            self.by_container.insert(Arc::clone(container), Arc::clone(&uid));
        }
        for address in pod.addresses.iter().filter(|_| !pod.host_network) {
            self.by_address.insert(*address, Arc::clone(&uid));
        }
        self.pods.insert(uid, pod);
    }

    fn delete(&mut self, uid: &Arc<str>) {
        let Some(pod) = self.pods.remove(uid) else { return };
        if let Some(count) = self.siblings.get_mut(&owner_hash(&pod)) {
            *count -= 1;
            if *count == 0 {
                self.siblings.remove(&owner_hash(&pod));
            }
        }
        for (container, _) in pod.containers.iter() {
            self.by_container.remove(container);
        }
        for address in pod.addresses.iter() {
            if self.by_address.get(address) == Some(uid) {
                self.by_address.remove(address);
            }
        }
    }
}

fn owner_hash(pod: &Pod) -> u64 {
    hash_of(&(&pod.namespace, &pod.owner))
}
