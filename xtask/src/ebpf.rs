//! `cargo xtask build-ebpf`: builds the kernel object, once per content of its sources and toolchain.
//!
//! The object is kept in the cache (`$BEACONWATCH_CACHE`, else `~/.cache/beaconwatch`) under a hash of its
//! sources, its compiler and its linker, and copied to `TARGET_DIR/ebpf/beaconwatch.bpf.o`, where
//! `node-agent/build.rs` looks for it. With `$BEACONWATCH_EBPF_OBJECT` set, a prebuilt object is used and
//! nothing is built.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

mod bench;
mod toolchain;

use crate::tidy::workspace_root;
use toolchain::Toolchain;

/// Where the agent's build script finds the object, below the target directory.
const OBJECT: &str = "ebpf/beaconwatch.bpf.o";

/// Directories whose files make the object.
const SOURCES: [&str; 2] = ["node-agent-ebpf", "node-agent-common"];

/// Builds the object if need be, and puts it where the agent's build script looks.
pub(super) fn build() -> anyhow::Result<()> {
    if let Some(object) = std::env::var_os("BEACONWATCH_EBPF_OBJECT") {
        let object = PathBuf::from(object);
        if !object.is_file() {
            bail!("BEACONWATCH_EBPF_OBJECT={}: no such file", object.display());
        }
        return Ok(());
    }
    let root = workspace_root()?;
    let cache = cache()?;
    let toolchain = Toolchain::find(&cache)?;
    let kept = cache.join("ebpf").join(format!("{}.bpf.o", fingerprint(&root, &toolchain)?));
    if !kept.is_file() {
        compile(&root, &cache, &toolchain, &kept)?;
    }
    let wanted = target_dir(&root)?.join(OBJECT);
    let bytes = std::fs::read(&kept).with_context(|| format!("read {}", kept.display()))?;
    // The time of the file decides whether the agent is built again.
    if std::fs::read(&wanted).ok().as_ref() != Some(&bytes) {
        write_whole(&wanted, &bytes)?;
    }
    Ok(())
}

/// Prints what the kernel side costs.
pub(super) fn bench(rounds: u32) -> anyhow::Result<()> {
    build()?;
    bench::run(rounds)
}

fn cache() -> anyhow::Result<PathBuf> {
    if let Some(cache) = std::env::var_os("BEACONWATCH_CACHE") {
        return Ok(PathBuf::from(cache));
    }
    let home = std::env::var_os("HOME").context("neither BEACONWATCH_CACHE nor HOME is set")?;
    Ok(Path::new(&home).join(".cache/beaconwatch"))
}

/// The target directory of the workspace.
pub(super) fn target_dir(root: &Path) -> anyhow::Result<PathBuf> {
    Ok(std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir)))
}

/// Hash of everything that decides what the object is.
fn fingerprint(root: &Path, toolchain: &Toolchain) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    hash.update(&toolchain.description);
    let mut files = Vec::new();
    for source in SOURCES {
        list(&root.join(source), &mut files)?;
    }
    files.sort();
    for file in files {
        let name = file.strip_prefix(root).unwrap_or(&file).to_string_lossy().into_owned();
        let bytes = std::fs::read(&file).with_context(|| format!("read {}", file.display()))?;
        hash.update(name.as_bytes());
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    let mut text = String::new();
    for byte in hash.finalize().iter().take(16) {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}

fn list(directory: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(directory).with_context(|| format!("list {}", directory.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            if !path.ends_with("target") {
                list(&path, files)?;
            }
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn compile(root: &Path, cache: &Path, toolchain: &Toolchain, kept: &Path) -> anyhow::Result<()> {
    eprintln!("build-ebpf: building the kernel object with {} (first time 1-3 minutes)", toolchain.name);
    let begin = Instant::now();
    let build = cache.join("ebpf/build");
    let flags = ["--cfg=bpf_target_arch=\"x86_64\"", "-Cdebuginfo=2", "-Clink-arg=--btf"];
    let mut cargo = toolchain.cargo();
    cargo
        .current_dir(root.join("node-agent-ebpf"))
        .args(["build", "--quiet", "--release", "--locked", "--target", "bpfel-unknown-none"])
        .args(["-Z", "build-std=core"])
        .env("CARGO_TARGET_DIR", &build)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}").replace("x86_64", std::env::consts::ARCH))
        .env("CARGO_TERM_PROGRESS_WHEN", "never");
    let status = cargo.status().with_context(|| format!("run {}", toolchain.name))?;
    if !status.success() {
        bail!("the kernel object does not build with {} ({status})", toolchain.name);
    }
    let object = build.join("bpfel-unknown-none/release/beaconwatch");
    let bytes = strip(&object).unwrap_or(std::fs::read(&object).context("read the built object")?);
    write_whole(kept, &bytes)?;
    eprintln!(
        "build-ebpf: {} bytes in {:.0} s ({})",
        bytes.len(),
        begin.elapsed().as_secs_f64(),
        kept.display()
    );
    Ok(())
}

/// Without DWARF, if an objcopy that knows the machine is there. BTF stays.
fn strip(object: &Path) -> Option<Vec<u8>> {
    let stripped = object.with_extension("stripped");
    for objcopy in ["/usr/lib/llvm-22/bin/llvm-objcopy", "llvm-objcopy", "rust-objcopy"] {
        let done = Command::new(objcopy).arg("--strip-debug").arg(object).arg(&stripped).output();
        if done.is_ok_and(|output| output.status.success()) {
            return std::fs::read(&stripped).ok();
        }
    }
    None
}

/// Writes beside, then renames: another build may read at any time.
fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let directory = path.parent().context("a file has a directory")?;
    std::fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
    let beside = path.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&beside, bytes).with_context(|| format!("write {}", beside.display()))?;
    std::fs::rename(&beside, path).with_context(|| format!("write {}", path.display()))
}
