//! Sandboxed runtimes: what runs inside a guest or behind an own network stack is not seen by the hooks of this kernel.
//! Which pods that concerns is known from the programs that serve them, a fact, and by the name of a pod's RuntimeClass
//! while no such program is seen.

use std::sync::Arc;

use super::cgroup::is_container_id;
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

    /// The one that a RuntimeClass is for, by the names that are usual for it.
    pub(crate) fn of_class(class: &str) -> Option<Self> {
        let class = class.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| class.contains(word));
        match () {
            () if says(&["gvisor", "runsc"]) => Some(Self::Gvisor),
            () if says(&["kata", "firecracker", "cloud-hypervisor"]) => Some(Self::VirtualMachine),
            () => None,
        }
    }

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
    /// Uid of its pod, if its cgroup names it.
    pub pod_uid: Option<Arc<str>>,
    /// The container, or the sandbox itself as its runtime names it.
    pub container: Option<ContainerId>,
}

/// What a program serves, if it serves a sandbox.
pub(super) fn served_by(executable: &str, args: &[Box<str>]) -> Option<SandboxRuntime> {
    let name = executable.rsplit('/').next().unwrap_or_default();
    let called = args.first().map_or("", |arg| arg.rsplit('/').next().unwrap_or_default());
    match name {
        "runsc" | "containerd-shim-runsc-v1" => Some(SandboxRuntime::Gvisor),
        _ if called == "runsc-sandbox" => Some(SandboxRuntime::Gvisor),
        "cloud-hypervisor" | "firecracker" | "stratovirt" | "qemu-kvm" | "containerd-shim-kata-v2" => {
            Some(SandboxRuntime::VirtualMachine)
        }
        _ if name.starts_with("qemu-system-") => Some(SandboxRuntime::VirtualMachine),
        _ => None,
    }
}

/// The sandbox that a shim was started for: containerd says it in the arguments. A shim may run outside of the pod.
pub(super) fn served_id(args: &[Box<str>]) -> Option<&str> {
    let at = args.iter().position(|arg| &**arg == "-id")?;
    args.get(at + 1).map(|id| &**id).filter(|id| is_container_id(id))
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
        assert_eq!(served("/usr/bin/containerd-shim-runsc-v1", ""), Some(Gvisor));
        assert_eq!(served("/opt/kata/bin/containerd-shim-kata-v2", ""), Some(VirtualMachine));
        assert_eq!(served("/usr/bin/containerd-shim-runc-v2", ""), None);
    }

    #[test]
    fn classes_are_told_by_usual_names() {
        use SandboxRuntime::{Gvisor, VirtualMachine};
        for (class, expect) in [
            ("gvisor", Some(Gvisor)),
            ("runsc-kvm", Some(Gvisor)),
            ("kata-qemu", Some(VirtualMachine)),
            ("Kata-FC", Some(VirtualMachine)),
            ("nvidia", None),
            ("", None),
        ] {
            assert_eq!(SandboxRuntime::of_class(class), expect, "{class}");
        }
    }

    #[test]
    fn a_shim_names_its_sandbox() {
        let id = "5".repeat(64);
        let served = |args: &[&str]| {
            let args: Vec<Box<str>> = args.iter().map(|arg| Box::from(*arg)).collect();
            served_id(&args).map(str::to_owned)
        };
        assert_eq!(served(&["shim", "-namespace", "k8s.io", "-id", &id]), Some(id));
        assert_eq!(served(&["shim", "-id", "../x"]), None);
        assert_eq!(served(&["shim", "-id"]), None);
    }
}
