//! Cgroups that a container makes for itself, and an agent whose root is a node inside a container.

use std::path::Path;
use std::process::{Command, Stdio};

use beaconwatch_agent::ebpf::EbpfOptions;
use beaconwatch_engine::input::{Event, Input};

use crate::container::REQUEST;
use crate::scene::{ANSWER, CLOSES, SERVER, Scene, Watch, joined, load};

const POD: &str = "0d4f0a4e-8c1e-4b0c-9a53-3d2f4c9d7f10";
const VICTIM: &str = "11111111-2222-4333-8444-555555555555";

fn id(digit: char) -> String {
    digit.to_string().repeat(64)
}

/// One connection of a shell that runs `set_up` first: its own arguments are the server's address and port.
fn connect(scene: &Scene, scope: &Path, set_up: &str) {
    let talk = format!(
        "exec 3<>/dev/tcp/$1/$2; printf '%0{REQUEST}d' 0 >&3; [ \"$(head -c {ANSWER} <&3 | wc -c)\" = {ANSWER} ]"
    );
    let script = format!("set -e; {set_up}; exec bash -c {} talk {SERVER} {CLOSES}", quoted(&talk));
    let output = scene.inside(1, || {
        Command::new("sh")
            .args(["-c", "echo 0 > \"$0\" && exec \"$@\""])
            .arg(scope.join("cgroup.procs"))
            .args(["unshare", "--cgroup", "--mount", "bash", "-c", &script])
            .stdin(Stdio::null())
            .output()
            .unwrap()
    });
    assert!(output.status.success(), "{output:?}");
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[test]
fn a_pod_that_names_its_cgroups_as_another_pods_stays_itself() {
    if load(&EbpfOptions::default()).is_none() {
        return;
    }
    let scene = Scene::with_rooms(1);
    let watch = Watch::begin(&scene.options()).unwrap();
    let scope = scene.cgroup(&format!("kubepods/burstable/pod{POD}/{}", id('a')));
    std::fs::create_dir_all(&scope).unwrap();
    let disguises = [
        format!("kubepods/burstable/pod{VICTIM}/{}", id('b')),
        format!(
            "kubepods.slice/kubepods-pod{}.slice/cri-containerd-{}.scope",
            VICTIM.replace('-', "_"),
            id('b')
        ),
        format!("docker/{}", id('b')),
    ];
    let root = std::env::temp_dir().join(scene.name());
    std::fs::create_dir_all(&root).unwrap();
    for disguise in &disguises {
        let own = root.join(disguise);
        let set_up = format!(
            "mount -t cgroup2 none {}; mkdir -p {own}; echo $$ > {own}/cgroup.procs",
            root.display(),
            own = own.display()
        );
        connect(&scene, &scope, &set_up);
    }
    let inputs = watch.end();
    let _ = std::fs::remove_dir(&root);
    let is_told = |name: &String| {
        let ends = |path: &str| path.ends_with(name.as_str());
        inputs
            .iter()
            .any(|(_, input)| matches!(input, Input::Event(Event::CgroupCreated { path, .. }) if ends(path)))
    };
    assert!(disguises.iter().all(is_told), "the cgroups were made");
    let contacts = joined(inputs).0;
    assert_eq!(contacts.len(), disguises.len(), "{contacts:#?}");
    for contact in contacts {
        let actor = &contact.actor;
        assert_eq!((actor.pod_uid.as_deref(), actor.container.as_deref()), (Some(POD), Some(&*id('a'))));
    }
}

#[test]
fn an_agent_of_a_node_inside_a_container_tells_that_nodes_pods() {
    if load(&EbpfOptions::default()).is_none() {
        return;
    }
    let scene = Scene::with_rooms(1);
    let node = scene.cgroup(&format!("docker/{}", id('1')));
    let pods = node.join("kubelet.slice/kubelet-kubepods.slice");
    let pod = pods.join(format!("kubelet-kubepods-pod{}.slice", POD.replace('-', "_")));
    std::fs::create_dir_all(&pods).unwrap();
    let options = EbpfOptions { cgroup_root: Some(node), ..EbpfOptions::default() };
    let watch = Watch::begin(&options).unwrap();
    let scope = pod.join(format!("cri-containerd-{}.scope", id('c')));
    std::fs::create_dir_all(&scope).unwrap();
    connect(&scene, &scope, "true");
    let contacts = joined(watch.end()).0;
    let [contact] = &contacts[..] else { panic!("{contacts:#?}") };
    let actor = &contact.actor;
    assert_eq!((actor.pod_uid.as_deref(), actor.container.as_deref()), (Some(POD), Some(&*id('c'))));
    let process = actor.process.as_ref().unwrap();
    assert_eq!(&*process.executable, "/usr/bin/bash");
}
