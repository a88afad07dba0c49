//! `cargo xtask docs`: pages in `docs/` that are made from code.
//!
//! Pages about the agent and the engine are known by their own tests, which are only asked to write them, so that this
//! program needs none of the agent's dependencies.

use std::process::Command;

use anyhow::{Context, bail};

use crate::policy_reference;
use crate::tidy::workspace_root;

/// Writes the pages.
pub(crate) fn run() -> anyhow::Result<()> {
    let root = workspace_root()?;
    std::fs::write(root.join(policy_reference::FILE), policy_reference::markdown()?)
        .context("write the reference")?;
    for (package, test) in [
        ("beaconwatch-agent", &["--test", "all", "docs::"][..]),
        ("beaconwatch-engine", &["--lib", "the_page_on_detection"][..]),
    ] {
        let status = Command::new("cargo")
            .args(["test", "--quiet", "-p", package])
            .args(test)
            .env("BEACONWATCH_WRITE_DOCS", "1")
            .current_dir(&root)
            .status()
            .context("run the test that writes the pages")?;
        if !status.success() {
            bail!("the pages of {package} could not be written");
        }
    }
    Ok(())
}
