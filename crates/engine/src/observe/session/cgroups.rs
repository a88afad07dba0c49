//! The cgroups of the node and the containers they make up. A removed cgroup is remembered for a while: flows of a
//! container that is gone are still reported with its id.

use core::time::Duration;
use std::collections::VecDeque;

use super::cgroup::{CgroupIdentity, parse};
use super::originator::Originator;
use super::process::ProcessId;
use crate::actor::ContainerId;
use crate::bounded::{FairTable, Index};
use crate::counters::Usage;
use crate::identity::{self, Alone};
use crate::limits::Limits;
use crate::observe::naming::ClientKey;
use crate::time::Timestamp;

/// All cgroups, bounded.
#[derive(Debug)]
pub(super) struct Cgroups {
    by_id: FairTable<u64, Cgroup>,
    /// Bounded by the cgroups: a container is held as long as one of its cgroups is.
    containers: Index<ContainerId, Container>,
    /// Removed cgroups, by the time they may be forgotten.
    removed: VecDeque<(Timestamp, u64)>,
    linger: Duration,
}

/// One cgroup.
#[derive(Debug)]
pub(super) struct Cgroup {
    path: Box<str>,
    pub(super) identity: CgroupIdentity,
    pub(super) workload: ClientKey,
    pub(super) created: Timestamp,
    removed: bool,
    /// Who a flow of it comes from when the process is not known.
    pub(super) originator: Option<Originator>,
}

/// One container, as long as one of its cgroups is held.
#[derive(Debug)]
pub(super) struct Container {
    cgroups_held: u32,
    cgroups_live: u32,
    pub(super) created: Timestamp,
    /// The process it was started for.
    pub(super) init: Option<Init>,
}

/// First process of a container.
#[derive(Clone, Copy, Debug)]
pub(super) struct Init {
    pub(super) id: ProcessId,
    /// When it was executed; not known of the start-up walk's.
    pub(super) executed: Option<Timestamp>,
    /// Device of its executable: the container's root file system.
    pub(super) device: u64,
    /// It ran before the agent did.
    pub(super) snapshot: bool,
}

impl Cgroups {
    pub(super) fn with_limits(limits: &Limits) -> Self {
        Self {
            by_id: FairTable::with_capacity_max(limits.cgroups_max),
            containers: Index::default(),
            removed: VecDeque::new(),
            linger: limits.cgroup_linger,
        }
    }

    pub(super) fn created(&mut self, now: Timestamp, id: u64, path: &str) {
        if self.by_id.get(&id).is_some_and(|known| *known.path == *path && !known.removed) {
            return;
        }
        self.forget(id);
        let identity = parse(path);
        if let Some(container) = &identity.container {
            let known = self.containers.entry(container.clone()).or_insert(Container {
                cgroups_held: 0,
                cgroups_live: 0,
                created: now,
                init: None,
            });
            if known.cgroups_live == 0 {
                // Made again under the same id: a restart.
                known.created = now;
                known.init = None;
            }
            known.cgroups_held += 1;
            known.cgroups_live += 1;
        }
        let workload = workload_of(&identity, id);
        let cgroup =
            Cgroup { path: path.into(), identity, workload, created: now, removed: false, originator: None };
        let scope = workload_scope(&cgroup);
        if let Some((_, evicted)) = self.by_id.insert(id, scope, cgroup) {
            self.release(&evicted);
        }
    }

    pub(super) fn removed(&mut self, now: Timestamp, id: u64) {
        let Some(cgroup) = self.by_id.get_mut(&id).filter(|c| !c.removed) else { return };
        cgroup.removed = true;
        if let Some(container) = &cgroup.identity.container
            && let Some(container) = self.containers.get_mut(container)
        {
            container.cgroups_live = container.cgroups_live.saturating_sub(1);
        }
        self.removed.push_back((now + self.linger, id));
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.removed.front().map(|(due, _)| *due)
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        while let Some((_, id)) = self.removed.pop_front_if(|(due, _)| *due <= now) {
            if self.by_id.get(&id).is_some_and(|cgroup| cgroup.removed) {
                self.forget(id);
            }
        }
    }

    pub(super) fn get(&self, id: u64) -> Option<&Cgroup> {
        self.by_id.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Cgroup> {
        self.by_id.get_mut(&id)
    }

    pub(super) fn container(&self, id: &ContainerId) -> Option<&Container> {
        self.containers.get(id)
    }

    pub(super) fn container_mut(&mut self, id: &ContainerId) -> Option<&mut Container> {
        self.containers.get_mut(id)
    }

    /// The container that a cgroup belongs to.
    pub(super) fn container_of(&self, id: u64) -> Option<&ContainerId> {
        self.by_id.get(&id)?.identity.container.as_ref()
    }

    /// The workload that a cgroup belongs to; a cgroup that is not known is a workload of its own.
    pub(super) fn workload(&self, id: u64) -> ClientKey {
        self.by_id.get(&id).map_or_else(|| workload_of(&CgroupIdentity::default(), id), |c| c.workload)
    }

    pub(super) fn usage(&self) -> Usage {
        self.by_id.usage()
    }

    fn forget(&mut self, id: u64) {
        if let Some(cgroup) = self.by_id.remove(&id) {
            self.release(&cgroup);
        }
    }

    fn release(&mut self, cgroup: &Cgroup) {
        let Some(id) = &cgroup.identity.container else { return };
        let Some(container) = self.containers.get_mut(id) else { return };
        container.cgroups_held = container.cgroups_held.saturating_sub(1);
        if !cgroup.removed {
            container.cgroups_live = container.cgroups_live.saturating_sub(1);
        }
        if container.cgroups_held == 0 {
            self.containers.remove(id);
        }
    }
}

/// Names and shares of tables are kept per pod: its containers share a network and often a resolver. Without a pod
/// it is the container, else the cgroup of a host service.
fn workload_of(cgroup: &CgroupIdentity, id: u64) -> ClientKey {
    let workload = match (&cgroup.pod_uid, &cgroup.container) {
        (Some(pod), _) => identity::replica(pod),
        (None, Some(container)) => identity::alone(Alone::Container(container)),
        (None, None) => identity::alone(Alone::Cgroup(id)),
    };
    workload.bits()
}

/// Cgroups of the host share one part of the table; each pod and container has its own.
fn workload_scope(cgroup: &Cgroup) -> u64 {
    let host = cgroup.identity.container.is_none() && cgroup.identity.pod_uid.is_none();
    if host { 0 } else { cgroup.workload }
}
