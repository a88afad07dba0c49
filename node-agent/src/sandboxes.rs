//! Sandboxed pods in words and numbers: what is inside of them is not seen, and that is said by name.

use std::sync::Arc;

use beaconwatch_engine::actor::Pod;
use beaconwatch_engine::observe::session::{Sandbox, SandboxRuntime};

/// A sandbox and its pod, if that is known.
pub(crate) type Sandboxed = (Sandbox, Option<Arc<Pod>>);

/// Names in a sentence; further ones are counted.
const NAMES_MAX: usize = 5;

/// How many there are of each runtime.
pub(crate) fn count(sandboxed: &[Sandboxed]) -> Vec<(SandboxRuntime, u64)> {
    let of = |runtime| sandboxed.iter().filter(|(sandbox, _)| sandbox.runtime == runtime).count() as u64;
    SandboxRuntime::ALL.map(|runtime| (runtime, of(runtime))).to_vec()
}

/// What is not seen, a sentence for each runtime.
pub(crate) fn limits(sandboxed: &[Sandboxed]) -> Vec<String> {
    let sentence = |runtime: SandboxRuntime| {
        let mut names: Vec<String> =
            sandboxed.iter().filter(|(sandbox, _)| sandbox.runtime == runtime).map(name).collect();
        names.sort_unstable();
        names.dedup();
        let more = names.len().saturating_sub(NAMES_MAX);
        names.truncate(NAMES_MAX);
        let what = match runtime {
            SandboxRuntime::Gvisor => "gVisor sandboxes",
            SandboxRuntime::VirtualMachine => "virtual machines (Kata and others)",
        };
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        (!names.is_empty()).then(|| format!("inside of {what} nothing is seen: {}{more}", names.join(", ")))
    };
    SandboxRuntime::ALL.into_iter().filter_map(sentence).collect()
}

/// Namespace and name of the pod, with its RuntimeClass, else its uid, else the container.
fn name((sandbox, pod): &Sandboxed) -> String {
    match (pod, &sandbox.pod_uid, &sandbox.container) {
        (Some(pod), _, _) => {
            let class = pod.runtime_class.as_ref().map(|class| format!(" (RuntimeClass {class})"));
            format!("{}/{}{}", pod.namespace, pod.name, class.unwrap_or_default())
        }
        (None, Some(uid), _) => format!("pod {uid}"),
        (None, None, Some(container)) => format!("container {container}"),
        (None, None, None) => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sandboxed_pods_are_named_and_the_rest_is_counted() {
        let of = |runtime, number: u32, known: bool| {
            let name: Arc<str> = format!("web-{number}").into();
            let pod = Pod { namespace: "shop".into(), name: Arc::clone(&name), ..Pod::default() };
            (Sandbox { runtime, pod_uid: Some(name), container: None }, known.then(|| Arc::new(pod)))
        };
        let mut all: Vec<Sandboxed> = (0..7).map(|number| of(SandboxRuntime::Gvisor, number, true)).collect();
        all.push(of(SandboxRuntime::VirtualMachine, 9, false));
        let expect = [
            "inside of gVisor sandboxes nothing is seen: shop/web-0, shop/web-1, shop/web-2, shop/web-3, shop/web-4 and 2 more",
            "inside of virtual machines (Kata and others) nothing is seen: pod web-9",
        ];
        assert_eq!(limits(&all), expect);
        assert_eq!(count(&all), [(SandboxRuntime::Gvisor, 7), (SandboxRuntime::VirtualMachine, 1)]);
        assert_eq!(limits(&[]), Vec::<String>::new());
        let of_class = Pod {
            runtime_class: Some("kata-qemu".into()),
            namespace: "shop".into(),
            name: "db-0".into(),
            ..Pod::default()
        };
        let machine = Sandbox { runtime: SandboxRuntime::VirtualMachine, pod_uid: None, container: None };
        let expect = "inside of virtual machines (Kata and others) nothing is seen: shop/db-0 (RuntimeClass kata-qemu)";
        assert_eq!(limits(&[(machine, Some(Arc::new(of_class)))]), [expect]);
    }
}
