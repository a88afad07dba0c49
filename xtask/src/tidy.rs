//! House rules, held by a machine: see ARCHITECTURE.md and the decision notes for their reasons.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

mod arrows;
mod lengths;
mod licences;
mod maps;
mod modules;
mod rooms;
mod words;

/// Runs every rule; lists all that is wrong at once.
pub(crate) fn run() -> anyhow::Result<()> {
    let root = workspace_root()?;
    let files = tracked_files(&root)?;
    let mut wrong = Vec::new();
    lengths::check(&root, &files, &mut wrong)?;
    words::check(&root, &files, &mut wrong)?;
    maps::check(&root, &files, &mut wrong)?;
    modules::check(&root, &files, &mut wrong)?;
    arrows::check(&root, &mut wrong)?;
    rooms::check(&root, &files, &mut wrong)?;
    licences::check(&root, &mut wrong)?;
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("{} house rules broken:\n  {}", wrong.len(), wrong.join("\n  "))
}

/// The directory of the workspace's `Cargo.toml`: where `cargo xtask` runs, which may not be where it was built.
pub(crate) fn workspace_root() -> anyhow::Result<PathBuf> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().map(Path::to_path_buf).context("the workspace root is the parent of xtask/")
}

/// Files that git knows, relative to the root; also new ones that are not ignored.
fn tracked_files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("list files with git")?;
    if !output.status.success() {
        bail!("git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    }
    let names = String::from_utf8(output.stdout).context("file names are UTF-8")?;
    Ok(names.lines().map(PathBuf::from).filter(|file| root.join(file).is_file()).collect())
}
