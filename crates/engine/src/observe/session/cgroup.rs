//! What a cgroup path says: container, pod, runtime, quality of service. A pure function of the path.
//!
//! Kubelet's systemd and cgroupfs layouts under containerd, CRI-O, Docker (cri-dockerd) and Podman are distinguished by
//! the names that runtimes give their cgroups; what matches none of them is a plain host service.
//!
//! Whoever may create cgroups inside a container can choose names there, also those of another pod. So the place in
//! the tree decides: the first pod or container on the way from the root is it, and nothing below it is read. A node
//! that is itself a container (kind, k3d) has its own root, to which the agent makes paths relative.

use std::sync::Arc;

use crate::actor::ContainerId;

/// What a cgroup path says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CgroupIdentity {
    /// Container, if the path is one or lies inside one.
    pub container: Option<ContainerId>,
    /// Uid of the pod, lower case with dashes. For static pods the kubelet puts its configuration hash here.
    pub pod_uid: Option<Arc<str>>,
    /// Runtime, as far as the path shows it.
    pub runtime: Option<Runtime>,
    /// Quality of service class, if below `kubepods`.
    pub qos: Option<Qos>,
}

/// A container runtime, by the names of its cgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Runtime {
    /// containerd's CRI plugin, or nerdctl.
    Containerd,
    /// CRI-O.
    CriO,
    /// Docker, or cri-dockerd.
    Docker,
    /// Podman.
    Podman,
}

/// Quality of service class of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Qos {
    /// Requests equal limits.
    Guaranteed,
    /// Some requests.
    Burstable,
    /// No requests.
    BestEffort,
}

/// Reads a path below the node's root, as the kernel or `/proc/PID/cgroup` (`0::/...`) shows it.
#[must_use]
pub fn parse(path: &str) -> CgroupIdentity {
    let path = path.strip_prefix("0::").unwrap_or(path);
    let mut identity = CgroupIdentity::default();
    let mut level = Level::Host;
    let mut parent = "";
    for component in path.split('/').filter(|c| !c.is_empty() && *c != "..") {
        let above = level;
        if level == Level::Host && is_kubepods_root(component) {
            identity.qos = Some(Qos::Guaranteed);
            level = Level::Kubepods;
        }
        let known = level == Level::Kubepods && read_kubepods(component, &mut identity);
        if let Some((runtime, id)) = container_of(component, parent, identity.pod_uid.is_some()) {
            identity.container = Some(Arc::from(id));
            identity.runtime = runtime;
            return identity;
        }
        match above {
            Level::Kubepods if !known => return identity,
            Level::Pod => return identity,
            Level::Host | Level::Kubepods => {}
        }
        if identity.pod_uid.is_some() {
            level = Level::Pod;
        }
        parent = component;
    }
    identity
}

/// Where a node's own root is, judged by the path of a process that the node's kubelet started, such as the agent
/// itself: below the container that the node is, or at the root (an empty path) if it is none. Elsewhere, names that
/// look like a node's are not believed.
#[must_use]
pub fn node_root(own: &str) -> &str {
    let mut root = "";
    let mut found = "";
    let mut parent = "";
    let mut end = 0;
    for component in own.split_inclusive('/') {
        end += component.len();
        let component = component.trim_end_matches('/');
        if is_kubepods_root(component) {
            found = root;
        } else if container_of(component, parent, false).is_some() {
            root = own.get(..end).unwrap_or_default().trim_end_matches('/');
        }
        parent = component;
    }
    found
}

/// How far down a path is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    /// Cgroups of the host.
    Host,
    /// The kubelet's own: classes of service and pods.
    Kubepods,
    /// A pod's own: the runtime makes one for each container.
    Pod,
}

/// `kubepods`, `kubepods.slice`, `kubelet-kubepods.slice`; also the flat form that containerd makes when its cgroup
/// driver is not the kubelet's (`kubepods-burstable-podUID.slice:cri-containerd:ID`, below a host service).
fn is_kubepods_root(component: &str) -> bool {
    matches!(component, "kubepods" | "kubepods.slice")
        || component.ends_with("-kubepods.slice")
        || (component.starts_with("kubepods-") && component.contains(":cri-containerd:"))
}

/// Reads a cgroup that the kubelet made; false if it is none.
fn read_kubepods(component: &str, identity: &mut CgroupIdentity) -> bool {
    let name = component.split_once(':').map_or(component, |(slice, _)| slice);
    let name = name.strip_suffix(".slice").unwrap_or(name);
    let (class, pod) = match name.rsplit_once("-pod") {
        Some((class, uid)) => (class, Some(uid)),
        None => (name, name.strip_prefix("pod")),
    };
    let class = match class {
        _ if class.ends_with("besteffort") => Some(Qos::BestEffort),
        _ if class.ends_with("burstable") => Some(Qos::Burstable),
        _ => None,
    };
    let uid = pod.filter(|uid| is_pod_uid(uid));
    identity.qos = class.or(identity.qos);
    identity.pod_uid = uid.map(|uid| Arc::from(uid.replace('_', "-").to_ascii_lowercase()));
    class.is_some() || uid.is_some()
}

/// A uuid with dashes or (systemd) underscores, or the 32 digits of a static pod's configuration hash.
fn is_pod_uid(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
    let separators = text.bytes().filter(|b| matches!(b, b'-' | b'_')).count();
    digits == 32 && digits + separators == text.len() && matches!(separators, 0 | 4)
}

/// The container that a component of the path names, with its runtime.
fn container_of<'a>(component: &'a str, parent: &str, in_pod: bool) -> Option<(Option<Runtime>, &'a str)> {
    let name = component.rsplit_once(':').map_or(component, |(_, id)| id);
    let name = name.strip_suffix(".scope").unwrap_or(name);
    const PREFIXES: [(&str, Runtime); 7] = [
        ("cri-containerd-", Runtime::Containerd),
        // Escaped once too often, as some versions of systemd show it.
        ("cri\\x2dcontainerd-", Runtime::Containerd),
        ("nerdctl-", Runtime::Containerd),
        ("crio-", Runtime::CriO),
        ("docker-", Runtime::Docker),
        ("libpod-payload-", Runtime::Podman),
        ("libpod-", Runtime::Podman),
    ];
    for (prefix, runtime) in PREFIXES {
        if let Some(id) = name.strip_prefix(prefix) {
            return is_container_id(id).then_some((Some(runtime), id));
        }
    }
    if !is_container_id(name) {
        return is_fargate_id(name, parent).then_some((None, name));
    }
    match parent {
        _ if component.contains(":cri-containerd:") => Some((Some(Runtime::Containerd), name)),
        "docker" => Some((Some(Runtime::Docker), name)),
        "libpod_parent" => Some((Some(Runtime::Podman), name)),
        _ if in_pod => Some((None, name)),
        // `/ecs/TASK/ID`, and runtimes that put a bare id below a directory of their own.
        _ if !component.ends_with(".scope") => Some((None, name)),
        _ => None,
    }
}

pub(super) fn is_container_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// `/ecs/TASK/TASK-NUMBER`: Fargate names a container by its task and a number.
fn is_fargate_id(name: &str, parent: &str) -> bool {
    name.split_once('-').is_some_and(|(task, number)| {
        task == parent
            && task.len() == 32
            && task.bytes().all(|b| b.is_ascii_hexdigit())
            && !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests;
