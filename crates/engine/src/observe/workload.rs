//! Pods and their containers: from an actor to its pod, looked up late, since a pod may be announced after its
//! traffic.

use std::net::IpAddr;
use std::sync::Arc;

use crate::actor::{Actor, ContainerId, Pod};
use crate::bounded::{BoundedMap, Index, Inserted};
use crate::codec::choices;
use crate::counters::{BoundedTable, Counters};
use crate::inside::{Inside, Network};
use crate::keys::{ReplicaKey, WorkloadKey, replica_key, workload_key};
use crate::limits::Limits;

/// A pod was announced (or changed), or is gone.
#[derive(Clone, Debug)]
pub enum WorkloadChange {
    /// New or changed.
    Applied(Arc<Pod>),
    /// Removed. It is dropped; an actor whose pod was found before keeps it.
    Deleted {
        /// Uid of the pod.
        uid: Arc<str>,
    },
}

choices!(WorkloadChange { 0 => Applied(pod), 1 => Deleted { uid } });

/// Known pods, bounded.
#[derive(Debug)]
pub struct Workloads {
    pods: BoundedMap<Arc<str>, Arc<Pod>>,
    by_container: BoundedMap<ContainerId, Arc<str>>,
    by_address: BoundedMap<IpAddr, Arc<str>>,
    /// Static pods by the hash of their configuration. Bounded by the pods.
    by_config_hash: Index<Arc<str>, Arc<str>>,
    /// Pods held of each workload. Bounded by the pods.
    by_workload: Index<WorkloadKey, Vec<(ReplicaKey, Arc<str>)>>,
    /// Networks of the cluster, as somebody named them.
    networks: Arc<[Network]>,
    inside: Arc<Inside>,
    changes: u32,
}

impl Workloads {
    /// No pods yet, with these bounds.
    #[must_use]
    pub fn with_limits(limits: &Limits) -> Self {
        Self {
            pods: BoundedMap::with_max(limits.pods_max),
            by_container: BoundedMap::with_max(limits.pod_containers_max()),
            by_address: BoundedMap::with_max(limits.pod_addresses_max()),
            by_config_hash: Index::default(),
            by_workload: Index::default(),
            networks: Arc::default(),
            inside: Arc::default(),
            changes: 0,
        }
    }

    /// A number that differs whenever a pod came, changed or went.
    #[must_use]
    pub fn changes(&self) -> u32 {
        self.changes
    }

    /// Pods of a workload that are held.
    pub(crate) fn replicas(&self, workload: WorkloadKey) -> impl Iterator<Item = (ReplicaKey, &Pod)> {
        let held = self.by_workload.get(&workload).map(Vec::as_slice).unwrap_or_default();
        held.iter().filter_map(|(replica, uid)| Some((*replica, &**self.pods.get(uid)?)))
    }

    /// Takes a change; beyond the bound a new pod is refused and counted.
    pub fn handle(&mut self, change: WorkloadChange) {
        self.changes = self.changes.wrapping_add(1);
        match change {
            WorkloadChange::Applied(pod) => self.apply(pod),
            WorkloadChange::Deleted { uid } => self.delete(&uid),
        }
    }

    /// The pod of an actor: by pod uid, else by container id, else by the hash of a static pod's configuration, which
    /// its cgroups carry instead of the uid, else by source address. A uid that no pod has stands in the way of none.
    /// What the kubelet says of its containers comes before what an annotation says.
    #[must_use]
    pub fn pod_of(&self, actor: &Actor) -> Option<&Arc<Pod>> {
        let held = |uid: &Arc<str>| self.pods.get(uid);
        let by_uid = actor.pod_uid.as_ref().and_then(held);
        let by_container =
            || actor.container.as_ref().and_then(|id| self.by_container.get(id)).and_then(held);
        let by_config_hash =
            || actor.pod_uid.as_ref().and_then(|hash| self.by_config_hash.get(hash)).and_then(held);
        let by_address = || actor.address.as_ref().and_then(|ip| self.by_address.get(ip)).and_then(held);
        by_uid.or_else(by_container).or_else(by_config_hash).or_else(by_address)
    }

    /// The networks of the cluster from now on, besides those that its pods show.
    pub fn set_networks(&mut self, networks: Arc<[Network]>) {
        self.changes = self.changes.wrapping_add(1);
        self.networks = networks;
        self.look_inside();
    }

    /// What lies inside the cluster.
    pub(crate) fn inside(&self) -> &Arc<Inside> {
        &self.inside
    }

    /// Whether a pod that is held has this address for itself.
    #[must_use]
    pub fn has_address(&self, address: IpAddr) -> bool {
        self.by_address.contains_key(&address)
    }

    /// All pods that are held, in no order.
    pub fn pods(&self) -> impl Iterator<Item = &Arc<Pod>> {
        self.pods.values()
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

    /// Writes its own figures into the counters.
    pub fn count(&self, counters: &mut Counters) {
        let Self { pods, by_container, by_address, .. } = self;
        counters.set(BoundedTable::Pods, pods.usage());
        counters.set(BoundedTable::PodContainers, by_container.usage());
        counters.set(BoundedTable::PodAddresses, by_address.usage());
    }

    fn apply(&mut self, pod: Arc<Pod>) {
        let uid = Arc::clone(&pod.uid);
        self.delete(&uid);
        match self.pods.insert(Arc::clone(&uid), Arc::clone(&pod)) {
            Inserted::New | Inserted::Known => {}
            Inserted::Refused => return,
        }
        let replicas = self.by_workload.entry(workload_of(&pod)).or_default();
        replicas.push((replica_key(&uid), Arc::clone(&uid)));
        for (container, _) in pod.containers.iter() {
            self.by_container.insert(Arc::clone(container), Arc::clone(&uid));
        }
        if let Some(hash) = &pod.config_hash {
            self.by_config_hash.entry(Arc::clone(hash)).or_insert_with(|| Arc::clone(&uid));
        }
        for address in pod.addresses.iter().filter(|_| !pod.host_network) {
            self.by_address.insert(*address, Arc::clone(&uid));
        }
        if self.inside.lacks(&pod) {
            self.look_inside();
        }
    }

    /// Pods that are gone show nothing any more, once another one shows something new.
    fn look_inside(&mut self) {
        self.inside = Arc::new(Inside::of(&self.networks, self.pods.values().map(Arc::as_ref)));
    }

    fn delete(&mut self, uid: &Arc<str>) {
        let Some(pod) = self.pods.remove(uid) else { return };
        let workload = workload_of(&pod);
        if let Some(replicas) = self.by_workload.get_mut(&workload) {
            replicas.retain(|(_, held)| held != uid);
            if replicas.is_empty() {
                self.by_workload.remove(&workload);
            }
        }
        for (container, _) in pod.containers.iter() {
            self.by_container.remove(container);
        }
        if let Some(hash) = &pod.config_hash
            && self.by_config_hash.get(hash) == Some(uid)
        {
            self.by_config_hash.remove(hash);
        }
        for address in pod.addresses.iter() {
            if self.by_address.get(address) == Some(uid) {
                self.by_address.remove(address);
            }
        }
    }
}

fn workload_of(pod: &Pod) -> WorkloadKey {
    workload_key(&pod.namespace, &pod.owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(uid: &str, container: &str, address: &str) -> Arc<Pod> {
        Arc::new(Pod {
            uid: uid.into(),
            name: uid.into(),
            containers: Arc::from([(Arc::from(container), Box::from("app"))]),
            addresses: Arc::from([address.parse().unwrap()]),
            ..Pod::default()
        })
    }

    #[test]
    fn a_uid_that_no_pod_has_stands_in_the_way_of_nothing() {
        let mut workloads = Workloads::with_limits(&Limits::default());
        for pod in [pod("a", "c1", "10.0.0.1"), pod("b", "c2", "10.0.0.2")] {
            workloads.handle(WorkloadChange::Applied(pod));
        }
        let pod_of = |uid: Option<&str>, container: Option<&str>, address: Option<&str>| {
            let actor = Actor {
                pod_uid: uid.map(Arc::from),
                container: container.map(Arc::from),
                address: address.map(|ip| ip.parse().unwrap()),
                ..Actor::default()
            };
            workloads.pod_of(&actor).map(|pod| pod.name.to_string())
        };
        assert_eq!(pod_of(Some("a"), Some("c2"), Some("10.0.0.2")).as_deref(), Some("a"));
        assert_eq!(pod_of(Some("f5e0"), Some("c1"), Some("10.0.0.2")).as_deref(), Some("a"));
        assert_eq!(pod_of(Some("f5e0"), Some("c9"), Some("10.0.0.2")).as_deref(), Some("b"));
        assert_eq!(pod_of(Some("f5e0"), Some("c9"), Some("10.0.0.9")), None);
        assert_eq!(pod_of(None, None, None), None);
    }

    #[test]
    fn a_static_pod_is_known_by_the_hash_of_its_configuration() {
        let mut workloads = Workloads::with_limits(&Limits::default());
        let hash: Arc<str> = "5b1c".into();
        let mirror = |uid, container| {
            let config_hash = Some(Arc::clone(&hash));
            Arc::new(Pod { config_hash, ..(*pod(uid, container, "10.0.0.1")).clone() })
        };
        let pod_of = |workloads: &Workloads, container: &str| {
            let (pod_uid, container) = (Some(Arc::clone(&hash)), Some(Arc::from(container)));
            let actor = Actor { pod_uid, container, ..Actor::default() };
            workloads.pod_of(&actor).map(|pod| pod.name.to_string())
        };
        workloads.handle(WorkloadChange::Applied(mirror("scheduler", "c1")));
        assert_eq!(pod_of(&workloads, "of an instance not reported yet").as_deref(), Some("scheduler"));
        // Who comes later with the same hash takes nothing over, and containers say more than an annotation.
        workloads.handle(WorkloadChange::Applied(mirror("impostor", "c2")));
        workloads.handle(WorkloadChange::Applied(pod("b", "c3", "10.0.0.3")));
        assert_eq!(pod_of(&workloads, "c9").as_deref(), Some("scheduler"));
        assert_eq!(pod_of(&workloads, "c3").as_deref(), Some("b"));
        workloads.handle(WorkloadChange::Deleted { uid: "impostor".into() });
        assert_eq!(pod_of(&workloads, "c9").as_deref(), Some("scheduler"));
        workloads.handle(WorkloadChange::Deleted { uid: "scheduler".into() });
        assert_eq!(pod_of(&workloads, "c9"), None);
    }
}
