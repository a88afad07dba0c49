//! Build and code-generation jobs: `cargo xtask JOB`.

use clap::{Parser, Subcommand};

mod crds;
mod demo;
mod docs;
mod ebpf;
mod policy_reference;
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
    /// Build the kernel object, if its sources or its toolchain changed.
    BuildEbpf,
    /// Print what the kernel side costs: run time per program, CPU per request and connection, memory.
    BenchEbpf {
        /// Pairs of measurements, with the agent and without.
        #[arg(long, default_value_t = 10)]
        rounds: u32,
    },
    /// Write the CustomResourceDefinitions to crds/.
    Crds {
        /// Only say whether they are up to date.
        #[arg(long)]
        check: bool,
    },
    /// Play the demo's scene on this machine, watched by the release build of the agent.
    Demo {
        /// Also record what the agent saw.
        #[arg(long, value_name = "FILE")]
        record: Option<std::path::PathBuf>,
    },
    /// The servers of the demo's scene; the demo starts it.
    #[command(hide = true)]
    DemoServer {
        /// Where certificate and key are.
        directory: std::path::PathBuf,
        /// HTTPS addresses.
        #[arg(long)]
        https: Vec<String>,
        /// HTTP address.
        #[arg(long)]
        http: String,
    },
    /// Write the pages in docs/ that are made from code.
    Docs,
    /// Hold the house rules: file and function lengths, arrows between crates, dead files, forbidden words.
    Tidy,
}

fn main() -> std::process::ExitCode {
    match run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    match Args::parse().job {
        Job::BuildEbpf => ebpf::build(),
        Job::BenchEbpf { rounds } => ebpf::bench(rounds),
        Job::Crds { check } => crds::run(check),
        Job::Demo { record } => demo::run(record.as_deref()),
        Job::DemoServer { directory, https, http } => demo::server::serve(&directory, &https, &http),
        Job::Docs => docs::run(),
        Job::Tidy => tidy::run(),
    }
}
