//! Which sandboxes run now, by the programs that serve them.

use super::attribution::Attribution;
use super::sandbox::{Sandbox, SandboxRuntime};

impl Attribution {
    /// Sandboxes of pods and containers that run now, each once.
    pub(super) fn sandboxes(&self) -> Vec<Sandbox> {
        let of = |(cgroup, runtime, served): (u64, SandboxRuntime, Option<&str>)| {
            let identity = self.cgroups.get(cgroup).map(|cgroup| cgroup.identity.clone()).unwrap_or_default();
            let (pod_uid, container) =
                (identity.pod_uid, identity.container.or_else(|| served.map(Into::into)));
            (pod_uid.is_some() || container.is_some()).then_some(Sandbox { runtime, pod_uid, container })
        };
        let mut found: Vec<Sandbox> = self.processes.sandboxes().filter_map(of).collect();
        found.sort_unstable();
        found.dedup();
        // What a shim outside of the pod names may be there with its pod, too.
        let with_pod: Vec<_> =
            found.iter().filter(|one| one.pod_uid.is_some()).map(|one| one.container.clone()).collect();
        found.retain(|one| one.pod_uid.is_some() || !with_pod.contains(&one.container));
        found
    }
}
