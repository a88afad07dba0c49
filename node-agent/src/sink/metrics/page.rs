//! `docs/metrics.md`, made from the list of metrics.

use core::fmt::Write;

use super::METRICS;

/// Before the table.
const HEAD: &str = "\
<!-- Made from node-agent/src/sink/metrics/list.rs by `cargo xtask docs`; do not edit. -->
# Metrics of the node agent

Served on `--metrics-addr` (loopback by default) at `/metrics`, in Prometheus' text format. `/healthz` answers 200
while the agent's loop runs, `/readyz` answers 200 once the agent sees something. Labels come from fixed lists, never
from names that users choose.

| metric | kind | labels | meaning |
|---|---|---|---|
";

/// The page.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(HEAD);
    for metric in METRICS {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        // Writing to memory cannot fail.
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            metric.name,
            metric.kind.as_str(),
            labels.join(", "),
            metric.help
        );
    }
    page
}
