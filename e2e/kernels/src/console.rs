//! What is printed on the console, one line each: `@truth WORDS`, `@file NAME` with lines of hexadecimal digits up to
//! `@end NAME`, `@time WHAT MILLISECONDS`, `@failed WHAT`, and in the end `@done`.

use std::fmt::Write as _;
use std::time::Duration;

/// Bytes a line.
const LINE: usize = 512;

/// What truly happened.
pub(crate) fn truth(words: &str) {
    println!("\n@truth {words}");
}

/// How long something took.
pub(crate) fn time(what: &str, took: Duration) {
    println!("\n@time {what} {}", took.as_millis());
}

/// What went wrong.
pub(crate) fn failed(error: &dyn std::error::Error) {
    println!("\n@failed {error}");
}

/// Bytes by name.
pub(crate) fn file(name: &str, bytes: &[u8]) {
    let mut text = format!("\n@file {name}\n");
    for line in bytes.chunks(LINE) {
        for byte in line {
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
    }
    println!("{text}@end {name}");
}

/// Nothing more comes.
pub(crate) fn done() {
    println!("\n@done");
}
