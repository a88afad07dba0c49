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
];

/// Looks through every text file.
pub(super) fn check(root: &Path, files: &[PathBuf], wrong: &mut Vec<String>) -> anyhow::Result<()> {
    for file in files {
        let Ok(text) = std::fs::read_to_string(root.join(file)) else { continue };
        let extension = file.extension().and_then(|e| e.to_str()).unwrap_or_default();
        for (number, line) in text.lines().enumerate() {
            for (only, word, why) in FORBIDDEN.iter().filter(|f| f.0.is_empty() || f.0 == extension) {
                let _ = only;
                if line.contains(word) {
                    wrong.push(format!("{}:{}: `{word}`: {why}", file.display(), number + 1));
                }
            }
        }
    }
    Ok(())
}
