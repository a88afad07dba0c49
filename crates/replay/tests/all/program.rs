//! The commands, as the program runs them.

use beaconwatch_replay::command::{self, Streams};
use beaconwatch_replay::{ReplayArgs, ReplayError, Summary, run};
use clap::Parser;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ReplayArgs,
}

/// What a command left behind.
pub(crate) struct Output {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Options as the command line takes them.
pub(crate) fn args(options: &[&str]) -> Result<ReplayArgs, clap::Error> {
    Ok(Line::try_parse_from(["replay"].iter().chain(options))?.args)
}

/// The summary of a replay with these options.
pub(crate) fn summary(options: &[&str]) -> anyhow::Result<Summary> {
    Ok(run(&args(options)?, &mut std::io::sink(), |_| {})?.summary)
}

/// `replay` with these options.
pub(crate) fn replay(options: &[&str]) -> Output {
    output(options, command::replay)
}

/// `policy suggest` with these options.
pub(crate) fn suggest(options: &[&str]) -> Output {
    output(options, command::suggest)
}

fn output(options: &[&str], command: fn(&ReplayArgs, Streams<'_>) -> Result<bool, ReplayError>) -> Output {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let answered = command(&args(options).unwrap(), Streams { out: &mut out, err: &mut err });
    let success = answered.unwrap_or_else(|error| {
        err.extend(format!("beaconwatch-agent: {:#}\n", anyhow::Error::new(error)).into_bytes());
        false
    });
    Output { success, stdout: String::from_utf8(out).unwrap(), stderr: String::from_utf8(err).unwrap() }
}
