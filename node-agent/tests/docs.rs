//! Pages that are made from code are as the code has them. `cargo xtask docs` writes them.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::path::Path;

fn page(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    if std::env::var_os("BEACONWATCH_WRITE_DOCS").is_some() {
        std::fs::write(&file, text).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == text, "docs/{name} is not what the code says; run `cargo xtask docs`");
}

#[test]
fn finding_format() {
    page("finding-format.md", &beaconwatch_agent::record::page::markdown());
}

#[test]
fn metrics() {
    page("metrics.md", &beaconwatch_agent::sink::metrics::page::markdown());
}
