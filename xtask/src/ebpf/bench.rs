//! `cargo xtask bench-ebpf`: what the kernel side costs on this machine.

use std::process::Command;

use anyhow::{Context, bail};

/// Builds the release tests of the agent and has them print their figures.
pub(in crate::ebpf) fn run(rounds: u32) -> anyhow::Result<()> {
    eprintln!("bench-ebpf: {rounds} rounds take about {} minutes", 1 + rounds / 4);
    let status = Command::new("cargo")
        .args(["test", "--release", "--package", "beaconwatch-agent", "--test", "ebpf"])
        .args(["figures::figures", "--", "--ignored", "--exact", "--nocapture"])
        .env("BEACONWATCH_BENCH_ROUNDS", rounds.to_string())
        .current_dir(crate::tidy::workspace_root()?)
        .status()
        .context("run cargo test")?;
    if !status.success() {
        bail!("the figures could not be made ({status})");
    }
    Ok(())
}
