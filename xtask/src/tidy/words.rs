//! Words and habits that do not belong here.

use std::path::{Path, PathBuf};

/// (extension or empty for any text, what, why)
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("rs", concat!("#[", "allow("), "use #[expect(.., reason = ..)]"),
    ("rs", concat!("#![", "allow("), "use #![expect(.., reason = ..)]"),
    ("", concat!("/", "work/"), "no path of one machine"),
    ("rs", concat!("todo", "!("), "nothing unfinished is committed"),
    ("rs", concat!("unimplemented", "!("), "nothing unfinished is committed"),
    ("rs", concat!("#[", "ignore]"), "say when it runs: #[ignore = ..]"),
    ("rs", concat!("println!(\"", "skipped"), "a test skips by beaconwatch_skip::skip, which is seen"),
    ("sh", concat!("\"", "skipped: "), "a script skips by scripts/skip.sh, which is seen"),
];

/// Looks through every text file.
pub(super) fn check(root: &Path, files: &[PathBuf], wrong: &mut Vec<String>) -> anyhow::Result<()> {
    for file in files {
        let Ok(text) = std::fs::read_to_string(root.join(file)) else { continue };
        let extension = file.extension().and_then(|e| e.to_str()).unwrap_or_default();
        for (number, line) in text.lines().enumerate() {
            let broken = FORBIDDEN
                .iter()
                .filter(|(only, word, _)| (only.is_empty() || *only == extension) && line.contains(word));
            wrong.extend(
                broken.map(|(_, word, why)| format!("{}:{}: `{word}`: {why}", file.display(), number + 1)),
            );
        }
    }
    Ok(())
}
