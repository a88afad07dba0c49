//! Sandboxed pods: told by the programs that serve them and by their RuntimeClass, each once.

mod support;

use std::sync::Arc;

use beaconwatch_engine::actor::Pod;
use beaconwatch_engine::assess::policy::Policy;
use beaconwatch_engine::input::{Event, Input, ProcessStarted, WorkloadChange};
use beaconwatch_engine::observe::session::SandboxRuntime;
use support::{Scene, time};

fn uid(digit: char) -> String {
    let digits = |count| digit.to_string().repeat(count);
    format!("{}-{}-{}-{}-{}", digits(8), digits(4), digits(4), digits(4), digits(12))
}

fn process(scene: &mut Scene, pid: u32, cgroup: u64, command: &[&str]) {
    let args = command.iter().map(|arg| Box::from(*arg)).collect();
    let executable = command.first().copied().unwrap_or_default().into();
    let started = ProcessStarted { pid, cgroup, executable, args, ..ProcessStarted::default() };
    scene.input(time(0.0), Input::Event(Event::ProcessStarted(Box::new(started))));
}

#[test]
fn a_sandboxed_pod_is_told_once_whatever_shows_it() {
    let mut scene = Scene::with_policy(Policy::everything("sandboxes"));
    for (name, digit, class) in [
        ("both", 'a', Some("gvisor")),
        ("class", 'b', Some("kata-qemu")),
        ("shown", 'c', None),
        ("plain", 'd', Some("nvidia")),
    ] {
        let pod = Pod {
            uid: uid(digit).into(),
            name: name.into(),
            runtime_class: class.map(Arc::from),
            ..Pod::default()
        };
        scene.input(time(0.0), Input::Workload(WorkloadChange::Applied(Arc::new(pod))));
    }
    for (cgroup, digit) in (1..).zip(['a', 'c']) {
        let path = format!("/kubepods/pod{}/{}", uid(digit), digit.to_string().repeat(64)).into();
        scene.input(time(0.0), Input::Event(Event::CgroupCreated { cgroup, path }));
    }
    let service = "/system.slice/containerd.service".into();
    scene.input(time(0.0), Input::Event(Event::CgroupCreated { cgroup: 9, path: service }));
    process(&mut scene, 10, 1, &["/usr/bin/runsc", "boot"]);
    process(&mut scene, 11, 1, &["/usr/bin/runsc", "gofer"]);
    process(&mut scene, 12, 2, &["/opt/kata/bin/qemu-system-x86_64"]);
    // Outside of the pod, and what it names is there with its pod already.
    let id = "c".repeat(64);
    process(
        &mut scene,
        13,
        9,
        &["/opt/kata/bin/containerd-shim-kata-v2", "-namespace", "k8s.io", "-id", &id],
    );
    // Nothing else is known of this one.
    let id = "e".repeat(64);
    process(&mut scene, 14, 9, &["/usr/bin/containerd-shim-runsc-v1", "-namespace", "k8s.io", "-id", &id]);
    let found: Vec<_> = scene
        .engine
        .sandboxes()
        .into_iter()
        .map(|(sandbox, pod)| {
            let name = pod.map(|pod| pod.name.to_string());
            (sandbox.runtime, name.or(sandbox.container.map(|id| id.get(..3).unwrap().to_owned())).unwrap())
        })
        .collect();
    use SandboxRuntime::{Gvisor, VirtualMachine};
    let expect = [(Gvisor, "eee"), (Gvisor, "both"), (VirtualMachine, "class"), (VirtualMachine, "shown")];
    assert_eq!(found, expect.map(|(runtime, name)| (runtime, name.to_owned())));
}
