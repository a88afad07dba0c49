//! The top owner of a pod: ReplicaSets and Jobs are skipped where a Deployment or CronJob owns them.
//!
//! A pod names only its direct owner. That one is read and kept, and now and then read again for its replicas;
//! until the answer is there (or while the API server cannot be reached) the naming rules of Kubernetes' own
//! controllers give a good guess.
//!
//! RBAC: `apps`: replicasets, statefulsets, daemonsets: get; `batch`: jobs: get.

use std::collections::{BTreeMap, BTreeSet};

use beaconwatch_crds::owner::{controller, top_owner};
use beaconwatch_engine::actor::Owner;
use k8s_openapi::api::apps::v1::{DaemonSet, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Api, Client};

/// Owners kept; beyond, the guess has to do.
const OWNERS_MAX: usize = 4096;

/// A direct owner of pods.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnerRef {
    /// Namespace.
    pub namespace: String,
    /// Kind, such as `ReplicaSet`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Uid: an owner that is made again under the same name is another one.
    pub uid: String,
}

/// The top owner, with its wanted replicas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopOwner {
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Wanted replicas; `None` if unknown or if the kind has none.
    pub replicas: Option<u32>,
}

/// What is known of an owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct KnownOwner {
    /// The last answer.
    top: Option<TopOwner>,
    /// The question is out, or answered recently.
    asked: bool,
}

/// Owners of this node's pods.
#[derive(Debug, Default)]
pub struct Owners {
    known: BTreeMap<OwnerRef, KnownOwner>,
}

impl OwnerRef {
    /// The controller of a pod.
    #[must_use]
    pub fn of_pod(pod: &Pod) -> Option<Self> {
        let owner = controller(&pod.metadata)?;
        Some(Self {
            namespace: pod.metadata.namespace.clone()?,
            kind: owner.kind.clone(),
            name: owner.name.clone(),
            uid: owner.uid.clone(),
        })
    }
}

impl Owners {
    /// The top owner as far as it is known; a guess otherwise. An owner met for the first time is noted to be
    /// asked for.
    pub fn of_pod(&mut self, pod: &Pod) -> TopOwner {
        let Owner { kind, name } = top_owner(&pod.metadata);
        let guess = TopOwner { kind: kind.to_string(), name: name.to_string(), replicas: None };
        let Some(owner) = OwnerRef::of_pod(pod).filter(|owner| is_asked_for(&owner.kind)) else {
            return guess;
        };
        if self.known.len() >= OWNERS_MAX && !self.known.contains_key(&owner) {
            return guess;
        }
        self.known.entry(owner).or_default().top.clone().unwrap_or(guess)
    }

    /// Takes an answer; `None`: the owner is gone, so the guess stays. False: nothing new.
    pub fn resolve(&mut self, owner: &OwnerRef, top: Option<TopOwner>) -> bool {
        let Some(known) = self.known.get_mut(owner) else { return false };
        let new = top.is_some() && known.top != top;
        known.top = top.or_else(|| known.top.take());
        new
    }

    /// An owner to be asked for now.
    pub fn next_unknown(&mut self) -> Option<OwnerRef> {
        let (owner, known) = self.known.iter_mut().find(|(_, known)| !known.asked)?;
        known.asked = true;
        Some(owner.clone())
    }

    /// The question was not answered: it is to be asked again.
    pub fn fail(&mut self, owner: &OwnerRef) {
        if let Some(known) = self.known.get_mut(owner) {
            known.asked = false;
        }
    }

    /// Replicas change: everything is asked for again, and owners that no pod has any more are forgotten.
    pub fn ask_again(&mut self, used: &BTreeSet<OwnerRef>) {
        self.known.retain(|owner, _| used.contains(owner));
        for known in self.known.values_mut() {
            known.asked = false;
        }
    }
}

/// Reads an owner. `None`: it is gone, so the guess stays.
///
/// # Errors
///
/// The API server's answer, or that there was none.
pub async fn read(client: &Client, owner: &OwnerRef) -> kube::Result<Option<TopOwner>> {
    let (namespace, name) = (owner.namespace.as_str(), owner.name.as_str());
    let own = |meta: &ObjectMeta, replicas: Option<i32>| TopOwner {
        kind: controller(meta).map_or_else(|| owner.kind.clone(), |top| top.kind.clone()),
        name: controller(meta).map_or_else(|| owner.name.clone(), |top| top.name.clone()),
        replicas: replicas.and_then(|count| u32::try_from(count).ok()),
    };
    match owner.kind.as_str() {
        "ReplicaSet" => {
            let object = Api::<ReplicaSet>::namespaced(client.clone(), namespace).get_opt(name).await?;
            Ok(object.map(|set| own(&set.metadata, set.spec.as_ref().and_then(|spec| spec.replicas))))
        }
        "StatefulSet" => {
            let object = Api::<StatefulSet>::namespaced(client.clone(), namespace).get_opt(name).await?;
            Ok(object.map(|set| own(&set.metadata, set.spec.as_ref().and_then(|spec| spec.replicas))))
        }
        "DaemonSet" => {
            let object = Api::<DaemonSet>::namespaced(client.clone(), namespace).get_opt(name).await?;
            let wanted = |set: &DaemonSet| set.status.as_ref().map(|s| s.desired_number_scheduled);
            Ok(object.map(|set| own(&set.metadata, wanted(&set))))
        }
        "Job" => {
            let object = Api::<Job>::namespaced(client.clone(), namespace).get_opt(name).await?;
            Ok(object.map(|job| own(&job.metadata, job.spec.as_ref().and_then(|spec| spec.parallelism))))
        }
        _ => Ok(None),
    }
}

fn is_asked_for(kind: &str) -> bool {
    matches!(kind, "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job")
}
