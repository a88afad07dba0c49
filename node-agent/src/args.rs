//! The command line. The only place that reads the environment.

use beaconwatch_replay::args::ReplayArgs;
use clap::{Parser, Subcommand};

mod otlp;
mod policy;
mod run;

pub use otlp::OtlpArgs;
pub use policy::{CheckArgs, PolicyArgs, PolicyCommand, SuggestArgs};
pub use run::{DoctorArgs, OutputFormat, RunArgs};

/// Finds processes that beacon: timing, balance, protocol, destination and identity, with evidence.
#[derive(Debug, Parser)]
#[command(name = "beaconwatch-agent", version = crate::VERSION, propagate_version = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch this machine (or, with --kubernetes, this node) and report what beacons.
    Run(Box<RunArgs>),
    /// Judge recorded traffic with the same engine: captures, Zeek logs, flow logs, recordings.
    Replay(Box<ReplayArgs>),
    /// Say what this kernel and these rights allow, hook by hook, and what stays invisible.
    Doctor(DoctorArgs),
    /// Work with policies.
    Policy(PolicyArgs),
    /// Print a shell completion script.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff).
    Man,
}
