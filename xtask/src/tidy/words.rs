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

/// (what we once said, what the field says); whole words, in any case, in code and in texts.
const REPLACED: &[(&str, &str)] = &[
    ("turns to", "contacts, connects to"),
    ("turned to", "contacted, connected to"),
    ("turning to", "contacting, connecting to"),
    ("calls home", "beacons"),
    ("call home", "beacon"),
    ("calling home", "beaconing"),
    ("call-home", "beacon"),
    ("sibling", "replica"),
    ("siblings", "replicas"),
    ("Term::Lag", "Term::Onset"),
    ("Term::Who", "Term::Executable"),
    ("Term::Naming", "Term::NameResolution"),
    ("Term::Answer", "Term::SuccessRate"),
    ("Term::Population", "Term::ReplicaPrevalence"),
    ("clues", "FlowMetadata"),
    ("Standings", "Prevalence, Rollouts"),
    ("whence", "FlowSource"),
    ("knocks", "AdmissionSketch"),
    ("goes its own way", "is excluded from the aggregate"),
    ("told from", "alert threshold in force"),
    ("leftovers", "garbage"),
    ("is_of_use", "what it is good for: is_an_answer, is_wanted"),
    ("forgive", "decay_restarts"),
    ("is_somebody", "is_unicast_peer"),
    ("knobs", "settings"),
    ("as good as always", "nearly always"),
    ("anew", "again"),
    ("the begin of", "the start of"),
    ("hardly", "rarely"),
    ("by trade", "by design"),
];

/// Files that may say the old words: they tell what became of them.
const MAY_SAY_OLD_WORDS: &[&str] =
    &["xtask/src/tidy/words.rs", "docs/upgrade.md", "CHANGELOG.md", "bench/same_findings.py"];

/// Looks through every text file.
pub(super) fn check(root: &Path, files: &[PathBuf], wrong: &mut Vec<String>) -> anyhow::Result<()> {
    for file in files {
        let Ok(text) = std::fs::read_to_string(root.join(file)) else { continue };
        let extension = file.extension().and_then(|e| e.to_str()).unwrap_or_default();
        let old_words = is_ours(extension) && !MAY_SAY_OLD_WORDS.iter().any(|name| file == Path::new(name));
        for (number, line) in text.lines().enumerate() {
            let place = || format!("{}:{}", file.display(), number + 1);
            let broken = FORBIDDEN
                .iter()
                .filter(|(only, word, _)| (only.is_empty() || *only == extension) && line.contains(word));
            wrong.extend(broken.map(|(_, word, why)| format!("{}: `{word}`: {why}", place())));
            if old_words {
                let said = REPLACED.iter().filter(|(old, _)| says(line, old));
                wrong.extend(said.map(|(old, new)| format!("{}: \"{old}\": say {new}", place())));
            }
        }
    }
    Ok(())
}

/// What people write here; samples and fixtures are what others write.
fn is_ours(extension: &str) -> bool {
    matches!(extension, "rs" | "md" | "sh" | "py" | "toml" | "yaml" | "template" | "txt" | "html" | "c" | "")
}

/// Whether a line says a word, in any case, not as a part of another word.
fn says(line: &str, word: &str) -> bool {
    let (line, word) = (line.to_ascii_lowercase(), word.to_ascii_lowercase());
    line.match_indices(&word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
        ![before, after].into_iter().flatten().any(|c| c.is_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::says;

    #[test]
    fn a_word_is_found_in_any_case_and_not_inside_of_another() {
        for (line, word, expect) in [
            ("it Turns to 10.0.0.1", "turns to", true),
            ("returns to the caller", "turns to", false),
            ("Term::Lagging", "Term::Lag", false),
            ("matches!(term, Term::Lag)", "Term::Lag", true),
            ("the renewed lease", "anew", false),
        ] {
            assert_eq!(says(line, word), expect, "{line}");
        }
    }
}
