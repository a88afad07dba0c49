//! Why the kernel refused, as far as facts show it, and what to change.
//!
//! The kernel answers "operation not permitted" for a missing capability, a filter of system calls, a security module,
//! lockdown and locked memory alike. What tells them apart: the capabilities that the process has, whether `bpf(2)`
//! can be called at all, and what confines the process.

use std::error::Error;

use super::HookKind;

mod facts;

pub(crate) use facts::{BpfCall, Confinement, Facts};

/// Why the kernel refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// This capability is missing.
    Capability(&'static str),
    /// The process is in a user namespace, where its capabilities do not count.
    UserNamespace,
    /// A filter of system calls refuses `bpf`.
    Seccomp,
    /// The AppArmor profile refuses.
    AppArmor,
    /// The SELinux policy refuses.
    SeLinux,
    /// The kernel is locked down for confidentiality.
    Lockdown,
    /// Maps count against memory that a process may lock, before Linux 5.11, and there is not enough.
    LockedMemory,
    /// This kernel does not have what the hook needs.
    Kernel,
    /// The kernel refused, and no fact says why.
    Unknown,
}

/// What the kernel refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Number of the error.
    pub(super) errno: Option<i32>,
    /// What the verifier said, if it came so far.
    pub(super) log: String,
    /// A map was to be made.
    pub(super) map: bool,
}

/// What every program and map needs.
const FOR_MAPS: &[&str] = &["BPF"];
const FOR_TRACING: &[&str] = &["BPF", "PERFMON"];
const FOR_CGROUPS: &[&str] = &["BPF", "NET_ADMIN", "PERFMON"];
/// Before this release maps count against locked memory.
const MAPS_ARE_FREE: (u32, u32) = (5, 11);
/// Helpers that lockdown takes away; every kernel that the agent supports has them.
const READS_KERNEL: [&str; 2] = ["bpf_probe_read_kernel", "probe_read_kernel"];

impl Cause {
    /// As machines read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Capability(_) => "missing-capability",
            Self::UserNamespace => "user-namespace",
            Self::Seccomp => "seccomp",
            Self::AppArmor => "apparmor",
            Self::SeLinux => "selinux",
            Self::Lockdown => "lockdown",
            Self::LockedMemory => "locked-memory",
            Self::Kernel => "kernel",
            Self::Unknown => "unknown",
        }
    }

    /// What to change, in one sentence without its full stop.
    #[must_use]
    pub fn remedy(self) -> String {
        match self {
            Self::Capability(name) => format!("give the agent CAP_{name} (the chart's agent.capabilities)"),
            Self::UserNamespace => "run the agent outside of user namespaces (hostUsers: true)".to_owned(),
            Self::Seccomp => "let the seccomp profile allow bpf (RuntimeDefault does where CAP_BPF is given)".to_owned(),
            Self::AppArmor => {
                "let the AppArmor profile allow bpf, perfmon and net_admin, or run the agent unconfined".to_owned()
            }
            Self::SeLinux => {
                "let the SELinux policy allow class bpf (map_create, map_read, map_write, prog_load, prog_run), or run \
                 the agent as spc_t"
                    .to_owned()
            }
            Self::Lockdown => "boot with lockdown=integrity: lockdown=confidentiality hides the kernel's memory from \
                               programs"
                .to_owned(),
            Self::LockedMemory => {
                "set LimitMEMLOCK=infinity for the container runtime, or give CAP_SYS_RESOURCE: before Linux 5.11 maps \
                 count as locked memory"
                    .to_owned()
            }
            Self::Kernel => "run Linux 5.11 or newer, with BTF and cgroup BPF (docs/kernels.md)".to_owned(),
            Self::Unknown => "look at the kernel's log and at the audit log of the node".to_owned(),
        }
    }

    /// Why a hook could not be loaded or attached.
    pub(super) fn of_hook(kind: HookKind, refusal: &Refusal, facts: &Facts) -> Self {
        let needs = match kind {
            HookKind::Tracepoint | HookKind::Iterator => FOR_TRACING,
            HookKind::CgroupAddress
            | HookKind::CgroupSocket
            | HookKind::PacketSent
            | HookKind::PacketReceived => FOR_CGROUPS,
        };
        Self::of(needs, refusal, facts)
    }

    /// Why a map could not be made.
    pub(super) fn of_map(refusal: &Refusal, facts: &Facts) -> Self {
        Self::of(FOR_MAPS, refusal, facts)
    }

    fn of(needs: &[&'static str], refusal: &Refusal, facts: &Facts) -> Self {
        let verifier = !refusal.log.is_empty();
        let denied = matches!(refusal.errno, Some(libc::EPERM | libc::EACCES));
        if !denied && !verifier && refusal.errno != Some(libc::ENOSYS) {
            return Self::Kernel;
        }
        if let Some(missing) = needs.iter().find(|name| !facts.has(name)) {
            return Self::Capability(missing);
        }
        if verifier {
            let reads = READS_KERNEL.iter().any(|helper| refusal.log.contains(helper));
            let hidden =
                ["unknown func", "cannot use", "not allowed"].iter().any(|said| refusal.log.contains(said));
            return if facts.locked_down || (reads && hidden) { Self::Lockdown } else { Self::Kernel };
        }
        if facts.user_namespace {
            return Self::UserNamespace;
        }
        if facts.bpf_call == BpfCall::Refused {
            // A filter stands before the kernel's own checks; without one only a security module is left.
            return if facts.filtered { Self::Seccomp } else { Self::of_module(facts) };
        }
        if refusal.map && facts.release < MAPS_ARE_FREE && facts.memory_limited && !facts.has("SYS_RESOURCE")
        {
            return Self::LockedMemory;
        }
        // Lockdown takes away helpers of programs, not maps.
        if facts.locked_down && !refusal.map {
            return Self::Lockdown;
        }
        Self::of_module(facts)
    }

    fn of_module(facts: &Facts) -> Self {
        match facts.confinement {
            Confinement::AppArmor => Self::AppArmor,
            Confinement::SeLinux => Self::SeLinux,
            Confinement::None => Self::Unknown,
        }
    }
}

impl Refusal {
    /// Of an error of the loader.
    pub(super) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut refusal = Self::default();
        let mut cause = Some(error);
        while let Some(inner) = cause {
            if let Some(aya::programs::ProgramError::LoadError { verifier_log, .. }) = inner.downcast_ref() {
                refusal.log = verifier_log.to_string();
            }
            refusal.map |= inner.is::<aya::maps::MapError>();
            if let Some(io) = inner.downcast_ref::<std::io::Error>() {
                refusal.errno = refusal.errno.or(io.raw_os_error());
            }
            cause = inner.source();
        }
        refusal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHART: u64 = 1 << 39 | 1 << 38 | 1 << 12;

    fn facts() -> Facts {
        Facts { capabilities: CHART, release: (6, 1), ..Facts::default() }
    }

    fn denied() -> Refusal {
        Refusal { errno: Some(libc::EPERM), ..Refusal::default() }
    }

    #[track_caller]
    fn check(refusal: &Refusal, facts: &Facts, expect: Cause) {
        assert_eq!(Cause::of_hook(HookKind::Tracepoint, refusal, facts), expect);
    }

    #[test]
    fn a_missing_capability_comes_before_everything_else() {
        let all = Facts {
            filtered: true,
            bpf_call: BpfCall::Refused,
            confinement: Confinement::AppArmor,
            ..facts()
        };
        check(&denied(), &Facts { capabilities: CHART & !(1 << 38), ..all }, Cause::Capability("PERFMON"));
        let no_net_admin = Facts { capabilities: CHART & !(1 << 12), ..facts() };
        check(&denied(), &no_net_admin, Cause::Unknown);
        let cgroup = Cause::of_hook(HookKind::CgroupAddress, &denied(), &no_net_admin);
        assert_eq!(cgroup, Cause::Capability("NET_ADMIN"));
    }

    #[test]
    fn a_filter_is_told_from_a_security_module_by_whether_there_is_one() {
        let refused = Facts { bpf_call: BpfCall::Refused, ..facts() };
        check(&denied(), &Facts { filtered: true, ..refused }, Cause::Seccomp);
        let no_such_call = Refusal { errno: Some(libc::ENOSYS), ..Refusal::default() };
        check(&no_such_call, &Facts { filtered: true, ..refused }, Cause::Seccomp);
        check(&denied(), &Facts { confinement: Confinement::SeLinux, ..refused }, Cause::SeLinux);
        let confined = Facts { filtered: true, confinement: Confinement::AppArmor, ..facts() };
        check(&denied(), &confined, Cause::AppArmor);
        check(&denied(), &Facts { user_namespace: true, ..refused }, Cause::UserNamespace);
    }

    #[test]
    fn locked_memory_counts_before_5_11_without_the_right_to_raise_it() {
        let map = Refusal { map: true, ..denied() };
        let old = Facts { release: (5, 10), memory_limited: true, ..facts() };
        let cause = |facts: &Facts| Cause::of_map(&map, facts);
        assert_eq!(cause(&old), Cause::LockedMemory);
        assert_eq!(cause(&Facts { release: (5, 11), ..old }), Cause::Unknown);
        assert_eq!(cause(&Facts { memory_limited: false, ..old }), Cause::Unknown);
        assert_eq!(cause(&Facts { capabilities: CHART | 1 << 24, ..old }), Cause::Unknown);
    }

    #[test]
    fn lockdown_is_seen_without_its_file_and_a_missing_feature_is_the_kernels() {
        let said = |log: &str| Refusal { errno: Some(libc::EINVAL), log: log.to_owned(), map: false };
        check(&said("unknown func bpf_probe_read_kernel#113"), &facts(), Cause::Lockdown);
        check(&said("unknown func bpf_sk_storage_get#107"), &facts(), Cause::Kernel);
        let locked_down = Facts { locked_down: true, confinement: Confinement::AppArmor, ..facts() };
        check(&denied(), &locked_down, Cause::Lockdown);
        assert_eq!(Cause::of_map(&Refusal { map: true, ..denied() }, &locked_down), Cause::AppArmor);
        check(&Refusal { errno: Some(libc::EINVAL), ..Refusal::default() }, &facts(), Cause::Kernel);
    }
}
