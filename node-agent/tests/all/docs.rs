//! Pages that are made from code are as the code has them. `cargo xtask docs` writes them.

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
    page("finding-format.md", &beaconwatch_report::fields::page::markdown());
}

#[test]
fn metrics() {
    page("metrics.md", &beaconwatch_agent::sink::metrics::page::markdown());
}

/// Blocks of YAML in a page: the number of the line that each begins after, and its text.
fn yaml_blocks(text: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        match &mut open {
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some((_, block)) => *block += &format!("{line}\n"),
            None if line == "```yaml" => open = Some((number + 1, String::new())),
            None => {}
        }
    }
    blocks
}

#[test]
fn policies_that_people_copy_are_policies() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let pages = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut checked = 0;
    for page in pages.chain([root.join("README.md"), root.join("charts/beaconwatch/README.md")]) {
        for (line, block) in yaml_blocks(&std::fs::read_to_string(&page).unwrap()) {
            let policy = if block.starts_with("spec:") {
                format!(
                    "apiVersion: beaconwatch.io/v1alpha1\nkind: ClusterBeaconPolicy\nmetadata: {{name: p}}\n{block}"
                )
            } else {
                block
            };
            if policy.contains("BeaconPolicy") {
                let parsed = beaconwatch_crds::file::parse(&page, &policy);
                assert!(parsed.is_ok(), "{} after line {line}: {parsed:?}", page.display());
                checked += 1;
            }
        }
    }
    assert!(checked >= 2, "{checked} policies found");
}
