//! Paths as runtimes and hostile processes make them.

use super::*;

const ID: &str = "8dbf2ee1a5d1b5c4b8e3f0d1c2a3948576675849302112f3e4d5c6b7a8990a1b";
const OUTER: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const UID: &str = "0d4f0a4e-8c1e-4b0c-9a53-3d2f4c9d7f10";

const VICTIM: &str = "11111111-2222-4333-8444-555555555555";

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

/// Placeholders: `<c>` container id, `<u_>` pod uid with underscores, `<u->` with dashes, `<o>` another id, `<v_>`
/// and `<v->` another pod's uid.
fn fill(path: &str) -> String {
    path.replace("<c>", ID)
        .replace("<o>", OUTER)
        .replace("<u_>", &UID.replace('-', "_"))
        .replace("<u->", UID)
        .replace("<v_>", &VICTIM.replace('-', "_"))
        .replace("<v->", VICTIM)
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
        ("/user.slice/user-1000.slice/user@1000.service/kubepods/besteffort/pod<u->/<c>", None, BestEffort),
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
        (
            "/system.slice/snap.microk8s.daemon-containerd.service/kubepods/burstable/pod<u->/<c>",
            None,
            Burstable,
        ),
        (
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod<u_>.slice/cri\\x2dcontainerd-<c>.scope",
            Some(Containerd),
            BestEffort,
        ),
        // seen from a private cgroup namespace, and as /proc shows it
        (
            "/../../kubepods-burstable.slice/../kubepods.slice/kubepods-burstable-pod<u_>.slice/cri-containerd-<c>.scope",
            Some(Containerd),
            Burstable,
        ),
        ("0::/../../../kubepods.slice/kubepods-pod<u_>.slice/crio-<c>.scope", Some(CriO), Guaranteed),
        ("0::/kubepods/besteffort/pod<u->/<c>", None, BestEffort),
        // names chosen inside a container are not believed: another container, another pod, Docker or kind inside
        ("/kubepods/besteffort/pod<u->/<c>/cri-containerd-<o>.scope", None, BestEffort),
        ("/kubepods/burstable/pod<u->/<c>/docker/<o>", None, Burstable),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<u_>.slice/cri-containerd-<c>.scope/system.slice/docker-<o>.scope",
            Some(Containerd),
            Burstable,
        ),
        ("/kubepods/burstable/pod<u->/<c>/kubepods/burstable/pod<v->/<o>", None, Burstable),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<u_>.slice/cri-containerd-<c>.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod<v_>.slice/cri-containerd-<o>.scope",
            Some(Containerd),
            Burstable,
        ),
        ("/kubepods/burstable/pod<u->/<c>/kubepods", None, Burstable),
        ("/kubepods/burstable/pod<u->/<c>/kubepods-x:cri-containerd:<o>", None, Burstable),
        ("/kubepods/besteffort/pod<u->/<c>/buildkit/abcdefghijklmnopqrstuvwxy", None, BestEffort),
        // a virtual machine below its sandbox's container
        (
            "/kubepods.slice/kubepods-pod<u_>.slice/cri-containerd-<c>.scope/kata_<o>",
            Some(Containerd),
            Guaranteed,
        ),
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
        ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-<c>.scope/container", Some(Podman)),
        ("/system.slice/web.service/libpod-payload-<c>", Some(Podman)),
        ("/libpod_parent/libpod-<c>", Some(Podman)),
        ("/libpod_parent/<c>", Some(Podman)),
        ("/system.slice/nerdctl-<c>.scope", Some(Containerd)),
        ("/system.slice/crio-<c>.scope", Some(CriO)),
        ("/default/<c>", None),
        ("/ecs/0123456789abcdef0123456789abcdef/<c>", None),
        ("/ecstasks.slice/ecstasks-0123456789abcdef0123456789abcdef.slice/docker-<c>.scope", Some(Docker)),
        ("/../docker-<c>.scope", Some(Docker)),
        ("0::/../cri-containerd-<c>.scope", Some(Containerd)),
        ("/pod_123-456/crio-<c>", Some(CriO)),
        // a node inside a container, seen from outside of it: what it says of its pods is its own affair
        ("/docker/<c>/kubepods/besteffort/pod<u->/<o>", Some(Docker)),
        ("/system.slice/docker-<c>.scope/kubelet/kubepods/burstable/pod<u->/<o>", Some(Docker)),
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
        // what runs beside the containers of a pod, and what it names itself, is the pod's
        ("/kubepods/burstable/pod<u->/scratch/<o>", Qos::Burstable),
        ("/kubepods/burstable/pod<u->/scratch/kubepods/pod<v->/<o>", Qos::Burstable),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<u_>.slice/kata_<o>",
            Qos::Burstable,
        ),
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
        "/nomad.slice/<u->.web.scope",
        "/podruntime/kubelet",
        "/lxc.payload.c1/system.slice/x.service",
        "/machine.slice/systemd-nspawn@box.service/payload",
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

#[test]
fn a_node_that_is_a_container_is_told_by_where_its_kubelet_put_the_agent() {
    for (own, root) in [
        ("/kubepods.slice/kubepods-pod<u_>.slice/cri-containerd-<c>.scope", ""),
        ("/k3s/kubepods/burstable/pod<u->/<c>", ""),
        ("/system.slice/beaconwatch.service", ""),
        ("/docker/<o>", ""),
        (
            "/docker/<o>/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod<u_>.slice/cri-containerd-<c>.scope",
            "/docker/<o>",
        ),
        ("/system.slice/docker-<o>.scope/kubelet/kubepods/pod<u->/<c>", "/system.slice/docker-<o>.scope"),
        (
            "/kubepods/burstable/pod<v->/<c>/docker/<o>/kubepods/pod<u->/<c>",
            "/kubepods/burstable/pod<v->/<c>/docker/<o>",
        ),
        ("/kubepods-besteffort-pod<u_>.slice:cri-containerd:<c>", ""),
        ("", ""),
    ] {
        assert_eq!(node_root(&fill(own)), fill(root), "{own}");
    }
}
