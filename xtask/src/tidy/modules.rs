//! No dead files: every Rust file below a `src/` is declared as a module by its parent.

use std::path::{Path, PathBuf};

/// Finds files that nobody declares.
pub(super) fn check(root: &Path, files: &[PathBuf], wrong: &mut Vec<String>) -> anyhow::Result<()> {
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "rs")) {
        let Some(name) = file.file_stem().and_then(|s| s.to_str()) else { continue };
        let below_src = file.components().any(|c| c.as_os_str() == "src");
        let is_root = matches!(name, "main" | "lib") || file.components().any(|c| c.as_os_str() == "bin");
        if !below_src || is_root {
            continue;
        }
        let declared = parents(file)
            .iter()
            .any(|parent| std::fs::read_to_string(root.join(parent)).is_ok_and(|text| declares(&text, name)));
        if !declared {
            wrong.push(format!("{}: no parent declares `mod {name}`", file.display()));
        }
    }
    Ok(())
}

fn parents(file: &Path) -> Vec<PathBuf> {
    let Some(directory) = file.parent() else { return Vec::new() };
    let beside = ["main.rs", "lib.rs", "mod.rs"].iter().map(|name| directory.join(name));
    // `mod probes { pub mod exec; }` in the root of a crate.
    let above = directory.parent().map(|above| [above.join("main.rs"), above.join("lib.rs")]);
    beside.chain([directory.with_extension("rs")]).chain(above.into_iter().flatten()).collect()
}

fn declares(text: &str, name: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim();
        let declaration = line.split("mod ").nth(1).and_then(|rest| rest.split([';', ' ']).next());
        declaration == Some(name)
    })
}
