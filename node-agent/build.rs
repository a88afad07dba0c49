//! Puts the version, the commit and the kernel object into the binary.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=BEACONWATCH_COMMIT");
    println!("cargo:rerun-if-changed=../.git/HEAD");
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let commit = std::env::var("BEACONWATCH_COMMIT").ok().or_else(commit_of_checkout);
    let version = commit.map_or_else(|| version.clone(), |commit| format!("{version} ({commit})"));
    println!("cargo:rustc-env=BEACONWATCH_VERSION={version}");
    embed_object();
}

/// The kernel object: `$BEACONWATCH_EBPF_OBJECT`, else what `cargo xtask build-ebpf` left in the target directory.
/// Without one, the agent is built without eBPF, and says so when it runs.
fn embed_object() {
    println!("cargo:rustc-check-cfg=cfg(beaconwatch_ebpf_object)");
    println!("cargo:rerun-if-env-changed=BEACONWATCH_EBPF_OBJECT");
    let given = std::env::var_os("BEACONWATCH_EBPF_OBJECT").map(PathBuf::from);
    let Some(object) = given.or_else(built_object) else { return };
    if let Ok(object) = object.canonicalize() {
        println!("cargo:rerun-if-changed={}", object.display());
        println!("cargo:rustc-env=BEACONWATCH_EBPF_OBJECT_PATH={}", object.display());
        println!("cargo:rustc-cfg=beaconwatch_ebpf_object");
    } else {
        println!("cargo:warning=no kernel object at {}: the agent is built without eBPF", object.display());
    }
}

/// `TARGET_DIR/ebpf/beaconwatch.bpf.o`. The directory is made, so that cargo can watch it.
fn built_object() -> Option<PathBuf> {
    let out = PathBuf::from(std::env::var_os("OUT_DIR")?);
    // OUT_DIR is TARGET_DIR[/TRIPLE]/PROFILE/build/PACKAGE/out.
    let profile = out.ancestors().find(|path| path.ends_with("build"))?.parent()?;
    let above = profile.parent()?;
    // A build for another machine has a directory named as its target, with a tag of its own.
    let cross = above.file_name() == std::env::var_os("TARGET").as_deref();
    let target = if cross { above.parent()? } else { above };
    let directory = target.join("ebpf");
    std::fs::create_dir_all(&directory).ok()?;
    println!("cargo:rerun-if-changed={}", directory.display());
    let object: &Path = &directory.join("beaconwatch.bpf.o");
    object.is_file().then(|| object.to_path_buf())
}

fn commit_of_checkout() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !commit.is_empty()).then_some(commit)
}
