//! Arguments of `replay`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Policy file; may be repeated. Without one, the built-in defaults judge.
    #[arg(long = "policy", value_name = "FILE")]
    pub policies: Vec<PathBuf>,
}
