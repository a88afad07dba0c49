//! Arguments of `policy`.

use std::path::PathBuf;

use beaconwatch_replay::args::ReplayArgs;
use clap::{Args, Subcommand};

/// Arguments of `policy`.
#[derive(Debug, Args)]
pub struct PolicyArgs {
    /// What to do with policies.
    #[command(subcommand)]
    pub command: PolicyCommand,
}

/// What to do with policies.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Check policy files as the API server and the agents would, without a cluster. YAML and JSON are read as kubectl
    /// reads them; objects of other kinds are passed over.
    Check(CheckArgs),
    /// Propose exceptions for the regular benign automation that recorded traffic shows.
    Suggest(Box<SuggestArgs>),
}

/// Arguments of `policy check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Files to check, or directories of *.yaml, *.yml and *.json.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Arguments of `policy suggest`: the inputs of `replay`.
#[derive(Debug, Args)]
pub struct SuggestArgs {
    /// What to replay.
    #[command(flatten)]
    pub replay: ReplayArgs,
}
