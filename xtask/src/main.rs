//! Build and code-generation jobs: `cargo xtask JOB`.

use clap::{Parser, Subcommand};

mod tidy;

/// Build and code-generation jobs of beaconwatch.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    job: Job,
}

/// One file per job.
#[derive(Debug, Subcommand)]
enum Job {
    /// Hold the house rules: file and function lengths, arrows between crates, dead files, forbidden words.
    Tidy,
}

fn main() -> anyhow::Result<()> {
    match Args::parse().job {
        Job::Tidy => tidy::run(),
    }
}
