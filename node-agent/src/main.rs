//! Entry point of `beaconwatch-agent`.

use std::process::ExitCode;

use clap::Parser;

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.into_iter().any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn main() -> ExitCode {
    let args = beaconwatch_agent::args::Args::parse();
    match beaconwatch_agent::app::main(args) {
        Ok(code) => code,
        // Whoever read has read enough: `beaconwatch-agent man | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("beaconwatch-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}
