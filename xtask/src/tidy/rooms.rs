//! The arrows between the rooms of the engine, as ARCHITECTURE.md draws them: what happened (`observe`), one actor's state
//! (`track`), what is known beyond one actor (`know`), and the judgement (`assess`).

use std::path::{Path, PathBuf};

use anyhow::Context;

const ENGINE: &str = "crates/engine/src";

/// (room, rooms whose names it may say). Every other module is the ground they stand on, and names none.
const ROOMS: &[(&str, &[&str])] =
    &[("observe", &[]), ("track", &["observe"]), ("know", &[]), ("assess", &["observe", "track", "know"])];

/// Modules that see all rooms: the composition, its inputs, and the loop around it. No room names them.
const ABOVE: &[&str] = &["lib", "engine", "detection", "input", "checkpoint", "run"];

/// `input` is what comes in from outside; rooms may take what it holds.
const NAMED_BY_NOBODY: &[&str] = &["engine", "detection", "checkpoint", "run"];

/// Looks at every `crate::MODULE` of the engine.
pub(super) fn check(root: &Path, files: &[PathBuf], wrong: &mut Vec<String>) -> anyhow::Result<()> {
    for file in files {
        let Ok(inside) = file.strip_prefix(ENGINE) else { continue };
        let Some(module) = top_module(inside) else { continue };
        if ABOVE.contains(&module) || is_test(inside) {
            continue;
        }
        let text =
            std::fs::read_to_string(root.join(file)).with_context(|| format!("read {}", file.display()))?;
        for (number, line) in text.lines().enumerate() {
            for named in modules_named(line).filter(|named| !may_name(module, named)) {
                let line = number + 1;
                wrong.push(format!("{}:{line}: `{module}` may not know `{named}`", file.display()));
            }
        }
    }
    Ok(())
}

/// The module at the root of the crate that a file belongs to.
fn top_module(inside: &Path) -> Option<&str> {
    let first = inside.components().next()?.as_os_str().to_str()?;
    Some(first.strip_suffix(".rs").unwrap_or(first))
}

fn is_test(inside: &Path) -> bool {
    inside.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")))
}

/// Names after `crate::` in a line of code; comments may point anywhere.
fn modules_named(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or_default();
    code.split("crate::")
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next())
}

fn may_name(module: &str, named: &str) -> bool {
    if named == module {
        return true;
    }
    let is_room = ROOMS.iter().any(|(room, _)| *room == named);
    let allowed = ROOMS.iter().find(|(room, _)| *room == module).map_or(&[][..], |(_, allowed)| allowed);
    !NAMED_BY_NOBODY.contains(&named) && (!is_room || allowed.contains(&named))
}

#[cfg(test)]
mod tests {
    use super::{may_name, modules_named};

    #[test]
    fn a_room_names_only_what_lies_before_it() {
        for (module, named, expect) in [
            ("track", "observe", true),
            ("track", "know", false),
            ("observe", "assess", false),
            ("assess", "know", true),
            ("identity", "assess", false),
            ("know", "time", true),
            ("assess", "detection", false),
        ] {
            assert_eq!(may_name(module, named), expect, "{module} -> {named}");
        }
    }

    #[test]
    fn names_are_read_from_code_and_not_from_comments() {
        let line = "use crate::track::Table; let x = crate::know::Know; // crate::assess";
        assert_eq!(modules_named(line).collect::<Vec<_>>(), ["track", "know"]);
    }
}
