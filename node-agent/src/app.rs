//! Composition root: makes each part and hands it what it needs. Reads like the drawing in ARCHITECTURE.md.

use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;

mod cluster;
mod control;
mod lists;
mod live;
mod log;
mod outputs;
mod policies;
pub(crate) mod sandboxes;
mod watch;

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
        Command::Replay(replay) => crate::replay::main(&replay),
        Command::Doctor(doctor) => Ok(crate::doctor::main(&doctor)),
        Command::Policy(policy) => match policy.command {
            PolicyCommand::Check(check) => {
                let now = NodeClock::start().now();
                let good = crate::policy_check::check(&check.files, now, &mut std::io::stdout())?;
                Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
            }
            PolicyCommand::Suggest(suggest) => crate::replay::suggest(&suggest.replay),
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

/// An error with everything that caused it, in one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
