//! Keys that several rooms share: what an identity ([`crate::identity`]) stands for, as a type, and names of policies.

use std::sync::Arc;

use crate::actor::Owner;
use crate::codec::{fields, newtype};
use crate::identity::{self, Id};

/// Identity of a workload: namespace and owner; for an actor without pod, its container, cgroup or address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WorkloadKey(pub(crate) Id);
newtype!(WorkloadKey);

/// Identity of a replica of a workload: its pod; for an actor without pod, as for its workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ReplicaKey(pub(crate) Id);
newtype!(ReplicaKey);

/// Identity of an executable, by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ExecutableKey(pub(crate) Id);

/// Identity of a signature: (workload, executable, destination class, port).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SignatureKey(pub(crate) Id);
newtype!(SignatureKey);

/// Identity of a destination alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DestinationKey(pub(crate) Id);
newtype!(DestinationKey);

/// Identity of a conversation: actor (or the workload, for jobs), destination, port, transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConversationKey(pub(crate) Id);
newtype!(ConversationKey);

/// Whose share of a table an entry takes: a container, else a cgroup or a source address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tenant(pub(crate) Id);
newtype!(Tenant);

/// Identity of a finding: (workload, executable, destination, kind). The same behaviour seen again, by another
/// replica, after a restart, or by another version, has the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingId(pub Id);
newtype!(FindingId);

impl core::fmt::Display for FindingId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

/// Name of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyId {
    /// Namespace of a `BeaconPolicy`; `None` for a `ClusterBeaconPolicy`.
    pub namespace: Option<Arc<str>>,
    /// Name.
    pub name: Arc<str>,
}
fields!(PolicyId { namespace, name });

/// The key of a workload of Kubernetes.
pub(crate) fn workload_key(namespace: &str, owner: &Owner) -> WorkloadKey {
    WorkloadKey(identity::workload(namespace, &owner.kind, &owner.name))
}

/// The key of a pod among those of its workload.
pub(crate) fn replica_key(pod_uid: &str) -> ReplicaKey {
    ReplicaKey(identity::replica(pod_uid))
}

/// The key of an executable with this path.
pub(crate) fn executable_key(path: &str) -> ExecutableKey {
    ExecutableKey(identity::executable(path))
}
