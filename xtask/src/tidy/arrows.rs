//! The arrows between crates, as ARCHITECTURE.md draws them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::Value;

/// (crate, workspace crates it may use in its product code)
const ALLOWED: &[(&str, &[&str])] = &[
    ("node-agent-common", &[]),
    ("beaconwatch-engine", &[]),
    ("beaconwatch-codec", &["beaconwatch-engine"]),
    ("beaconwatch-importers", &["beaconwatch-engine"]),
    ("beaconwatch-crds", &["beaconwatch-engine"]),
    ("beaconwatch-report", &["beaconwatch-engine", "beaconwatch-crds"]),
    (
        "beaconwatch-replay",
        &[
            "beaconwatch-engine",
            "beaconwatch-codec",
            "beaconwatch-importers",
            "beaconwatch-crds",
            "beaconwatch-report",
        ],
    ),
    ("beaconwatch-operator", &["beaconwatch-crds", "beaconwatch-engine"]),
    (
        "beaconwatch-agent",
        &[
            "node-agent-common",
            "beaconwatch-engine",
            "beaconwatch-codec",
            "beaconwatch-importers",
            "beaconwatch-crds",
            "beaconwatch-report",
            "beaconwatch-replay",
        ],
    ),
    ("beaconwatch-e2e", &["beaconwatch-crds", "beaconwatch-skip"]),
    ("beaconwatch-kernel-scene", &[]),
    ("beaconwatch-skip", &[]),
    ("xtask", &["beaconwatch-crds", "beaconwatch-engine", "beaconwatch-agent"]),
];

/// Outside crates that the engine must never see, however far down.
const ENGINE_NEVER: &[&str] = &["serde", "tokio", "kube", "k8s-openapi", "rand", "chrono", "time"];

/// Reads `cargo metadata` and compares.
pub(super) fn check(root: &Path, wrong: &mut Vec<String>) -> anyhow::Result<()> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .context("run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).context("read cargo metadata")?;
    let packages =
        metadata.get("packages").and_then(Value::as_array).context("cargo metadata lists packages")?;
    let names: Vec<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
            wrong.push(format!("crate {name} is not in the drawing (xtask/src/tidy/arrows.rs)"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let used = dependency["name"].as_str().unwrap_or_default();
            let product = dependency["kind"].is_null();
            if product && names.contains(&used) && !allowed.contains(&used) {
                wrong.push(format!("crate {name} uses {used}: no such arrow in the drawing"));
            }
            if product && name == "beaconwatch-engine" && ENGINE_NEVER.contains(&used) {
                wrong.push(format!("the engine uses {used}: it is pure"));
            }
        }
    }
    Ok(())
}
