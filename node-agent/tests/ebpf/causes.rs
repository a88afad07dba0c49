//! Why nothing or little can be seen here, told apart for real; `make test-kernels` does the same for
//! seccomp, AppArmor, locked memory and lockdown on other kernels.

use std::process::Command;

use serde_json::Value;

use crate::scene::load;

const AGENT: &str = env!("CARGO_BIN_EXE_beaconwatch-agent");

/// Every cause in `doctor`'s report when it is started by a command.
fn causes(command: &[&str]) -> Vec<String> {
    let output =
        Command::new(command[0]).args(&command[1..]).args([AGENT, "doctor", "--json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let hooks = report["hooks"].as_array().unwrap().iter().map(|hook| &hook["cause"]);
    let mut all: Vec<String> =
        hooks.chain([&report["cause"]]).filter_map(Value::as_str).map(str::to_owned).collect();
    all.dedup();
    let changes = format!("{report}").matches("CAP_").count();
    assert!(all.is_empty() || output.status.code() != Some(0), "{report:#}");
    assert!(!all.contains(&"missing-capability".to_owned()) || changes > 0, "{report:#}");
    all
}

#[test]
fn doctor_tells_missing_capabilities_and_user_namespaces_from_one_another() {
    if load(&beaconwatch_agent::ebpf::EbpfOptions::default()).is_none() {
        return;
    }
    let with =
        |rights: &str| causes(&["setpriv", "--inh-caps=-all", &format!("--bounding-set=-all,{rights}")]);
    assert_eq!(with("+bpf,+perfmon,+net_admin"), Vec::<String>::new());
    for rights in ["+perfmon,+net_admin", "+bpf,+net_admin", "+bpf,+perfmon"] {
        assert_eq!(with(rights), ["missing-capability"], "{rights}");
    }
    assert_eq!(causes(&["unshare", "--user", "--map-root-user"]), ["user-namespace"]);
}
