//! docs/kernels.md: made from what was run.

use std::fmt::Write as _;
use std::path::Path;

use crate::judge::{Row, Scene, TAKEN};

const HEAD: &str = "<!-- Made by `make test-kernels` from what it ran; do not edit. -->
# Kernels

Each row is a kernel of Debian's packages, booted with the agent in a virtual machine (`e2e/kernels/`). The agent has
the capabilities of the chart and no others, and may lock 64 KiB of memory where nothing else is said. Around it run a
beacon, its twin (as many connections to one server, at times that do not know each other), twelve containers that live
for one conversation, and two processes that are older than the agent, one of root with a container's rights and one of
user 1000.

";
const SCENE: &str =
    "| kernel | CPU | hooks | beacon | twin | exact bytes | short-lived containers | older processes | lost |
|---|---|---|---|---|---|---|---|---|
";
const MISSING: &str = "
## What does not work

| kernel | CPU | hooks that work | hooks that do not, with the cause |
|---|---|---|---|
";
const DOCTOR: &str = "
## What `doctor` names as the cause

Started without one of the chart's capabilities, under a filter of system calls that refuses `bpf`, under an AppArmor
profile that takes CAP_BPF away, and with 64 KiB of memory to lock (not asked where every column has no more than that).

";

/// The page.
pub(crate) fn page(rows: &[Row]) -> String {
    let mut page = HEAD.to_owned() + SCENE;
    for row in rows {
        let Some(scene) = &row.scene else { continue };
        let Scene { beacon_found, twin_silent, exact, short_lived, older, lost, .. } = scene;
        let part = |(part, all): (usize, usize)| match part {
            _ if part == all && all > 0 => "all".to_owned(),
            0 => "none".to_owned(),
            _ => "some".to_owned(),
        };
        writeln!(
            page,
            "| {} | {} | {} of {} | {} | {} | {} | {} | {} | {} |",
            name(row),
            row.booted.architecture,
            row.hooks.0,
            row.hooks.1,
            if *beacon_found { "found" } else { "missed" },
            if *twin_silent { "silent" } else { "found" },
            part(*exact),
            part(*short_lived),
            part(*older),
            if lost.is_empty() { "nothing" } else { "something" },
        )
        .unwrap();
    }
    page.push_str(MISSING);
    for row in rows {
        let failing: Vec<String> =
            row.failing.iter().map(|(hook, cause)| format!("{hook} ({cause})")).collect();
        let failing = if failing.is_empty() { "none".to_owned() } else { failing.join(", ") };
        let ((works, all), cpu) = (row.hooks, &row.booted.architecture);
        writeln!(page, "| {} | {cpu} | {works} of {all} | {failing} |", name(row)).unwrap();
    }
    page.push_str(DOCTOR);
    writeln!(page, "| kernel | CPU | {} |", TAKEN.join(" | ")).unwrap();
    writeln!(page, "|---|---|{}", "---|".repeat(TAKEN.len())).unwrap();
    for row in rows {
        let causes: Vec<&str> = row.causes.iter().map(|(_, cause)| &**cause).collect();
        writeln!(page, "| {} | {} | {} |", name(row), row.booted.architecture, causes.join(" | ")).unwrap();
    }
    for row in rows {
        let name = format!("{} ({})", row.booted.name, row.booted.architecture);
        let Some(scene) = &row.scene else { continue };
        eprintln!(
            "kernels: {name}: {} in {} s; exact {:?}, short-lived {:?}, older {:?}; {:?}",
            row.release, row.seconds, scene.exact, scene.short_lived, scene.older, scene.wrong
        );
    }
    page
}

/// Names no release: a suite has a new one every few weeks.
fn name(row: &Row) -> String {
    let words = match &*row.booted.words {
        "" => String::new(),
        "scene.locked-memory=unlimited" => ", `LimitMEMLOCK=infinity`".to_owned(),
        words => format!(", `{words}`"),
    };
    let kernel = row.booted.name.split('-').next().unwrap_or_default();
    format!("{kernel} (Debian {}{words})", row.booted.suite)
}

/// Writes the page, or on CI compares.
pub(crate) fn hold(path: &Path, page: &str) {
    let now = std::fs::read_to_string(path).unwrap_or_default();
    if now == page {
        return;
    }
    assert!(
        std::env::var("CI").is_err(),
        "{} is not what was run: CI= make test-kernels writes it",
        path.display()
    );
    std::fs::write(path, page).unwrap();
    eprintln!("kernels: {} is written", path.display());
}
