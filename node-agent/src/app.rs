//! Composition root: makes each part and hands it what it needs. Reads like the drawing in ARCHITECTURE.md.

use std::io::Write;
use std::process::ExitCode;

use beaconwatch_replay::command::{self, Streams};
use beaconwatch_replay::{ReplayError, policy_check};
use clap::CommandFactory;

mod cluster;
mod control;
mod lists;
mod live;
mod log;
mod outputs;
mod policies;
mod status_publisher;

use crate::args::{Args, Command, PolicyCommand};
use crate::clock::NodeClock;

/// Runs the command that was asked for.
///
/// # Errors
///
/// What went wrong, as one line for people.
pub fn main(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Run(run) => live::main(&run),
        Command::Replay(args) => answered(|streams| command::replay(&args, streams)),
        Command::Doctor(doctor) => Ok(crate::doctor::main(&doctor)),
        Command::Policy(policy) => match policy.command {
            PolicyCommand::Check(check) => {
                let now = NodeClock::start().now();
                Ok(code(policy_check::check(&check.files, now, &mut std::io::stdout())?))
            }
            PolicyCommand::Suggest(args) => answered(|streams| command::suggest(&args.replay, streams)),
        },
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "beaconwatch-agent", &mut script);
            std::io::stdout().write_all(&script)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Man => {
            clap_mangen::Man::new(Args::command()).render(&mut std::io::stdout())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Runs a command over recorded traffic with the standard streams.
fn answered(run: impl FnOnce(Streams<'_>) -> Result<bool, ReplayError>) -> anyhow::Result<ExitCode> {
    let (out, err) = (&mut std::io::stdout(), &mut std::io::stderr());
    Ok(code(run(Streams { out, err })?))
}

const fn code(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
