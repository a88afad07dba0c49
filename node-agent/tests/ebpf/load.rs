//! The kernel object on the running kernel: every hook loads, attaches, and can be left out.

use beaconwatch_agent::ebpf::{Ebpf, EbpfOptions, HookState};

use crate::scene;

#[test]
fn every_hook_attaches_on_this_kernel() {
    let Some((ebpf, reports)) = scene::load(&EbpfOptions::default()) else { return };
    for report in &reports {
        assert_eq!(report.state, HookState::Attached, "{}", report.hook.name);
    }
    assert_eq!(ebpf.counters().lost, vec![]);
}

#[test]
fn without_payload_the_packet_hooks_are_off_and_say_what_is_missing() {
    let options = EbpfOptions { payload: false, ..EbpfOptions::default() };
    let Some((_ebpf, reports)) = scene::load(&options) else { return };
    let off: Vec<&str> = reports.iter().filter(|r| r.state == HookState::Off).map(|r| r.hook.name).collect();
    assert_eq!(off, ["packet_sent", "packet_received"]);
    assert!(
        reports.iter().all(|report| (report.state == HookState::Attached) == report.invisible().is_none())
    );
}

#[test]
fn a_scope_that_does_not_exist_is_an_error() {
    if scene::load(&EbpfOptions::default()).is_none() {
        return;
    }
    let options = EbpfOptions { scope: Some("/no/such/cgroup".to_owned()), ..EbpfOptions::default() };
    let error = Ebpf::load(&options).unwrap_err();
    assert!(error.to_string().contains("no/such/cgroup"), "{error}");
}
