//! The release under test, installed with helm as a user would.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::collector::Collector;
use crate::{chart, cluster_cache, repository};

/// Namespace of the release.
pub const NAMESPACE: &str = "beaconwatch";

/// Name of the release.
pub const NAME: &str = "beaconwatch";

/// `helm upgrade --install` with the scenarios' values and some more `--set`; returns when everything is ready.
///
/// # Errors
///
/// What helm said.
pub fn install(settings: &[&str]) -> Result<String> {
    let chart = chart::directory().display().to_string();
    let values = repository().join("e2e/values.yaml").display().to_string();
    let endpoint = format!("--set=otlp.endpoint={}", Collector::endpoint());
    let mut arguments =
        vec!["upgrade", "--install", NAME, &chart, "--create-namespace", "--values", &values, &endpoint];
    // Nodes of the local cluster have hybrid cgroups.
    let cgroups = std::env::var("BEACONWATCH_E2E_CGROUP_PATH")
        .ok()
        .map(|path| format!("--set=agent.cgroupPath={path}"));
    arguments.extend(cgroups.as_deref());
    arguments.extend(["--wait", "--timeout=120s"]);
    let settings: Vec<String> = settings.iter().map(|setting| format!("--set={setting}")).collect();
    arguments.extend(settings.iter().map(String::as_str));
    helm(&arguments)
}

/// `helm uninstall`.
///
/// # Errors
///
/// What helm said.
pub fn uninstall() -> Result<String> {
    helm(&["uninstall", NAME, "--wait", "--timeout=120s"])
}

fn helm(arguments: &[&str]) -> Result<String> {
    let output = Command::new(cluster_cache().join("bin/helm"))
        .arg("--namespace")
        .arg(NAMESPACE)
        .args(arguments)
        .output()?;
    ensure!(
        output.status.success(),
        "helm {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
