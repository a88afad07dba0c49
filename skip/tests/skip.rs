//! A skip in a process of its own, with the environment that decides what becomes of it; and the scripts' half of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

use std::path::{Path, PathBuf};
use std::process::Command;

use beaconwatch_skip::{NOTES, skip, without_data};

/// Not a test: what the others run.
#[test]
#[ignore = "other tests start it"]
fn lacks_a_program() {
    skip("no such program\nhere");
}

/// Not a test: what the others run.
#[test]
#[ignore = "other tests start it"]
fn lacks_data() {
    without_data("no labelled captures");
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn notes(test: &str) -> PathBuf {
    let file = std::env::temp_dir().join(format!("beaconwatch-skip-{}-{test}", std::process::id()));
    let _ = std::fs::remove_file(&file);
    file
}

/// Whether the command succeeds, and what it notes.
fn check(test: &str, ci: bool, mut command: Command) -> (bool, String) {
    let notes = notes(&format!("{test}-{ci}"));
    command.env(NOTES, &notes).env_remove("CI");
    if ci {
        command.env("CI", "true");
    }
    let passed = command.output().unwrap().status.success();
    let noted = std::fs::read_to_string(&notes).unwrap_or_default();
    let _ = std::fs::remove_file(notes);
    (passed, noted)
}

fn this(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--test-threads=2", test]);
    command
}

fn script() -> Command {
    let mut command = Command::new(repository().join("scripts/skip.sh"));
    command.args(["fuzzing", "no nightly"]);
    command
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn a_skip_is_noted_and_fails_where_nothing_may_be_skipped() {
    let line = "skipped: lacks_a_program (skip/tests/skip.rs): no such program here\n";
    assert_eq!(check("lacks_a_program", false, this("lacks_a_program")), (true, line.to_owned()));
    let (passed, noted) = check("lacks_a_program", true, this("lacks_a_program"));
    assert_eq!((passed, noted.is_empty()), (!is_root(), is_root()));
}

#[test]
fn data_that_are_no_part_of_the_repository_may_be_missing_anywhere() {
    for ci in [false, true] {
        let line = "skipped: lacks_data (skip/tests/skip.rs): no labelled captures\n";
        assert_eq!(check("lacks_data", ci, this("lacks_data")), (true, line.to_owned()));
    }
}

#[test]
fn scripts_skip_by_the_same_rule() {
    assert_eq!(check("script", false, script()), (true, "skipped: fuzzing: no nightly\n".to_owned()));
    let (passed, noted) = check("script", true, script());
    assert_eq!((passed, noted.is_empty()), (!is_root(), is_root()));
}

#[test]
fn a_run_ends_with_what_was_skipped_and_with_the_status_of_what_ran() {
    for (status, ending) in [(0, "exit 0"), (7, "exit 7")] {
        let skips = "scripts/skip.sh fuzzing 'no nightly'; scripts/skip.sh fuzzing 'no nightly'; echo end";
        let output = Command::new("scripts/listing-skips.sh")
            .args(["bash", "-c", &format!("{skips}; {ending}")])
            .current_dir(repository())
            .env_remove("CI")
            .env_remove(NOTES)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(status));
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said, "end\n\n== skipped or tried twice in this run\nskipped: fuzzing: no nightly\n");
    }
    let nothing =
        Command::new("scripts/listing-skips.sh").arg("true").current_dir(repository()).output().unwrap();
    assert_eq!((nothing.status.code(), nothing.stdout), (Some(0), vec![]));
}
