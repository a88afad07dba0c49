//! Who talks: the process, container and pod behind a flow, as far as they are known.
//!
//! Every part may be unknown, and unknown counts for nothing: neither for a finding nor against one.

use std::net::IpAddr;
use std::sync::Arc;

use crate::codec::{choices, fields, newtype};
use crate::identity::{self, Alone, Id};
use crate::time::Timestamp;

/// Where an executable came from, relative to the image of its container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExecutableOrigin {
    /// Not known: no evidence either way.
    #[default]
    Unknown,
    /// Part of the image (or of the host's installed system).
    Image,
    /// Appeared after the container started, in a place that images use for programs.
    Drift,
    /// Appeared after the container started, in a writable place such as `/tmp` or a volume.
    Writable,
    /// Unlinked while it runs.
    Deleted,
    /// Runs from memory only (`memfd_create`).
    Memfd,
}

/// Kernel identity of a file: device and inode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    /// `st_dev` of the file system, as the kernel encodes it.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

/// One process, at the moment it called `execve` (or was first seen).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Process {
    /// Process id in the host's pid namespace (thread group id); 0 if unknown.
    pub pid: u32,
    /// Start time, boot clock, nanoseconds: with `pid` a unique process. 0 if unknown.
    pub start_ns: u64,
    /// Parent's process id; 0 if unknown.
    pub parent_pid: u32,
    /// Real path of the executable inside its mount; empty if unknown.
    pub executable: Arc<str>,
    /// File identity of the executable, if known.
    pub file: Option<FileId>,
    /// SHA-256 of the executable, if somebody computed it.
    pub digest: Option<[u8; 32]>,
    /// Where the executable came from.
    pub origin: ExecutableOrigin,
    /// Arguments, including `argv[0]`; cut at 4 KiB in all.
    pub args: Arc<[Box<str>]>,
    /// User id; `None` if unknown.
    pub uid: Option<u32>,
    /// Login user id (audit session owner); `None` if unset or unknown.
    pub login_uid: Option<u32>,
    /// Base names of the executables of the ancestors, parent first, at most eight.
    pub lineage: Arc<[Box<str>]>,
    /// The process descends from an exec session (`kubectl exec`), not from the container's own start;
    /// `None` if unknown.
    pub exec_session: Option<bool>,
}

impl Process {
    /// Name of the program: the base name of the executable; of one file that holds many programs (BusyBox and its
    /// like), the one it was called as.
    #[must_use]
    pub fn program(&self) -> &str {
        let name = base_name(&self.executable);
        let called = self.args.first().map(|arg| base_name(arg).trim_start_matches('-'));
        match (name, called) {
            ("busybox" | "toybox" | "coreutils" | "uutils", Some(called)) if called == name => {
                self.args.get(1).map_or(name, |applet| applet)
            }
            ("busybox" | "toybox" | "coreutils" | "uutils", Some(called)) if !called.is_empty() => called,
            _ => name,
        }
    }
}

/// The last part of a path.
fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Container id as the runtime names it (64 hexadecimal digits with containerd, CRI-O, Docker, Podman).
pub type ContainerId = Arc<str>;

/// The top owner of a pod: ReplicaSets and Jobs are skipped where a Deployment or CronJob owns them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// `Deployment`, `StatefulSet`, `DaemonSet`, `CronJob`, `Job`, `Node`, or another kind; `Pod` if bare.
    pub kind: Arc<str>,
    /// Name of the owner.
    pub name: Arc<str>,
}

/// A pod, as announced by Kubernetes (or by a log that carries the same facts). May come after its traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pod {
    /// `metadata.uid`, lower case with dashes.
    pub uid: Arc<str>,
    /// `metadata.name`.
    pub name: Arc<str>,
    /// `metadata.namespace`.
    pub namespace: Arc<str>,
    /// Labels of the pod, sorted by key.
    pub labels: Arc<[(Box<str>, Box<str>)]>,
    /// Labels of the pod's namespace, sorted by key.
    pub namespace_labels: Arc<[(Box<str>, Box<str>)]>,
    /// Node the pod runs on.
    pub node: Arc<str>,
    /// Top owner.
    pub owner: Owner,
    /// Wanted replicas of the owner; `None` if unknown.
    pub replicas: Option<u32>,
    /// When the pod started; `None` if unknown.
    pub started: Option<Timestamp>,
    /// Addresses of the pod; empty with host network.
    pub addresses: Arc<[IpAddr]>,
    /// The pod uses the host's network.
    pub host_network: bool,
    /// (container id, container name), also of ended ones.
    pub containers: Arc<[(ContainerId, Box<str>)]>,
    /// Of a static pod: the hash of its configuration, which its cgroups carry instead of the uid.
    pub config_hash: Option<Arc<str>>,
    /// `spec.runtimeClassName`, if it names one and the pod has not ended.
    pub runtime_class: Option<Arc<str>>,
}

/// The originator of a flow. Built once per process (or per source address in recorded traffic), then shared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Actor {
    /// Container, if the flow comes from one.
    pub container: Option<ContainerId>,
    /// Uid of the pod, if known from the cgroup path or a log.
    pub pod_uid: Option<Arc<str>>,
    /// Source address, if known.
    pub address: Option<IpAddr>,
    /// Process, if known.
    pub process: Option<Process>,
    /// Cgroup the socket belongs to; 0 if unknown.
    pub cgroup: u64,
}

/// What separates an actor's conversations from others': container (else source address) and executable.
/// Two processes of one executable in one container are one actor to the detectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorKey(pub Id);

impl Actor {
    /// Its key; costs a hash of a few strings, so keep it beside the shared actor.
    #[must_use]
    pub fn key(&self) -> ActorKey {
        let executable = self.process.as_ref().map(|p| &*p.executable);
        ActorKey(identity::actor(self.alone(), executable))
    }

    /// What distinguishes it from others, whatever runs there: the best that is known without its pod.
    pub(crate) fn alone(&self) -> Alone<'_> {
        match (&self.container, self.cgroup) {
            (Some(container), _) => Alone::Container(container),
            (None, 0) => Alone::Address(self.address),
            (None, cgroup) => Alone::Cgroup(cgroup),
        }
    }

    /// Path of its executable; `None` if unknown.
    pub(crate) fn executable(&self) -> Option<&str> {
        self.process.as_ref().map(|process| &*process.executable).filter(|path| !path.is_empty())
    }
}

choices!(ExecutableOrigin { 0 => Unknown, 1 => Image, 2 => Drift, 3 => Writable, 4 => Deleted, 5 => Memfd });
fields!(FileId { device, inode });
fields!(Process {
    pid,
    start_ns,
    parent_pid,
    executable,
    file,
    digest,
    origin,
    args,
    uid,
    login_uid,
    lineage,
    exec_session,
});
fields!(Owner { kind, name });
fields!(Pod {
    uid,
    name,
    namespace,
    labels,
    namespace_labels,
    node,
    owner,
    replicas,
    started,
    addresses,
    host_network,
    containers,
    config_hash = since(3, None),
    runtime_class = since(3, None),
});
fields!(Actor { container, pod_uid, address, process, cgroup });
newtype!(ActorKey);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_many_programs_is_named_by_how_it_was_called() {
        let program = |executable: &str, args: &[&str]| {
            let args = args.iter().map(|arg| Box::from(*arg)).collect();
            Process { executable: executable.into(), args, ..Process::default() }.program().to_owned()
        };
        assert_eq!(program("/bin/busybox", &["wget", "-q"]), "wget");
        assert_eq!(program("/bin/busybox", &["/bin/busybox", "nc", "-l"]), "nc");
        assert_eq!(program("/bin/busybox", &["-sh"]), "sh");
        assert_eq!(program("/bin/busybox", &["busybox"]), "busybox");
        assert_eq!(program("/bin/busybox", &[]), "busybox");
        assert_eq!(program("/usr/bin/curl", &["wget"]), "curl");
        assert_eq!(program("", &[]), "");
    }
}
