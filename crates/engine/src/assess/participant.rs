//! Who an actor is to the detectors: its workload, its pod if known by now, and the policy that governs it.
//!
//! Looked up once per actor, and again when a pod or a policy changed. Bounded; what was forgotten is looked up
//! again.

use std::net::IpAddr;
use std::sync::Arc;

use crate::actor::{Actor, ActorKey, Owner, Pod};
use crate::assess::policy::PolicySet;
use crate::bounded::BoundedMap;
use crate::collections::Entry;
use crate::counters::Usage;
use crate::identity::{self, Id, Peer, Secret};
use crate::inside::Inside;
use crate::keys::{
    ConversationKey, ExecutableKey, ReplicaKey, Tenant, WorkloadKey, executable_key, replica_key,
    workload_key,
};
use crate::observe::workload::Workloads;

/// One actor, as the detectors see it.
#[derive(Clone, Debug)]
pub(crate) struct Participant {
    pub(crate) workload: WorkloadKey,
    pub(crate) tenant: Tenant,
    /// What identifies the tenant among the replicas of its workload: its pod, else itself.
    pub(crate) replica: ReplicaKey,
    /// `None`: unknown.
    pub(crate) executable: Option<ExecutableKey>,
    /// Belongs to a job.
    pub(crate) is_job: bool,
    /// What separates its conversations from others': the actor, or workload and executable for jobs.
    pub(crate) scope: Id,
    /// Of the aggregate of its executable.
    pub(crate) aggregate: ConversationKey,
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

impl Participant {
    /// An address of its own pod: a connection to there leaves it as little as one to loopback does. Proxies of meshes
    /// hand over like that what comes in.
    pub(crate) fn has_address(&self, address: IpAddr) -> bool {
        self.pod.as_ref().is_some_and(|pod| !pod.host_network && pod.addresses.contains(&address))
    }
}

/// Actors seen lately.
#[derive(Debug)]
pub(crate) struct Participants {
    secret: Secret,
    known: BoundedMap<ActorKey, Participant>,
    policies_epoch: u32,
}

impl Participants {
    pub(crate) fn with_max(max: usize) -> Self {
        Self { secret: Secret::default(), known: BoundedMap::with_max(max), policies_epoch: 0 }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.known.usage()
    }

    /// The secret that separates conversations.
    pub(crate) fn secret(&self) -> Secret {
        self.secret
    }

    /// Another secret, before anybody is known.
    pub(crate) fn set_secret(&mut self, secret: Secret) {
        self.secret = secret;
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
            entry @ (Entry::Occupied(_) | Entry::Vacant(_)) => look_up(
                entry,
                actor,
                workloads,
                &LookUpContext { policies, epoch, secret: self.secret, inside: workloads.inside() },
            ),
        }
    }
}

/// What the look-up of an actor depends on besides its pod.
struct LookUpContext<'a> {
    policies: &'a PolicySet,
    epoch: (u32, u32),
    secret: Secret,
    inside: &'a Arc<Inside>,
}

/// Makes what is known of an actor, or makes it again.
#[cold]
fn look_up<'p>(
    entry: Entry<'p, ActorKey, Participant>,
    actor: &Actor,
    workloads: &Workloads,
    around: &LookUpContext<'_>,
) -> &'p Participant {
    let pod = workloads.pod_of(actor).cloned();
    match entry {
        Entry::Vacant(entry) => entry.insert(participant(actor, pod, around)),
        Entry::Occupied(entry) => {
            let entry = entry.into_mut();
            // A container stays its pod's, also after the pod was deleted.
            let before = entry.pod.take().filter(|_| actor.container.is_some());
            let destinations = entry.destinations;
            *entry = Participant { destinations, ..participant(actor, pod.or(before), around) };
            entry
        }
    }
}

fn participant(actor: &Actor, pod: Option<Arc<Pod>>, around: &LookUpContext<'_>) -> Participant {
    let LookUpContext { policies, epoch, secret, inside } = *around;
    let tenant = tenant_of(actor);
    let executable = actor.executable().map(executable_key);
    let workload = pod.as_ref().map_or(WorkloadKey(tenant.0), |pod| workload_key(&pod.namespace, &pod.owner));
    let job = pod.as_ref().is_some_and(|pod| is_job(&pod.owner));
    let scope = if job {
        identity::scope_of_job(secret, workload.0, executable.map(|executable| executable.0))
    } else {
        identity::scope_of_actor(secret, actor.key().0)
    };
    let policy = policies.governing(actor, pod.as_deref());
    Participant {
        workload,
        tenant: if job { Tenant(workload.0) } else { tenant },
        replica: pod.as_deref().map_or(ReplicaKey(tenant.0), |pod| replica_key(&pod.uid)),
        executable,
        scope,
        aggregate: ConversationKey(identity::conversation(scope, Peer::Aggregate)),
        is_job: job,
        in_cluster: pod.is_some() || actor.container.is_some() || pods_are_known(epoch),
        inside: Arc::clone(inside),
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

/// Pods of jobs come and go with each run, so the owner stands for them.
pub(crate) fn is_job(owner: &Owner) -> bool {
    matches!(&*owner.kind, "CronJob" | "Job")
}

pub(crate) fn tenant_of(actor: &Actor) -> Tenant {
    Tenant(identity::alone(actor.alone()))
}
