//! A test that cannot run on this machine says so here, and nowhere else: where it must run, that is a failure;
//! elsewhere it is noted in the list that `make test` prints at its end. `scripts/skip.sh` is the same for scripts.
#![expect(clippy::panic, reason = "a skip that must not be fails the test that it is in")]
#![forbid(unsafe_code)]

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::panic::Location;

/// Names the file in which skips are noted, one a line.
pub const NOTES: &str = "BEACONWATCH_SKIPS";

/// The test that calls this cannot run here, for want of rights, of a program or of something in the kernel.
///
/// # Panics
///
/// On CI as root: there the set-up brings all that tests need.
#[track_caller]
pub fn skip(reason: impl Display) {
    let text = described(Location::caller(), &reason);
    let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!must_run(ci, is_root()), "nothing is skipped on CI: {text}");
    note(&text);
}

/// The test that calls this needs data that are no part of the repository. No failure anywhere.
#[track_caller]
pub fn without_data(reason: impl Display) {
    note(&described(Location::caller(), &reason));
}

/// A test that is skipped has failed.
const fn must_run(ci: bool, root: bool) -> bool {
    ci && root
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn described(place: &Location<'_>, reason: &impl Display) -> String {
    let thread = std::thread::current();
    let test = thread.name().filter(|name| *name != "main").unwrap_or("a test");
    format!("{test} ({}): {reason}", place.file()).replace('\n', " ")
}

fn note(text: &str) {
    let line = format!("skipped: {text}\n");
    eprint!("{line}");
    let Some(notes) = std::env::var_os(NOTES) else { return };
    // One write, so that tests that end together do not mix their lines.
    let file = OpenOptions::new().create(true).append(true).open(&notes);
    if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
        panic!("cannot note a skip in {}: {error}", notes.display());
    }
}
