//! `cargo xtask crds`: the CustomResourceDefinitions in `crds/*.yaml`, generated from the API types, and the chart's
//! copy of them.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use beaconwatch_crds::manifest;

use crate::tidy::workspace_root;

/// Where they are kept.
const DIRECTORIES: [&str; 2] = ["crds", "charts/beaconwatch/crds"];
/// Says where the file comes from, before the object.
const HEADER: &str = "# Generated from crds/src by `cargo xtask crds`; do not edit.\n";

/// Writes the definitions, or with `check` only compares them.
pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    let root = workspace_root()?;
    let mut stale = Vec::new();
    for directory in DIRECTORIES {
        stale.extend(stale_in(&root.join(directory))?);
    }
    if check && !stale.is_empty() {
        let names: Vec<_> = stale.iter().map(|(file, _)| file.display().to_string()).collect();
        bail!("not up to date: {}; run `cargo xtask crds`", names.join(", "));
    }
    for (file, text) in stale {
        std::fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
    }
    Ok(())
}

/// Files that differ from what the types say, with what they should be.
fn stale_in(directory: &Path) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let mut stale = Vec::new();
    for (name, definition) in manifest::definitions() {
        let file = directory.join(name);
        let text = format!("{HEADER}{}", serde_yaml::to_string(&definition).context("write YAML")?);
        if std::fs::read_to_string(&file).ok().as_deref() != Some(text.as_str()) {
            stale.push((file, text));
        }
    }
    Ok(stale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_definitions_are_what_the_types_say() {
        run(true).unwrap();
    }
}
