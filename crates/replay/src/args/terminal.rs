//! What the terminal can show.

use std::io::IsTerminal;

use beaconwatch_report::text::Style;
use clap::Args;

/// What the terminal can show.
#[derive(Clone, Debug, Args)]
pub struct TerminalArgs {
    /// Any value: no colours on a terminal.
    #[arg(long = "no-color", env = "NO_COLOR", value_name = "ANY", num_args = 0..=1, default_missing_value = "1", hide_env = true)]
    pub no_colour: Option<String>,
    /// Columns of the terminal, where it says so.
    #[arg(long, env = "COLUMNS", value_name = "COLUMNS", default_value_t = 100, hide = true)]
    pub width: usize,
}

impl TerminalArgs {
    /// How text on standard output looks: no colours when it is not a terminal, or when nobody wants them.
    #[must_use]
    pub fn style(&self) -> Style {
        let colourless = self.no_colour.as_ref().is_some_and(|value| !value.is_empty());
        Style { colour: !colourless && std::io::stdout().is_terminal(), width: self.width }
    }
}
