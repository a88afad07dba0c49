//! Who an actor is to the detectors: its workload, its pod if known by now, and the policy that governs it.
//!
//! Looked up once per actor, and again when a pod or a policy changed. Bounded; what was forgotten is looked up
//! again.

use std::sync::Arc;

use crate::actor::{Actor, ActorKey, Owner, Pod};
use crate::bounded::BoundedMap;
use crate::collections::{Entry, hash_of};
use crate::conversation::Originator;
use crate::counters::Usage;
use crate::inside::Inside;
use crate::policy::PolicySet;
use crate::workload::Workloads;

/// Identity of a workload: namespace and owner; for an actor without pod, its container, cgroup or address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WorkloadKey(pub(crate) u64);

/// One actor, as the detectors see it.
#[derive(Clone, Debug)]
pub(crate) struct Participant {
    pub(crate) workload: WorkloadKey,
    pub(crate) originator: Originator,
    /// What identifies the originator among the replicas of its workload: its pod, else itself.
    pub(crate) replica: u64,
    /// Hash of the path of the executable; 0 if unknown.
    pub(crate) executable: u64,
    /// Belongs to a job.
    pub(crate) is_job: bool,
    /// What keeps its conversations apart: the actor, or workload and executable for jobs.
    pub(crate) scope: u64,
    pub(crate) pod: Option<Arc<Pod>>,
    /// Runs in a container or pod, or on a node whose pods are known, so that private addresses are the cluster's own.
    pub(crate) in_cluster: bool,
    /// What lies inside the cluster.
    pub(crate) inside: Arc<Inside>,
    /// Belongs to the node itself, as far as is known.
    pub(crate) is_node: bool,
    /// Index of the governing policy.
    pub(crate) policy: Option<usize>,
    /// Destinations outside that it has begun to turn to, as far as was counted.
    pub(crate) destinations: u8,
    epoch: (u32, u32),
}

/// Actors seen lately.
#[derive(Debug)]
pub(crate) struct Participants {
    known: BoundedMap<ActorKey, Participant>,
    policies_epoch: u32,
}

impl Participants {
    pub(crate) fn with_max(max: usize) -> Self {
        Self { known: BoundedMap::with_max(max), policies_epoch: 0 }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.known.usage()
    }

    /// Policies changed: everybody's is looked up again.
    pub(crate) fn policies_changed(&mut self) {
        self.policies_epoch = self.policies_epoch.wrapping_add(1);
    }

    /// An actor began to turn to one more destination outside.
    pub(crate) fn count_destination(&mut self, key: ActorKey) {
        if let Some(participant) = self.known.get_mut(&key) {
            participant.destinations = participant.destinations.saturating_add(1);
        }
    }

    /// The participant behind an actor, as it was looked up last.
    pub(crate) fn known(&self, key: ActorKey) -> Option<&Participant> {
        self.known.get(&key)
    }

    /// The participant behind an actor.
    pub(crate) fn resolve(
        &mut self,
        key: ActorKey,
        actor: &Actor,
        workloads: &Workloads,
        policies: &PolicySet,
    ) -> &Participant {
        let epoch = (workloads.changes(), self.policies_epoch);
        // Everything here can be looked up again, so forgetting is cheap and rare.
        match self.known.entry_or_start_over(key) {
            Entry::Occupied(entry) if entry.get().epoch == epoch => entry.into_mut(),
            entry @ (Entry::Occupied(_) | Entry::Vacant(_)) => {
                look_up(entry, actor, workloads, policies, epoch)
            }
        }
    }
}

/// Makes what is known of an actor, or makes it anew.
#[cold]
fn look_up<'p>(
    entry: Entry<'p, ActorKey, Participant>,
    actor: &Actor,
    workloads: &Workloads,
    policies: &PolicySet,
    epoch: (u32, u32),
) -> &'p Participant {
    let pod = workloads.pod_of(actor).cloned();
    let inside = Arc::clone(workloads.inside());
    match entry {
        Entry::Vacant(entry) => entry.insert(participant(actor, pod, policies, (epoch, inside))),
        Entry::Occupied(entry) => {
            let entry = entry.into_mut();
            // A container stays its pod's, also after the pod was deleted.
            let before = entry.pod.take().filter(|_| actor.container.is_some());
            let destinations = entry.destinations;
            *entry =
                Participant { destinations, ..participant(actor, pod.or(before), policies, (epoch, inside)) };
            entry
        }
    }
}

fn participant(
    actor: &Actor,
    pod: Option<Arc<Pod>>,
    policies: &PolicySet,
    (epoch, inside): ((u32, u32), Arc<Inside>),
) -> Participant {
    let originator = originator(actor);
    let executable = executable_hash(actor);
    let workload =
        pod.as_ref().map_or(WorkloadKey(originator.0), |pod| workload_key(&pod.namespace, &pod.owner));
    let job = pod.as_ref().is_some_and(|pod| is_job(&pod.owner));
    let scope = if job { hash_of(&(workload, executable)) } else { actor.key().0 };
    let policy = policies.governing(actor, pod.as_deref());
    Participant {
        workload,
        originator: if job { Originator(workload.0) } else { originator },
        replica: pod.as_deref().map_or(originator.0, replica_hash),
        executable,
        scope,
        is_job: job,
        in_cluster: pod.is_some() || actor.container.is_some() || pods_are_known(epoch),
        inside,
        is_node: pod.is_none() && actor.container.is_none(),
        pod,
        policy,
        destinations: 0,
        epoch,
    }
}

/// Some pod was announced, or networks of the cluster were named: this is a node of one.
fn pods_are_known((pod_changes, _): (u32, u32)) -> bool {
    pod_changes > 0
}

/// The key of a workload of Kubernetes.
pub(crate) fn workload_key(namespace: &str, owner: &Owner) -> WorkloadKey {
    WorkloadKey(hash_of(&(namespace, owner)))
}

/// What stands for a pod among its siblings.
pub(crate) fn replica_hash(pod: &Pod) -> u64 {
    hash_of(&pod.uid)
}

/// Pods of jobs come and go with each run, so the owner stands for them.
pub(crate) fn is_job(owner: &Owner) -> bool {
    matches!(&*owner.kind, "CronJob" | "Job")
}

pub(crate) fn executable_hash(actor: &Actor) -> u64 {
    actor.process.as_ref().map_or(0, |process| path_hash(&process.executable))
}

/// Hash of a path; 0 for an empty one.
pub(crate) fn path_hash(path: &str) -> u64 {
    if path.is_empty() { 0 } else { hash_of(&path) }
}

pub(crate) fn originator(actor: &Actor) -> Originator {
    Originator(match (&actor.container, actor.cgroup) {
        (Some(container), _) => hash_of(&(1_u8, container)),
        (None, 0) => hash_of(&(2_u8, &actor.address)),
        (None, cgroup) => hash_of(&(3_u8, cgroup)),
    })
}
