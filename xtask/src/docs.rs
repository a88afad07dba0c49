//! `cargo xtask docs`: pages in `docs/` that are made from code.
//!
//! The code is the agent's, and its own test knows the pages; here it is only asked to write them, so that this
//! program needs none of the agent's dependencies.

use std::process::Command;

use anyhow::{Context, bail};

use crate::tidy::workspace_root;

/// Writes the pages.
pub(crate) fn run() -> anyhow::Result<()> {
    let status = Command::new("cargo")
        .args(["test", "--quiet", "-p", "beaconwatch-agent", "--test", "docs"])
        .env("BEACONWATCH_WRITE_DOCS", "1")
        .current_dir(workspace_root()?)
        .status()
        .context("run the test that writes the pages")?;
    if !status.success() {
        bail!("the pages could not be written");
    }
    Ok(())
}
