//! `docs/finding-format.md`, made from the list of fields.

use core::fmt::Write;

use super::list::FIELDS;

/// Before the table.
const HEAD: &str = "\
<!-- Made from crates/report/src/fields/list.rs by `cargo xtask docs`; do not edit. -->
# The finding record

Each state of a finding (opened, updated, closed) is one record:

- a line of JSON (`--output jsonl`, `--findings-file FILE`): a flat object with the fields below, in this order,
  in printable ASCII;
- an OTLP log record (`--otlp`): `event_name` is `beaconwatch.finding`, the body is `summary`, the time is
  `time_unix_nano`, the severity number is 9 (low), 13 (medium), 17 (high) or 21 (critical), and the other fields
  are attributes. Fields that are not OpenTelemetry semantic conventions have `beaconwatch.` before their name.

A field that is not known is absent. Times are nanoseconds since the Unix epoch, UTC. In every text, control
characters and characters that change the reading direction are written as `\\u{..}`.

| field | convention | meaning |
|---|---|---|
";

/// The page.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(HEAD);
    for field in FIELDS {
        let convention = if field.convention { "OpenTelemetry" } else { "beaconwatch" };
        // Writing to memory cannot fail.
        let _ = writeln!(page, "| `{}` | {convention} | {} |", field.name, field.meaning);
    }
    page
}
