//! What the process may do and what confines it, read when something was refused.

use std::fs;
use std::io;

/// Those of the capabilities that matter, by name and number (`linux/capability.h`).
const NUMBERS: [(&str, u32); 4] = [("BPF", 39), ("PERFMON", 38), ("NET_ADMIN", 12), ("SYS_RESOURCE", 24)];
/// With this one the kernel asks for neither of BPF, PERFMON.
const SYS_ADMIN: u32 = 21;
/// `BPF` command that no kernel has: one that lets it through says so.
const NO_SUCH_COMMAND: libc::c_long = 0x7fff;

/// Whether `bpf(2)` itself can be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BpfCall {
    /// The kernel looked at what was asked.
    #[default]
    Heard,
    /// Somebody said no before.
    Refused,
}

/// What confines the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Confinement {
    /// Nothing that is known.
    #[default]
    None,
    /// An AppArmor profile that is enforced.
    AppArmor,
    /// An SELinux context.
    SeLinux,
}

/// Facts about this process and this kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Effective capabilities, a bit each.
    pub(crate) capabilities: u64,
    /// The process is in a user namespace of its own.
    pub(crate) user_namespace: bool,
    /// A filter of system calls is on.
    pub(crate) filtered: bool,
    /// Whether `bpf(2)` can be called.
    pub(crate) bpf_call: BpfCall,
    /// What confines the process.
    pub(crate) confinement: Confinement,
    /// The kernel says that it is locked down for confidentiality; not to be seen in most containers.
    pub(crate) locked_down: bool,
    /// The memory that the process may lock has a limit.
    pub(crate) memory_limited: bool,
    /// Major and minor release of the kernel.
    pub(crate) release: (u32, u32),
}

impl Facts {
    /// Reads them.
    #[must_use]
    pub(crate) fn read() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.unwrap_or_default().trim()
        };
        let locked = rustix::process::getrlimit(rustix::process::Resource::Memlock);
        let lockdown = fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            capabilities: u64::from_str_radix(field("CapEff"), 16).unwrap_or(0),
            user_namespace: fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| !is_whole(&map)),
            filtered: field("Seccomp") == "2",
            bpf_call: call(),
            confinement: confinement(&fs::read_to_string("/proc/self/attr/current").unwrap_or_default()),
            locked_down: lockdown.contains("[confidentiality]"),
            memory_limited: locked.current.is_some(),
            release: release_of(&release),
        }
    }

    /// The process has this capability, or the one that stands for it.
    #[must_use]
    pub(crate) fn has(&self, name: &str) -> bool {
        let has = |bit: u32| self.capabilities >> bit & 1 == 1;
        let stands_in = has(SYS_ADMIN) && matches!(name, "BPF" | "PERFMON");
        stands_in || NUMBERS.iter().any(|(known, bit)| *known == name && has(*bit))
    }
}

/// A map of users that leaves out nobody: there is no namespace.
fn is_whole(map: &str) -> bool {
    map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// `cri-containerd.apparmor.d (enforce)`, `system_u:system_r:container_t:s0:c1,c2`, `unconfined`.
fn confinement(context: &str) -> Confinement {
    let context = context.trim_matches(['\0', '\n', ' ']);
    if context.ends_with("(enforce)") {
        Confinement::AppArmor
    } else if context.split(':').count() >= 4 {
        Confinement::SeLinux
    } else {
        Confinement::None
    }
}

/// Major and minor number of `6.1.0-50-cloud-amd64`.
fn release_of(text: &str) -> (u32, u32) {
    let mut numbers =
        text.split(|letter: char| !letter.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Asks for a command that does not exist. The kernel says `EINVAL` to whoever it hears.
fn call() -> BpfCall {
    let mut attributes = [0u64; 2];
    #[expect(unsafe_code, reason = "aya asks only for what exists")]
    // SAFETY: the kernel reads no more than the given size of a live array.
    let answer = unsafe {
        libc::syscall(libc::SYS_bpf, NO_SUCH_COMMAND, attributes.as_mut_ptr(), size_of_val(&attributes))
    };
    let errno = io::Error::last_os_error().raw_os_error();
    let refused = answer < 0 && matches!(errno, Some(libc::EPERM | libc::EACCES | libc::ENOSYS));
    if refused { BpfCall::Refused } else { BpfCall::Heard }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_releases_and_maps_of_users_are_read_as_kernels_write_them() {
        assert_eq!(confinement("cri-containerd.apparmor.d (enforce)\n"), Confinement::AppArmor);
        assert_eq!(confinement("cri-containerd.apparmor.d (complain)\n"), Confinement::None);
        assert_eq!(confinement("system_u:system_r:container_t:s0:c1,c2\0"), Confinement::SeLinux);
        assert_eq!(confinement("unconfined\n"), Confinement::None);
        assert_eq!(release_of("6.12.117+deb13-cloud-amd64\n"), (6, 12));
        assert_eq!(release_of("5.10.0-32-cloud-amd64"), (5, 10));
        assert!(is_whole("         0          0 4294967295\n"));
        assert!(!is_whole("         0       1000          1\n"));
    }
}
