//! What the agent said on other kernels, compared with what truly happened there. `make test-kernels` boots them
//! (`e2e/kernels/run.sh`), then runs this on what their consoles said.
#![cfg(test)]

#[cfg(test)]
mod console;
#[cfg(test)]
mod judge;
#[cfg(test)]
mod table;

use std::path::{Path, PathBuf};

use judge::Row;

/// A row of `e2e/kernels/rows`.
#[derive(Clone, Debug)]
pub(crate) struct Booted {
    pub(crate) name: String,
    pub(crate) architecture: String,
    pub(crate) suite: String,
    pub(crate) whole: bool,
    pub(crate) words: String,
}

#[test]
#[ignore = "make test-kernels boots the kernels, and runs it on what they said"]
fn every_kernel_does_what_the_table_says() {
    let logs = PathBuf::from(std::env::var_os("BEACONWATCH_KERNELS").expect("BEACONWATCH_KERNELS"));
    let only = std::env::var("BEACONWATCH_KERNELS_ONLY").ok();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let wanted = booted(&std::fs::read_to_string(root.join("e2e/kernels/rows")).unwrap());
    let wanted = wanted
        .into_iter()
        .filter(|booted| only.as_ref().is_none_or(|only| only.split(' ').any(|name| name == booted.name)));
    let rows: Vec<Row> = wanted.map(|booted| Row::judge(booted, &logs)).collect();
    let page = table::page(&rows);
    print!("{page}");
    let wrong: Vec<String> = rows.iter().flat_map(Row::wrong).collect();
    assert!(wrong.is_empty() && !rows.is_empty(), "{}", wrong.join("\n"));
    if only.is_none() {
        table::hold(&root.join("docs/kernels.md"), &page);
    }
}

fn booted(text: &str) -> Vec<Booted> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        Booted {
            name: words[0].to_owned(),
            architecture: words[1].to_owned(),
            suite: words[2].to_owned(),
            whole: words[4] == "whole",
            words: words[5..].join(" "),
        }
    };
    lines.map(row).collect()
}
