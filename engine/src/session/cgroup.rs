//! What a cgroup path says: container, pod, runtime, quality of service. A pure function of the path.
//!
//! Kubelet's systemd and cgroupfs layouts under containerd, CRI-O, Docker (cri-dockerd) and Podman are told apart by
//! the names that runtimes give their cgroups; what matches none of them is a plain host service. A node that is
//! itself a container (kind, k3d) nests one hierarchy in another: what lies below the innermost `kubepods` counts.
//! Whoever may create cgroups inside a container's own can choose names there, so the outermost container below
//! `kubepods` is taken.

use std::sync::Arc;

use crate::actor::ContainerId;

/// What a cgroup path says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CgroupIdentity {
    /// Container, if the path is one or lies inside one.
    pub container: Option<ContainerId>,
    /// Uid of the pod, lower case with dashes. For static pods the kubelet puts its configuration hash here.
    pub pod_uid: Option<Arc<str>>,
    /// Runtime, as far as the path tells.
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

/// Reads a path below the cgroup2 root, as the kernel or `/proc/PID/cgroup` (`0::/...`) shows it.
#[must_use]
pub fn parse(path: &str) -> CgroupIdentity {
    let path = path.strip_prefix("0::").unwrap_or(path);
    let components = || path.split('/').filter(|c| !c.is_empty() && *c != "..");
    let mut identity = CgroupIdentity::default();
    let kubepods = components().enumerate().filter(|(_, c)| is_kubepods_root(c)).map(|(at, _)| at).last();
    let below = components().skip(kubepods.unwrap_or(0));
    if kubepods.is_some() {
        identity.qos = Some(Qos::Guaranteed);
    }
    let mut parent = "";
    for component in below {
        if kubepods.is_some() {
            read_kubepods(component, &mut identity);
        }
        if let Some((runtime, id)) = container_of(component, parent, identity.pod_uid.is_some()) {
            identity.container = Some(Arc::from(id));
            identity.runtime = runtime;
            break;
        }
        parent = component;
    }
    identity
}

/// `kubepods`, `kubepods.slice`, `kubelet-kubepods.slice`; also the flat form that containerd makes when its cgroup
/// driver is not the kubelet's (`kubepods-burstable-podUID.slice:cri-containerd:ID`, below a host service).
fn is_kubepods_root(component: &str) -> bool {
    matches!(component, "kubepods" | "kubepods.slice")
        || component.ends_with("-kubepods.slice")
        || (component.starts_with("kubepods-") && component.contains(":cri-containerd:"))
}

fn read_kubepods(component: &str, identity: &mut CgroupIdentity) {
    let name = component.split_once(':').map_or(component, |(slice, _)| slice);
    let name = name.strip_suffix(".slice").unwrap_or(name);
    let (class, pod) = match name.rsplit_once("-pod") {
        Some((class, uid)) => (class, Some(uid)),
        None => (name, name.strip_prefix("pod")),
    };
    if class.ends_with("besteffort") {
        identity.qos = Some(Qos::BestEffort);
    } else if class.ends_with("burstable") {
        identity.qos = Some(Qos::Burstable);
    }
    if identity.pod_uid.is_none()
        && let Some(uid) = pod
        && is_pod_uid(uid)
    {
        identity.pod_uid = Some(Arc::from(uid.replace('_', "-").to_ascii_lowercase()));
    }
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
    const PREFIXES: [(&str, Runtime); 6] = [
        ("cri-containerd-", Runtime::Containerd),
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

fn is_container_id(text: &str) -> bool {
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
mod tests {
    use super::*;

    const ID: &str = "8dbf2ee1a5d1b5c4b8e3f0d1c2a3948576675849302112f3e4d5c6b7a8990a1b";
    const OUTER: &str = "1111111111111111111111111111111111111111111111111111111111111111";
    const UID: &str = "0d4f0a4e-8c1e-4b0c-9a53-3d2f4c9d7f10";

    fn check(path: &str, container: bool, pod: Option<&str>, runtime: Option<Runtime>, qos: Option<Qos>) {
        let path = fill(path);
        let expect = CgroupIdentity {
            container: container.then(|| Arc::from(ID)),
            pod_uid: pod.map(Arc::from),
            runtime,
            qos,
        };
        assert_eq!(parse(&path), expect, "{path}");
    }

    /// Placeholders: `<c>` container id, `<u_>` pod uid with underscores, `<u->` with dashes, `<o>` another id.
    fn fill(path: &str) -> String {
        path.replace("<c>", ID)
            .replace("<o>", OUTER)
            .replace("<u_>", &UID.replace('-', "_"))
            .replace("<u->", UID)
    }

    #[test]
    fn containers_of_pods_are_told_from_real_paths() {
        use Qos::{BestEffort, Burstable, Guaranteed};
        use Runtime::{Containerd, CriO, Docker, Podman};
        let table: &[(&str, Option<Runtime>, Qos)] = &[
            // systemd driver: kubeadm, Bottlerocket, EKS, AKS, RKE2
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<u_>.slice/cri-containerd-<c>.scope",
                Some(Containerd),
                Burstable,
            ),
            (
                "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod<u_>.slice/cri-containerd-<c>.scope",
                Some(Containerd),
                BestEffort,
            ),
            ("/kubepods.slice/kubepods-pod<u_>.slice/cri-containerd-<c>.scope", Some(Containerd), Guaranteed),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<u_>.slice/crio-<c>.scope",
                Some(CriO),
                Burstable,
            ),
            (
                "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod<u_>.slice/crio-<c>.scope/container",
                Some(CriO),
                BestEffort,
            ),
            (
                "/kubepods.slice/kubepods-pod<u_>.slice/crio-<c>.scope/system.slice/nginx.service",
                Some(CriO),
                Guaranteed,
            ),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<u_>.slice/docker-<c>.scope",
                Some(Docker),
                Burstable,
            ),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<u_>.slice/libpod-<c>.scope",
                Some(Podman),
                Burstable,
            ),
            // cgroupfs driver: GKE, k3s, microk8s, minikube
            ("/kubepods/burstable/pod<u->/<c>", None, Burstable),
            ("/kubepods/besteffort/pod<u->/<c>", None, BestEffort),
            ("/kubepods/pod<u->/<c>", None, Guaranteed),
            ("/kubepods/pod<u->/cri-containerd-<c>", Some(Containerd), Guaranteed),
            ("/kubepods/burstable/pod<u->/crio-<c>", Some(CriO), Burstable),
            ("/kubepods/burstable/pod<u->/<c>/init.scope", None, Burstable),
            ("/k3s/kubepods/burstable/pod<u->/<c>", None, Burstable),
            (
                "/user.slice/user-1000.slice/user@1000.service/kubepods/besteffort/pod<u->/<c>",
                None,
                BestEffort,
            ),
            // the kubelet's cgroup-root is not the root
            (
                "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod<u_>.slice/cri-containerd-<c>.scope",
                Some(Containerd),
                Burstable,
            ),
            (
                "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod<u_>.slice/cri-containerd-<c>.scope",
                Some(Containerd),
                Guaranteed,
            ),
            ("/kubelet/kubepods/besteffort/pod<u->/<c>", None, BestEffort),
            // the kubelet's driver is systemd, containerd's is not
            (
                "/system.slice/containerd.service/kubepods-burstable-pod<u_>.slice:cri-containerd:<c>",
                Some(Containerd),
                Burstable,
            ),
            ("/kubepods-besteffort-pod<u_>.slice:cri-containerd:<c>", Some(Containerd), BestEffort),
            // a node that is a container (kind, k3d)
            (
                "/docker/<o>/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod<u_>.slice/cri-containerd-<c>.scope",
                Some(Containerd),
                BestEffort,
            ),
            ("/system.slice/docker-<o>.scope/kubelet/kubepods/burstable/pod<u->/<c>", None, Burstable),
            ("/docker/<o>/kubepods/burstable/pod<u->/<c>", None, Burstable),
            // seen from a private cgroup namespace, and as /proc shows it
            (
                "/../../kubepods-burstable.slice/../kubepods.slice/kubepods-burstable-pod<u_>.slice/cri-containerd-<c>.scope",
                Some(Containerd),
                Burstable,
            ),
            ("0::/../../../kubepods.slice/kubepods-pod<u_>.slice/crio-<c>.scope", Some(CriO), Guaranteed),
            ("0::/kubepods/besteffort/pod<u->/<c>", None, BestEffort),
            // a name chosen inside a container is not believed
            ("/kubepods/besteffort/pod<u->/<c>/cri-containerd-<o>.scope", None, BestEffort),
        ];
        for (path, runtime, qos) in table {
            check(path, true, Some(UID), *runtime, Some(*qos));
        }
    }

    #[test]
    fn containers_without_a_pod_are_told_from_real_paths() {
        use Runtime::{Containerd, CriO, Docker, Podman};
        let table: &[(&str, Option<Runtime>)] = &[
            ("/system.slice/docker-<c>.scope", Some(Docker)),
            ("/docker/<c>", Some(Docker)),
            ("/docker/<c>/init.scope", Some(Docker)),
            ("/user.slice/user-1000.slice/user@1000.service/user.slice/docker-<c>.scope", Some(Docker)),
            ("/machine.slice/libpod-<c>.scope", Some(Podman)),
            ("/machine.slice/libpod-<c>.scope/container", Some(Podman)),
            ("/machine.slice/machine-libpod_pod_<o>.slice/libpod-<c>.scope/container", Some(Podman)),
            (
                "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-<c>.scope/container",
                Some(Podman),
            ),
            ("/system.slice/web.service/libpod-payload-<c>", Some(Podman)),
            ("/libpod_parent/libpod-<c>", Some(Podman)),
            ("/libpod_parent/<c>", Some(Podman)),
            ("/system.slice/nerdctl-<c>.scope", Some(Containerd)),
            ("/system.slice/crio-<c>.scope", Some(CriO)),
            ("/default/<c>", None),
            ("/ecs/0123456789abcdef0123456789abcdef/<c>", None),
            (
                "/ecstasks.slice/ecstasks-0123456789abcdef0123456789abcdef.slice/docker-<c>.scope",
                Some(Docker),
            ),
            ("/../docker-<c>.scope", Some(Docker)),
            ("0::/../cri-containerd-<c>.scope", Some(Containerd)),
        ];
        for (path, runtime) in table {
            check(path, true, None, *runtime, None);
        }
    }

    #[test]
    fn pods_without_a_container_and_host_services_are_no_containers() {
        let pod = [
            ("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<u_>.slice", Qos::Burstable),
            ("/kubepods/besteffort/pod<u->", Qos::BestEffort),
            // conmon runs beside the container, not in it
            ("/kubepods.slice/kubepods-pod<u_>.slice/crio-conmon-<c>.scope", Qos::Guaranteed),
            ("/docker/<o>/kubepods/burstable/pod<u->", Qos::Burstable),
        ];
        for (path, qos) in pod {
            check(path, false, Some(UID), None, Some(qos));
        }
        for path in [
            "/",
            "",
            "/init.scope",
            "/system.slice/ssh.service",
            "/system.slice/containerd.service",
            "/user.slice/user-1000.slice/session-3.scope",
            "/system.slice/docker.service",
            "/machine.slice/libpod-conmon-<c>.scope",
            "/runtime.slice/containerd.service",
            "/machine.slice/machine-libpod_pod_<o>.slice",
            "/system.slice/docker-short.scope",
            "0::/",
            "0::/..",
            "/host-containers/admin",
            "/nomad.slice/share.slice/0d4f0a4e.web.scope",
        ] {
            check(path, false, None, None, None);
        }
    }

    #[test]
    fn a_static_pod_and_a_fargate_task_keep_their_own_kinds_of_id() {
        let hash = "f5e0a1b2c3d4e5f60718293a4b5c6d7e";
        let path = format!(
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{hash}.slice/cri-containerd-{ID}.scope"
        );
        assert_eq!(parse(&path).pod_uid.as_deref(), Some(hash));
        let path = format!("/ecs/{hash}/{hash}-1234567890");
        assert_eq!(parse(&path).container.as_deref(), Some(&*format!("{hash}-1234567890")));
    }
}
