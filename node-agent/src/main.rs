//! Entry point of `beaconwatch-agent`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = beaconwatch_agent::args::Args::parse();
    match beaconwatch_agent::app::main(args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("beaconwatch-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}
