//! Pods by what policies distinguish: namespace, labels, owner, containers. Replicas of one workload are one
//! class with a count, so that judging a policy costs workloads, not pods.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use beaconwatch_engine::actor::Owner;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::Key;

/// What policies see of a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class {
    /// Namespace.
    pub(super) namespace: String,
    /// Labels.
    pub(super) labels: BTreeMap<String, String>,
    /// Top owner, by the naming rules of Kubernetes' controllers.
    pub(super) owner: Owner,
    /// Names of its containers.
    pub(super) containers: Vec<String>,
}

/// All classes that have pods, and the labels of namespaces.
#[derive(Debug, Default)]
pub(super) struct Classes {
    counts: BTreeMap<Arc<Class>, i64>,
    by_pod: BTreeMap<Key, Arc<Class>>,
    namespaces: BTreeMap<String, BTreeMap<String, String>>,
}

impl Classes {
    /// A namespace has these labels now, or is gone. True: that changes something.
    pub(super) fn namespace(&mut self, name: &str, labels: Option<&BTreeMap<String, String>>) -> bool {
        let before = match labels {
            Some(labels) => self.namespaces.insert(name.to_owned(), labels.clone()),
            None => self.namespaces.remove(name),
        };
        before.as_ref() != labels
    }

    /// A pod is as this now. True: that changes something.
    pub(super) fn applied(&mut self, key: Key, pod: &Pod) -> bool {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        if matches!(phase, Some("Succeeded" | "Failed")) {
            return self.deleted(&key);
        }
        let class = class_of(pod);
        if self.by_pod.get(&key).is_some_and(|held| **held == class) {
            return false;
        }
        self.deleted(&key);
        let class = match self.counts.entry(Arc::new(class)) {
            Entry::Occupied(mut held) => {
                *held.get_mut() += 1;
                Arc::clone(held.key())
            }
            Entry::Vacant(new) => {
                let class = Arc::clone(new.key());
                new.insert(1);
                class
            }
        };
        self.by_pod.insert(key, class);
        true
    }

    /// A pod is gone. True: it was there.
    pub(super) fn deleted(&mut self, key: &Key) -> bool {
        let Some(class) = self.by_pod.remove(key) else { return false };
        if let Entry::Occupied(mut held) = self.counts.entry(class) {
            *held.get_mut() -= 1;
            if *held.get() == 0 {
                held.remove();
            }
        }
        true
    }

    /// Every class, its number of pods, and the labels of its namespace.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<Class>, i64, Option<&BTreeMap<String, String>>)> {
        self.counts.iter().map(|(class, count)| (class, *count, self.namespaces.get(&class.namespace)))
    }
}

fn class_of(pod: &Pod) -> Class {
    let spec = pod.spec.as_ref();
    let init = spec.and_then(|spec| spec.init_containers.as_ref()).into_iter().flatten();
    let containers = spec.map(|spec| spec.containers.iter()).into_iter().flatten();
    let mut names: Vec<String> = init.chain(containers).map(|container| container.name.clone()).collect();
    names.sort_unstable();
    Class {
        namespace: pod.namespace().unwrap_or_default(),
        labels: pod.labels().clone(),
        owner: beaconwatch_crds::owner::top_owner(&pod.metadata),
        containers: names,
    }
}
