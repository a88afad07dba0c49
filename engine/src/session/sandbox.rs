//! Sandboxed runtimes: what runs inside a guest or behind an own network stack is not seen by the hooks of this kernel.
//! Which pods that concerns is told by the programs that serve them: a fact, where a RuntimeClass is only a name.

use std::sync::Arc;

use super::attribution::Attribution;
use crate::actor::ContainerId;

/// What keeps a container from this kernel's eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SandboxRuntime {
    /// A kernel in user space with a network stack of its own.
    Gvisor,
    /// A virtual machine: Kata Containers, Firecracker, KubeVirt.
    VirtualMachine,
}

impl SandboxRuntime {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Gvisor, Self::VirtualMachine];

    /// `gvisor`, `virtual-machine`: the label of metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gvisor => "gvisor",
            Self::VirtualMachine => "virtual-machine",
        }
    }
}

/// A sandbox that runs now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sandbox {
    /// What it is.
    pub runtime: SandboxRuntime,
    /// Uid of its pod, if its cgroup tells.
    pub pod_uid: Option<Arc<str>>,
    /// The container, or the sandbox itself as its runtime names it.
    pub container: Option<ContainerId>,
}

/// What a program serves, if it serves a sandbox.
pub(super) fn served_by(executable: &str, args: &[Box<str>]) -> Option<SandboxRuntime> {
    let name = executable.rsplit('/').next().unwrap_or_default();
    let called = args.first().map_or("", |arg| arg.rsplit('/').next().unwrap_or_default());
    match name {
        "runsc" => Some(SandboxRuntime::Gvisor),
        _ if called == "runsc-sandbox" => Some(SandboxRuntime::Gvisor),
        "cloud-hypervisor" | "firecracker" | "stratovirt" | "qemu-kvm" => {
            Some(SandboxRuntime::VirtualMachine)
        }
        _ if name.starts_with("qemu-system-") => Some(SandboxRuntime::VirtualMachine),
        _ => None,
    }
}

impl Attribution {
    /// Sandboxes of pods and containers that run now, each once.
    pub(super) fn sandboxes(&self) -> Vec<Sandbox> {
        let of = |(cgroup, runtime)| {
            let identity = &self.cgroups.get(cgroup)?.identity;
            let (pod_uid, container) = (identity.pod_uid.clone(), identity.container.clone());
            (pod_uid.is_some() || container.is_some()).then_some(Sandbox { runtime, pod_uid, container })
        };
        let mut found: Vec<Sandbox> = self.processes.sandboxes().filter_map(of).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_serve_sandboxes_are_told_by_their_names() {
        let served = |executable: &str, called: &str| served_by(executable, &[Box::from(called)]);
        use SandboxRuntime::{Gvisor, VirtualMachine};
        assert_eq!(served("/usr/local/bin/runsc", "runsc-sandbox"), Some(Gvisor));
        assert_eq!(served("/memfd:x", "runsc-sandbox"), Some(Gvisor));
        assert_eq!(
            served("/opt/kata/bin/qemu-system-x86_64", "/opt/kata/bin/qemu-system-x86_64"),
            Some(VirtualMachine)
        );
        assert_eq!(served("/opt/kata/bin/cloud-hypervisor", ""), Some(VirtualMachine));
        assert_eq!(served("/usr/bin/runc", "runc"), None);
        assert_eq!(served("", ""), None);
    }
}
