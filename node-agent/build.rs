//! Puts the version and the commit into the binary.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=BEACONWATCH_COMMIT");
    println!("cargo:rerun-if-changed=../.git/HEAD");
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let commit = std::env::var("BEACONWATCH_COMMIT").ok().or_else(commit_of_checkout);
    let version = commit.map_or_else(|| version.clone(), |commit| format!("{version} ({commit})"));
    println!("cargo:rustc-env=BEACONWATCH_VERSION={version}");
}

fn commit_of_checkout() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !commit.is_empty()).then_some(commit)
}
